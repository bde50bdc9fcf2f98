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

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from surveillance.core.cells import Cells
from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Defect, Gap

Place = tuple[str, int]  # topic and partition
SECONDS_A_DAY = 86_400
LAST_INSTANT = 253_402_300_799  # the end of the year 9999: dates go no further
N_ROWS_MAX = 500
N_BATCH_BYTES_MAX = 500_000  # half of what a broker takes by default


class Tick(msgspec.Struct, frozen=True):
    """Where every raw partition ended at an instant, and what configuration held."""

    # Seconds since 1970 (UTC): the only clock a stage sees.
    at: Annotated[int, Meta(ge=0, le=LAST_INSTANT)]
    configuration: str  # SHA-256 of the configuration directory
    cut: dict[str, list[Annotated[int, Meta(ge=0)]]]  # by topic, one end offset a partition

    def fits(self, partitions: Mapping[str, int]) -> bool:
        """Tell whether the cut has the topics and partitions that there are."""
        return {topic: len(ends) for topic, ends in self.cut.items()} == dict(partitions)

    def follows(self, other: Tick) -> bool:
        """Tell whether this tick may come after `other`; two tickers at once may disagree."""
        return self.at >= other.at and all(
            new >= old
            for topic, ends in other.cut.items()
            for new, old in zip(self.cut[topic], ends, strict=True)
        )

    def begins_a_day(self, other: Tick | None) -> bool:
        """Tell whether a UTC day began since `other`."""
        return other is None or self.at // SECONDS_A_DAY > other.at // SECONDS_A_DAY

    def moved(self, other: Tick | None, place: Place) -> bool:
        """Tell whether `place` must speak: it has new records, or a UTC day began."""
        topic, partition = place
        if other is None or self.begins_a_day(other):
            return True
        return self.cut[topic][partition] > other.cut[topic][partition]


