"""Which stages there are, what they read and write, and which raw partitions make them emit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration, Topics
from surveillance.feed.publish import Publish
from surveillance.log import topics
from surveillance.log.messages import Record, rows_decoder
from surveillance.log.readers import DerivedReader, RawReader, Reader, RowsOf
from surveillance.log.stage import Opener, Row, Stage, State
from surveillance.log.ticks import Place, Timeline
from surveillance.log.topics import raw_partitions
from surveillance.programmes.watch import WatchOutcomes
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
    writes: str
    make: Make[State, Record]

    def open(
        self, partition: int, opener: Opener, timeline: Timeline, configurations: Configurations
    ) -> RawReader[State]:
        """Return its reader of one partition."""
        made = _Made(self.make, partition, configurations)
        source = f"{self.name}/{partition}"
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
        source = f"{self.name}/{partition}"
        held = opener(source, made(configurations.current.digest))
        emitters = sources(self.reads, configurations.current.topics)
        return DerivedReader(made, source, held, timeline, emitters, self.rows_of)


_contributions: RowsOf[topics.ContributionsRow] = rows_decoder(topics.ContributionsRow)
_findings: RowsOf[topics.FindingsRow] = rows_decoder(topics.FindingsRow)
_signals: RowsOf[topics.SignalsRow] = rows_decoder(topics.SignalsRow)

_revise = RawStage("revise", topics.CASES, topics.CONTRIBUTIONS, Revise)
_watch = RawStage("watch", topics.OUTCOMES, topics.FINDINGS, WatchOutcomes)
_admit = RawStage("admit", topics.DECISIONS, topics.FINDINGS, Admit)
_screen = DerivedStage(
    "screen", topics.CONTRIBUTIONS, topics.FINDINGS, lambda c, _: Screen(c), _contributions
)
_triage = DerivedStage(
    "triage", topics.FINDINGS, topics.SIGNALS, lambda c, _: TriageFindings(c), _findings
)
_publish = DerivedStage("publish", topics.SIGNALS, None, lambda c, _: Publish(c), _signals)

_WIRED: tuple[Wired, ...] = (_revise, _watch, _admit, _screen, _triage, _publish)
STAGES: dict[str, Wired] = {stage.reads: stage for stage in _WIRED}


def places(manifest: Topics) -> list[Place]:
    """Return every topic and partition that a stage reads, sources before readers."""
    raw = [
        (topic, partition)
        for topic, n in raw_partitions(manifest).items()
        for partition in range(n)
    ]
    return [*raw, *((topic, 0) for topic in topics.DERIVED)]


def source_of(place: Place) -> str:
    """Name the source of a place, as in ``revise/3``."""
    return f"{STAGES[place[0]].name}/{place[1]}"


def sources(topic: str, manifest: Topics) -> dict[str, frozenset[Place]]:
    """Return who writes on a derived topic, and the raw places that make each of them emit."""
    writers = [place for place in places(manifest) if STAGES[place[0]].writes == topic]
    return {source_of(place): _raw_behind(place, manifest) for place in writers}


def _raw_behind(place: Place, manifest: Topics) -> frozenset[Place]:
    if place[0] in topics.RAW:
        return frozenset({place})
    return frozenset().union(*sources(place[0], manifest).values())


def open_reader(
    place: Place, opener: Opener, timeline: Timeline, configurations: Configurations
) -> Reader:
    """Open the reader of a place.

    Parameters
    ----------
    place : tuple
        Topic and partition.
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
    return STAGES[place[0]].open(place[1], opener, timeline, configurations)
