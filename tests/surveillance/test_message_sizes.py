"""No row grows with history, and whatever valid data came in, what is emitted fits a message."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from largest import CONFIGURATION, LETTER, largest_log
from msgspec import inspect

from surveillance.configuration.at_hand import Configurations
from surveillance.domain.errors import Defect, Refused
from surveillance.domain.finding import N_CONSTRUCTS_MAX
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import N_STEPS_MAX
from surveillance.feed.publish import FeedEntry
from surveillance.log.messages import (
    N_MESSAGE_BYTES_MAX,
    ClosedEpoch,
    End,
    Output,
    decode_message,
    encode_output,
)
from surveillance.log.refusals import N_REASON_MAX, refused_fact
from surveillance.log.ticks import Tick
from surveillance.log.topics import CASES, DERIVED, OUTWARD, REFUSED, ROW_TYPES
from surveillance.runs.in_process import Embedded
from surveillance.stream.manifest import SETTINGS
from surveillance.triage.reviews import ReviewRequest
from surveillance.triage.triage import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.pipeline import Source

OVERHEAD = 4_096  # of a batch of one record: header, key, offsets; far less
TYPES = [*ROW_TYPES.values(), Alert, ReviewRequest, FeedEntry, RefusedRecord, End, Tick]

# Every list of every row and message, and what bounds it.
BOUNDED = {
    "Look.notes": "N_NOTES_MAX",
    "WatchFinding.notes": "N_NOTES_MAX",
    "Look.changes": "N_CHANGES_MAX; n_changes says how many there are",
    "WatchFinding.changes": "N_CHANGES_MAX; n_changes says how many there are",
    "Exposure.spans": "N_SPANS_MAX; what is more is further rows",
    "Contribution.products": "the bytes of a body, screening.versions",
    "Contribution.events": "the bytes of a body, screening.versions",
    "Finding.undefined": "the measures that there are",
    "Finding.countries": "the codes of ISO 3166-1",
    "Finding.reporters": "the kinds of reporter that there are",
    "Finding.constructs": "N_CONSTRUCTS_MAX; n_constructs says how many there are",
    "PriorFitted.boundary_hits": "the parameters of the prior",
    "Signal.parts": "the parts of a priority that there are",
    "Signal.support": "the criteria of the configuration",
    "Signal.reviews": "the grounds of the configuration",
    "Signal.clocks": "the clocks of the table",
    "Signal.changes": "N_CHANGES_MAX; n_changes says how many there are",
    "Signal.history": "N_STEPS_MAX; n_steps says how many there are",
    "CausalityAssessment.answers": "the questions of the scale of Naranjo",
    "CausalityAssessment.work_up": "N_WORK_UP_MAX",
    "FeedEntry.criteria": "the criteria of the configuration",
    "Tick.cut": "the partitions of the configuration",
}


def structs_in(kind: Any, found: dict[str, inspect.StructType]) -> None:  # noqa: ANN401 - any type
    """Collect every struct that a type holds, by name."""
    if isinstance(kind, inspect.StructType):
        if kind.cls.__name__ in found:
            return
        found[kind.cls.__name__] = kind
        for field in kind.fields:
            structs_in(field.type, found)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            structs_in(one, found)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType | inspect.SetType):
        structs_in(kind.item_type, found)
    elif isinstance(kind, inspect.DictType):
        structs_in(kind.value_type, found)


def lists_of(kind: inspect.StructType) -> Iterator[str]:
    """Name the fields of a struct that hold any number of items."""
    many = (inspect.CollectionType, inspect.VarTupleType, inspect.DictType)
    for field in kind.fields:
        types = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        if any(isinstance(one, many) for one in types):
            yield f"{kind.cls.__name__}.{field.name}"


def test_every_list_of_every_row_and_message_is_bounded_by_something_that_is_named() -> None:
    found: dict[str, inspect.StructType] = {}
    for one in TYPES:
        structs_in(inspect.type_info(one), found)

    assert {name for kind in found.values() for name in lists_of(kind)} == BOUNDED.keys()


class Sizes:
    """A sink that measures every message."""

    def __init__(self) -> None:
        self.largest: Counter[str] = Counter()
        self.n_messages: Counter[str] = Counter()
        self.applied: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take nothing."""

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        """Measure what a stage emitted."""
        for value in closing.messages if source.writes else ():
            self._add(str(source.writes), value)
            message = decode_message(value)
            if isinstance(message, End):
                continue
            for row in map(json.loads, map(bytes, message.rows)):
                self.kinds[row.get("type", "contribution") if isinstance(row, dict) else "row"] += 1
                self.rows += [row] if isinstance(row, dict) else []
        for fact in closing.output.facts:
            self._add(fact.topic, fact.value)
            assert len(fact.key) < 1_000
        if closing.output.dispositions is not None:
            self.applied[source.stage] += closing.output.dispositions.applied

    def _add(self, topic: str, value: bytes) -> None:
        self.largest[topic] = max(self.largest[topic], len(value))
        self.n_messages[topic] += 1


