"""Time to onset of the cases of a pair."""

from __future__ import annotations

from itertools import accumulate
from statistics import quantiles
from typing import TYPE_CHECKING

from surveillance.console.pages import name_of
from surveillance.console.plots import (
    WIDTH,
    Axis,
    Bars,
    Curve,
    Frame,
    Shape,
    legend,
    linear,
    panel,
    whole,
)
from surveillance.console.taken import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from markupsafe import Markup

    from surveillance.views.line_listing import LineListing

_ONSET = ("case", "received_on", "onset_days")
_WIDTHS = (1, 2, 5, 7, 14, 30, 60, 90, 180, 365, 730, 1825, 3650)  # days of a bar
N_BARS = 16
N_FOR_QUARTERS = 4


def onset(listing: LineListing, on: date) -> Figure:
    """Return the days from the first dose to the onset of the cases that count.

    Parameters
    ----------
    listing : LineListing
        The cases of the pair.
    on : date
        The day that is looked at.
    """
    known = [one for one in listing.cases if one.onset_days is not None]
    days = sorted(one.onset_days for one in known if one.onset_days is not None)
    after = [day for day in days if day >= 0]
    which = f"{name_of(listing.product)} and {name_of(listing.event)}"
    caption = (
        f"Cases of {which} by days from the first dose of the product to the onset: "
        f"{len(days):,} of {listing.n_cases:,} have both dates, as known at the end of {on}. "
        f"{_features(after)}{len(days) - len(after):,} began before the first dose, which the "
        "product cannot have done, and are not drawn. Dates are those reported, whose reporters "
        "remember what came soon after; cases that will begin late are not there yet, and how many "
        "people were followed how long is not known."
    )
    rows = [[one.case_id, one.received_on, one.onset_days] for one in known]
    held: dict[str, object] = {"product": listing.product, "event": listing.event, "at": on}
    title = "Time to onset"
    drawing = _histogram(title, after) if after else None
    return Figure("onset", title, drawing, caption, _ONSET, rows, held)


def _features(after: Sequence[int]) -> str:
    if not after:
        return ""
    spread = f"From {after[0]:,} to {after[-1]:,} days"
    if len(after) < N_FOR_QUARTERS:
        return f"{spread}. "
    low, middle, high = quantiles(after, n=4, method="inclusive")
    week, month = (sum(day <= most for day in after) for most in (7, 30))
    return (
        f"{spread}, median {middle:g} (quartiles {low:g} and {high:g}); {week:,} within 7 days, "
        f"{month:,} within 30. "
    )


def _histogram(title: str, after: Sequence[int]) -> Markup:
    width = next((one for one in _WIDTHS if (after[-1] + 1) / one <= N_BARS), _WIDTHS[-1])
    n_bars = after[-1] // width + 1
    counts = [0] * n_bars
    for day in after:
        counts[day // width] += 1
    bars = [
        (float(place * width), float((place + 1) * width), 0.0, float(n))
        for place, n in enumerate(counts)
    ]
    ends = [(float((place + 1) * width), float(n)) for place, n in enumerate(accumulate(counts))]
    named = "day" if width == 1 else f"{width} days"
    shapes: list[Shape] = [
        Bars(f"cases a bar of {named}", "bar", bars),
        Curve("cumulated", "expected", [(0.0, 0.0), *ends]),
    ]
    y = linear("cases", [float(len(after))])
    x = Axis("days from the first dose to the onset", linear("", [bars[-1][1]]).ticks)
    keys, height = legend(shapes, 52, 0)
    top = height + 22
    unit = f'<text x="0" y="{top - 8}" class="unit">cases</text>'
    parts = panel(Frame(52, top, WIDTH - 72, 150), x, y, shapes)
    return whole(title, top + 186, [*keys, unit, *parts])
