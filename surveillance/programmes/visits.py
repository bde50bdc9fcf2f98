"""Follow-up as planned: visits that are overdue, and patients who were lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from surveillance.configuration.programmes import Visits
from surveillance.domain.finding import Look
from surveillance.programmes.histories import DAYS_A_YEAR, AtRisk, History
from surveillance.programmes.looking import Occasion


def planned(design: Visits, first_dose_on: date) -> Iterator[date]:
    """Return the days of the schedule of one patient.

    Parameters
    ----------
    design : Visits
        The schedule.
    first_dose_on : date
        From which it counts.

    Yields
    ------
    date
        In order, to the end of the planned years.
    """
    last = int(design.years * DAYS_A_YEAR)
    days = [day for day in design.days if day <= last]
    yield from (first_dose_on + timedelta(days=day) for day in days)
    if design.then_every_days:
        for day in range(
            design.days[-1] + design.then_every_days, last + 1, design.then_every_days
        ):
            yield first_dose_on + timedelta(days=day)


def overdue(design: Visits, history: History, on: date) -> int:
    """Count visits of a patient whose day and grace have passed without a contact near them.

    Parameters
    ----------
    design : Visits
        The schedule.
    history : History
        The patient.
    on : date
        The day of the look.

    Returns
    -------
    int
        Visits missed so far; those planned after the end of follow-up are none.
    """
    grace = timedelta(days=design.grace_days)
    seen = [visit.seen_on for visit in history.visits]
    seen += [measured.taken_on for measured in history.measurements]
    missed = 0
    for day in _expected(design, history):
        if day + grace >= on:
            break
        missed += not any(day - grace <= contact <= day + grace for contact in seen)
    return missed


def next_due(design: Visits, history: History, on: date) -> date | None:
    """Return the next day on which a visit of a patient can become overdue.

    Parameters
    ----------
    design : Visits
        The schedule.
    history : History
        The patient.
    on : date
        The day of the look.

    Returns
    -------
    date or None
        None where nothing is planned any more.
    """
    after = timedelta(days=design.grace_days + 1)
    due = (day + after for day in _expected(design, history))
    return next((day for day in due if day > on), None)


def _expected(design: Visits, history: History) -> Iterator[date]:
    """Yield the planned days of a patient: none untreated, and none after the end of follow-up."""
    if history.first_dose_on is None:
        return
    for day in planned(design, history.first_dose_on):
        if history.ended_on is not None and day > history.ended_on:
            return
        yield day


def looks(design: Visits, occasion: Occasion) -> Iterator[Look]:
    """Look at the follow-up of a programme.

    Parameters
    ----------
    design : Visits
        The schedule.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    Look
        Missed visits, and patients lost, where anybody was treated.
    """
    treated = [one for one in occasion.own.patients.values() if one.doses]
    if not treated:
        return
    missed = [overdue(design, one, occasion.on) for one in treated]
    risk = [AtRisk(one, n_events=n) for one, n in zip(treated, missed, strict=True)]
    common = {
        "criterion_version": design.version,
        "family": "compliance",
        "scale": "count",
        "boundary": 1.0,
    }
    n_missed = sum(missed)
    yield occasion.look(
        "programme", "", "missed visit", risk,
        statistic=float(n_missed), is_crossing=n_missed > 0,
        notes=_by_patient(treated, missed), **common,
    )  # fmt: skip
    lost = [AtRisk(one, n_events=int(one.is_lost)) for one in treated]
    share = sum(one.n_events for one in lost) / len(lost)
    yield occasion.look(
        "programme", "", "lost to follow-up", lost,
        statistic=share, is_crossing=share >= design.lost_share,
        notes=(f"{share:.0%} of the treated; a finding from {design.lost_share:.0%} on",),
        **(common | {"boundary": design.lost_share, "criterion": f"{occasion.name}_lost"}),
    )  # fmt: skip


def _by_patient(treated: list[History], missed: list[int]) -> tuple[str, ...]:
    by_patient = [(n, one.patient_id) for one, n in zip(treated, missed, strict=True) if n]
    return tuple(f"{who}: {n} missed" for n, who in sorted(by_patient, key=lambda x: (-x[0], x[1])))
