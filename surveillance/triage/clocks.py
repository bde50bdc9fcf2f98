"""Clocks: time limits that a person's record starts and another one stops.

Day 0 is the UTC day of the record that starts a clock. Pure: the table, the calendar and the days
decide.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal, NamedTuple

from msgspec.structs import replace

from surveillance.configuration.life_cycle import Clock, LifeCycle
from surveillance.domain.decision import Decision
from surveillance.domain.signal import RunningClock
from surveillance.triage.working_days import WorkingDays

N_MONTHS = 12
Change = Literal["clock_warning", "clock_breached"]


class Due(NamedTuple):
    """A clock of which people must hear."""

    change: Change
    clock: RunningClock


def after(
    table: LifeCycle,
    days: WorkingDays,
    clocks: tuple[RunningClock, ...],
    decision: Decision,
    on: date,
) -> tuple[RunningClock, ...]:
    """Return the clocks of a signal after a decision.

    Parameters
    ----------
    table : LifeCycle
        With the clocks.
    days : WorkingDays
        The calendar.
    clocks : tuple of RunningClock
        Those of the signal so far, running or stopped.
    decision : Decision
        That took effect.
    on : date
        The UTC day.

    Returns
    -------
    tuple of RunningClock
        By code. One that is started again while it runs keeps its day 0: a limit is not extended by
        doing the same thing twice.
    """
    row = table.transition_of(decision.action)
    action = row.action if row else decision.action
    found = {one.code: one for one in clocks}
    for clock in table.clock:
        running = found.get(clock.code)
        is_running = running is not None and running.stopped_on is None
        if running is not None and is_running and action in clock.stops:
            found[clock.code] = replace(running, stopped_on=on)
        elif not is_running and _starts(clock, action, decision, on):
            found[clock.code] = _started(clock, days, decision, on)
    return tuple(found[code] for code in sorted(found))


def due(clocks: Iterable[RunningClock], on: date) -> tuple[tuple[RunningClock, ...], list[Due]]:
    """Return clocks as they stand on a day, and those of which people have not heard yet.

    Parameters
    ----------
    clocks : iterable of RunningClock
        Of a signal.
    on : date
        The day. A clock is breached on the day after it was due.
    """
    held: list[RunningClock] = []
    found: list[Due] = []
    for clock in clocks:
        now = clock
        if clock.stopped_on is None and not clock.is_breached and on > clock.due_on:
            now = replace(clock, is_warned=True, is_breached=True)
            found.append(Due("clock_breached", now))
        elif clock.stopped_on is None and not clock.is_warned and on >= clock.warn_on:
            now = replace(clock, is_warned=True)
            found.append(Due("clock_warning", now))
        held.append(now)
    return tuple(held), found


def next_day(clocks: Iterable[RunningClock]) -> date | None:
    """Return the next day on which a clock has something for people; None for never."""
    days = [
        one.due_on + timedelta(days=1) if one.is_warned else one.warn_on
        for one in clocks
        if one.stopped_on is None and not one.is_breached
    ]
    return min(days, default=None)


def due_on(clock: Clock, days: WorkingDays, start: date) -> date:
    """Return the last day of a time limit that starts on a day.

    Parameters
    ----------
    clock : Clock
        With a limit.
    days : WorkingDays
        The calendar.
    start : date
        Day 0, which does not count.

    Examples
    --------
    A limit in months ends on the same day of the month, or on the last day of a shorter one.

    >>> clock = Clock(
    ...     code="variation", jurisdiction="EU", citation="an example", starts=("recommend",),
    ...     applies_from=date(2012, 1, 1), stops=("record_action",), limit=3, unit="months",
    ... )
    >>> due_on(clock, WorkingDays((), ()), date(2023, 11, 30))
    datetime.date(2024, 2, 29)
    """
    limit = clock.limit or 0
    if clock.unit == "working_days":
        return days.after(start, limit)
    end = _months_later(start, limit) if clock.unit == "months" else start + timedelta(days=limit)
    if clock.day_off == "next_working_day" and not days.is_one(end):
        return days.after(end, 1)
    return end


def _starts(clock: Clock, action: str, decision: Decision, on: date) -> bool:
    return (
        action in clock.starts
        and clock.applies_from <= on
        and (clock.applies_until is None or on <= clock.applies_until)
        and (not clock.ladder_steps or decision.ladder_step in clock.ladder_steps)
        and (clock.limit is not None or decision.until is not None)
    )


def _started(clock: Clock, days: WorkingDays, decision: Decision, on: date) -> RunningClock:
    named = decision.until if clock.limit is None else None
    end = named or due_on(clock, days, on)
    return RunningClock(
        code=clock.code,
        citation=clock.citation,
        started_on=on,
        due_on=end,
        warn_on=max(on, end - timedelta(days=clock.warn_days)),
    )


def _months_later(start: date, n: int) -> date:
    year, month = divmod(start.year * N_MONTHS + start.month - 1 + n, N_MONTHS)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))
