"""The whole pipeline in one process, from a case to the feed."""

import json
from random import Random
from typing import Any

import pytest
from histories import Output, embedded, random_log
from strategies import DIGEST, a_case, a_configuration, encode, instant

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration, Topics
from surveillance.domain.case import Event
from surveillance.log.days import end_of
from surveillance.log.messages import Batch, ClosedEpoch, decode_message
from surveillance.log.partitioner import partition_of
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import ALERTS, CASES, DECISIONS, DERIVED, FEED, OUTCOMES, REVIEWS
from surveillance.pipeline import Source, sources
from surveillance.runs.in_process import Embedded

CONFIGURATION = a_configuration()


class Heard(Output):
    """All that was said, and the ticks that counted."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks: list[tuple[int, int, bytes]] = []
        self.order: list[tuple[Source, int]] = []

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        self.ticks.append((epoch, at, value))

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        self.order.append((source, closing.epoch))
        super().closing(source, closing)


def run(
    n_cases: int = 4, configuration: Configuration = CONFIGURATION, size: int = 1
) -> tuple[Heard, Embedded]:
    heard = Heard()
    pipeline = Embedded(Configurations(configuration), heard)
    lines: dict[int, list[bytes]] = {}
    for n in range(n_cases):
        case = a_case(f"C{n}", events=(Event(pt="Death", outcome="fatal"),))
        place = partition_of(case.case_id, configuration.topics.cases)
        lines.setdefault(place, []).append(encode(case))
    for partition, some in lines.items():
        for at in range(0, len(some), size):
            pipeline.put(CASES, partition, b"\n".join(some[at : at + size]))
    pipeline.tick(instant())
    return heard, pipeline


def rows(said: Output, source: str) -> list[Any]:
    messages = [decode_message(value) for value in said.messages.values()]
    return [
        json.loads(bytes(row))
        for message in messages
        if isinstance(message, Batch) and message.source.startswith(source)
        for row in message.rows
    ]


def test_a_fatal_sentinel_case_goes_all_the_way_to_a_request_and_the_feed() -> None:
    heard, _ = run(1)

    (finding,) = [row for row in rows(heard, "screen") if row["product"] == "product:P"]
    (signal,) = rows(heard, "triage")
    assert (finding["criterion"], finding["n_pair"], finding["n_fatal"]) == ("sentinel", 1, 1)
    assert (signal["status"], signal["reviews"][0]["rule"]) == ("detected", "fatal")
    assert [fact.topic for fact in heard.facts.values()] == [REVIEWS, ALERTS, FEED]


def test_offsets_are_counted_for_each_partition() -> None:
    pipeline = Embedded(Configurations(CONFIGURATION), Heard())
    offsets = [pipeline.put(*place, b"") for place in ((CASES, 0), (CASES, 1), (CASES, 0))]

    assert offsets == [0, 0, 1]
    assert pipeline.put(OUTCOMES, 0, b"") == pipeline.put(DECISIONS, 0, b"") == 0


def test_a_tick_names_the_configuration_and_every_end() -> None:
    heard, _ = run(3)

    (told,) = heard.ticks
    tick = json.loads(told[2])
    assert told[:2] == (0, instant())
    assert tick["configuration"] == DIGEST
    assert sum(tick["cut"][CASES]) == 3
    assert {topic: len(ends) for topic, ends in tick["cut"].items()} == {
        CASES: 2,
        OUTCOMES: 2,
        DECISIONS: 1,
    }


def test_every_stage_speaks_when_a_day_begins_and_only_those_that_moved_after() -> None:
    heard, pipeline = run(1)
    assert [source for source, _ in heard.order] == sources(CONFIGURATION.topics)

    heard.order.clear()
    pipeline.tick(instant(second=1))
    assert heard.order == []
    pipeline.put(CASES, 1, b"{")
    pipeline.tick(instant(second=2))
    assert [source.place[0] for source, _ in heard.order] == [CASES, *DERIVED]


@pytest.mark.parametrize(
    "value",
    [b"no tick", encode_tick(Tick(1, DIGEST, {CASES: [9, 9], OUTCOMES: [0, 0], DECISIONS: [0]}))],
)
def test_a_tick_that_does_not_follow_uses_up_its_epoch_and_nothing_else(value: bytes) -> None:
    heard, pipeline = run(1)
    pipeline.take_tick(value)
    pipeline.tick(end_of(a_case().received_on))

    assert [epoch for epoch, *_ in heard.ticks] == [0, 2]


def test_the_same_log_gives_the_same_bytes() -> None:
    for seed in range(20):
        log = random_log(Random(seed), CONFIGURATION)
        (first, ends), (second, again) = (embedded(log, CONFIGURATION) for _ in range(2))

        assert (first.messages, first.facts, ends) == (second.messages, second.facts, again)
        assert list(first.messages) == list(second.messages)


@pytest.mark.parametrize("size", [2, 9])
def test_how_lines_are_put_into_messages_does_not_matter_to_what_is_counted(size: int) -> None:
    one, many = run(9)[0], run(9, size=size)[0]

    for source in ("revise", "screen", "triage"):
        assert rows(one, source) == rows(many, source)


@pytest.mark.parametrize("n", [1, 3, 7])
def test_the_number_of_partitions_does_not_matter_to_what_is_found(n: int) -> None:
    usual = run(9)[0]
    other = run(9, a_configuration(topics=Topics(cases=n, outcomes=n)))[0]

    for source in ("screen", "triage"):
        assert sorted(map(str, rows(usual, source))) == sorted(map(str, rows(other, source)))
