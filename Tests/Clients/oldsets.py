"""A partition of old message sets, made and read by kafka-python, which wrote them when brokers took nothing else.

Usage: oldsets.py write DIRECTORY           ten sets of three messages, formats 0 and 1, some of them compressed
       oldsets.py read BOOTSTRAP TOPIC FROM  `record OFFSET TIMESTAMP KEY VALUE` from an offset on
"""

import os
import struct
import sys

from kafka import KafkaConsumer, TopicPartition
from kafka.record.legacy_records import LegacyRecordBatchBuilder

TIME = 1_700_000_000_000


def at(base, built):
    """Gives the entries of a set the offsets that a broker would have given them: outside of what the checksum covers."""
    built, place, offset = bytearray(built), 0, base
    entries = []
    while place < len(built):
        size = struct.unpack_from(">i", built, place + 8)[0]
        entries.append(place)
        place += 12 + size
    for number, place in enumerate(entries):
        struct.pack_into(">q", built, place, base + (2 if len(entries) == 1 else number))
    return bytes(built)


def write(directory):
    os.makedirs(directory)
    with open(os.path.join(directory, "00000000000000000000.log"), "wb") as log:
        for number in range(10):
            magic = 0 if number < 4 else 1
            # In a compressed set of format 0 the offsets within are absolute too, and the builder counts from 0.
            codec = 0 if magic == 0 else number % 3
            builder = LegacyRecordBatchBuilder(magic=magic, compression_type=codec if codec != 2 else 0, batch_size=1 << 16)
            for place in range(3):
                offset = 3 * number + place
                builder.append(place, timestamp=TIME + offset, key=b"k%d" % offset, value=b"value %d" % offset)
            log.write(at(3 * number, builder.build()))


def read(bootstrap, topic, start):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, start)
    end = consumer.end_offsets([partition])[partition]
    while consumer.position(partition) < end:
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                print("record", record.offset, record.timestamp, record.key.decode(), record.value.decode())
    consumer.close()


if sys.argv[1] == "write":
    write(sys.argv[2])
else:
    read(sys.argv[2], sys.argv[3], int(sys.argv[4]))
