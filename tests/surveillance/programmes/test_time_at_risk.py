"""Time at risk and events of treated patients, counted by hand."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from treated import ENDPOINT, dose, end, enrolment, event, on, seen, value, visit

from surveillance.programmes.histories import histories_of, left_out

Counted = dict[str, tuple[int, int, int, int]]  # patients, days, events, fatal events

EXAMPLES: dict[str, tuple[list[Any], dict[str, Any], Counted]] = {
    "time accrues to the day of the look, both days included": (
        [dose(0), visit(4)],
        {"look": 9},
        {"K1": (1, 10, 0, 0)},
    ),
    "a patient who is silent for too long is followed no further": (
        [dose(0), visit(4)],
        {"look": 99, "silence_days": 20},
        {"K1": (1, 25, 0, 0)},
    ),
    "a measurement is a contact": (
        [dose(0), value(40, 50.0)],
        {"look": 99, "silence_days": 20},
        {"K1": (1, 61, 0, 0)},
    ),
    "nobody is at risk without a dose": ([visit(3), event(4)], {"look": 9}, {}),
    "a repeat dose goes on with the same time": (
        [dose(0), dose(5), event(7)],
        {"look": 9},
        {"K1": (1, 10, 1, 0)},
    ),
    "an event of another kind does not count": (
        [dose(0), event(6, "fever")],
        {"look": 6},
        {"K1": (1, 7, 0, 0)},
    ),
    "an event on the day of the dose counts": (
        [dose(0), event(0)],
        {"look": 0},
        {"K1": (1, 1, 1, 0)},
    ),
    "an event before the first dose does not": (
        [dose(5), event(4)],
        {"look": 6},
        {"K1": (1, 2, 0, 0)},
    ),
    "a change of construct divides the time": (
        [dose(0, "K1"), dose(10, "K2"), event(9), event(10), event(12)],
        {"look": 14},
        {"K1": (1, 10, 1, 0), "K2": (1, 5, 2, 0)},
    ),
    "constructs together are one patient": (
        [dose(0, "K1"), dose(10, "K2"), event(9), event(10)],
        {"look": 14, "by_construct": False},
        {"": (1, 15, 2, 0)},
    ),
    "time ends with the last follow-up": (
        [dose(0), visit(4, is_last=True), event(4), event(6)],
        {"look": 99},
        {"K1": (1, 5, 1, 0)},
    ),
    "the first of several ends counts": (
        [dose(0), visit(9, is_last=True), end(4), end(7, "death")],
        {"look": 99},
        {"K1": (1, 5, 0, 0)},
    ),
    "a fatal event ends time on its day": (
        [dose(0), event(4, is_fatal=True), visit(9)],
        {"look": 99},
        {"K1": (1, 5, 1, 1)},
    ),
    "a nullified record is as if it had not been": (
        [dose(0), visit(9, is_last=True, is_nullified=True), event(2, is_nullified=True)],
        {"look": 20},
        {"K1": (1, 21, 0, 0)},
    ),
    "a construct given after the end gets no time": (
        [dose(0, "K1"), end(10), dose(30, "K2")],
        {"look": 99},
        {"K1": (1, 11, 0, 0)},
    ),
    "a window counts only days and events after each dose": (
        [dose(0), dose(50), event(9), event(10), event(55), event(80)],
        {"look": 99, "window_days": 10},
        {"K1": (1, 20, 2, 0)},
    ),
    "windows that overlap count a day once": (
        [dose(0), dose(6)],
        {"look": 99, "window_days": 10},
        {"K1": (1, 16, 0, 0)},
    ),
    "patients are added up": (
        [
            dose(0),
            dose(3, record_id="other dose", patient_id="two"),
            event(4, record_id="other event", patient_id="two", is_fatal=True),
        ],
        {"look": 5},
        {"K1": (2, 8, 1, 1)},
    ),
}


@pytest.mark.parametrize(("records", "how", "counted"), EXAMPLES.values(), ids=EXAMPLES)
def test_time_at_risk_is_what_was_counted_by_hand(
    records: list[Any], how: dict[str, Any], counted: Counted
) -> None:
    assert seen(*records, **how) == counted


@pytest.mark.parametrize(("records", "how", "counted"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_order_of_records_does_not_matter(
    records: list[Any], how: dict[str, Any], counted: Counted
) -> None:
    for order in permutations(records):
        assert seen(*order, **how) == counted


records_of_one = st.lists(
    st.one_of(
        st.builds(
            dose, st.integers(0, 30), st.sampled_from(["K1", "K2"]), record_id=st.uuids().map(str)
        ),
        st.builds(visit, st.integers(0, 30), is_last=st.booleans(), record_id=st.uuids().map(str)),
        st.builds(event, st.integers(0, 30), is_fatal=st.booleans(), record_id=st.uuids().map(str)),
    ),
    max_size=8,
)


@given(records_of_one, st.integers(0, 40), st.integers(0, 20))
def test_constructs_divide_the_time_and_events_of_their_programme(
    records: list[Any], look: int, silence_days: int
) -> None:
    by_construct = seen(*records, look=look, silence_days=silence_days).values()
    whole = seen(*records, look=look, silence_days=silence_days, by_construct=False)

    parts = [sum(column) for column in list(zip(*by_construct, strict=True))[1:]]
    assert parts == list(whole[""][1:] if whole else parts)


def test_the_age_at_the_first_dose_follows_from_that_at_enrolment() -> None:
    (history,) = histories_of([enrolment(0, age_years=2.0), dose(365), dose(800)]).values()

    assert history.age_at_first_dose == pytest.approx(2.0 + 365 / 365.25)
    assert history.first_dose_on == on(365)


def test_what_cannot_be_counted_is_stated() -> None:
    histories = histories_of(
        [
            dose(5),
            event(4),
            event(20),
            end(10, "death"),
            end(11, "death"),
            event(3, record_id="e", patient_id="untreated"),
        ]
    ).values()

    assert left_out(histories, {ENDPOINT}) == (
        "not counted: 1 event of patients without a dose",
        "not counted: 1 event before the first dose",
        "not counted: 1 event after the end of follow-up",
        "1 patient with two deaths: the first is used",
    )
    assert left_out(histories, {"fever"}) == ("1 patient with two deaths: the first is used",)
