"""A stage is a fold over a log that ticks cut into epochs."""

from collections.abc import Iterator
from itertools import pairwise, permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DIGEST, encode

from surveillance.domain.errors import Defect, Gap
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import (
    N_BATCH_BYTES_MAX,
    N_ROWS_MAX,
    Batch,
    ClosedEpoch,
    End,
    Output,
    Record,
    decode_message,
    encode_output,
    rows_decoder,
)
from surveillance.log.readers import DerivedReader, RawReader, RowsOf
from surveillance.log.stage import ReaderState
from surveillance.log.ticks import Tick, Timeline, encode_tick

RAW = {"raw": 2}
HERE = ("raw", 0)
ROWS: RowsOf[str] = rows_decoder(str)


class Collect:
    """A stage that says what it took in, and remembers how much."""

    name = "collect"
    version = 1

    def init(self, cells: Cells) -> list[str]:
        del cells
        return []

    def apply(self, state: list[str], item: Record | str) -> None:
        state.append(f"{item.value.decode()}@{item.at}" if isinstance(item, Record) else item)

    def close(self, state: list[str], epoch: int, at: int) -> Output:
        del epoch, at
        said = Output(list(state), [])
        state.clear()
        return said

    def dump(self, state: list[str]) -> bytes:
        return encode(state)

    def load(self, data: bytes, cells: Cells) -> list[str]:
        del cells
        return msgspec.json.decode(data, type=list[str])


def tick(at: int, *ends: int, configuration: str = "c") -> bytes:
    return encode_tick(Tick(at, configuration, {"raw": list(ends)}))


def held(resume: int = 0, epoch: int = -1) -> ReaderState[list[str]]:
    return ReaderState([], Cells(nothing_stored), encode, resume, epoch)


def timeline(*ticks: bytes) -> Timeline:
    line = Timeline(RAW)
    for offset, value in enumerate(ticks):
        line.feed(offset, value)
    return line


def raw_reader(line: Timeline, state: ReaderState[list[str]] | None = None) -> RawReader[list[str]]:
    return RawReader(lambda _: Collect(), "revise/0", HERE, state or held(), line)


def derived_reader(
    line: Timeline, state: ReaderState[list[str]] | None = None
) -> DerivedReader[list[str], str]:
    sources = {f"a/{p}": frozenset({("raw", p)}) for p in range(2)}
    return DerivedReader(lambda _: Collect(), "b/0", state or held(), line, sources, ROWS)


def rows_of(closings: Iterator[ClosedEpoch]) -> list[tuple[int, list[Any]]]:
    return [(closing.epoch, closing.output.rows) for closing in closings]


# Ticks


def test_a_record_belongs_to_the_first_epoch_whose_cut_lies_above_it() -> None:
    reader = raw_reader(timeline(tick(10, 1, 0), tick(20, 3, 0)))
    for offset in range(4):
        reader.feed(offset, b"%d" % offset)

    assert rows_of(reader.advance()) == [(0, ["0@10"]), (1, ["1@20", "2@20"])]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[" * 200_000,
        b'{"x":' + b"[" * 200_000,
        b'{"at":1,"configuration":"c"}',
        encode_tick(Tick(30, "c", {"raw": [5]})),
        encode_tick(Tick(30, "c", {"raw": [5, 5, 5]})),
        encode_tick(Tick(30, "c", {"raw": [5, 5], "other": [1]})),
        encode_tick(Tick(9, "c", {"raw": [5, 5]})),
        encode_tick(Tick(30, "c", {"raw": [1, 9]})),
        encode_tick(Tick(-1, "c", {"raw": [5, 5]})),
        encode_tick(Tick(10**15, "c", {"raw": [5, 5]})),
    ],
    ids=[
        "empty",
        "not UTF-8",
        "deep",
        "deep in a key that nobody reads",
        "no cut",
        "too few partitions",
        "too many partitions",
        "another topic",
        "time went back",
        "an offset went back",
        "before 1970",
        "after the year 9999",
    ],
)
def test_a_tick_that_does_not_follow_is_as_if_it_had_never_been_written(value: bytes) -> None:
    line = timeline(tick(10, 2, 2), value, tick(10, 2, 3))

    assert [epoch for epoch, _, _ in line.steps(-1)] == [0, 2]
    assert line.latest == 2
    assert line.tick(1).at == 10


