"""Outcome records of treated patients, in few words."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Literal

from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord, TreatmentGiven
from surveillance.programmes.patient_time import Experience, experience_of

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
