"""Follow-up as planned: visits that are overdue, and patients who were lost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

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
    return bisect_right(_missed_from(design, history), on.toordinal())


def next_due(design: Visits, history: History, on: date) -> date | None:
    """Return the next day on which a visit of a patient becomes overdue if nothing is heard.

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
    days = _missed_from(design, history)
    place = bisect_right(days, on.toordinal())
    return date.fromordinal(days[place]) if place < len(days) else None


class Due(NamedTuple):
    """A visit of the schedule, over all patients."""

    day: int  # after the first dose
    n_due: int  # patients whose day and grace have passed while they were followed
    n_done: int  # of those, with a contact near the day


def compliance(design: Visits, histories: list[History], on: date) -> list[Due]:
    """Count for each visit of the schedule how many patients were due, and how many came.

    Parameters
    ----------
    design : Visits
        The schedule.
    histories : list of History
        Treated patients.
    on : date
        The day of the look.

    Returns
    -------
    list of Due
        In the order of the schedule, as far as anybody was due.
    """
    due: dict[int, int] = {}
    missed: dict[int, int] = {}
    for history in histories:
        first, end = history.first_dose_on, history.ended_on
        if first is None:
            continue
        overdue_from = {day - design.grace_days - 1 for day in _missed_from(design, history)}
        for planned_on in planned(design, first):
            is_open = end is None or planned_on <= end
            if not is_open or planned_on + timedelta(days=design.grace_days) >= on:
                break
            day = (planned_on - first).days
            due[day] = due.get(day, 0) + 1
            missed[day] = missed.get(day, 0) + (planned_on.toordinal() in overdue_from)
    return [Due(day, n, n - missed[day]) for day, n in sorted(due.items())]


def _missed_from(design: Visits, history: History) -> list[int]:
    """Return the days from which on each visit without a contact near it is overdue, in order."""
    known = history.memo.get("visits")
    if known is None or known[0] is not design:
        if history.first_dose_on is None:
            return []
        grace = design.grace_days
        contacts = [visit.seen_on.toordinal() for visit in history.visits]
        contacts += [measured.taken_on.toordinal() for measured in history.measurements]
        contacts.sort()
        end = history.ended_on
        days = [day.toordinal() for day in planned(design, history.first_dose_on)]
        missed = [
            day + grace + 1
            for day in days
            if (end is None or day <= end.toordinal()) and not _has(contacts, day, grace)
        ]
        known = history.memo["visits"] = (design, missed)
    found: list[int] = known[1]
    return found


def _has(contacts: list[int], day: int, grace: int) -> bool:
    place = bisect_left(contacts, day - grace)
    return place < len(contacts) and contacts[place] <= day + grace


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