def test_a_negative_offset_in_the_first_tick_is_refused() -> None:
    assert not Timeline(RAW).feed(0, tick(10, -1, 0))


def test_a_tick_delivered_again_does_not_count_twice() -> None:
    line = timeline(tick(10, 1, 1))

    assert not line.feed(0, tick(10, 1, 1))
    assert len(list(line.steps(-1))) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_ticks_that_count_never_go_back(drawn: list[tuple[int, int, int]]) -> None:
    line = timeline(*(tick(*one) for one in drawn))

    ticks = [one for _, one, _ in line.steps(-1)]
    befores = [before for _, _, before in line.steps(-1)]

    assert befores == [None, *ticks][: len(ticks)]
    for before, after in pairwise(ticks):
        assert before.at <= after.at
        assert all(x <= y for x, y in zip(before.cut["raw"], after.cut["raw"], strict=True))


# Who speaks


def test_a_raw_stage_speaks_if_and_only_if_its_partition_moved_or_a_day_began() -> None:
    day = 86_400
    ticks = (
        tick(5, 0, 0),  # the first tick begins a day
        tick(6, 0, 1),  # the other partition moved
        tick(7, 1, 1),  # this one moved
        tick(day - 1, 1, 1),  # nothing moved
        tick(day, 1, 1),  # a UTC day began
        tick(day, 1, 1),  # nothing moved
    )
    reader = raw_reader(timeline(*ticks))
    reader.feed(0, b"x")

    assert [closing.epoch for closing in reader.advance()] == [0, 2, 4]


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 50_000, 86_400]), st.integers(0, 2), st.integers(0, 2)),
        min_size=1,
        max_size=10,
    )
)
def test_a_derived_stage_speaks_if_and_only_if_one_of_its_sources_does(
    steps: list[tuple[int, int, int]],
) -> None:
    at, ends = 1, [0, 0]
    line = Timeline(RAW)
    for offset, (seconds, *more) in enumerate(steps):
        at, ends = at + seconds, [n + m for n, m in zip(ends, more, strict=True)]
        assert line.feed(offset, tick(at, *ends))
    spoke: dict[int, set[str]] = {}
    messages = []
    for p in range(2):
        one = RawReader(lambda _: Collect(), f"a/{p}", ("raw", p), held(), line)
        for offset in range(ends[p]):
            one.feed(offset, b"x")
        for closing in one.advance():
            spoke.setdefault(closing.epoch, set()).add(f"a/{p}")
            messages += closing.messages
    reader = derived_reader(line)
    for offset, value in enumerate(messages):
        reader.feed(offset, value)

    said = list(reader.advance())

    assert [closing.epoch for closing in said] == sorted(spoke)
    assert reader.n_bytes_waiting == 0
    for epoch, now, before in line.steps(-1):
        moved = {
            p for p in range(2) if now.cut["raw"][p] > (before.cut["raw"][p] if before else -1)
        }
        is_new_day = before is None or now.at // 86_400 > before.at // 86_400
        speakers = {0, 1} if is_new_day else moved
        assert spoke.get(epoch, set()) == {f"a/{p}" for p in speakers}


# Raw readers


def test_a_stage_waits_for_records_that_the_tick_announces() -> None:
    reader = raw_reader(timeline(tick(10, 2, 0)))
    reader.feed(0, b"0")

    assert rows_of(reader.advance()) == []
    reader.feed(1, b"1")
    assert rows_of(reader.advance()) == [(0, ["0@10", "1@10"])]
    assert (reader.held.resume, reader.held.epoch) == (2, 0)


def test_a_message_delivered_again_is_dropped_and_a_gap_stops_the_reader() -> None:
    reader = raw_reader(timeline(tick(10, 2, 0)))
    for offset in (0, 0, 1, 0, 1):
        reader.feed(offset, b"%d" % offset)

    assert rows_of(reader.advance()) == [(0, ["0@10", "1@10"])]
    with pytest.raises(Gap, match="revise/0 expected offset 2 and got 3"):
        reader.feed(3, b"3")


