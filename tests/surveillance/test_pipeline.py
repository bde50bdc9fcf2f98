"""Who reads what, who speaks for it, and under which configuration."""

import pytest
from strategies import a_configuration

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration, Topics
from surveillance.domain.errors import Misconfigured
from surveillance.log import topics
from surveillance.log.readers import DerivedReader, RawReader
from surveillance.log.stage import beginning
from surveillance.log.ticks import Tick, Timeline, encode_tick
from surveillance.log.topics import raw_partitions
from surveillance.pipeline import STAGES, RawStage, Source, open_reader, sources, writers
from surveillance.screening.revise import Revise

MANIFEST = Topics(cases=2, outcomes=1)
CASES = {("cases-received.v1", p) for p in range(2)}
EVERYTHING = CASES | {("outcomes-received.v1", 0), ("decisions-made.v1", 0)}


def test_every_stage_reads_one_topic_and_every_source_comes_before_its_readers() -> None:
    order = [source.place[0] for source in sources(MANIFEST)]

    assert set(order) == {*topics.RAW, *topics.DERIVED}
    for name, wiring in STAGES.items():
        assert wiring.name == name
        if wiring.writes:
            assert max(i for i, t in enumerate(order) if t == wiring.reads) < order.index(
                wiring.writes
            )


def test_who_writes_on_a_derived_topic_and_what_makes_them_speak() -> None:
    assert writers(topics.CONTRIBUTIONS, MANIFEST) == {
        "revise/0": frozenset({("cases-received.v1", 0)}),
        "revise/1": frozenset({("cases-received.v1", 1)}),
        "expose/0": frozenset({("outcomes-received.v1", 0)}),
    }
    assert writers(topics.FINDINGS, MANIFEST) == {
        "watch/0": frozenset({("outcomes-received.v1", 0)}),
        "admit/0": frozenset({("decisions-made.v1", 0)}),
        "screen/0": frozenset(CASES | {("outcomes-received.v1", 0)}),
    }
    assert writers(topics.SIGNALS, MANIFEST) == {"triage/0": frozenset(EVERYTHING)}


def test_a_stage_is_made_once_under_each_configuration() -> None:
    old, new = a_configuration(digest="old"), a_configuration(digest="new")
    made: list[str] = []

    def make(configuration: Configuration, partition: int) -> Revise:
        made.append(configuration.digest)
        return Revise(configuration, partition)

    stage = RawStage("revise", topics.CASES, topics.CONTRIBUTIONS, make)
    line = Timeline(raw_partitions(MANIFEST))
    reader = stage.open(0, beginning, line, Configurations(new, old))
    for epoch, digest in enumerate(("old", "old", "new")):
        cut = {topic: [0] * n for topic, n in raw_partitions(MANIFEST).items()}
        line.feed(epoch, encode_tick(Tick(epoch, digest, cut)))
    list(reader.advance())

    assert sorted(made) == ["new", "old"]


def test_a_configuration_that_is_not_here_is_named_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match=r"requires elsewhere, but only these are given: c{12}"):
        Configurations(a_configuration())("elsewhere")


def test_a_reader_is_opened_for_its_kind_of_topic() -> None:
    configurations = Configurations(a_configuration(topics=MANIFEST))
    timeline = Timeline(raw_partitions(MANIFEST))

    for source in sources(MANIFEST):
        made = open_reader(source, beginning, timeline, configurations)
        assert isinstance(made, RawReader if source.place[0] in topics.RAW else DerivedReader)
        assert made.source == str(source)


def test_a_source_is_named_by_its_stage_and_partition_whatever_it_reads() -> None:
    assert str(Source("revise", 3)) == "revise/3"
    assert Source("revise", 3).place == (topics.CASES, 3)
