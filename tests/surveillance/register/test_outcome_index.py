"""The outcomes of a register: what stands in it is what `watch` has, at every epoch."""

from __future__ import annotations

import random
from hashlib import sha256
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from strategies import AT, a_configuration, encode, record
from treated import dose, event, visit

from surveillance.configuration.types import Topics
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import OUTCOMES, TICKS, raw_partitions
from surveillance.programmes.watch import WatchOutcomes
from surveillance.register import OutcomeIndex, Register, database
from surveillance.register.followed import FollowedRegister
from surveillance.register.outcome_tables import outcome_versions
from surveillance.register.reader import RegisterReader

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
Epochs = list[list[bytes]]
FIRST = visit(3, record_id="R-1")
SECOND = visit(4, record_id="R-1", version=2)
TAKEN_BACK = visit(4, record_id="R-1", version=3, is_nullified=True)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'register.db'}"


def lines(*records: OutcomeRecord) -> list[bytes]:
    return [encode(one) for one in records]


def write(url: str, epochs: Epochs, *, flush_every: int = 1) -> None:
    outcomes = OutcomeIndex(CONFIGURATION)
    with Register(url, outcomes=outcomes) as register:
        offset = 0
        for epoch, some in enumerate(epochs):
            register.take_epoch(epoch, AT)
            for line in some:
                outcomes.take(0, offset, line, epoch, AT)
                offset += 1
            outcomes.close(epoch)
            if epoch % flush_every == flush_every - 1:
                register.flush()


def follow(url: str, epochs: Epochs, *, commit_every: int) -> None:
    """Feed a follower as the topics would; it is opened anew after each commit."""
    identity = {"generation": "1", "partitions": "1", "feed": "f", "first_tick": ""}
    first_tick = ""
    messages: list[tuple[tuple[str, int], int, bytes]] = []
    n = 0
    for epoch, some in enumerate(epochs):
        messages += [((OUTCOMES, 0), n + i, line) for i, line in enumerate(some)]
        n += len(some)
        ends = {topic: [0] * k for topic, k in raw_partitions(CONFIGURATION.topics).items()}
        tick = Tick(AT + epoch, CONFIGURATION.digest, ends | {OUTCOMES: [n]})
        messages.append(((TICKS, 0), epoch, encode_tick(tick)))
        first_tick = first_tick or sha256(messages[-1][2]).hexdigest()
    for start in range(0, len(messages), commit_every):
        register = FollowedRegister(url, identity, CONFIGURATION)
        offsets = register.open()
        for place, offset, value in messages[: start + commit_every]:
            if offset >= offsets[place]:
                register.take_message(place, offset, value)
        register.commit()
        register.close()
        if any(place[0] == TICKS for place, *_ in messages[: start + commit_every]):
            identity["first_tick"] = first_tick


def kept(url: str, *, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    engine = database.open_engine(url)
    columns = [column for column in outcome_versions.c if column.name not in without]
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(select(*columns))]
    engine.dispose()
    return sorted(found, key=str)


def standing(url: str, epoch: int, **chosen: str) -> list[OutcomeRecord]:
    reader = RegisterReader(url)
    found = reader.outcomes.standing(epoch, **chosen)
    reader.close()
    return found


def test_a_correction_ends_the_span_of_what_it_corrects(url: str) -> None:
    write(url, [lines(FIRST), lines(SECOND), lines(TAKEN_BACK)])

    assert [standing(url, epoch) for epoch in range(3)] == [[FIRST], [SECOND], []]
    reader = RegisterReader(url)
    spans = [(one.valid_from, one.valid_to) for one in reader.outcomes.versions("R-1", 2)]
    assert spans == [(0, 1), (1, 2), (2, None)]
    assert len(reader.outcomes.versions("R-1", 1)) == 2
    reader.close()


def test_a_version_behind_a_greater_one_never_stood(url: str) -> None:
    write(url, [lines(SECOND), lines(FIRST)])

    assert standing(url, 1) == [SECOND]
    reader = RegisterReader(url)
    assert [one.valid_from for one in reader.outcomes.versions("R-1", 1)] == [0, None]
    reader.close()


def test_outcomes_are_found_by_programme_and_patient(url: str) -> None:
    other = visit(5, record_id="R-2", patient_id="another")
    write(url, [lines(FIRST, other)])

    assert standing(url, 0, programme="P1") == [FIRST, other]
    assert standing(url, 0, programme="P1", patient_id="another") == [other]
    assert standing(url, 0, programme="none") == []


def test_what_watch_refuses_is_not_kept(url: str) -> None:
    write(url, [[b"{", encode(visit(9_000))]])

    assert kept(url) == []


@st.composite
def logs(draw: st.DrawFn) -> Epochs:
    """Draw epochs of versions of a few records, with some bytes repeated."""
    days = st.integers(1, 5)
    record_ids = st.sampled_from(("R-1", "R-2", "R-3"))
    versions = st.integers(1, 3)
    drawn = st.one_of(
        st.builds(
            lambda make, day, name, version, back: make(
                day, record_id=name, version=version, is_nullified=back
            ),
            st.sampled_from((dose, visit, event)),
            days,
            record_ids,
            versions,
            st.booleans(),
        )
    )
    return draw(st.lists(st.lists(drawn.map(encode), max_size=5), min_size=1, max_size=5))


@settings(max_examples=30, deadline=None)
@given(logs())
def test_what_stands_is_what_watch_has_at_every_epoch(epochs: Epochs) -> None:
    stage = WatchOutcomes(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    expected = []
    for epoch, some in enumerate(epochs):
        for offset, line in enumerate(some):
            stage.apply(state, record(line, offset=offset, at=AT))
        stage.close(state, epoch, AT)
        expected.append(sorted(state.programme("P1").standing(), key=str))
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/register.db"
        write(url, epochs)
        found = [sorted(standing(url, epoch), key=str) for epoch in range(len(epochs))]
    assert found == expected


@settings(max_examples=20, deadline=None)
@given(logs(), st.integers(1, 7), st.integers(1, 3))
def test_followed_or_replayed_in_any_batches_the_rows_are_the_same(
    epochs: Epochs, commit_every: int, flush_every: int
) -> None:
    with TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{number}.db" for number in range(2)]
        write(urls[0], epochs, flush_every=flush_every)
        follow(urls[1], epochs, commit_every=commit_every)
        assert kept(urls[0]) == kept(urls[1])


def test_order_within_an_epoch_changes_no_row_but_where_it_was_read(url: str) -> None:
    some = lines(SECOND, FIRST, TAKEN_BACK, dose(1), event(2))
    write(url, [some])
    with TemporaryDirectory() as folder:
        other = f"sqlite:///{folder}/register.db"
        write(other, [random.Random(1).sample(some, len(some))])
        places = ("offset", "line")
        assert kept(url, without=places) == kept(other, without=places)