def test_a_reader_opened_at_an_older_state_says_the_same_bytes_again() -> None:
    line = timeline(tick(10, 1, 0), tick(20, 1, 1), tick(30, 3, 1))
    first = raw_reader(line)
    for offset in range(3):
        first.feed(offset, b"%d" % offset)
    said = {closing.epoch: closing.messages for closing in first.advance()}

    again = raw_reader(line, held(resume=1, epoch=0))
    for offset in (1, 2):
        again.feed(offset, b"%d" % offset)

    assert {closing.epoch: closing.messages for closing in again.advance()} == {2: said[2]}


def test_what_waits_is_counted_in_bytes_until_it_is_folded() -> None:
    line = timeline(tick(10, 1, 0))
    reader = raw_reader(line)
    reader.feed(0, b"four")
    reader.feed(1, b"seven..")
    assert reader.n_bytes_waiting == 11

    list(reader.advance())

    assert reader.n_bytes_waiting == 7


def test_each_epoch_is_folded_under_the_configuration_of_its_own_tick() -> None:
    asked: list[str] = []

    def stage_for(digest: str) -> Collect:
        asked.append(digest)
        return Collect()

    ticks = (tick(10, 1, 0, configuration="old"), tick(20, 2, 0, configuration="new"))
    reader = RawReader(stage_for, "revise/0", HERE, held(), timeline(*ticks))
    reader.feed(0, b"0")
    reader.feed(1, b"1")
    list(reader.advance())

    assert asked == ["old", "new"]


# Derived readers

LINE = (tick(10, 1, 1), tick(20, 1, 2), tick(30, 2, 2))
BATCHES = [
    *encode_output("a/0", 0, Output(["a0"], [])),
    *encode_output("a/1", 0, Output(["b0"], [])),
    *encode_output("a/1", 1, Output(["b1"], [])),
    *encode_output("a/0", 2, Output([], [])),
]
WHOLE = [(0, ["a0", "b0"]), (1, ["b1"]), (2, [])]


def test_the_order_of_writing_and_repetition_do_not_matter() -> None:
    for order in permutations(range(4)):
        reader = derived_reader(timeline(*LINE))
        pairs = [BATCHES[0:2], BATCHES[2:4], BATCHES[4:6], BATCHES[6:]]
        stream = [value for i in order for value in pairs[i] * 2]
        said = []
        for offset, value in enumerate(stream):
            reader.feed(offset, value)
            said += rows_of(reader.advance())

        assert said == WHOLE
        assert reader.n_bytes_waiting == 0


def test_a_batch_that_is_the_same_object_twice_is_counted_once() -> None:
    reader = derived_reader(timeline())
    reader.feed(0, BATCHES[0])
    reader.feed(1, BATCHES[0])

    assert reader.n_bytes_waiting == len(BATCHES[0])


def test_what_belongs_to_a_closed_epoch_is_dropped_and_resume_covers_what_waits() -> None:
    line = timeline(*LINE)
    reader = derived_reader(line)
    # Epoch 1 begins at offset 1, before epoch 0 is complete at offset 4.
    stream = [BATCHES[0], BATCHES[4], BATCHES[1], BATCHES[2], BATCHES[3], BATCHES[0]]
    for offset, value in enumerate(stream):
        reader.feed(offset, value)
    assert rows_of(reader.advance()) == WHOLE[:1]
    assert (reader.held.resume, reader.held.epoch) == (1, 0)

    again = derived_reader(line, held(resume=1, epoch=0))
    for offset, value in enumerate([*stream[1:], *BATCHES[5:]], 1):
        again.feed(offset, value)

    assert rows_of(again.advance()) == WHOLE[1:]


def test_a_lost_batch_is_a_gap() -> None:
    reader = derived_reader(timeline(*LINE))
    for offset, value in enumerate([BATCHES[1], *BATCHES[2:4]]):
        reader.feed(offset, value)

    with pytest.raises(Gap, match="epoch 0 is not whole"):
        list(reader.advance())


def test_a_batch_beyond_those_announced_does_not_make_up_for_a_lost_one() -> None:
    reader = derived_reader(timeline(*LINE))
    stray = encode(Batch("a/0", 0, 7, [msgspec.Raw(b'"x"')]))
    for offset, value in enumerate([stray, BATCHES[1], *BATCHES[2:4]]):
        reader.feed(offset, value)

    with pytest.raises(Gap):
        list(reader.advance())


