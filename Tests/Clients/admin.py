"""What kafka-python's admin client says of a topic, before and after it changes it.

Usage: admin.py BOOTSTRAP TOPIC
Prints: `config NAME=VALUE` for each setting that is not the default, `partitions N`, and `refused CLASS` for a setting that
no broker takes.
"""

import sys

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import for_code

bootstrap, topic = sys.argv[1:3]
admin = KafkaAdminClient(bootstrap_servers=bootstrap)


def describe():
    for answer in admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]):
        for resource in answer.resources:
            assert resource[0] == 0, resource
            # name, value, read only, source (5 is the default), sensitive, synonyms
            for name, value, _, source, *_ in resource[4]:
                if source != 5:
                    print(f"config {name}={value}", flush=True)


def alter(settings):
    answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])
    for code, *_ in answer.resources:
        if code:
            print("refused", for_code(code).__name__, flush=True)


admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "1000000"})])
describe()
# What is not named goes back to its default.
alter({"cleanup.policy": "compact", "compression.type": "zstd"})
describe()
alter({"segment.ms": "0"})
describe()
admin.create_partitions({topic: NewPartitions(5)})
consumer = KafkaConsumer(bootstrap_servers=bootstrap)
print("partitions", len(consumer.partitions_for_topic(topic)))
consumer.close()
admin.close()
