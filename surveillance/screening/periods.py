"""What is done at the first close of a UTC day, month, quarter or year."""

from __future__ import annotations

from datetime import date

from surveillance.configuration.types import Every

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def begins(every: Every, before: date | None, today: date) -> bool:
    """Tell whether a period began since the close before.

    Parameters
    ----------
    every : {"day", "month", "quarter", "year"}
        The period.
    before : date or None
        UTC day of the close before; None at the first close.
    today : date
        UTC day of this close.

    Returns
    -------
    bool
        True at the first close of the period.

    Examples
    --------
    >>> begins("quarter", date(1999, 3, 31), date(1999, 4, 1))
    True
    >>> begins("quarter", date(1999, 4, 1), date(1999, 5, 1))
    False
    """
    if before is None:
        return True
    if every == "day":
        return today > before
    return _number(today, _MONTHS[every]) > _number(before, _MONTHS[every])


def _number(day: date, n_months: int) -> int:
    return (12 * day.year + day.month - 1) // n_months
