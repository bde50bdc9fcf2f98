"""The topics as they must be, and how they differ from what a broker has.

Topics are made here and never by Faust. Raw topics keep everything for ever, without
compaction: they are the only truth. Outward topics keep everything too; derived topics
can be computed again, and keep everything all the same so that a reader can begin anew.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from typing import NamedTuple

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from surveillance.configuration.types import Topics
from surveillance.domain.errors import Misused
from surveillance.log import topics
from surveillance.log.topics import raw_partitions
from surveillance.stream.clients import admin_client, ask, close_quietly

_WHAT = "read which topics there are"
SETTINGS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": "1048588",
    "message.timestamp.type": "LogAppendTime",
}


class Difference(NamedTuple):
    """One topic that is not as it must be."""

    topic: str
    must_have: int
    has: int | None  # None: it is not there

    @property
    def reason(self) -> str:
        """What is wrong, for a person."""
        if self.has is None:
            return f"is not there; it must have {self.must_have} partition(s)"
        return f"has {self.has} partition(s); it must have {self.must_have}"


def manifest(wanted: Topics) -> dict[str, int]:
    """Return every topic and its number of partitions."""
    single = (topics.TICKS, topics.REFUSED, *topics.DERIVED, *topics.OUTWARD)
    return {**raw_partitions(wanted), **dict.fromkeys(single, 1)}


def differences(address: str, wanted: Topics) -> list[Difference]:
    """Compare a broker's topics with the manifest.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    wanted : Topics
        Partitions, from the configuration.

    Returns
    -------
    list of Difference
        Empty if all is as it must be.

    Raises
    ------
    BrokerAway
        If no broker answers.
    """
    return ask(address, lambda: _differences_now(address, wanted), _WHAT)


def _differences_now(address: str, wanted: Topics) -> list[Difference]:
    client = admin_client(address)
    try:
        return _differences(client, wanted)
    finally:
        close_quietly(client)


def _differences(client: KafkaAdminClient, wanted: Topics) -> list[Difference]:
    there = {found["name"]: len(found["partitions"]) for found in client.describe_topics()}
    return [
        Difference(topic, n, there.get(topic))
        for topic, n in manifest(wanted).items()
        if there.get(topic) != n
    ]


def apply(address: str, wanted: Topics) -> list[Difference]:
    """Make the topics that are missing; return those that were made.

    Raises
    ------
    Misused
        If a topic is there with another number of partitions: states and ticks depend on
        it, so it is never changed in place.
    """
    made: dict[str, Difference] = {}
    ask(address, lambda: _apply(address, wanted, made), "make topics")
    return list(made.values())


def _apply(address: str, wanted: Topics, made: dict[str, Difference]) -> None:
    client = admin_client(address)
    try:
        found = _differences(client, wanted)
        refuse_other_partitions(found)
        made.update({one.topic: one for one in found})  # also if no answer comes and it is made
        new = [
            NewTopic(one.topic, one.must_have, wanted.replication, topic_configs=SETTINGS)
            for one in found
        ]
        if new:
            with suppress(TopicAlreadyExistsError):  # by an attempt whose answer did not come
                client.create_topics(new)
    finally:
        close_quietly(client)


def refuse_other_partitions(found: list[Difference]) -> None:
    """Refuse to go on if a topic has another number of partitions than it must have."""
    for one in found:
        if one.has is not None:
            raise Misused(
                f"topic {one.topic}",
                one.reason,
                "use the configuration it was made with, or load the log into new topics",
            )


def require(address: str, wanted: Topics, *, stop: Event | None = None) -> None:
    """Refuse to go on unless every topic is as it must be; wait for a broker that goes away.

    Raises
    ------
    Misused
        If no broker answers to begin with, or a topic is missing or has other partitions.
    """
    ask(address, lambda: require_now(address, wanted), _WHAT, stop=stop)


def require_now(address: str, wanted: Topics) -> None:
    """Refuse to go on unless every topic is as it must be; ask once.

    Raises
    ------
    Misused
        If no broker answers, or a topic is missing or has other partitions.
    """
    found = _differences_now(address, wanted)
    refuse_other_partitions(found)
    for one in found:
        raise Misused(f"topic {one.topic}", one.reason, "run `longwatch topics apply`")
