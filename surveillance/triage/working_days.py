"""Working days: every day but weekends and holidays, which are configuration."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import get_args

from surveillance.configuration.types import Configuration, WeekDay

_WEEK: tuple[WeekDay, ...] = get_args(WeekDay)


class WorkingDays:
    """Counts working days.

    Parameters
    ----------
    weekend : collection of str
        Names of days of the week.
    holidays : collection of date
        Other days on which nobody works.

    Examples
    --------
    >>> days = WorkingDays(("saturday", "sunday"), {date(2024, 5, 1)})
    >>> days.after(date(2024, 4, 26), 3)
    datetime.date(2024, 5, 2)
    """

    def __init__(self, weekend: Collection[WeekDay], holidays: Collection[date]) -> None:
        self._weekend = {_WEEK.index(day) for day in weekend}
        self._holidays = frozenset(holidays)
        self._after: dict[tuple[date, int], date] = {}  # a list asks the same of many matters

    @classmethod
    def of(cls, configuration: Configuration) -> WorkingDays:
        """Return those of a configuration."""
        holidays = {one.day for one in configuration.holidays}
        return cls(configuration.triage.weekend, holidays)

    def is_one(self, day: date) -> bool:
        """Tell whether a day is a working day."""
        return day.weekday() not in self._weekend and day not in self._holidays

    def after(self, day: date, n: int) -> date:
        """Return the n-th working day after a day, which itself does not count.

        Parameters
        ----------
        day : date
            Day 0.
        n : int
            At least 1.
        """
        if (day, n) not in self._after:
            found, left = day, n
            while left > 0:
                found += timedelta(days=1)
                left -= self.is_one(found)
            self._after[day, n] = found
        return self._after[day, n]
