"""The pipeline in one process: case versions a second, and where the time goes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from bench import data
from bench.apart import Stopwatch
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration
from surveillance.domain.case import CaseVersion
from surveillance.domain.contribution import Contribution
from surveillance.log import topics
from surveillance.log.days import EndOfDay, RawMessage
from surveillance.log.decode import decode_case
from surveillance.log.messages import (
    Batch,
    ClosedEpoch,
    Output,
    Record,
    decode_message,
    encode_output,
)
from surveillance.log.readers import Kept, Reader
from surveillance.log.stage import Row, Stage, State, beginning
from surveillance.pipeline import STAGES, DerivedStage, RawStage, Source
from surveillance.runs.in_process import Embedded

LINES_AN_EPOCH = 10_000  # where epochs are not days
T = TypeVar("T")
Feed = list[RawMessage | EndOfDay]


class Ignoring:
    """A sink that keeps nothing but counts."""

    def __init__(self) -> None:
        self.n_epochs = 0
        self.n_rows: Counter[str] = Counter()
        self.read: Counter[str] = Counter()

    def tick(self, epoch: int, at: int, value: bytes) -> None:  # noqa: ARG002 - the protocol
        self.n_epochs += 1

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        self.n_rows[source.stage] += len(closing.output.rows)
        if closing.output.dispositions is not None:
            self.read.update(
                {
                    field: value
                    for field, value in msgspec.structs.asdict(closing.output.dispositions).items()
                    if field not in ("topic", "partition")
                }
            )

    def counted(self, n_lines: int) -> dict[str, Any]:
        """Return the counts; raise unless every line was taken in."""
        if self.read.total() != n_lines or self.read["refused"]:
            raise AssertionError(f"{n_lines:,} lines given, {dict(self.read)}")
        return {"n_epochs": self.n_epochs, "rows": dict(self.n_rows), **self.read}


def _items(lines: list[bytes], cut: str) -> Feed:
    if cut == "day":
        return data.by_day(lines, data.configuration())
    return data.by_number(lines, data.configuration(), LINES_AN_EPOCH)


def _feed(run: Embedded, items: Feed) -> None:
    for item in items:
        if isinstance(item, RawMessage):
            run.put(item.topic, item.partition, item.value)
        else:
            run.tick(item.at)


def whole(path: str, cut: str) -> dict[str, Any]:
    """Run all stages; ``cut`` is ``day``, or anything else for epochs of 10,000 lines."""
    lines = data.read(Path(path))
    items = _items(lines, cut)
    sink = Ignoring()
    collect_seldom()  # as the commands do
    run = Embedded(Configurations(data.configuration()), sink)
    watch = Stopwatch()
    _feed(run, items)
    return {"n_lines": len(lines), **watch.read(), **sink.counted(len(lines))}


class Spent:
    """CPU seconds, by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def on(self, what: str, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - the function's own
        """Call a function, and enter the time."""
        start = time.process_time()
        result = function(*arguments)
        self.seconds[what] += time.process_time() - start
        return result


class _TimedStage(Generic[State, Row]):
    """A stage whose `close` is timed, and `apply` too where it takes a whole message."""

    def __init__(self, stage: Stage[State, Row], spent: Spent) -> None:
        self._stage, self._spent = stage, spent
        self.name, self.version = stage.name, stage.version
        self.init, self.dump, self.load = stage.init, stage.dump, stage.load

    def apply(self, state: State, item: Row) -> None:
        if isinstance(item, Record):
            self._spent.on(f"{self.name} apply", self._stage.apply, state, item)
        else:  # a row: timed as what the reader spends beside `close`
            self._stage.apply(state, item)

    def close(self, state: State, epoch: int, at: int) -> Output:
        return self._spent.on(f"{self.name} close", self._stage.close, state, epoch, at)


class _TimedReader:
    """A reader, with all its time entered."""

    def __init__(self, inner: Reader, spent: Spent) -> None:
        self._inner, self._spent = inner, spent
        self.source = inner.source
        self._name = f"{inner.source.split('/', maxsplit=1)[0]} reader"

    @property
    def held(self) -> Kept:
        return self._inner.held

    @property
    def next_offset(self) -> int:
        return self._inner.next_offset

    @property
    def n_bytes_waiting(self) -> int:
        return self._inner.n_bytes_waiting

    def feed(self, offset: int, value: bytes) -> None:
        self._spent.on(self._name, self._inner.feed, offset, value)

    def advance(self) -> Iterator[ClosedEpoch]:
        closings = self._inner.advance()
        while True:
            closing = self._spent.on(self._name, next, closings, None)
            if closing is None:
                return
            yield closing


class TimedEmbedded(Embedded):
    """An embedded pipeline that records where its time goes."""

    spent: Spent  # set by the caller before anything is opened

    def _open(self, source: Source) -> Reader:
        stage = STAGES[source.stage]
        if not isinstance(stage, RawStage | DerivedStage):
            raise TypeError(f"{stage.name} is of no kind that is timed here")
        make = stage.make

        def timed(configuration: Configuration, partition: int) -> Any:  # noqa: ANN401 - any stage
            return _TimedStage(make(configuration, partition), self.spent)

        wired = replace(stage, make=timed)
        inner = wired.open(source.partition, beginning, self._timeline, self._configurations)
        return _TimedReader(inner, self.spent)


class _Encoding(Ignoring):
    """Encodes again what was emitted, to know what encoding costs; keeps the contributions."""

    def __init__(self, spent: Spent) -> None:
        super().__init__()
        self._spent = spent
        self.contributions: list[bytes] = []

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        super().closing(source, closing)
        name = f"{source.stage} encode"
        self._spent.on(name, encode_output, str(source), closing.epoch, closing.output)
        if source.writes == topics.CONTRIBUTIONS:
            self.contributions += closing.messages


def stages(path: str, cut: str) -> dict[str, Any]:
    """Run all stages with a clock on each; CPU seconds by stage and part."""
    lines = data.read(Path(path))
    items = _items(lines, cut)
    spent = TimedEmbedded.spent = Spent()
    sink = _Encoding(spent)
    collect_seldom()
    _feed(TimedEmbedded(Configurations(data.configuration()), sink), items)
    sink.counted(len(lines))
    seconds = spent.seconds
    decode = msgspec.json.Decoder(CaseVersion).decode
    plain = _seconds(decode, lines)
    strict = _seconds(decode_case, lines)
    read = _seconds(_contributions_reader(), sink.contributions)
    split = {
        "decode": plain,
        "decode: strictness": strict - plain,
        "revise": seconds["revise apply"] - strict,
        "revise: close": seconds["revise close"],
        "contributions: write": seconds["revise encode"],
        "contributions: read": read,
        "screen: hold": _rest(seconds, "screen") - read,
        "screen: close": seconds["screen close"],
        "findings: write": seconds["screen encode"],
        "triage": seconds["triage reader"],
        "publish": seconds["publish reader"],
        "watch and admit": seconds["watch reader"] + seconds["admit reader"],
    }
    return {"n_lines": len(lines), "seconds": split, "whole": sum(split.values())}


def _rest(seconds: dict[str, float], name: str) -> float:
    return seconds[f"{name} reader"] - seconds[f"{name} close"] - seconds[f"{name} encode"]


def _seconds(work: Callable[[bytes], Any], values: list[bytes]) -> float:
    start = time.process_time()
    for value in values:  # nothing is kept: a million live objects would be the collector's time
        work(value)
    return time.process_time() - start


def _contributions_reader() -> Callable[[bytes], None]:
    """Decode as `DerivedReader` does: the frame when it comes, the rows at the close."""
    kind = msgspec.defstruct(
        "Typed",
        [("source", str), ("epoch", int), ("index", int), ("rows", list[Contribution])],
        tag="batch",
    )
    rows = msgspec.json.Decoder(kind).decode

    def read(message: bytes) -> None:
        if isinstance(decode_message(message), Batch):
            rows(message)

    return read
