"""Counts and statistics of any pair over time, summed from the signed contributions.

Nothing here depends on whether the pair was ever a finding: every number is a sum over
the log up to the end of a day.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from datetime import date, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import msgspec

from detectors.counts import Table
from surveillance.domain.contribution import FATAL, SERIOUS
from surveillance.screening.measures import measures
from surveillance.screening.rules.rule import Interval
from surveillance.views.contributions import read_contributions, read_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from surveillance.domain.contribution import Contribution
    from surveillance.register.case_reader import CountedSpan
    from surveillance.register.reader import RegisterReader

Every = Literal["day", "month", "year"]
_Cell = tuple[str, str, str]  # what is counted, product, event
EVERY: tuple[Every, ...] = get_args(Every)
NOTE = (
    "A date is the day of receipt in the log, to its end; not the day of the event. "
    "Counts are cases, each once a pair; a corrected or nullified case is taken off "
    "on the day of the correction."
)


class Sums(NamedTuple):
    """Counts of a pair and its margins; or their change."""

    n_pair: int = 0
    n_product: int = 0
    n_event: int = 0
    n_total: int = 0
    n_serious: int = 0
    n_fatal: int = 0

    def plus(self, other: Sums) -> Sums:
        """Add up, count by count."""
        return Sums(*(one + two for one, two in zip(self, other, strict=True)))


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """How a pair stood at the end of a day."""

    on: date
    n_pair: int
    n_pair_new: int  # net change since the point before
    n_product: int
    n_event: int
    n_total: int
    n_serious: int
    n_fatal: int
    expected: float
    prr: float | None = None
    prr_lower: float | None = None
    prr_upper: float | None = None
    ror: float | None = None
    ror_lower: float | None = None
    ror_upper: float | None = None
    chi_square: float | None = None
    exact_p: float | None = None
    exact_log10_p: float | None = None
    ic: float | None = None
    ic_lower: float | None = None
    ic_upper: float | None = None
    undefined: dict[str, str] = {}


def sums_by_day(
    directory: Path, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], dict[date, Sums]]:
    """Sum the contributions to some pairs and their margins.

    Parameters
    ----------
    directory : Path
        Of a run.
    pairs : iterable of tuple of str
        Keys of product and event.

    Returns
    -------
    dict
        For each pair, the sums up to the end of each day on which there was an epoch,
        days ascending.
    """
    pairs = list(pairs)
    products, events = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    days = read_days(directory)
    moved: dict[date, Counter[_Cell]] = {day: Counter() for day in sorted(set(days))}
    for epoch, rows in read_contributions(directory):
        for row in rows:
            _count(moved[days[epoch]], row, products, events)
    return {pair: _cumulated(moved, *pair) for pair in pairs}


def sums_in_register(
    reader: RegisterReader, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], dict[date, Sums]]:
    """Sum the cases of a register that counted for some pairs and their margins.

    Parameters
    ----------
    reader : RegisterReader
        Of a register with cases.
    pairs : iterable of tuple of str
        Keys of product and event.

    Returns
    -------
    dict
        As from `sums_by_day`.

    Raises
    ------
    Misused
        If the register holds no cases, or an older program wrote them.
    """
    pairs = list(pairs)
    reader.cases.require_any()
    days = reader.days()
    moved: dict[date, Counter[_Cell]] = {day: Counter() for day in sorted(set(days.values()))}

    def move(cell: _Cell, spans: Iterable[CountedSpan]) -> None:
        for span in spans:
            moved[days[span.valid_from]][cell] += span.n
            if span.valid_to is not None:
                moved[days[span.valid_to]][cell] -= span.n

    spans_of = reader.cases.counted_spans
    move(("total", "", ""), spans_of())
    for product in {pair[0] for pair in pairs}:
        move(("product", product, ""), spans_of(product))
    for event in {pair[1] for pair in pairs}:
        move(("event", "", event), spans_of(event=event))
    for pair in set(pairs):
        spans = spans_of(*pair)
        move(("pair", *pair), spans)
        move(("serious", *pair), [one for one in spans if one.flags & SERIOUS])
        move(("fatal", *pair), [one for one in spans if one.flags & FATAL])
    return {pair: _cumulated(moved, *pair) for pair in pairs}


def _count(cells: Counter[_Cell], row: Contribution, products: set[str], events: set[str]) -> None:
    """Count one contribution, in the requested cells."""
    cells["total", "", ""] += row.weight
    found = [(key, flags) for key, flags, _ in row.events if key in events]
    for event, _ in found:
        cells["event", "", event] += row.weight
    for product, _ in row.products:
        if product not in products:
            continue
        cells["product", product, ""] += row.weight
        for event, flags in found:
            cells["pair", product, event] += row.weight
            cells["serious", product, event] += row.weight * bool(flags & SERIOUS)
            cells["fatal", product, event] += row.weight * bool(flags & FATAL)


def _cumulated(moved: dict[date, Counter[_Cell]], product: str, event: str) -> dict[date, Sums]:
    changes = (
        Sums(
            n_pair=cells["pair", product, event],
            n_product=cells["product", product, ""],
            n_event=cells["event", "", event],
            n_total=cells["total", "", ""],
            n_serious=cells["serious", product, event],
            n_fatal=cells["fatal", product, event],
        )
        for cells in moved.values()
    )
    return dict(zip(moved, accumulate(changes, Sums.plus), strict=True))


def points(by_day: dict[date, Sums], every: Every, until: date | None = None) -> list[Point]:
    """Compute the statistics at the end of each period.

    Parameters
    ----------
    by_day : dict
        Sums up to the end of each day, from `sums_by_day`.
    every : str
        ``day``, ``month`` or ``year``; a day only where the log had one.
    until : date, optional
        Nothing later is used.

    Returns
    -------
    list of Point
        From the first period in which the product was reported. The last one ends with
        the log, or with `until`.
    """
    days = [day for day in by_day if until is None or day <= until]
    if not days:
        return []
    last = min(until or max(by_day), max(by_day))
    ends = days if every == "day" else list(_ends(days[0], last, every))
    stood = [(end, by_day[days[bisect_right(days, end) - 1]]) for end in ends]
    reported = [(end, sums) for end, sums in stood if sums.n_product]
    return _with_statistics(reported) if reported else []


def _with_statistics(stood: list[tuple[date, Sums]]) -> list[Point]:
    table = Table(*([sums[index] for _, sums in stood] for index in range(4)))
    numbers = measures(table, **Interval()._asdict())
    before = [0, *(sums.n_pair for _, sums in stood)]
    return [
        Point(on=end, n_pair_new=sums.n_pair - old, **sums._asdict(), **row)
        for (end, sums), old, row in zip(stood, before, numbers, strict=False)
    ]


def _ends(first: date, last: date, every: Every) -> Iterator[date]:
    """Yield the last day of each period from `first` on, and `last` for the one it is in."""
    end = _end_of(first, every)
    while end < last:
        yield end
        end = _end_of(end + timedelta(days=1), every)
    yield last


def _end_of(day: date, every: Every) -> date:
    if every == "year":
        return date(day.year, 12, 31)
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
