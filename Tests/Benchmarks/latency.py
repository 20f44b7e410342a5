"""The time from a line's write into a tailed file to its arrival at a kcat that waits at the end of the topic."""

import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(penstock, folder, lines):
    """Writes `lines` lines, one after the other has arrived, at irregular moments."""
    place = pathlib.Path(folder) / "latency"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    log, pipeline, port = place / "app.log", place / "app.yaml", free_port()
    log.write_bytes(b"")
    pipeline.write_text(
        f'source: {{ type: tail, paths: ["{log}"] }}\nsink: {{ type: topic, topic: app, key: {{ field: 1 }} }}\n')
    server = subprocess.Popen(
        [penstock, "run", str(pipeline), "--data", str(place / "data"), "--listen", f"127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while f"127.0.0.1:{port}" not in (line := server.stderr.readline()):
            if not line:
                raise SystemExit("penstock ended before it served")
        # What it says later must not fill the pipe and hold it up.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        kcat = subprocess.Popen(
            ["kcat", "-C", "-u", "-q", "-b", f"127.0.0.1:{port}", "-t", "app", "-o", "beginning"],
            stdout=subprocess.PIPE)
        try:
            return summary(list(times(log, kcat, lines)))
        finally:
            kcat.kill()
            kcat.wait()
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(place, ignore_errors=True)


def times(log, kcat, lines):
    draw = random.Random(1)
    with log.open("ab", buffering=0) as file:
        for number in range(-5, lines):
            line = b"host-%d %d a line\n" % (draw.randrange(100), number)
            time.sleep(draw.uniform(0.005, 0.05))
            start = time.perf_counter()
            file.write(line)
            arrived = kcat.stdout.readline()
            took = time.perf_counter() - start
            if arrived != line:
                raise SystemExit(f"expected {line}, kcat printed {arrived}")
            # The first few find their partitions' fetches not yet waiting.
            if number >= 0:
                yield took * 1000


def summary(found):
    found.sort()
    return {
        "lines": len(found),
        "median_ms": statistics.median(found),
        "p90_ms": found[len(found) * 9 // 10],
        "p99_ms": found[len(found) * 99 // 100],
        "max_ms": found[-1],
    }
