"""What a piece of work may take, and whether it did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bench.detectors.text import at, ratio, rounded, table

Found = dict[str, Any]


class Budget(NamedTuple):
    """A bound, where its measure is, and how large the work must be to be judged by it."""

    what: str
    bound: float
    unit: str
    place: tuple[str, ...]
    size: tuple[str, str, int]  # part of the found, key, least


def judged(found: Found, budgets: Iterable[Budget]) -> str:
    """Write a table of budgets, with what was measured."""
    rows = []
    for budget in budgets:
        measured = at(found, *budget.place)
        part, key, least = budget.size
        rows.append(
            [
                budget.what,
                f"{budget.bound:,g} {budget.unit}",
                "not measured" if measured is None else f"{rounded(measured)} {budget.unit}",
                ratio(budget.bound, measured),
                verdict(budget.bound, measured, is_whole=found[part][key] >= least),
            ]
        )
    return table(["work", "budget", "measured", "budget / measured", ""], rows)


def verdict(bound: float, measured: float | None, *, is_whole: bool) -> str:
    """Say whether a bound was kept."""
    if measured is None:
        return ""
    if not is_whole:
        return "too small to judge"
    return "met" if measured <= bound else "missed"
