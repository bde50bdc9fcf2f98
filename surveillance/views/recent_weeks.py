"""How many cases a pair gained in each of the latest weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from surveillance.register.case_reader import CountedSpan

N_WEEKS = 26


def recent_weeks(
    spans: Iterable[CountedSpan], days: Mapping[int, date], on: date
) -> tuple[int, ...]:
    """Return the net change of the cases of a pair by the week of receipt.

    Parameters
    ----------
    spans : iterable of CountedSpan
        From when to when its cases counted.
    days : mapping of int to date
        The day of every epoch.
    on : date
        Nothing later is counted.

    Returns
    -------
    tuple of int
        The latest `N_WEEKS` weeks from Monday to Sunday, the one of `on` last. Corrections and
        nullifications are taken off in the week in which they came, so a week may be below 0.

    Examples
    --------
    >>> from datetime import date
    >>> from surveillance.register.case_reader import CountedSpan
    >>> days = {0: date(2024, 1, 1), 1: date(2024, 1, 8), 2: date(2024, 1, 9)}
    >>> recent_weeks([CountedSpan(0, 2, 0, 3), CountedSpan(1, None, 0, 1)], days, days[2])[-2:]
    (3, -2)
    """
    found = [0] * N_WEEKS
    monday = on - timedelta(days=on.weekday())
    for one in spans:
        for epoch, change in ((one.valid_from, one.n), (one.valid_to, -one.n)):
            if epoch is None or days[epoch] > on:
                continue
            place = N_WEEKS - 1 + (days[epoch] - monday).days // 7
            if place >= 0:
                found[place] += change
    return tuple(found)
