"""What happened to each treated patient: doses, time at risk, events, values, and the end.

A patient is at risk from the first dose on. Time accrues to the day of the look, since an
event would have been reported; it stops with death, loss or withdrawal, and where nothing
was heard for longer than the schedule allows. (Time that ended with the last contact would
end with events more often than without them, and would make chance look like harm.) Time
belongs to the construct given most recently; an event on the day of a dose belongs to that
dose. What cannot be counted is counted apart, and stated with every look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from surveillance.domain.names import identity, upper
from surveillance.domain.outcome import (
    Ended,
    EndpointEvent,
    Enrolled,
    FollowUp,
    Intervention,
    Measurement,
    MissedVisit,
    OutcomeRecord,
    TreatmentGiven,
    day_of_outcome,
)

DAYS_A_YEAR = 365.25
_ONE_DAY = timedelta(days=1)


class History(msgspec.Struct):
    """The standing records of one patient, each kind in the order of its days."""

    patient_id: str
    enrolled: Enrolled | None = None
    doses: list[TreatmentGiven] = []
    visits: list[FollowUp] = []
    missed: list[MissedVisit] = []
    measurements: list[Measurement] = []
    events: list[EndpointEvent] = []
    interventions: list[Intervention] = []
    ends: list[Ended] = []

    @property
    def first_dose_on(self) -> date | None:
        """The day on which time at risk begins."""
        return self.doses[0].given_on if self.doses else None

    @property
    def age_at_first_dose(self) -> float | None:
        """Age in years at the first dose, from that at enrolment."""
        if self.enrolled is None or self.enrolled.age_years is None or not self.doses:
            return None
        days = (self.doses[0].given_on - self.enrolled.enrolled_on).days
        return max(0.0, self.enrolled.age_years + days / DAYS_A_YEAR)

    @property
    def ended_on(self) -> date | None:
        """The day after which no time at risk accrues; the earliest of those recorded."""
        days = [end.ended_on for end in self.ends]
        days += [visit.seen_on for visit in self.visits if visit.is_last]
        days += [event.occurred_on for event in self.events if event.is_fatal]
        return min(days, default=None)

    @property
    def is_lost(self) -> bool:
        """Whether follow-up ended without a death."""
        died = any(end.kind == "death" for end in self.ends)
        died = died or any(event.is_fatal for event in self.events)
        return self.ended_on is not None and not died

    def last_contact(self) -> date | None:
        """Return the last day on which anything was recorded about the patient."""
        seen: list[OutcomeRecord] = [*self.doses, *self.visits, *self.events, *self.measurements]
        days = [day_of_outcome(item) for item in seen]
        return max(days, default=None)

    def at_risk_until(self, on: date, silence_days: int) -> date | None:
        """Return the last day at risk by a look on `on`; None before the first dose.

        Parameters
        ----------
        on : date
            The day of the look.
        silence_days : int
            How long after a contact the patient still counts as followed.
        """
        last = self.last_contact()
        if last is None or not self.doses:
            return None
        until = min(on, last + timedelta(days=silence_days))
        return until if self.ended_on is None else min(until, self.ended_on)


def histories_of(records: Iterable[OutcomeRecord]) -> dict[str, History]:
    """Gather standing records by patient.

    Parameters
    ----------
    records : iterable of OutcomeRecord
        Standing versions of one programme; nullified ones are left out.

    Returns
    -------
    dict of str to History
        By patient, in the order of their names; the same whatever the order of `records`.
    """
    found: dict[str, History] = {}
    standing = [record for record in records if not record.is_nullified]
    for record in sorted(standing, key=lambda item: (day_of_outcome(item), item.record_id)):
        _add(found.setdefault(record.patient_id, History(record.patient_id)), record)
    return dict(sorted(found.items()))


def _add(history: History, record: OutcomeRecord) -> None:
    match record:
        case Enrolled():
            history.enrolled = history.enrolled or record
        case TreatmentGiven():
            history.doses.append(record)
        case FollowUp():
            history.visits.append(record)
        case MissedVisit():
            history.missed.append(record)
        case Measurement():
            history.measurements.append(record)
        case EndpointEvent():
            history.events.append(record)
        case Intervention():
            history.interventions.append(record)
        case Ended():
            history.ends.append(record)


class Interval(NamedTuple):
    """Time at risk under one dose."""

    dose: TreatmentGiven
    start: date
    end: date  # not included

    @property
    def days(self) -> int:
        """Days at risk."""
        return (self.end - self.start).days


def intervals(history: History, until: date, window_days: int | None = None) -> Iterator[Interval]:
    """Divide a patient's time at risk by dose.

    Parameters
    ----------
    history : History
        The patient.
    until : date
        The last day at risk.
    window_days : int, optional
        Only so many days from each dose on; the rest of the time does not count.

    Yields
    ------
    Interval
        In the order of the doses; none overlap.
    """
    for place, dose in enumerate(history.doses):
        later = history.doses[place + 1 :]
        end = min(until + _ONE_DAY, later[0].given_on if later else date.max)
        if window_days is not None:
            end = min(end, dose.given_on + timedelta(days=window_days))
        if end > dose.given_on:
            yield Interval(dose, dose.given_on, end)


class AtRisk(msgspec.Struct):
    """Time at risk and events of one patient within one unit."""

    history: History
    days: int = 0
    n_events: int = 0
    n_fatal: int = 0

    @property
    def years(self) -> float:
        """Time at risk in years."""
        return self.days / DAYS_A_YEAR


def at_risk(
    histories: Iterable[History],
    endpoints: Collection[str],
    *,
    on: date,
    silence_days: int,
    window_days: int | None = None,
    by_construct: bool = False,
) -> dict[str, list[AtRisk]]:
    """Add up each patient's time at risk and events, by construct or together.

    Parameters
    ----------
    histories : iterable of History
        Patients.
    endpoints : collection of str
        Endpoints whose events are counted.
    on : date
        The day of the look.
    silence_days : int
        How long after a contact a patient still counts as followed.
    window_days : int, optional
        Only time and events within so many days of a dose.
    by_construct : bool, default: False
        Whether each construct is a unit of its own.

    Returns
    -------
    dict of str to list of AtRisk
        By unit (the empty name where all are together); one entry a patient.
    """
    found: dict[str, list[AtRisk]] = {}
    wanted = {identity(endpoint) for endpoint in endpoints}
    for history in histories:
        until = history.at_risk_until(on, silence_days)
        if until is None:
            continue
        own: dict[str, AtRisk] = {}
        for interval in intervals(history, until, window_days):
            unit = upper(interval.dose.construct) if by_construct else ""
            patient = own.setdefault(unit, AtRisk(history))
            patient.days += interval.days
            for event in history.events:
                if (
                    identity(event.endpoint) in wanted
                    and interval.start <= event.occurred_on < interval.end
                ):
                    patient.n_events += 1
                    patient.n_fatal += event.is_fatal
        for unit, patient in own.items():
            found.setdefault(unit, []).append(patient)
    return found


def left_out(histories: Iterable[History], endpoints: Collection[str]) -> tuple[str, ...]:
    """State what was received and could not be counted.

    Parameters
    ----------
    histories : iterable of History
        Patients.
    endpoints : collection of str
        Endpoints whose events are counted.

    Returns
    -------
    tuple of str
        One sentence for each kind of thing that was left out.
    """
    wanted = {identity(endpoint) for endpoint in endpoints}
    n_untreated = n_before = n_after = n_deaths = 0
    for history in histories:
        first, end = history.first_dose_on, history.ended_on
        n_deaths += sum(one.kind == "death" for one in history.ends) > 1
        for event in history.events:
            if identity(event.endpoint) not in wanted:
                continue
            n_untreated += first is None
            n_before += first is not None and event.occurred_on < first
            n_after += end is not None and event.occurred_on > end
    sentences = (
        (n_untreated, "of patients without a dose"),
        (n_before, "before the first dose"),
        (n_after, "after the end of follow-up"),
    )
    found = [f"not counted: {n} event{'s' * (n > 1)} {what}" for n, what in sentences if n]
    if n_deaths:
        found.append(f"{n_deaths} patient{'s' * (n_deaths > 1)} with two deaths: the first is used")
    return tuple(found)
