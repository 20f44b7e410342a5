#!/usr/bin/env python3
"""Kills `penstock run` again and again while four producers and a pipeline append, then compares.

Usage: killing.py BINARY FOLDER CYCLES SEED

Two producers ask for acks=all and two for acks=1; none of them repeats a record, so each may be there once at most, and
must be there once, at the offset that was answered, if it was answered. A pipeline collects a file that grows meanwhile:
each of its lines must be there once, in file order in each partition. Ends with 0 if all of that holds.
"""

import collections
import logging
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading

import kafka
from kafka.errors import KafkaError

PARTITIONS = 4
BURST = 20


class Counter:
    """Counts what was answered, and lets others wait for the next answers."""

    def __init__(self):
        self.changed = threading.Condition()
        self.count = 0

    def add(self, count):
        with self.changed:
            self.count += count
            self.changed.notify_all()

    def wait_for(self, count, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: self.count >= count, seconds)


class Producer(threading.Thread):
    """Sends numbered records in bursts, and notes the answers."""

    def __init__(self, name, address, acks, answers, stopping):
        super().__init__(name=name, daemon=True)
        self.address, self.acks, self.answers, self.stopping = address, acks, answers, stopping
        self.acked = {}
        self.sent = 0
        self.failed = 0

    def run(self):
        client = None
        while not self.stopping.is_set():
            try:
                if client is None:
                    client = kafka.KafkaProducer(
                        bootstrap_servers=self.address, acks=self.acks, retries=0, linger_ms=1, api_version=(2, 0),
                        max_in_flight_requests_per_connection=1, request_timeout_ms=5000, reconnect_backoff_ms=10,
                        reconnect_backoff_max_ms=100, max_block_ms=5000)
                futures = []
                for _ in range(BURST):
                    number = self.sent
                    self.sent += 1
                    text = f"{self.name} {number} ".encode()
                    futures.append((number, client.send("made", text + b"." * (number % 300), partition=number % PARTITIONS)))
                client.flush(timeout=10)
                for number, future in futures:
                    try:
                        answer = future.get(timeout=10)
                        self.acked[number] = (answer.partition, answer.offset)
                    except KafkaError:
                        self.failed += 1
                self.answers.add(1)
            except KafkaError:
                # The server is not there: nothing of this burst is known, and the next one has new numbers.
                pass
        if client is not None:
            client.close(timeout=5)


class Writer(threading.Thread):
    """Appends numbered lines to the file that the pipeline collects."""

    def __init__(self, path, answers, stopping):
        super().__init__(name="writer", daemon=True)
        self.path, self.answers, self.stopping = path, answers, stopping
        self.lines = 0

    def run(self):
        with open(self.path, "ab", buffering=0) as file:
            while not self.stopping.is_set():
                block = b"".join(b"host-%d %d\n" % (n % 13, n) for n in range(self.lines, self.lines + 200))
                file.write(block)
                self.lines += 200
                # As fast as the log answers, so that all of it can be compared in the end.
                self.answers.wait_for(self.answers.count + 2, 0.2)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self, binary, folder, port):
        self.binary, self.folder, self.port = binary, folder, port
        self.address = f"127.0.0.1:{port}"

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "run", str(self.folder / "app.yaml"), "--data", str(self.folder / "data"), "--listen", self.address,
             "--partitions", str(PARTITIONS)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        said = []
        for line in self.process.stderr:
            said.append(line.decode(errors="replace"))
            if self.address in said[-1]:
                # From here on nobody needs what it says, but it must not wait for a reader.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        sys.exit(f"penstock did not start:\n{''.join(said[-20:])}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def read(address, topic):
    """Every value of every partition, by partition, with its offset."""
    client = kafka.KafkaConsumer(
        bootstrap_servers=address, api_version=(2, 0), auto_offset_reset="earliest", enable_auto_commit=False,
        consumer_timeout_ms=60000, fetch_max_wait_ms=50)
    places = [kafka.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    client.assign(places)
    client.seek_to_beginning()
    ends = client.end_offsets(places)
    found = {partition: [] for partition in range(PARTITIONS)}
    while any(client.position(place) < ends[place] for place in places):
        for place, records in client.poll(timeout_ms=1000).items():
            found[place.partition] += [(record.offset, record.value) for record in records]
    client.close()
    return found


def compare_made(found, producers):
    """Complaints about the producers' records."""
    at = {}
    counts = collections.Counter()
    for partition, records in found.items():
        last = {}
        for offset, value in records:
            name, number, _ = value.split(b" ", 2)
            key = (name.decode(), int(number))
            counts[key] += 1
            at[key] = (partition, offset)
            if last.get(key[0], -1) >= key[1]:
                yield f"partition {partition}: {key} stands behind {last[key[0]]}"
            last[key[0]] = key[1]
    for key, count in counts.items():
        if count > 1:
            yield f"{key} is there {count} times"
    for producer in producers:
        for number, place in producer.acked.items():
            if at.get((producer.name, number)) != place:
                yield f"{producer.name} {number} was answered at {place}, is at {at.get((producer.name, number))}"


def compare_lines(found, count):
    seen = collections.Counter()
    for partition, records in found.items():
        last = -1
        for _, value in records:
            number = int(value.split()[1])
            seen[number] += 1
            if number <= last:
                yield f"partition {partition}: line {number} stands behind line {last}"
            last = number
    for number in range(count):
        if seen[number] != 1:
            yield f"line {number} is there {seen[number]} times"


def main():
    binary, folder, cycles, seed = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    chance = random.Random(seed)
    source = folder / "app.log"
    source.touch()
    (folder / "app.yaml").write_text(
        f'source: {{ type: tail, paths: ["{source}"] }}\n'
        f"sink: {{ type: topic, topic: app, partitions: {PARTITIONS}, key: {{ field: 1 }} }}\n")
    server = Server(binary, folder, free_port())
    answers, stopping = Counter(), threading.Event()
    server.start()
    producers = [Producer(f"p{n}", server.address, "all" if n % 2 else 1, answers, stopping) for n in range(4)]
    writer = Writer(source, answers, stopping)
    for thread in producers + [writer]:
        thread.start()
    for cycle in range(cycles):
        if not answers.wait_for(answers.count + chance.randint(1, 12), 120):
            sys.exit(f"cycle {cycle}: nothing was answered within 120 s")
        server.kill()
        server.start()
    stopping.set()
    for thread in producers + [writer]:
        thread.join(60)
    # What is in the file is collected to its end by a run of its own.
    server.kill()
    subprocess.run(
        [binary, "run", str(folder / "app.yaml"), "--data", str(folder / "data"), "--until-eof"], check=True,
        stderr=subprocess.DEVNULL)
    server.start()
    made, lines = read(server.address, "made"), read(server.address, "app")
    server.kill()
    complaints = list(compare_made(made, producers)) + list(compare_lines(lines, writer.lines))
    acked = sum(len(p.acked) for p in producers)
    print(f"{cycles} kills, {acked} records answered, {sum(p.failed for p in producers)} not, "
          f"{sum(map(len, made.values()))} there; {writer.lines} lines; {len(complaints)} complaints")
    for complaint in complaints[:20]:
        print(complaint)
    # Without answers nothing was tested.
    sys.exit(1 if complaints or acked < cycles * BURST // 4 else 0)


main()
