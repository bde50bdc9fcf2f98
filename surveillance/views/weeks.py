"""Weekly counts."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from statistics import mean, median
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from surveillance.register.reader import Counted


class Weekly(msgspec.Struct, frozen=True, kw_only=True):
    """Counts a week, over whole and broken weeks from Monday to Sunday."""

    first_on: date
    last_on: date
    n_weeks: int
    n: int
    mean: float
    median: float
    max: int
    max_week_of: date  # its Monday


def weekly(
    counted: Iterable[Counted], first: date, last: date, *, level: str | None = None
) -> Weekly | None:
    """Sum up counts by week; weeks without any count as 0.

    Parameters
    ----------
    counted : iterable of Counted
        Counts by day and level.
    first, last : date
        The period, both days included.
    level : str, optional
        Only this level.

    Returns
    -------
    Weekly or None
        None if the period is empty.
    """
    if last < first:
        return None
    by_week = dict.fromkeys(_mondays(first, last), 0)
    found: Counter[date] = Counter()
    for item in counted:
        if first <= item.on <= last and level in (None, item.level):
            found[_monday(item.on)] += item.n
    by_week |= found
    busiest = max(by_week, key=lambda monday: by_week[monday])
    return Weekly(
        first_on=first,
        last_on=last,
        n_weeks=len(by_week),
        n=sum(by_week.values()),
        mean=mean(by_week.values()),
        median=median(by_week.values()),
        max=by_week[busiest],
        max_week_of=busiest,
    )


def _mondays(first: date, last: date) -> list[date]:
    n_weeks = (_monday(last) - _monday(first)).days // 7 + 1
    return [_monday(first) + timedelta(weeks=week) for week in range(n_weeks)]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
