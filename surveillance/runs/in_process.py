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
from surveillance.pipeline import STAGES, Source, open_reader, sources


class Sink(Protocol):
    """What takes all that is emitted."""

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take a tick."""

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
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
        Called after each closing with source, epoch and the state of that stage.
    """

    def __init__(
        self,
        configurations: Configurations,
        sink: Sink,
        observe: Callable[[Source, ClosedEpoch, Any], None] | None = None,
    ) -> None:
        self._configurations = configurations
        self._sink = sink
        self._observe = observe
        manifest = self.manifest = configurations.current.topics
        self._ends = {topic: [0] * n for topic, n in raw_partitions(manifest).items()}
        self._n_derived = dict.fromkeys((w.writes for w in STAGES.values() if w.writes), 0)
        self._timeline = Timeline(raw_partitions(manifest))
        self._n_ticks = 0
        self._readers = {source: self._open(source) for source in sources(manifest)}
        self._at: dict[Place, list[Reader]] = {}  # any number of stages may read a topic
        for source, reader in self._readers.items():
            self._at.setdefault(source.place, []).append(reader)

    def _open(self, source: Source) -> Reader:
        return open_reader(source, beginning, self._timeline, self._configurations)

    def held(self) -> dict[Source, Kept]:
        """Return what each stage keeps now."""
        return {source: reader.held for source, reader in self._readers.items()}

    def put(self, topic: str, partition: int, value: bytes) -> int:
        """Append one message to a raw topic; return its offset."""
        offset = self._ends[topic][partition]
        self._ends[topic][partition] = offset + 1
        for reader in self._at.get((topic, partition), ()):
            reader.feed(offset, value)
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
        for source, one in self._readers.items():
            for closing in one.advance():
                self._sink.closing(source, closing)
                if self._observe is not None:
                    self._observe(source, closing, one.held.state)
                self._feed(source, closing)

    def _feed(self, source: Source, closing: ClosedEpoch) -> None:
        topic = source.writes
        if topic is None:
            return
        for value in closing.messages:
            for reader in self._at.get((topic, 0), ()):
                reader.feed(self._n_derived[topic], value)
            self._n_derived[topic] += 1
