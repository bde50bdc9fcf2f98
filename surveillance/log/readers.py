"""A stage is a pure fold over a log, and the log is cut into epochs by ticks.

A tick is one message on a topic of its own: the time, the configuration in force, and
for each raw topic the end offset of each partition at that time. The tick's own offset
is the epoch. A record of a raw topic belongs to the first epoch whose cut lies above
its offset, so producers know nothing of epochs. Messages of a derived topic name their
source and their epoch, and an epoch is complete when every source that must speak in
it has said `End`.

`Stage.apply` takes one item in. `Stage.close` ends an epoch and returns all that the
stage says about it. Whoever runs a stage may stop at any instant and fold the same log
again: it says the same bytes again, and readers drop what belongs to an epoch that they
have closed. So a state is never wrong, only behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeAlias

from surveillance.domain.errors import Defect, Gap
from surveillance.log.cells import Cells
from surveillance.log.messages import Batch, ClosedEpoch, End, Record, decode_message, encode_output
from surveillance.log.stage import ReaderState, Row, Stage, StageFor, State
from surveillance.log.ticks import Place, Tick, Timeline

RowsOf: TypeAlias = Callable[[bytes], list[Row]]  # the rows of an encoded batch


class Kept(Protocol):
    """What a reader keeps, to whoever stores it."""

    @property
    def resume(self) -> int:
        """First offset that the state has not folded whole."""

    @property
    def epoch(self) -> int:
        """Last epoch closed; -1 before the first."""

    @property
    def cells(self) -> Cells:
        """The keyed part of the state."""

    @property
    def state(self) -> object:
        """The state, for those who measure."""

    def dump(self) -> bytes:
        """Return the state between two epochs as bytes, without its cells."""


class Reader(Protocol):
    """A reader of any stage, to whoever feeds it."""

    @property
    def source(self) -> str:
        """Stage and partition, as in ``revise/3``."""

    @property
    def n_bytes_waiting(self) -> int:
        """Bytes that wait for their epoch."""

    @property
    def held(self) -> Kept:
        """What it keeps."""

    @property
    def next_offset(self) -> int:
        """The offset that is expected next."""

    def feed(self, offset: int, value: bytes) -> None:
        """Hold one message until its epoch can be folded."""

    def advance(self) -> Iterator[ClosedEpoch]:
        """Fold as far as the ticks reach; yield what the stage emits of each epoch closed."""


class _Reader(Generic[State, Row]):
    """Takes messages as they come; `advance` folds what the timeline allows."""

    def __init__(
        self,
        stage_for: StageFor[State, Row],
        source: str,
        held: ReaderState[State],
        timeline: Timeline,
    ) -> None:
        self.source, self.timeline = source, timeline
        self._held = held
        self.n_bytes_waiting = 0
        self._stage_for = stage_for
        self._next = held.resume
        self._passed = held.epoch  # last epoch closed, or in which there was nothing to say

    @property
    def held(self) -> ReaderState[State]:
        """What it keeps."""
        return self._held

    @property
    def next_offset(self) -> int:
        """The offset that is expected next."""
        return self._next

    def _is_new(self, offset: int) -> bool:
        if offset > self._next:
            raise Gap(f"{self.source} expected offset {self._next} and got {offset}")
        if offset < self._next:  # delivered again
            return False
        self._next = offset + 1
        return True

    def _close(self, stage: Stage[State, Row], epoch: int, tick: Tick, resume: int) -> ClosedEpoch:
        output = stage.close(self.held.state, epoch, tick.at)
        self.held.epoch, self.held.resume = epoch, resume
        self._passed = epoch
        return ClosedEpoch(epoch, tick.at, encode_output(self.source, epoch, output), output)


class RawReader(_Reader[State, Record]):
    """Folds one partition of a raw topic.

    Parameters
    ----------
    stage_for : callable
        Gives the stage under a configuration, by hash.
    source : str
        Who speaks: stage and partition, as in ``revise/3``.
    place : tuple
        Topic and partition that is read.
    held : ReaderState
        The state, and where it resumes.
    timeline : Timeline
        The ticks.
    """

    def __init__(
        self,
        stage_for: StageFor[State, Record],
        source: str,
        place: Place,
        held: ReaderState[State],
        timeline: Timeline,
    ) -> None:
        super().__init__(stage_for, source, held, timeline)
        self.place = place
        self._waiting: list[bytes] = []  # from offset `_folded` on
        self._folded = held.resume

    def feed(self, offset: int, value: bytes) -> None:
        """Hold one message until a tick says which epoch it belongs to."""
        if self._is_new(offset):
            self._waiting.append(value)
            self.n_bytes_waiting += len(value)

    def advance(self) -> Iterator[ClosedEpoch]:
        """Fold as far as the ticks reach; yield what the stage says of each epoch closed."""
        for epoch, tick, before in self.timeline.steps(self._passed):
            stage = self._stage_for(tick.configuration)
            cut = tick.cut[self.place[0]][self.place[1]]
            self._fold(stage, cut, tick.at)
            if self._folded < cut:
                return
            if not tick.moved(before, self.place):
                self._passed = epoch
                continue
            yield self._close(stage, epoch, tick, cut)

    def _fold(self, stage: Stage[State, Record], cut: int, at: int) -> None:
        n = min(cut - self._folded, len(self._waiting))
        for offset, value in enumerate(self._waiting[:n], self._folded):
            stage.apply(self.held.state, Record(offset, value, at))
            self.n_bytes_waiting -= len(value)
        del self._waiting[:n]
        self._folded += n


class DerivedReader(_Reader[State, Row]):
    """Folds a derived topic epoch by epoch, whatever order its sources wrote in.

    Parameters
    ----------
    stage_for, source, held, timeline
        As for `RawReader`.
    sources : mapping of str to set of Place
        Each source that writes on the topic, and the raw partitions that make it emit.
    rows_of : callable
        Decodes the rows of a batch.
    """

    def __init__(
        self,
        stage_for: StageFor[State, Row],
        source: str,
        held: ReaderState[State],
        timeline: Timeline,
        sources: Mapping[str, frozenset[Place]],
        rows_of: RowsOf[Row],
    ) -> None:
        super().__init__(stage_for, source, held, timeline)
        self.sources = sources
        self._rows_of = rows_of
        self._batches: dict[int, dict[tuple[str, int], bytes]] = {}
        self._ends: dict[int, dict[str, End]] = {}
        self._first_offset: dict[int, int] = {}

    def feed(self, offset: int, value: bytes) -> None:
        """Hold one message until its epoch is complete."""
        if not self._is_new(offset):
            return
        message = decode_message(value)
        if message.source not in self.sources:
            raise Defect(f"{message.source} speaks on a topic that is not its own")
        if message.epoch <= self.held.epoch:  # said again
            return
        self._first_offset.setdefault(message.epoch, offset)
        if isinstance(message, End):
            ends = self._ends.setdefault(message.epoch, {})
            self._agree(ends.setdefault(message.source, message) == message, message)
            return
        batches = self._batches.setdefault(message.epoch, {})
        kept = batches.get((message.source, message.index))
        if kept is None:
            batches[message.source, message.index] = value
            self.n_bytes_waiting += len(value)
        else:
            self._agree(kept == value, message)

    def _agree(self, is_same: bool, message: End | Batch) -> None:  # noqa: FBT001 - the verdict
        if not is_same:
            raise Defect(
                f"{message.source} said two different things about epoch {message.epoch}: "
                "two versions of the program, or two configurations, write at once"
            )

    def advance(self) -> Iterator[ClosedEpoch]:
        """Fold every complete epoch in turn; yield what the stage says of each."""
        for epoch, tick, before in self.timeline.steps(self._passed):
            speakers = {
                source
                for source, places in self.sources.items()
                if any(tick.moved(before, place) for place in places)
            }
            ended = self._ends.get(epoch, {}).keys()
            if not ended <= speakers:
                raise Defect(
                    f"{', '.join(sorted(ended - speakers))} spoke about epoch {epoch}, "
                    "in which nothing that it reads had moved"
                )
            if not speakers:
                self._passed = epoch
                continue
            if ended != speakers:
                return
            yield self._fold(epoch, tick)

    def _fold(self, epoch: int, tick: Tick) -> ClosedEpoch:
        stage = self._stage_for(tick.configuration)
        ends, batches = self._ends.pop(epoch), self._batches.pop(epoch, {})
        del self._first_offset[epoch]
        if batches.keys() != {(e.source, i) for e in ends.values() for i in range(e.n_batches)}:
            raise Gap(f"{self.source}: epoch {epoch} is not whole")
        for key in sorted(batches):
            self.n_bytes_waiting -= len(batches[key])
            for row in self._rows_of(batches[key]):
                stage.apply(self.held.state, row)
        resume = min(self._first_offset.values(), default=self._next)
        return self._close(stage, epoch, tick, resume)
