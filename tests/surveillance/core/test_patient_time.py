"""Time at risk and events, worked by hand."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.core.patient_time import Experience, experience_of
from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord, TreatmentGiven

START = date(2024, 1, 1)
ENDPOINT = "hepatic failure"


def on(day: int) -> date:
    return START + timedelta(days=day)


def dose(day: int, construct: str = "K1", **changes: Any) -> TreatmentGiven:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "record_id": f"dose {day} {construct}",
        "programme": "P1",
        "patient_id": "one",
        "received_on": START,
        "platform": "F",
        "product": "P",
    }
    return TreatmentGiven(construct=construct, given_on=on(day), **(values | changes))


def visit(day: int, **changes: Any) -> FollowUp:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "record_id": f"visit {day}",
        "programme": "P1",
        "patient_id": "one",
        "received_on": START,
    }
    return FollowUp(seen_on=on(day), **(values | changes))


def event(day: int, endpoint: str = ENDPOINT, **changes: Any) -> EndpointEvent:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "record_id": f"event {day}",
        "programme": "P1",
        "patient_id": "one",
        "received_on": START,
    }
    return EndpointEvent(endpoint=endpoint, occurred_on=on(day), **(values | changes))


def seen(
    *records: OutcomeRecord, level: Literal["construct", "programme"] = "construct"
) -> dict[str, tuple[int, int, int, int]]:
    return _plain(experience_of(records, ENDPOINT, level))


def _plain(found: dict[str, Experience]) -> dict[str, tuple[int, int, int, int]]:
    return {
        unit: (one.n_patients, one.person_days, one.n_events, one.n_fatal)
        for unit, one in found.items()
    }


# Patients, person-days, events, fatal events
EXAMPLES: dict[str, tuple[Iterable[Any], dict[str, tuple[int, int, int, int]]]] = {
    "from the dose to the last visit, both days included": (
        [dose(0), visit(4), visit(9)],
        {"K1": (1, 10, 0, 0)},
    ),
    "nobody is known of before the first contact": ([dose(0)], {}),
    "nobody is at risk without a dose": ([visit(3), event(4)], {}),
    "a repeat dose goes on with the same time": (
        [dose(0), dose(5), visit(9), event(7)],
        {"K1": (1, 10, 1, 0)},
    ),
    "an event is a contact": ([dose(0), event(6)], {"K1": (1, 7, 1, 0)}),
    "an event of another kind is not": (
        [dose(0), visit(2), event(6, "fever")],
        {"K1": (1, 3, 0, 0)},
    ),
    "an event on the day of the dose counts": ([dose(0), event(0)], {"K1": (1, 1, 1, 0)}),
    "an event before the first dose does not": (
        [dose(5), event(4), visit(6)],
        {"K1": (1, 2, 0, 0)},
    ),
    "a change of construct divides the time": (
        [dose(0, "K1"), dose(10, "K2"), event(9), event(10), event(12), visit(14)],
        {"K1": (1, 10, 1, 0), "K2": (1, 5, 2, 0)},
    ),
    "time ends with the last follow-up": (
        [dose(0), visit(4, is_last=True), visit(8), event(4), event(6, is_fatal=True)],
        {"K1": (1, 5, 1, 0)},
    ),
    "the first of two last follow-ups ends time": (
        [dose(0), visit(9, is_last=True), visit(4, is_last=True)],
        {"K1": (1, 5, 0, 0)},
    ),
    "a death ends time through its follow-up": (
        [dose(0), event(4, is_fatal=True), visit(4, is_last=True)],
        {"K1": (1, 5, 1, 1)},
    ),
    "a nullified record is as if it had not been": (
        [dose(0), visit(4), visit(9, is_nullified=True), event(2, is_nullified=True)],
        {"K1": (1, 5, 0, 0)},
    ),
    "a visit before the dose gives no time at risk": (
        [dose(5), visit(0)],
        {"K1": (1, 0, 0, 0)},
    ),
    "a construct given after the last follow-up gets no time": (
        [dose(0, "K1"), visit(10, is_last=True), dose(30, "K2")],
        {"K1": (1, 11, 0, 0), "K2": (1, 0, 0, 0)},
    ),
    "patients are added up": (
        [
            dose(0),
            visit(1),
            dose(3, record_id="other dose", patient_id="two"),
            visit(5, record_id="other visit", patient_id="two"),
            event(4, record_id="other event", patient_id="two", is_fatal=True),
        ],
        {"K1": (2, 5, 1, 1)},
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_time_at_risk_worked_by_hand(name: str) -> None:
    records, should = EXAMPLES[name]

    assert seen(*records) == should


def test_a_programme_pools_its_constructs_and_counts_a_patient_once() -> None:
    records: list[OutcomeRecord] = [dose(0, "K1"), dose(10, "K2"), event(9), event(10), visit(14)]

    assert seen(*records, level="programme") == {"P1": (1, 15, 2, 0)}


days = st.integers(0, 30)
records_of_one = st.lists(
    st.one_of(
        st.builds(dose, days, st.sampled_from(["K1", "K2"]), record_id=st.uuids().map(str)),
        st.builds(visit, days, is_last=st.booleans(), record_id=st.uuids().map(str)),
        st.builds(event, days, is_fatal=st.booleans(), record_id=st.uuids().map(str)),
    ),
    max_size=8,
)


@given(records_of_one.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))))
def test_the_order_of_records_does_not_matter(
    drawn: tuple[list[OutcomeRecord], list[OutcomeRecord]],
) -> None:
    assert seen(*drawn[0]) == seen(*drawn[1])


@given(records_of_one)
def test_constructs_divide_the_time_and_events_of_their_programme(
    records: list[OutcomeRecord],
) -> None:
    by_construct = seen(*records).values()
    (whole,) = seen(*records, level="programme").values() or [(0, 0, 0, 0)]

    assert tuple(map(sum, list(zip(*by_construct, strict=True))[1:])) in [whole[1:], ()]
    assert whole[2] >= whole[3] >= 0
    assert whole[1] >= 0


@given(records_of_one)
def test_time_is_the_days_from_the_first_dose_to_the_last_day_known(
    records: list[OutcomeRecord],
) -> None:
    doses = [r.given_on for r in records if isinstance(r, TreatmentGiven)]
    visits = [r for r in records if isinstance(r, FollowUp)]
    known = [r.seen_on for r in visits]
    known += [r.occurred_on for r in records if isinstance(r, EndpointEvent)]
    last = [r.seen_on for r in visits if r.is_last]
    found = seen(*records, level="programme")

    if not doses or not known:
        assert found == {}
        return
    until = min(last) if last else max(known)
    assert found["P1"][1] == max((until - min(doses)).days + 1, 0)
