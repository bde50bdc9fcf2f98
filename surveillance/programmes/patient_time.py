"""Time at risk and events of treated patients, by construct or programme.

A patient is at risk from the first dose to the last day on which the patient's state is
known: the latest follow-up or event, or the follow-up that is marked as the last. Time
belongs to the construct given most recently. Events before the first dose do not count;
an event on the day of a new construct belongs to the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from surveillance.domain.names import identity, upper
from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord, TreatmentGiven


class Experience(msgspec.Struct):
    """What the patients of one unit went through."""

    n_patients: int = 0
    person_days: int = 0
    n_events: int = 0
    n_fatal: int = 0


class _Patient(msgspec.Struct):
    treatments: list[TreatmentGiven] = []
    follow_ups: list[FollowUp] = []
    events: list[EndpointEvent] = []

    def known_until(self) -> date | None:
        """Return the last day on which the state of the patient is known."""
        last = [visit.seen_on for visit in self.follow_ups if visit.is_last]
        if last:
            return min(last)
        days = [visit.seen_on for visit in self.follow_ups]
        return max(days + [event.occurred_on for event in self.events], default=None)


def experience_of(
    records: Iterable[OutcomeRecord], endpoint: str, level: Literal["construct", "programme"]
) -> dict[str, Experience]:
    """Add up time at risk and endpoint events.

    Parameters
    ----------
    records : iterable of OutcomeRecord
        Standing versions of one programme.
    endpoint : str
        The endpoint that is watched; others are left out.
    level : {"construct", "programme"}
        What a unit is.

    Returns
    -------
    dict of str to Experience
        By name of the unit.
    """
    found: dict[str, Experience] = {}
    for patient in _by_patient(records, endpoint).values():
        until = patient.known_until()
        doses = sorted(patient.treatments, key=lambda dose: (dose.given_on, dose.record_id))
        if not doses or until is None:
            continue
        units = {_unit(dose, level) for dose in doses}
        for unit in units:
            found.setdefault(unit, Experience()).n_patients += 1
        _add_time(found, doses, until, level)
        _add_events(found, doses, patient.events, until, level)
    return found


def _by_patient(records: Iterable[OutcomeRecord], endpoint: str) -> dict[str, _Patient]:
    patients: dict[str, _Patient] = {}
    for record in records:
        if record.is_nullified:
            continue
        patient = patients.setdefault(record.patient_id, _Patient())
        if isinstance(record, TreatmentGiven):
            patient.treatments.append(record)
        elif isinstance(record, FollowUp):
            patient.follow_ups.append(record)
        elif identity(record.endpoint) == identity(endpoint):
            patient.events.append(record)
    return patients


def _unit(dose: TreatmentGiven, level: str) -> str:
    return upper(dose.construct if level == "construct" else dose.programme)


def _add_time(
    found: dict[str, Experience], doses: list[TreatmentGiven], until: date, level: str
) -> None:
    ends = [*(dose.given_on for dose in doses[1:]), until]
    for dose, end in zip(doses, ends, strict=True):
        days = (min(end, until) - dose.given_on).days
        found[_unit(dose, level)].person_days += max(days, 0)
    given = [dose for dose in doses if dose.given_on <= until]
    if given:  # the last day counts as one at risk, under what was given by then
        found[_unit(given[-1], level)].person_days += 1


def _add_events(
    found: dict[str, Experience],
    doses: list[TreatmentGiven],
    events: list[EndpointEvent],
    until: date,
    level: str,
) -> None:
    for event in events:
        given = [dose for dose in doses if dose.given_on <= event.occurred_on]
        if given and event.occurred_on <= until:
            unit = found[_unit(given[-1], level)]
            unit.n_events += 1
            unit.n_fatal += event.is_fatal
