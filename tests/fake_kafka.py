"""A broker in memory behind the classes of kafka-python, which fails as it is told at any call."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka import TopicPartition

from surveillance.stream import clients

if TYPE_CHECKING:
    import pytest


class Message(NamedTuple):
    """One message of a partition."""

    offset: int
    value: bytes


class Metadata(NamedTuple):
    """Where a message was written."""

    topic: str
    partition: int
    offset: int


class FakeBroker:
    """Partitions in memory. `failing` holds the errors of the next calls of a name, in turn."""

    def __init__(self) -> None:
        self.logs: dict[TopicPartition, list[bytes]] = {}
        self.failing: dict[str, list[Exception]] = {}
        self.calls: Counter[str] = Counter()

    def called(self, name: str) -> None:
        """Note a call, and fail if it is to fail."""
        self.calls[name] += 1
        if errors := self.failing.get(name):
            raise errors.pop(0)

    def make(self, topic: str, n_partitions: int) -> None:
        """Make a topic."""
        for partition in range(n_partitions):
            self.logs.setdefault(TopicPartition(topic, partition), [])

    def behind_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the clients of the program be those of this broker."""
        monkeypatch.setattr(clients, "require_broker", lambda _: self.called("require_broker"))
        monkeypatch.setattr(clients, "KafkaConsumer", lambda **_: Consumer(self))
        monkeypatch.setattr(clients, "KafkaProducer", lambda **_: Producer(self))
        monkeypatch.setattr(clients, "KafkaAdminClient", lambda **_: Admin(self))


class _Client:
    kind: str

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker
        self._called("connect")

    def _called(self, name: str) -> None:
        self._broker.called(f"{self.kind}.{name}")

    def close(self) -> None:
        """Close it."""
        self._called("close")


class Consumer(_Client):
    """As much of a consumer as the program uses."""

    kind = "consumer"

    def __init__(self, broker: FakeBroker) -> None:
        super().__init__(broker)
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    def assign(self, places: list[TopicPartition]) -> None:
        self._called("assign")
        self._positions = dict.fromkeys(places, 0)

    def partitions_for_topic(self, topic: str) -> set[int]:
        self._called("partitions_for_topic")
        return {place.partition for place in self._broker.logs if place.topic == topic}

    def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        self._called("beginning_offsets")
        return dict.fromkeys(places, 0)

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        self._called("end_offsets")
        return {place: len(self._broker.logs[place]) for place in places}

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._called("seek")
        self._positions[place] = offset

    def seek_to_beginning(self, *places: TopicPartition) -> None:
        self._called("seek_to_beginning")
        self._positions |= dict.fromkeys(places, 0)

    def position(self, place: TopicPartition) -> int:
        self._called("position")
        return self._positions[place]

    def paused(self) -> set[TopicPartition]:
        self._called("paused")
        return set(self._paused)

    def pause(self, *places: TopicPartition) -> None:
        self._called("pause")
        self._paused |= set(places)

    def resume(self, *places: TopicPartition) -> None:
        self._called("resume")
        self._paused -= set(places)

    def poll(self, timeout_ms: int, max_records: int = 500) -> dict[TopicPartition, list[Message]]:
        self._called("poll")
        assert timeout_ms > 0
        found = {}
        for place, position in self._positions.items():
            values = self._broker.logs[place][position : position + max_records]
            if values and place not in self._paused:
                found[place] = [Message(n, value) for n, value in enumerate(values, position)]
                self._positions[place] = position + len(values)
        return found


class _Written:
    """A write that fails when it is asked for, as one that the client gave up."""

    def __init__(self, broker: FakeBroker, metadata: Metadata) -> None:
        self._broker, self._metadata, self._has_failed = broker, metadata, False

    def failed(self) -> bool:
        return self._has_failed

    def get(self, timeout: float) -> Metadata:
        assert timeout > 0
        try:
            self._broker.called("future.get")
        except Exception:  # any class that a test injects
            self._has_failed = True
            raise
        return self._metadata


class Producer(_Client):
    """As much of a producer as the program uses."""

    kind = "producer"

    def send(self, topic: str, *, value: bytes, partition: int) -> _Written:
        self._called("send")
        log = self._broker.logs[TopicPartition(topic, partition)]
        log.append(value)
        return _Written(self._broker, Metadata(topic, partition, len(log) - 1))


class Admin(_Client):
    """As much of an admin client as the program uses."""

    kind = "admin"

    def describe_topics(self) -> list[dict[str, Any]]:
        self._called("describe_topics")
        n_partitions = Counter(place.topic for place in self._broker.logs)
        return [{"name": name, "partitions": [{}] * n} for name, n in n_partitions.items()]

    def create_topics(self, wanted: list[Any]) -> None:
        self._called("create_topics")
        for one in wanted:
            self._broker.make(one.name, one.num_partitions)