def test_an_offset_left_out_of_a_derived_topic_is_a_gap() -> None:
    reader = derived_reader(timeline(*LINE))
    reader.feed(0, BATCHES[0])

    with pytest.raises(Gap, match="expected offset 1 and got 2"):
        reader.feed(2, BATCHES[1])


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"not JSON", b"\xff", b'{"type":"other"}', b'{"x":' + b"[" * 200_000],
)
def test_a_foreign_message_is_a_defect(value: bytes) -> None:
    with pytest.raises(Defect, match="foreign message"):
        derived_reader(timeline()).feed(0, value)


def test_a_source_that_has_no_business_on_the_topic_is_a_defect() -> None:
    with pytest.raises(Defect, match="c/0 writes on a topic that is not its own"):
        derived_reader(timeline()).feed(0, encode(End("c/0", 0, 0)))


def test_a_source_that_speaks_although_nothing_moved_is_a_defect() -> None:
    reader = derived_reader(timeline(*LINE))
    for offset, value in enumerate([*BATCHES[:6], encode(End("a/0", 1, 0))]):
        reader.feed(offset, value)

    with pytest.raises(Defect, match="a/0 emitted in epoch 1"):
        list(reader.advance())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            encode_output("a/0", 0, Output(["x"], []))[0],
            encode_output("a/0", 0, Output(["y"], []))[0],
        ),
        (encode(End("a/0", 0, 1)), encode(End("a/0", 0, 2))),
    ],
    ids=["batches", "ends"],
)
def test_two_different_messages_for_one_place_are_a_defect(one: bytes, other: bytes) -> None:
    reader = derived_reader(timeline(*LINE))
    reader.feed(0, one)

    with pytest.raises(Defect, match="a/0 emitted two different things of epoch 0"):
        reader.feed(1, other)


# What is said


def test_rows_are_cut_into_batches_by_number_and_by_size() -> None:
    many = encode_output("a/0", 0, Output(list(range(2 * N_ROWS_MAX + 1)), []))
    large = encode_output("a/0", 0, Output(["x" * (N_BATCH_BYTES_MAX // 2)] * 3, []))

    assert [len(m.rows) for m in map(decode_message, many) if isinstance(m, Batch)] == [
        N_ROWS_MAX,
        N_ROWS_MAX,
        1,
    ]
    assert decode_message(many[-1]) == End("a/0", 0, 3)
    assert [len(m.rows) for m in map(decode_message, large) if isinstance(m, Batch)] == [1, 1, 1]


@given(st.lists(st.text(max_size=3), max_size=5), st.integers(0, 9))
def test_a_row_that_is_bytes_already_is_said_as_the_row_itself_would_be(
    texts: list[str], epoch: int
) -> None:
    raws = [msgspec.Raw(encode(text)) for text in texts]

    assert encode_output("a/0", epoch, Output(raws, [])) == encode_output(
        "a/0", epoch, Output(texts, [])
    )


def test_a_timeline_that_forgets_gives_the_same_steps_after_what_it_keeps() -> None:
    ticks = [encode_tick(Tick(at, DIGEST, {"raw": [at]})) for at in range(10)]
    whole, forgetful = Timeline({"raw": 1}), Timeline({"raw": 1})
    for offset, value in enumerate(ticks):
        assert whole.feed(offset, value) is forgetful.feed(offset, value) is True
    forgetful.forget(6)

    assert list(forgetful.steps(6)) == list(whole.steps(6))
    assert forgetful.reaches(6)
    assert not forgetful.reaches(5)


def test_steps_go_on_while_ticks_are_forgotten() -> None:
    timeline = Timeline({"raw": 1})
    for at in range(6):
        timeline.feed(at, encode_tick(Tick(at, DIGEST, {"raw": [at]})))
    seen = []
    for epoch, _, _ in timeline.steps(-1):
        seen.append(epoch)
        timeline.forget(epoch)

    assert seen == list(range(6))


def test_a_timeline_can_begin_at_a_tick_that_counted() -> None:
    ticks = [encode_tick(Tick(at, DIGEST, {"raw": [at]})) for at in range(10)]
    whole, part = Timeline({"raw": 1}), Timeline({"raw": 1})
    for offset, value in enumerate(ticks):
        whole.feed(offset, value)
    part.begin_at(4)
    for offset, value in list(enumerate(ticks))[4:]:
        part.feed(offset, value)

    assert list(part.steps(4)) == list(whole.steps(4))
    assert part.reaches(4)
    assert not part.reaches(3)
