"""Which stages there are, what they read and write, and which raw partitions make them emit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration, Topics
from surveillance.feed.publish import Publish
from surveillance.log import topics
from surveillance.log.messages import Record, rows_decoder
from surveillance.log.readers import DerivedReader, RawReader, Reader, RowsOf
from surveillance.log.stage import Opener, Row, Stage, State
from surveillance.log.ticks import Place, Timeline
from surveillance.log.topics import raw_partitions
from surveillance.programmes.exposure import Expose
from surveillance.programmes.reported import ReportLooks
from surveillance.programmes.watch import WatchOutcomes
from surveillance.screening.keys import Naming
from surveillance.screening.revise import Revise
from surveillance.screening.screen import Screen
from surveillance.triage.admit import Admit
from surveillance.triage.triage import TriageFindings

Make: TypeAlias = Callable[[Configuration, int], Stage[State, Row]]


class Wired(Protocol):
    """One stage in its place, whatever its state and rows are."""

    @property
    def name(self) -> str:
        """Its name: the first part of its sources."""

    @property
    def reads(self) -> str:
        """The topic that it reads."""

    @property
    def writes(self) -> str | None:
        """The derived topic that it writes; None where it emits outward alone."""

    def open(
        self, partition: int, opener: Opener, timeline: Timeline, configurations: Configurations
    ) -> Reader:
        """Return its reader of one partition, with what is kept of it."""


class Source(NamedTuple):
    """A stage at work on one partition: what has a state of its own, and what output names."""

    stage: str
    partition: int

    def __str__(self) -> str:
        return f"{self.stage}/{self.partition}"

    @property
    def place(self) -> Place:
        """The topic and partition that it reads."""
        return STAGES[self.stage].reads, self.partition

    @property
    def writes(self) -> str | None:
        """The derived topic that it writes; None where it emits outward alone."""
        return STAGES[self.stage].writes


class _Made(Generic[State, Row]):
    """Makes, and keeps, a stage under each configuration."""

    def __init__(
        self, make: Make[State, Row], partition: int, configurations: Configurations
    ) -> None:
        self._make, self._partition, self._configurations = make, partition, configurations
        self._made: dict[str, Stage[State, Row]] = {}

    def __call__(self, digest: str) -> Stage[State, Row]:
        if digest not in self._made:
            self._made[digest] = self._make(self._configurations(digest), self._partition)
        return self._made[digest]


@dataclass(frozen=True)
class RawStage(Generic[State]):
    """A stage on a raw topic."""

    name: str
    reads: str
    writes: str | None
    make: Make[State, Record]

    def open(
        self, partition: int, opener: Opener, timeline: Timeline, configurations: Configurations
    ) -> RawReader[State]:
        """Return its reader of one partition."""
        made = _Made(self.make, partition, configurations)
        source = str(Source(self.name, partition))
        held = opener(source, made(configurations.current.digest))
        return RawReader(made, source, (self.reads, partition), held, timeline)


@dataclass(frozen=True)
class DerivedStage(Generic[State, Row]):
    """A stage on a derived topic, which has one partition."""

    name: str
    reads: str
    writes: str | None
    make: Make[State, Row]
    rows_of: RowsOf[Row]

    def open(
        self, partition: int, opener: Opener, timeline: Timeline, configurations: Configurations
    ) -> DerivedReader[State, Row]:
        """Return its reader."""
        made = _Made(self.make, partition, configurations)
        source = str(Source(self.name, partition))
        held = opener(source, made(configurations.current.digest))
        emitters = writers(self.reads, configurations.current.topics)
        return DerivedReader(made, source, held, timeline, emitters, self.rows_of)


_contributions: RowsOf[topics.ContributionsRow] = rows_decoder(topics.ContributionsRow)
_findings: RowsOf[topics.FindingsRow] = rows_decoder(topics.FindingsRow)
_signals: RowsOf[topics.SignalsRow] = rows_decoder(topics.SignalsRow)

_revise = RawStage("revise", topics.CASES, topics.CONTRIBUTIONS, Revise)
_watch = RawStage("watch", topics.OUTCOMES, topics.FINDINGS, WatchOutcomes)
_expose = RawStage(
    "expose", topics.OUTCOMES, topics.CONTRIBUTIONS, lambda c, p: Expose(c, p, Naming(c).of_dose)
)
_admit = RawStage("admit", topics.DECISIONS, topics.FINDINGS, Admit)
_screen = DerivedStage(
    "screen",
    topics.CONTRIBUTIONS,
    topics.FINDINGS,
    lambda c, _: Screen(c, ReportLooks(c)),
    _contributions,
)
_triage = DerivedStage(
    "triage", topics.FINDINGS, topics.SIGNALS, lambda c, _: TriageFindings(c), _findings
)
_publish = DerivedStage("publish", topics.SIGNALS, None, lambda c, _: Publish(c), _signals)

_WIRED: tuple[Wired, ...] = (_revise, _expose, _watch, _admit, _screen, _triage, _publish)
# By name. Any number of stages may read one topic, each with a state and an offset of its own.
STAGES: dict[str, Wired] = {stage.name: stage for stage in _WIRED}


def readers_of(topic: str) -> list[Wired]:
    """Return the stages that read a topic."""
    return [stage for stage in STAGES.values() if stage.reads == topic]


def sources(manifest: Topics) -> list[Source]:
    """Return every stage on every partition that it reads, those that write before readers."""
    raw = raw_partitions(manifest)
    return [
        Source(stage.name, partition)
        for topic in (*topics.RAW, *topics.DERIVED)
        for stage in readers_of(topic)
        for partition in range(raw.get(topic, 1))
    ]


def writers(topic: str, manifest: Topics) -> dict[str, frozenset[Place]]:
    """Return who writes on a derived topic, and the raw places that make each of them emit."""
    return {
        str(source): _raw_behind(source, manifest)
        for source in sources(manifest)
        if source.writes == topic
    }


def _raw_behind(source: Source, manifest: Topics) -> frozenset[Place]:
    topic, _ = source.place
    if topic in topics.RAW:
        return frozenset({source.place})
    return frozenset().union(*writers(topic, manifest).values())


def open_reader(
    source: Source, opener: Opener, timeline: Timeline, configurations: Configurations
) -> Reader:
    """Open the reader of a source.

    Parameters
    ----------
    source : Source
        Stage and partition.
    opener : Opener
        Gives what is kept of it.
    timeline : Timeline
        The ticks.
    configurations : Configurations
        Those at hand.

    Returns
    -------
    Reader
        Ready to be fed from `held.resume` on.
    """
    return STAGES[source.stage].open(source.partition, opener, timeline, configurations)