@pytest.fixture(scope="module")
def sizes() -> Sizes:
    sink = Sizes()
    run = Embedded(Configurations(CONFIGURATION), sink)
    for at, messages in largest_log():
        for topic, partition, value in messages:
            assert len(value) + OVERHEAD < int(SETTINGS["max.message.bytes"])
            run.put(topic, partition, value)
        run.tick(at)
    return sink


def test_the_largest_valid_data_gives_no_message_that_a_broker_would_refuse(sizes: Sizes) -> None:
    limit = int(SETTINGS["max.message.bytes"])

    assert sizes.largest.keys() == {*DERIVED, *OUTWARD, REFUSED}, "every topic must be tried out"
    assert all(size <= N_MESSAGE_BYTES_MAX < limit - OVERHEAD for size in sizes.largest.values())


def test_the_largest_valid_data_is_counted_and_not_refused(sizes: Sizes) -> None:
    assert sizes.applied["revise"] >= 26
    assert sizes.applied["watch"] > 1
    assert sizes.applied["admit"] >= 91
    assert sizes.kinds.keys() >= {"row", "pair", "watch", "prior", "decision", "signal", "step"}
    assert sizes.kinds["decision_passed_over"] > 0


def test_lists_that_were_cut_say_how_many_there_are(sizes: Sizes) -> None:
    n_constructs = max(row.get("n_constructs", 0) for row in sizes.rows)
    n_steps = max(row.get("n_steps", 0) for row in sizes.rows)

    assert n_constructs > 26 * 150
    assert n_steps > 91
    assert max(len(row.get("constructs", ())) for row in sizes.rows) == N_CONSTRUCTS_MAX
    assert max(len(row.get("history", ())) for row in sizes.rows) == N_STEPS_MAX


def test_a_reason_that_names_what_was_received_is_cut() -> None:
    error = Refused("duplicate_key", f"the key {LETTER * 100_000!r} is given twice", "give it once")

    fact = refused_fact((CASES, 0), 0, 0, error, b"x" * 1_048_000, 0)

    record = msgspec.json.decode(fact.value, type=RefusedRecord)
    assert len(record.reason) < N_REASON_MAX + 60
    assert record.is_cut
    assert len(fact.value) < N_MESSAGE_BYTES_MAX


def test_batches_are_divided_by_bytes_and_by_rows() -> None:
    rows = [msgspec.Raw(b'"%b"' % (b"x" * n)) for n in (400_000, 400_000, 10, *[1] * 1_200)]

    messages = encode_output("revise/0", 0, Output(rows, []))

    assert max(map(len, messages)) < N_MESSAGE_BYTES_MAX
    assert len(messages) == 4 + 1


@pytest.mark.parametrize("is_fact", [True, False])
def test_a_message_that_is_too_large_all_the_same_is_a_defect_in_process_too(
    is_fact: bool,  # noqa: FBT001 - a parameter
) -> None:
    value = b'"%b"' % (b"x" * N_MESSAGE_BYTES_MAX)
    error = Refused("x", "y", "z")
    fact = refused_fact((CASES, 0), 0, 0, error, b"", 0)._replace(value=value)
    output = Output([], [fact]) if is_fact else Output([msgspec.Raw(value)], [])

    with pytest.raises(Defect, match=r"revise/0 has a message of 1,000,\d{3} bytes to emit of ep"):
        encode_output("revise/0", 3, output)
