"""Outcome records of treated patients, in few words."""

from datetime import date, timedelta
from typing import Any

from surveillance.domain.outcome import (
    Baseline,
    Ended,
    EndpointEvent,
    Enrolled,
    FollowUp,
    Measurement,
    OutcomeRecord,
    TreatmentGiven,
)
from surveillance.programmes.histories import at_risk, histories_of

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


def enrolment(day: int = 0, **changes: Any) -> Enrolled:  # noqa: ANN401 - its fields
    return Enrolled(enrolled_on=on(day), **(_common(f"enrolment {day}") | changes))


def before(n_events: int, days: int, endpoint: str = ENDPOINT) -> Baseline:
    return Baseline(endpoint=endpoint, n_events=n_events, days=days)


def end(day: int, kind: str = "lost", **changes: Any) -> Ended:  # noqa: ANN401 - its fields
    return Ended(ended_on=on(day), kind=kind, **(_common(f"end {day}") | changes))  # type: ignore[arg-type]


def value(day: int, of: float, **changes: Any) -> Measurement:  # noqa: ANN401 - its fields
    named = {"code": "ammonia", "unit": "umol/L"} | _common(f"value {day}")
    return Measurement(taken_on=on(day), value=of, **(named | changes))


def _common(record_id: str) -> dict[str, Any]:
    return {
        "record_id": record_id,
        "programme": "P1",
        "patient_id": "one",
        "received_on": START,
    }


def seen(
    *records: OutcomeRecord,
    look: int,
    silence_days: int = 1_000,
    window_days: int | None = None,
    by_construct: bool = True,
) -> dict[str, tuple[int, int, int, int]]:
    """Patients, days at risk, events and fatal events by unit, at a look on a day."""
    found = at_risk(
        histories_of(records).values(),
        {ENDPOINT},
        on=on(look),
        silence_days=silence_days,
        window_days=window_days,
        by_construct=by_construct,
    )
    return {
        unit: (
            len(risk),
            sum(one.days for one in risk),
            sum(one.n_events for one in risk),
            sum(one.n_fatal for one in risk),
        )
        for unit, risk in found.items()
    }
