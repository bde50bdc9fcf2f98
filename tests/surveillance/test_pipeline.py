"""Who reads what, who speaks for it, and under which configuration."""

import pytest
from strategies import a_configuration

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Topics
from surveillance.domain.errors import Misconfigured
from surveillance.log import topics
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.readers import DerivedReader, RawReader
from surveillance.log.stage import ReaderState
from surveillance.log.ticks import Timeline
from surveillance.log.topics import raw_partitions
from surveillance.pipeline import STAGES, places, reader, source_of, sources, stage_for

MANIFEST = Topics(cases=2, outcomes=1)
CASES = {("cases-received.v1", p) for p in range(2)}
EVERYTHING = CASES | {("outcomes-received.v1", 0), ("decisions-made.v1", 0)}


def test_every_stage_reads_one_topic_and_every_source_comes_before_its_readers() -> None:
    order = [topic for topic, _ in places(MANIFEST)]

    assert set(order) == STAGES.keys() == {*topics.RAW, *topics.DERIVED}
    for wiring in STAGES.values():
        if wiring.writes:
            assert max(i for i, t in enumerate(order) if t == wiring.reads) < order.index(
                wiring.writes
            )


def test_who_writes_on_a_derived_topic_and_what_makes_them_speak() -> None:
    assert sources(topics.CONTRIBUTIONS, MANIFEST) == {
        "revise/0": frozenset({("cases-received.v1", 0)}),
        "revise/1": frozenset({("cases-received.v1", 1)}),
    }
    assert sources(topics.FINDINGS, MANIFEST) == {
        "watch/0": frozenset({("outcomes-received.v1", 0)}),
        "admit/0": frozenset({("decisions-made.v1", 0)}),
        "screen/0": frozenset(CASES),
    }
    assert sources(topics.SIGNALS, MANIFEST) == {"triage/0": frozenset(EVERYTHING)}


def test_a_stage_is_made_once_under_each_configuration() -> None:
    old, new = a_configuration(digest="old"), a_configuration(digest="new")
    get = stage_for((topics.FINDINGS, 0), Configurations(new, old))

    assert get("old") is get("old")
    assert get("old") is not get("new")


def test_a_configuration_that_is_not_here_is_named_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match="asks for elsewhere, and here are cccccccccccc"):
        Configurations(a_configuration())("elsewhere")


def test_a_reader_is_made_for_its_kind_of_topic() -> None:
    configurations = Configurations(a_configuration(topics=MANIFEST))
    timeline = Timeline(raw_partitions(MANIFEST))

    for place in places(MANIFEST):
        made = reader(place, ReaderState(None, Cells(nothing_stored)), timeline, configurations)
        assert isinstance(made, RawReader if place[0] in topics.RAW else DerivedReader)
        assert made.source == source_of(place)
