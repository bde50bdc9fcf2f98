"""Figures of a pair: its cases and its lower limits over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.cases import known_key
from surveillance.console.figures import draw_series
from surveillance.console.onset_figure import onset
from surveillance.console.pages import name_of
from surveillance.console.strata_figure import strata
from surveillance.console.taken import Figure

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.views.series import Point

_COUNTS = ("on", "n_pair", "n_pair_new", "n_serious", "n_fatal", "expected")
_LIMITS = (
    "on", "n_pair", "expected", "ic", "ic_lower", "ic_upper", "prr", "prr_lower", "prr_upper",
    "ror", "ror_lower", "ror_upper",
)  # fmt: skip


def over_time(series: list[Point], product: str, event: str, on: date) -> tuple[Figure, Figure]:
    """Return the cases of a pair over time, and its lower limits."""
    drawn = draw_series(series) if len(series) > 1 else {}
    n = series[-1].n_pair if series else 0
    which = f"{name_of(product)} and {name_of(event)}"
    held: dict[str, object] = {"product": product, "event": event, "at": on}
    known = f"n = {n:,} at the end of {on}."
    of_cases = (
        f"Cases of {which}, cumulated by day of receipt in the log, and as many as expected under "
        f"independence; {known} Reports of the last weeks are still to come, and how much was used "
        "is not known: a steeper line is no greater risk."
    )
    of_limits = (
        f"IC of {which} and its lower 95 % limit; 0 is as expected. {known} Each month is looked "
        "at alone: no limit is corrected for the number of months or of pairs."
    )
    return (
        Figure("cases", "Cases over time", drawn.get("cases"), of_cases, _COUNTS,
               _rows(series, _COUNTS), held),
        Figure("limits", "Lower limits over time", drawn.get("limits"), of_limits, _LIMITS,
               _rows(series, _LIMITS), held),
    )  # fmt: skip


def _rows(series: list[Point], columns: tuple[str, ...]) -> list[list[object]]:
    return [[getattr(one, name) for name in columns] for one in series]


def pair_of(known: Known, asked: Asked) -> tuple[str, str, date]:
    """Return the pair that is asked for, and the day."""
    product = known_key(known, "product", asked.required("product"))
    event = known_key(known, "event", asked.required("event"))
    return product, event, known.day(asked.at).on


def _over_time(known: Known, asked: Asked) -> tuple[Figure, Figure]:
    product, event, on = pair_of(known, asked)
    return over_time(known.series(product, event, on), product, event, on)


def _onset(known: Known, asked: Asked) -> Figure:
    product, event, on = pair_of(known, asked)
    return onset(known.listing(product, event, on), on)


def _strata(known: Known, asked: Asked) -> Figure:
    product, event, on = pair_of(known, asked)
    return strata(known.strata(product, event, on), product, event, on)


FIGURES: dict[str, Callable[[Known, Asked], Figure]] = {
    "cases": lambda known, asked: _over_time(known, asked)[0],
    "limits": lambda known, asked: _over_time(known, asked)[1],
    "onset": _onset,
    "strata": _strata,
}
