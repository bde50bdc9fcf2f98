"""The whole pipeline in one process, on a log that is written as it is read.

The same stages, readers and bytes as under Faust on Kafka: the embedded default, the
backtest, and the oracle of the other one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from surveillance.configuration.at_hand import Configurations
from surveillance.log.messages import ClosedEpoch
from surveillance.log.readers import Kept, Reader
from surveillance.log.stage import beginning
from surveillance.log.ticks import Place, Tick, Timeline, encode_tick
from surveillance.log.topics import raw_partitions
from surveillance.pipeline import STAGES, open_reader, places


class Sink(Protocol):
    """What takes all that is emitted."""

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take a tick."""

    def closing(self, place: Place, closing: ClosedEpoch) -> None:
        """Take what a stage emitted of an epoch."""


class Embedded:
    """A pipeline on a log in memory.

    Parameters
    ----------
    configurations : Configurations
        The one in force, which is entered in the ticks.
    sink : Sink
        Takes ticks and what is emitted.
    observe : callable, optional
        Called after each closing with place, epoch and the state of that stage.
    """

    def __init__(
        self,
        configurations: Configurations,
        sink: Sink,
        observe: Callable[[Place, ClosedEpoch, Any], None] | None = None,
    ) -> None:
        self._configurations = configurations
        self._sink = sink
        self._observe = observe
        manifest = self.manifest = configurations.current.topics
        self._ends = {topic: [0] * n for topic, n in raw_partitions(manifest).items()}
        self._n_derived = dict.fromkeys((w.writes for w in STAGES.values() if w.writes), 0)
        self._timeline = Timeline(raw_partitions(manifest))
        self._n_ticks = 0
        self._readers = {place: self._open(place) for place in places(manifest)}

    def _open(self, place: Place) -> Reader:
        return open_reader(place, beginning, self._timeline, self._configurations)

    def held(self) -> dict[Place, Kept]:
        """Return what each stage keeps now."""
        return {place: reader.held for place, reader in self._readers.items()}

    def put(self, topic: str, partition: int, value: bytes) -> int:
        """Append one message to a raw topic; return its offset."""
        offset = self._ends[topic][partition]
        self._ends[topic][partition] = offset + 1
        self._readers[topic, partition].feed(offset, value)
        return offset

    def tick(self, at: int) -> None:
        """Cut an epoch here, and let every stage emit what it has of it."""
        cut = {topic: list(ends) for topic, ends in self._ends.items()}
        self.take_tick(encode_tick(Tick(at, self._configurations.current.digest, cut)))

    def take_tick(self, value: bytes) -> None:
        """Append a tick as it was written, and let every stage emit."""
        epoch = self._n_ticks
        self._n_ticks += 1
        if self._timeline.feed(epoch, value):
            self._sink.tick(epoch, self._timeline.tick(epoch).at, value)
            self._advance()

    def _advance(self) -> None:
        for place, one in self._readers.items():
            for closing in one.advance():
                self._sink.closing(place, closing)
                if self._observe is not None:
                    self._observe(place, closing, one.held.state)
                self._feed(place, closing)

    def _feed(self, place: Place, closing: ClosedEpoch) -> None:
        topic = STAGES[place[0]].writes
        if topic is None:
            return
        for value in closing.messages:
            self._readers[topic, 0].feed(self._n_derived[topic], value)
            self._n_derived[topic] += 1
