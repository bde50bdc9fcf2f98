"""Which stages there are, what they read and write, and who makes them speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration, Topics
from surveillance.feed.publish import Publish
from surveillance.log import topics
from surveillance.log.readers import DerivedReader, RawReader
from surveillance.log.stage import ReaderState, Stage, StageFor
from surveillance.log.ticks import Place, Timeline
from surveillance.log.topics import raw_partitions
from surveillance.programmes.watch import WatchOutcomes
from surveillance.screening.revise import Revise
from surveillance.screening.screen import Screen
from surveillance.triage.admit import Admit
from surveillance.triage.triage import TriageFindings

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


def stage_for(place: Place, configuration_for: ConfigurationFor) -> StageFor:
    """Return what makes, and keeps, the stage of a place under each configuration."""
    made: dict[str, Stage] = {}

    def get(digest: str) -> Stage:
        if digest not in made:
            made[digest] = STAGES[place[0]].make(configuration_for(digest), place[1])
        return made[digest]

    return get


def reader(
    place: Place, held: ReaderState, timeline: Timeline, configurations: Configurations
) -> RawReader | DerivedReader:
    """Make the reader of a place.

    Parameters
    ----------
    place : tuple
        Topic and partition.
    held : ReaderState
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