class Timeline:
    """The ticks so far that follow each other, by epoch.

    Parameters
    ----------
    partitions : mapping of str to int
        Partitions of each raw topic; a tick with others is passed over.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self._partitions = dict(partitions)
        self._epochs: list[int] = []
        self._ticks: list[Tick] = []
        self._has_forgotten = False

    @property
    def latest(self) -> int:
        """The last epoch cut so far; -1 before the first."""
        return self._epochs[-1] if self._epochs else -1

    def feed(self, offset: int, value: bytes) -> bool:
        """Take the tick at `offset`; say whether it counts.

        A tick that cannot be read, or does not follow the last one, is as if it had
        never been written.
        """
        try:
            tick = _decode_tick(value)
        except (ValueError, RecursionError):  # msgspec's errors, and UnicodeDecodeError
            return False
        if offset <= self.latest or not tick.fits(self._partitions):
            return False
        if self._ticks and not tick.follows(self._ticks[-1]):
            return False
        self._epochs.append(offset)
        self._ticks.append(tick)
        return True

    def tick(self, epoch: int) -> Tick:
        """Return the tick that closed `epoch`."""
        return self._ticks[bisect_right(self._epochs, epoch) - 1]

    def steps(self, epoch: int) -> Iterator[tuple[int, Tick, Tick | None]]:
        """Yield epoch, tick and the tick before it, for every epoch after `epoch`."""
        while (index := bisect_right(self._epochs, epoch)) < len(self._epochs):
            epoch = self._epochs[index]  # ticks may come, and be forgotten, meanwhile
            yield epoch, self._ticks[index], self._ticks[index - 1] if index else None

    def forget(self, epoch: int) -> None:
        """Drop the ticks before the one that closed `epoch`: nobody will ask for them."""
        index = bisect_right(self._epochs, epoch) - 1
        if index > 0:
            del self._epochs[:index], self._ticks[:index]
            self._has_forgotten = True

    def reaches(self, epoch: int) -> bool:
        """Tell whether the steps after `epoch` can be given, none of them forgotten."""
        return not self._has_forgotten or (bool(self._epochs) and self._epochs[0] <= epoch)

    def begin_at(self, epoch: int) -> None:
        """Forget everything; the next tick fed must be that of `epoch`, or the first for -1."""
        self._epochs, self._ticks = [], []
        self._has_forgotten = epoch >= 0


class End(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """`source` has said all that it has to say about `epoch`, in `n_batches` batches."""

    source: str
    epoch: int
    n_batches: int
    dispositions: Dispositions | None = None  # of the records that a raw partition read


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """The `index`-th batch of rows that `source` wrote for `epoch`."""

    source: str
    epoch: int
    index: int
    rows: list[msgspec.Raw]


class Record(NamedTuple):
    """One message of a raw topic, with what its stage may know about it."""

    offset: int
    value: bytes
    at: int  # of the tick that closes its epoch


class Fact(NamedTuple):
    """One message for an outward topic, or for the refused records."""

    topic: str
    key: bytes
    value: bytes
    code: str  # what kind, from a bounded set: for those who count


class Said(NamedTuple):
    """What a stage says when an epoch closes: rows inward, facts outward."""

    rows: list[Any]
    facts: list[Fact]
    dispositions: Dispositions | None = None


class Stage(Protocol):
    """What a stage does. It holds no state and knows no clock, broker or disk."""

    name: str
    row_type: Any  # of the derived topic it reads; None on a raw topic

    # The state before the first item; large keyed parts of it live in `cells`.
    def init(self, cells: Cells) -> Any: ...

    # Take one item in: a `Record` of a raw topic, or a row of a derived one.
    def apply(self, state: Any, item: Any) -> None: ...

    # End an epoch, and return all that there is to say about it.
    def close(self, state: Any, epoch: int, at: int) -> Said: ...

    # To bytes and back, between epochs: what was said and what will be said are the same.
    def dump(self, state: Any) -> bytes: ...
    def load(self, data: bytes, cells: Cells) -> Any: ...


StageFor = Callable[[str], Stage]  # the stage under the configuration of that hash


class Held:
    """What a stage keeps for one partition: stored and restored as one value."""

    def __init__(self, state: Any, cells: Cells, resume: int = 0, epoch: int = -1) -> None:
        self.state = state
        self.cells = cells
        self.resume = resume  # first offset that the state has not folded whole
        self.epoch = epoch  # last epoch closed


class Closing(NamedTuple):
    """All that a stage said about one epoch, encoded and as it was."""

    epoch: int
    at: int
    messages: list[bytes]
    said: Said


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(End | Batch).decode
_decode_tick = msgspec.json.Decoder(Tick).decode


def encode_tick(tick: Tick) -> bytes:
    """Return the bytes of a tick."""
    return _encode(tick)


def spoken(source: str, epoch: int, said: Said) -> list[bytes]:
    """Encode what `source` says about `epoch`: its batches, then its end."""
    messages = [
        _encode(Batch(source, epoch, index, chunk))
        for index, chunk in enumerate(_chunks(said.rows))
    ]
    return [*messages, _encode(End(source, epoch, len(messages), said.dispositions))]


def _chunks(rows: list[Any]) -> Iterator[list[msgspec.Raw]]:
    chunk: list[msgspec.Raw] = []
    n_bytes = 0
    for row in rows:
        value = row if isinstance(row, msgspec.Raw) else msgspec.Raw(_encode(row))
        size = len(memoryview(value))
        if chunk and (len(chunk) == N_ROWS_MAX or n_bytes + size > N_BATCH_BYTES_MAX):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(value)
        n_bytes += size
    if chunk:
        yield chunk


def decode_message(value: bytes) -> End | Batch:
    """Read one message of a derived topic.

    Raises
    ------
    Defect
        If it is neither a batch nor an end: somebody else writes on this topic.
    """
    try:
        message: End | Batch = _decode(value)
    except (ValueError, RecursionError) as error:
        raise Defect(f"a derived topic holds a foreign message: {error}") from None
    return message


class _Reader:
    """Takes messages as they come; `advance` folds what the timeline allows."""

    def __init__(self, stage_for: StageFor, source: str, held: Held, timeline: Timeline) -> None:
        self.held, self.source, self.timeline = held, source, timeline
        self.n_bytes_waiting = 0
        self._stage_for = stage_for
        self._next = held.resume
        self._passed = held.epoch  # last epoch closed, or in which there was nothing to say

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

    def _close(self, stage: Stage, epoch: int, tick: Tick, resume: int) -> Closing:
        said = stage.close(self.held.state, epoch, tick.at)
        self.held.epoch, self.held.resume = epoch, resume
        self._passed = epoch
        return Closing(epoch, tick.at, spoken(self.source, epoch, said), said)


class RawReader(_Reader):
    """Folds one partition of a raw topic.

    Parameters
    ----------
    stage_for : callable
        Gives the stage under a configuration, by hash.
    source : str
        Who speaks: stage and partition, as in ``revise/3``.
    place : tuple
        Topic and partition that is read.
    held : Held
        The state, and where it resumes.
    timeline : Timeline
        The ticks.
    """

    def __init__(
        self, stage_for: StageFor, source: str, place: Place, held: Held, timeline: Timeline
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

    def advance(self) -> Iterator[Closing]:
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

    def _fold(self, stage: Stage, cut: int, at: int) -> None:
        n = min(cut - self._folded, len(self._waiting))
        for offset, value in enumerate(self._waiting[:n], self._folded):
            stage.apply(self.held.state, Record(offset, value, at))
            self.n_bytes_waiting -= len(value)
        del self._waiting[:n]
        self._folded += n


class DerivedReader(_Reader):
    """Folds a derived topic epoch by epoch, whatever order its sources wrote in.

    Parameters
    ----------
    stage_for, source, held, timeline
        As for `RawReader`.
    sources : mapping of str to set of Place
        Each source that writes on the topic, and the raw partitions that make it speak.
    """

    def __init__(
        self,
        stage_for: StageFor,
        source: str,
        held: Held,
        timeline: Timeline,
        sources: Mapping[str, frozenset[Place]],
    ) -> None:
        super().__init__(stage_for, source, held, timeline)
        self.sources = sources
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

    def advance(self) -> Iterator[Closing]:
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

    def _fold(self, epoch: int, tick: Tick) -> Closing:
        stage = self._stage_for(tick.configuration)
        ends, batches = self._ends.pop(epoch), self._batches.pop(epoch, {})
        del self._first_offset[epoch]
        if batches.keys() != {(e.source, i) for e in ends.values() for i in range(e.n_batches)}:
            raise Gap(f"{self.source}: epoch {epoch} is not whole")
        decode = _rows_decoder(stage.row_type)
        for key in sorted(batches):
            self.n_bytes_waiting -= len(batches[key])
            for row in decode(batches[key]).rows:
                stage.apply(self.held.state, row)
        resume = min(self._first_offset.values(), default=self._next)
        return self._close(stage, epoch, tick, resume)


_decoders: dict[Any, Callable[[bytes], Any]] = {}


def _rows_decoder(row_type: Any) -> Callable[[bytes], Any]:
    if row_type not in _decoders:
        kind = msgspec.defstruct(
            "TypedBatch",
            [("source", str), ("epoch", int), ("index", int), ("rows", list[row_type])],
            tag="batch",
        )
        _decoders[row_type] = msgspec.json.Decoder(kind).decode
    return _decoders[row_type]
