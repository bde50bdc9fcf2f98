"""Which stages there are, what they read and write, and who makes them speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from surveillance.core import topics
from surveillance.core.admit import Admit
from surveillance.core.fold import (
    DerivedReader,
    Held,
    Place,
    RawReader,
    Stage,
    StageFor,
    Timeline,
)
from surveillance.core.publish import Publish
from surveillance.core.revise import Revise
from surveillance.core.screen import Screen
from surveillance.core.triage import TriageFindings
from surveillance.core.watch import WatchOutcomes
from surveillance.domain.configuration import Configuration, Topics
from surveillance.domain.errors import Misconfigured

ConfigurationFor = Callable[[str], Configuration]


class Wiring(NamedTuple):
    """One stage in its place."""

    name: str
    reads: str
    writes: str | None  # inward; None where it only speaks outward
    make: Callable[[Configuration, int], Stage]


STAGES: dict[str, Wiring] = {
    wiring.reads: wiring
    for wiring in (
        Wiring("revise", topics.CASES, topics.CONTRIBUTIONS, Revise),
        Wiring("watch", topics.OUTCOMES, topics.FINDINGS, WatchOutcomes),
        Wiring("admit", topics.DECISIONS, topics.FINDINGS, Admit),
        Wiring("screen", topics.CONTRIBUTIONS, topics.FINDINGS, lambda c, _: Screen(c)),
        Wiring("triage", topics.FINDINGS, topics.SIGNALS, lambda c, _: TriageFindings(c)),
        Wiring("publish", topics.SIGNALS, None, lambda c, _: Publish(c)),
    )
}


def raw_partitions(manifest: Topics) -> dict[str, int]:
    """Return the number of partitions of each raw topic."""
    return {
        topics.CASES: manifest.cases,
        topics.OUTCOMES: manifest.outcomes,
        topics.DECISIONS: 1,
    }


def places(manifest: Topics) -> list[Place]:
    """Return every topic and partition that a stage reads, sources before readers."""
    raw = [
        (topic, partition)
        for topic, n in raw_partitions(manifest).items()
        for partition in range(n)
    ]
    return [*raw, *((topic, 0) for topic in topics.DERIVED)]


def source_of(place: Place) -> str:
    """Name who speaks for a place, as in ``revise/3``."""
    return f"{STAGES[place[0]].name}/{place[1]}"


def sources(topic: str, manifest: Topics) -> dict[str, frozenset[Place]]:
    """Return who writes on a derived topic, and the raw places that make each of them speak."""
    writers = [place for place in places(manifest) if STAGES[place[0]].writes == topic]
    return {source_of(place): _raw_behind(place, manifest) for place in writers}


def _raw_behind(place: Place, manifest: Topics) -> frozenset[Place]:
    if place[0] in topics.RAW:
        return frozenset({place})
    return frozenset().union(*sources(place[0], manifest).values())


class Configurations:
    """The configurations at hand, by hash.

    Parameters
    ----------
    configurations : configuration, one or more
        The first is the one in force here.
    """

    def __init__(self, *configurations: Configuration) -> None:
        self.current = configurations[0]
        self._by_digest = {item.digest: item for item in configurations}

    def __call__(self, digest: str) -> Configuration:
        """Return the configuration of that hash.

        Raises
        ------
        Misconfigured
            If it is not here: the log was written under another one.
        """
        found = self._by_digest.get(digest)
        if found is None:
            raise Misconfigured(
                "configuration",
                f"the log asks for {digest[:12]}, and here are "
                f"{', '.join(d[:12] for d in self._by_digest)}",
                "give the directory that was in force with --config, beside the other",
            )
        return found


def stage_for(place: Place, configuration_for: ConfigurationFor) -> StageFor:
    """Return what makes, and keeps, the stage of a place under each configuration."""
    made: dict[str, Stage] = {}

    def get(digest: str) -> Stage:
        if digest not in made:
            made[digest] = STAGES[place[0]].make(configuration_for(digest), place[1])
        return made[digest]

    return get


def reader(
    place: Place, held: Held, timeline: Timeline, configurations: Configurations
) -> RawReader | DerivedReader:
    """Make the reader of a place.

    Parameters
    ----------
    place : tuple
        Topic and partition.
    held : Held
        Its state.
    timeline : Timeline
        The ticks.
    configurations : Configurations
        Those at hand.

    Returns
    -------
    RawReader or DerivedReader
        Ready to be fed from `held.resume` on.
    """
    make, source = stage_for(place, configurations), source_of(place)
    if place[0] in topics.RAW:
        return RawReader(make, source, place, held, timeline)
    manifest = configurations.current.topics
    return DerivedReader(make, source, held, timeline, sources(place[0], manifest))
