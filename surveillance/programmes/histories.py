"""What happened to each treated patient: doses, time at risk, events, values, and the end.

A patient is at risk from the first dose on. Time accrues to the day of the look, since an
event would have been reported; it stops with death, loss or withdrawal, and where nothing
was heard for longer than the schedule allows. (Time that ended with the last contact would
end with events more often than without them, and would make chance look like harm.) Time
belongs to the construct given most recently; an event on the day of a dose belongs to that
dose. What cannot be counted is counted apart, and stated with every look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple, TypeVar

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
_LAST_DAY = date.max.toordinal()
Found = TypeVar("Found")


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
    memo: dict[Any, Any] = {}  # what was computed from the records, by what was asked

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
        return self._once("ended_on", self._ended_on)

    @property
    def is_lost(self) -> bool:
        """Whether follow-up ended without a death."""
        return self._once("is_lost", self._is_lost)

    def _once(self, name: str, compute: Callable[[], Found]) -> Found:
        """Compute what is asked at every look and depends on the records alone."""
        if name not in self.memo:
            self.memo[name] = compute()
        found: Found = self.memo[name]
        return found

    def _ended_on(self) -> date | None:
        days = [end.ended_on for end in self.ends]
        days += [visit.seen_on for visit in self.visits if visit.is_last]
        days += [event.occurred_on for event in self.events if event.is_fatal]
        return min(days, default=None)

    def _is_lost(self) -> bool:
        died = any(end.kind == "death" for end in self.ends)
        died = died or any(event.is_fatal for event in self.events)
        return self.ended_on is not None and not died

    def last_contact(self) -> date | None:
        """Return the last day on which anything was recorded about the patient."""
        return self._once("last_contact", self._last_contact)

    def _last_contact(self) -> date | None:
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
        until = min(on, date.fromordinal(min(last.toordinal() + silence_days, _LAST_DAY)))
        return until if self.ended_on is None else min(until, self.ended_on)


def seen_until(history: History, silence_days: int) -> int:
    """Return the last day, as an ordinal, until which a patient was followed or was dead.

    Parameters
    ----------
    history : History
        The patient.
    silence_days : int
        How long after a contact the patient still counts as followed.
    """
    asked = ("unseen", silence_days)
    known = history.memo.get(asked)
    if known is None:
        until = history.at_risk_until(date.max, silence_days)
        is_open = until is not None and (history.ended_on is None or history.is_lost)
        known = history.memo[asked] = until.toordinal() if until and is_open else _LAST_DAY
    last: int = known
    return last


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


class Segment(NamedTuple):
    """Time at risk without a gap in one unit; it ends earlier if the look does."""

    unit: str
    start: int  # as an ordinal
    end: int  # not included
    events: tuple[tuple[int, bool], ...]  # day, and whether it was fatal
    n_events: int
    n_fatal: int
    last_event: int  # day; 0 where there is none


def _segments(
    history: History,
    wanted: frozenset[str],
    silence_days: int,
    window_days: int | None,
    by_construct: bool,  # noqa: FBT001 - as the key of what was asked
) -> Iterator[Segment]:
    """Divide a patient's time at risk by dose, and join what has no gap.

    The segments hold for a look on any later day: what ends the time of a silent patient is the
    last contact.
    """
    until = history.at_risk_until(date.max, silence_days)
    if until is None:
        return
    last = until.toordinal() + 1
    days = [dose.given_on.toordinal() for dose in history.doses]
    events = [
        (event.occurred_on.toordinal(), event.is_fatal)
        for event in history.events
        if identity(event.endpoint) in wanted
    ]
    waiting: tuple[str, int, int, list[tuple[int, bool]]] | None = None
    for dose, start, following in zip(history.doses, days, [*days[1:], last], strict=True):
        end = min(last, following, start + (last if window_days is None else window_days))
        if end > start:
            unit = upper(dose.construct) if by_construct else ""
            own = [event for event in events if start <= event[0] < end]
            if waiting and (waiting[0], waiting[2]) == (unit, start):
                waiting = (unit, waiting[1], end, [*waiting[3], *own])
                continue
            if waiting:
                yield _segment(*waiting)
            waiting = (unit, start, end, own)
    if waiting:
        yield _segment(*waiting)


def _segment(unit: str, start: int, end: int, events: list[tuple[int, bool]]) -> Segment:
    n_fatal = sum(is_fatal for _, is_fatal in events)
    last = events[-1][0] if events else 0
    return Segment(unit, start, end, tuple(events), len(events), n_fatal, last)


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
    wanted, after = frozenset(map(identity, endpoints)), on.toordinal() + 1
    asked = (wanted, silence_days, window_days, by_construct)
    for history in histories:
        parts = history.memo.get(asked)
        if parts is None:
            parts = history.memo[asked] = tuple(_segments(history, *asked))
        own: dict[str, AtRisk] = {}
        for unit, start, end, events, n_all, n_all_fatal, last_event in parts:
            if start >= after:
                break
            days, n_events, n_fatal = min(after, end) - start, n_all, n_all_fatal
            if last_event >= after:
                known = [is_fatal for day, is_fatal in events if day < after]
                n_events, n_fatal = len(known), sum(known)
            patient = own.get(unit)
            if patient is None:
                own[unit] = patient = AtRisk(history, days, n_events, n_fatal)
                found.setdefault(unit, []).append(patient)
            else:
                patient.days += days
                patient.n_events += n_events
                patient.n_fatal += n_fatal
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
    wanted = frozenset(map(identity, endpoints))
    asked = ("left_out", wanted)
    counts = [
        found
        for history in histories
        if (found := history.memo.get(asked) or _left_out(history, wanted)) != _NONE
    ]
    if not counts:
        return ()
    n_untreated, n_before, n_after, n_deaths, n_seen = map(sum, zip(_NONE, *counts, strict=True))
    sentences = (
        (n_untreated, "of patients without a dose"),
        (n_before, "before the first dose"),
        (n_after, "after the end of follow-up"),
    )
    found = [f"not counted: {n} event{'s' * (n > 1)} {what}" for n, what in sentences if n]
    if n_deaths:
        found.append(f"{n_deaths} patient{'s' * (n_deaths > 1)} with two deaths: the first is used")
    if n_seen:
        found.append(
            f"{n_seen} patient{'s' * (n_seen > 1)} with a dose, visit or value after death: "
            "no time is counted after it"
        )
    return tuple(found)


_NONE = (0, 0, 0, 0, 0)


def _left_out(history: History, wanted: frozenset[str]) -> tuple[int, int, int, int, int]:
    """Count events without a dose, before the first, and after the end; and what denies a death."""
    asked = ("left_out", wanted)
    if asked not in history.memo:
        first, end = history.first_dose_on, history.ended_on
        days = [one.occurred_on for one in history.events if identity(one.endpoint) in wanted]
        history.memo[asked] = (
            len(days) if first is None else 0,
            0 if first is None else sum(day < first for day in days),
            0 if end is None else sum(day > end for day in days),
            int(sum(one.kind == "death" for one in history.ends) > 1),
            int(_is_seen_after_death(history)),
        )
    found: tuple[int, int, int, int, int] = history.memo[asked]
    return found


def _is_seen_after_death(history: History) -> bool:
    days = [one.ended_on for one in history.ends if one.kind == "death"]
    days += [event.occurred_on for event in history.events if event.is_fatal]
    seen: list[OutcomeRecord] = [*history.doses, *history.visits, *history.measurements]
    return bool(days) and any(day_of_outcome(one) > min(days) for one in seen)
