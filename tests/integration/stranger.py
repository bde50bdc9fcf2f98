"""A system outside: reads the outward topics with kafka-python and the CloudEvents library alone.

    python stranger.py HOST:PORT TOPIC…

Prints, for each topic, the events by id in the order of their first arrival, and how many
messages there were.
"""

import json
import sys

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from kafka import KafkaConsumer, TopicPartition


def main(address: str, topics: list[str]) -> None:
    told = {}
    for topic in topics:
        place = TopicPartition(topic, 0)
        consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        events: dict[str, str] = {}
        n_messages = 0
        while consumer.position(place) < end:
            for message in consumer.poll(timeout_ms=1_000).get(place, []):
                n_messages += 1
                event = JSONFormat().read(CloudEvent, message.value)
                assert event.get_specversion() == "1.0"
                assert event.get_subject() == message.key.decode()
                assert event.get_datacontenttype() == "application/json"
                assert event.get_source()
                assert event.get_type().startswith("org.longwatch.")
                assert event.get_dataschema() == f"urn:longwatch:schema:{topic}"
                assert event.get_time() is not None
                same = events.setdefault(event.get_id(), message.value.decode())
                assert same == message.value.decode(), "one id, two contents"
        consumer.close()
        told[topic] = {"events": events, "n_messages": n_messages}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
