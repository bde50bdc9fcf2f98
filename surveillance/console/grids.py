"""Small multiples: a panel for each patient, with the same axes for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.plots import WIDTH, Axis, Frame, Shape, legend, panel, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

N_COLUMNS = 3
LEFT, GAP, TOP, LOW = 44, 22, 24, 26
TALL = 92
N_PANELS = 24  # of a figure: more are not looked at one by one


class Small(NamedTuple):
    """A panel."""

    title: str
    shapes: Sequence[Shape]


def grid(title: str, x: Axis, y: Axis, panels: Sequence[Small], keys: Sequence[Shape]) -> Markup:
    """Draw panels beside and below each other.

    Parameters
    ----------
    title : str
        Of all of them.
    x, y : Axis
        Of each.
    panels : sequence of Small
        In rows.
    keys : sequence of Shape
        What their shapes mean, once each.
    """
    parts, height = legend(keys, LEFT, 0)
    top = height + 12
    parts.append(f'<text x="0" y="{top}" class="unit">{y.title}</text>')
    width = (WIDTH - LEFT - GAP * (N_COLUMNS - 1) - 16) / N_COLUMNS
    n_rows = -(-len(panels) // N_COLUMNS)
    bare = x._replace(title="")
    for place, one in enumerate(panels):
        row, column = divmod(place, N_COLUMNS)
        left = LEFT + column * (width + GAP)
        at = top + TOP + row * (TALL + TOP + LOW)
        is_last = place + N_COLUMNS >= len(panels)
        parts += panel(
            Frame(left, at, width, TALL), x if is_last else bare, y, one.shapes, title=one.title
        )
    return whole(title, top + n_rows * (TALL + TOP + LOW) + 14, parts)
