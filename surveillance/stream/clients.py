"""Connections by kafka-python: for what is synchronous and rare.

The client logs what it does at length; a user gets one line of ours instead.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from surveillance.domain.address import addresses_of
from surveillance.domain.errors import Away
from surveillance.stream.retrying import Retrying

SECONDS = 10.0
T = TypeVar("T")
C = TypeVar("C", KafkaConsumer, KafkaAdminClient)
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


def ask(address: str, attempt: Callable[[], T], what: str, *, stop: Event | None = None) -> T:
    """Call what connects to a broker and asks it, until it answers.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    attempt : callable
        Connects anew each time.
    what : str
        What is attempted, for the log.
    stop : Event, optional
        Once it is set, no attempt is repeated.

    Returns
    -------
    object
        What the attempt returns.

    Raises
    ------
    BrokerAway
        If nothing answers to begin with: a mistake. Afterwards it is an outage.
    BrokerRefused
        If the broker answers that it will not.
    """
    require_broker(address)
    return Retrying(stop=stop).call(attempt, what)


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


def close_quietly(*clients: Any) -> None:  # noqa: ANN401 - of any kind
    """Close clients that have nothing left to do: how that ends is nobody's concern."""
    for client in clients:
        with suppress(Exception):
            client.close()


@contextmanager
def closing_quietly(client: C) -> Iterator[C]:
    """Close a client at the end, as `close_quietly` does."""
    try:
        yield client
    finally:
        close_quietly(client)


def known(
    found: Callable[[list[TopicPartition]], dict[TopicPartition, int]], places: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """Ask for offsets; a partition that has no leader yet is an error of the connection."""
    try:
        return found(places)
    except KeyError as error:  # the client looks up an answer that did not come
        raise KafkaTimeoutError(f"no offset of {error}") from None


def end_offsets(client: KafkaConsumer, topic: str, n_partitions: int) -> list[int]:
    """Return the end offset of each partition of a topic."""
    places = [TopicPartition(topic, partition) for partition in range(n_partitions)]
    ends = known(client.end_offsets, places)
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
    return ask(address, lambda: _read_all(address, place), f"read {topic}")


def _read_all(address: str, place: TopicPartition) -> list[bytes]:
    client = consumer(address, auto_offset_reset="earliest")
    try:
        client.assign([place])
        client.seek_to_beginning(place)
        end = known(client.end_offsets, [place])[place]
        values: list[bytes] = []
        while client.position(place) < end:
            for messages in client.poll(timeout_ms=1_000).values():
                values += [message.value for message in messages if message.offset < end]
        return values
    finally:
        close_quietly(client)
