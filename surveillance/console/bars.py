"""Small bars for a row of a table: so many in each of the latest weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

STEP, BAR, HEIGHT = 4, 3, 24  # pixels


def draw_weeks(values: Sequence[int], on: date) -> Markup:
    """Draw a bar for each week, the latest on the right; what was taken off hangs below the line.

    Parameters
    ----------
    values : sequence of int
        Net changes, the oldest first.
    on : date
        A day of the last week.
    """
    highest, lowest = max(0, *values), min(0, *values)
    scale = (HEIGHT - 1) / ((highest - lowest) or 1)
    zero = highest * scale if highest or lowest else HEIGHT - 1.0
    added, taken = (
        "".join(
            _bar(place, value, zero, scale)
            for place, value in enumerate(values)
            if value and (value > 0) == is_added
        )
        for is_added in (True, False)
    )
    width = STEP * len(values)
    return Markup(
        '<svg class="weeks" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="{label}"><title>{title}</title>'
        '<path class="line" d="M0 {zero:.1f}h{width}"/>'
        '<path class="added" d="{added}"/><path class="taken" d="{taken}"/></svg>'
    ).format(
        width=width, height=HEIGHT, zero=zero, added=added, taken=taken,
        label=in_words(values, on), title="by week: " + " ".join(map(str, values)),
    )  # fmt: skip


def in_words(values: Sequence[int], on: date) -> str:
    """Describe the bars for people who do not see them."""
    if not any(values):
        return f"none in {len(values)} weeks"
    most = max(values)
    weeks_ago = len(values) - 1 - max(n for n, value in enumerate(values) if value == most)
    monday = on - timedelta(days=on.weekday(), weeks=weeks_ago)
    busiest = f"; most {most:,} in the week of {monday}" if most > 0 else ""
    return f"{sum(values):,} in {len(values)} weeks, {values[-1]:,} in the latest{busiest}"


def _bar(place: int, value: int, zero: float, scale: float) -> str:
    """Return a bar as a part of a path; a small one is at least a pixel high."""
    height = max(abs(value) * scale, 1.0)
    top = zero - height if value > 0 else zero
    return f"M{place * STEP} {top:.1f}h{BAR}v{height:.1f}h-{BAR}z"
