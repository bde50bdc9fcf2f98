"""Connections by kafka-python: for what is synchronous and rare.

The client logs what it does at length; a user gets one line of ours instead.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from surveillance.domain.address import addresses_of
from surveillance.domain.errors import Away

SECONDS = 10.0
DELIVERY_TIMEOUT_MS = 2**31 - 1  # the client keeps a message, in order, until it is acknowledged


class BrokerAway(Away):
    """No broker answers at an address."""


def servers_of(address: str) -> list[str]:
    """Return the brokers of a list with commas, each as the clients take it.

    Raises
    ------
    Misused
        If one of them is not HOST:PORT.
    """
    return [str(one) for one in addresses_of(address, "broker")]


def require_broker(address: str) -> None:
    """Refuse to go on unless one of the brokers at an address, or a list of them, listens.

    Raises
    ------
    Misused
        If the address is not HOST:PORT.
    BrokerAway
        If nothing answers there.
    """
    failed: list[str] = []
    for one in addresses_of(address, "broker"):
        try:
            socket.create_connection(one, timeout=SECONDS).close()
        except OSError as error:
            failed.append(str(error))
        else:
            logging.getLogger("kafka").setLevel(logging.CRITICAL)
            return
    reason = f"does not answer ({'; '.join(dict.fromkeys(failed))})"
    raise BrokerAway(f"broker {address}", reason, "start it, or mend the address")


def admin_client(address: str) -> KafkaAdminClient:
    """Connect to administer topics; `Misused` if no broker answers."""
    require_broker(address)
    return KafkaAdminClient(bootstrap_servers=servers_of(address), request_timeout_ms=15_000)


def producer(address: str) -> KafkaProducer:
    """Connect to write, each message acknowledged by all replicas; `Misused` if none answers."""
    require_broker(address)
    return KafkaProducer(
        bootstrap_servers=servers_of(address),
        acks="all",
        delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        linger_ms=5,
        batch_size=1_048_576,
        max_request_size=1_048_576,
    )


def consumer(address: str, **settings: Any) -> KafkaConsumer:  # noqa: ANN401 - the client's own
    """Connect to read, outside any group; `Misused` if no broker answers."""
    require_broker(address)
    return KafkaConsumer(
        bootstrap_servers=servers_of(address), enable_auto_commit=False, group_id=None, **settings
    )


def end_offsets(client: KafkaConsumer, topic: str, n_partitions: int) -> list[int]:
    """Return the end offset of each partition of a topic."""
    places = [TopicPartition(topic, partition) for partition in range(n_partitions)]
    ends = client.end_offsets(places)
    return [ends[place] for place in places]


def read_all(address: str, topic: str, *, partition: int = 0) -> list[bytes]:
    """Read one partition from its first message to its present end.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    topic : str
        The topic.
    partition : int, default: 0
        The partition.

    Returns
    -------
    list of bytes
        Values, in the order of the log.
    """
    place = TopicPartition(topic, partition)
    client = consumer(address, auto_offset_reset="earliest")
    try:
        client.assign([place])
        client.seek_to_beginning(place)
        end = client.end_offsets([place])[place]
        values: list[bytes] = []
        while client.position(place) < end:
            for messages in client.poll(timeout_ms=1_000).values():
                values += [message.value for message in messages if message.offset < end]
        return values
    finally:
        client.close()
