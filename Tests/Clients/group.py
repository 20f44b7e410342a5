"""Members of one consumer group, by kafka-python, each with a thread of its own. Prints what happens, one event a line.

Usage: group.py BOOTSTRAP TOPIC GROUP NAME…
Prints: `assigned NAME 0,1,2`, `record NAME PARTITION OFFSET KEY`, `left NAME`.
When its standard input ends, the members commit what they read and leave.
"""

import sys
import threading

from kafka import ConsumerRebalanceListener, KafkaConsumer

bootstrap, topic, group = sys.argv[1:4]
stop = threading.Event()
one_at_a_time = threading.Lock()


def say(*words):
    with one_at_a_time:
        print(*words, flush=True)


class Listener(ConsumerRebalanceListener):
    def __init__(self, name, consumer):
        self.name, self.consumer = name, consumer

    def on_partitions_revoked(self, revoked):
        if revoked:
            self.consumer.commit()

    def on_partitions_assigned(self, assigned):
        say("assigned", self.name, ",".join(str(p.partition) for p in sorted(assigned)) or "-")


def member(name):
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10000,
        heartbeat_interval_ms=500,
    )
    consumer.subscribe([topic], listener=Listener(name, consumer))
    while not stop.is_set():
        batch = consumer.poll(timeout_ms=200)
        for records in batch.values():
            for record in records:
                say("record", name, record.partition, record.offset, (record.key or b"").decode())
        if batch:
            consumer.commit()
    consumer.close(autocommit=False)
    say("left", name)


members = [threading.Thread(target=member, args=[name]) for name in sys.argv[4:]]
for thread in members:
    thread.start()
sys.stdin.read()
stop.set()
for thread in members:
    thread.join()
