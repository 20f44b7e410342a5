#!/usr/bin/env python3
"""Measures collecting a file against `lz4 -1` of the same file, and the way of a line to a waiting consumer.

Every round runs each program once, so that a slow moment of the machine meets them all; ratios are taken within a
round, and their median is printed.
Usage: bench.py [--megabytes N] [--rounds N] [--lines N] [--partitions N] [--only throughput|latency|log]
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import commitlog
import corpus
import latency

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".build/bench"
PENSTOCK = os.environ.get("PENSTOCK_BINARY", str(CHECKOUT / ".build/release/penstock"))
LOG_BENCHMARK = str(CHECKOUT / ".build/release/LogBenchmark")
SHARED = pathlib.Path(os.environ.get("PENSTOCK_SHARED", CHECKOUT.parent / "shared"))


def the_corpus(megabytes):
    file = FOLDER / f"corpus-{megabytes}.log"
    if not file.exists():
        real = SHARED / "corpus"
        print(f"making {file.relative_to(CHECKOUT)} from {'real log lines' if real.is_dir() else 'lines of our own'} …",
              file=sys.stderr)
        corpus.make(file, megabytes, real if real.is_dir() else None)
    return file


def timed(command, environment=None):
    """Wall and CPU seconds and peak memory (KiB) of a command and its children. `time` stands between, since a
    process begins with the peak of the one that started it."""
    peak = FOLDER / "peak"
    os.sync()
    start = time.perf_counter()
    process = subprocess.Popen(
        ["/usr/bin/time", "-f", "%M", "-o", str(peak)] + command,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{errors.decode(errors='replace')}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_kib": int(peak.read_text().split()[-1])}


def collect(file):
    """One run of penstock with an empty data directory, to the end of the file, until all is durable."""
    data = FOLDER / "data"
    shutil.rmtree(data, ignore_errors=True)
    pipeline = FOLDER / "bench.yaml"
    pipeline.write_text(
        f'source: {{ type: tail, paths: ["{file}"] }}\n'
        "sink: { type: topic, topic: bench, partitions: 8, key: { field: 1 }, codec: lz4 }\n")
    result = timed([PENSTOCK, "run", str(pipeline), "--data", str(data), "--until-eof"])
    result["bytes"] = sum(f.stat().st_size for f in data.glob("bench-*/*.log"))
    shutil.rmtree(data)
    return result


def compress(file, synced):
    output = FOLDER / "corpus.lz4"
    output.unlink(missing_ok=True)
    command = f'lz4 -1 -q "{file}" "{output}"' + (f' && sync "{output}"' if synced else "")
    result = timed(["sh", "-c", command] if synced else ["lz4", "-1", "-q", str(file), str(output)])
    result["bytes"] = output.stat().st_size
    output.unlink()
    return result


def throughput(file, rounds):
    programs = {
        "penstock": lambda: collect(file),
        "lz4 -1": lambda: compress(file, synced=False),
        "lz4 -1, sync": lambda: compress(file, synced=True),
    }
    with file.open("rb") as content:
        while content.read(1 << 24):
            pass
    results = []
    for number in range(rounds):
        names = list(programs)
        names = names[number % len(names):] + names[: number % len(names)]
        results.append({name: programs[name]() for name in names})
        print(f"round {number + 1} of {rounds}: " + ", ".join(
            f"{name} {results[-1][name]['wall']:.2f} s" for name in programs), file=sys.stderr)
    return results


def summary(results, size):
    def median(name, field):
        return statistics.median(r[name][field] for r in results)

    def ratio(field):
        ratios = [r["penstock"][field] / r["lz4 -1"][field] for r in results]
        return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}

    return {
        "file_bytes": size,
        "wall_ratio": ratio("wall"),
        "cpu_ratio": ratio("cpu"),
        "peak_mib": max(r["penstock"]["peak_kib"] for r in results) / 1024,
        "programs": {
            name: {
                "wall": median(name, "wall"), "cpu": median(name, "cpu"), "bytes": results[0][name]["bytes"],
                "peak_mib": max(r[name]["peak_kib"] for r in results) / 1024,
            } for name in results[0]
        },
        "rounds": results,
    }


def show(report):
    if found := report.get("throughput"):
        print(f"\nfile: {found['file_bytes'] / 2**20:.0f} MiB, warm; {len(found['rounds'])} interleaved rounds; medians\n")
        print(f"{'':<14}{'wall s':>9}{'CPU s':>9}{'MiB/s':>9}{'peak MiB':>10}{'written':>9}")
        for name, row in found["programs"].items():
            speed = found["file_bytes"] / 2**20 / row["wall"]
            print(f"{name:<14}{row['wall']:>9.2f}{row['cpu']:>9.2f}{speed:>9.0f}{row['peak_mib']:>10.1f}"
                  f"{row['bytes'] / found['file_bytes']:>9.1%}")
        print("\npenstock (8 partitions, keyed, lz4, until durable) to lz4 -1 (one thread, unsynced), within each round:")
        for name, bar in (("wall", 0.85), ("cpu", 1.3)):
            row = found[f"{name}_ratio"]
            print(f"  {name:<5}{row['median']:>6.2f}   ({row['min']:.2f} to {row['max']:.2f}; bar {bar})")
        print(f"  peak {found['peak_mib']:>6.1f} MiB (bar 48)")
    if found := report.get("latency"):
        print(f"\nfrom a line's write to a waiting kcat: {found['lines']} lines, median {found['median_ms']:.1f} ms, "
              f"90 % {found['p90_ms']:.1f} ms, 99 % {found['p99_ms']:.1f} ms (bar: median 20)")
    if found := report.get("log"):
        commitlog.show(found)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--megabytes", type=int, default=512)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--lines", type=int, default=300)
    options.add_argument("--partitions", type=int, default=10_000)
    options.add_argument("--only", choices=["throughput", "latency", "log"])
    chosen = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = {"machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"}
    if chosen.only in (None, "throughput"):
        file = the_corpus(chosen.megabytes)
        report["throughput"] = summary(throughput(file, chosen.rounds), file.stat().st_size)
    if chosen.only in (None, "latency"):
        report["latency"] = latency.measure(PENSTOCK, FOLDER, chosen.lines)
    if chosen.only in (None, "log"):
        report["log"] = commitlog.measure(
            LOG_BENCHMARK, PENSTOCK, FOLDER, chosen.megabytes, chosen.rounds, chosen.partitions)
    (FOLDER / "result.json").write_text(json.dumps(report, indent=2) + "\n")
    show(report)
    print(f"\nwritten to {(FOLDER / 'result.json').relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
