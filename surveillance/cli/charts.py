"""A series as a drawing: in the terminal, and the same drawing as an SVG file.

PRR and ROR are drawn by their base-2 logarithm, which is the scale of the IC: one scale
on which 0 is "as often as expected" for all three.
"""

from __future__ import annotations

import io
import re
from math import log2
from typing import TYPE_CHECKING, Any

import plotext
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from surveillance.domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from surveillance.domain.finding import Look
    from surveillance.programmes.course import Point as CoursePoint
    from surveillance.views.series import Point
    from surveillance.views.weekly_review import Reviewed

N_POINTS_MIN = 2  # a line needs two
WIDTH_OF_A_FILE = 110  # columns
_N_ROWS, _N_TICKS = 18, 6
_WIDTH_MIN, _WIDTH_MAX = 60, 200
_FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def draw(points: Sequence[Point], title: str, *, width: int) -> str:
    """Draw counts, and below them the lower limits, for a terminal of that width.

    Parameters
    ----------
    points : sequence of Point
        Two or more.
    title : str
        What is drawn.
    width : int
        Columns.

    Returns
    -------
    str
        Lines of text without colour.
    """
    counts = [
        ("cases", [float(point.n_pair) for point in points]),
        ("expected", [point.expected for point in points]),
    ]
    limits = [
        ("IC", [point.ic_lower for point in points]),
        ("log2 PRR", [_log2(point.prr_lower) for point in points]),
        ("log2 ROR", [_log2(point.ror_lower) for point in points]),
    ]
    days = [point.on.isoformat() for point in points]
    wide = min(max(width, _WIDTH_MIN), _WIDTH_MAX)
    lower = "lower 95 % limits, in bits; 0 is as often as expected"
    return "\n".join((_plot(counts, days, title, wide), _plot(limits, days, lower, wide)))


def draw_course(points: Sequence[CoursePoint], title: str, *, width: int) -> str:
    """Draw one patient's events beside the band of natural history.

    Parameters
    ----------
    points : sequence of surveillance.programmes.course.Point
        Two or more.
    title : str
        What is drawn.
    width : int
        Columns.
    """
    lines: list[tuple[str, Sequence[float | None]]] = [
        ("events", [float(point.n_events) for point in points]),
        ("untreated, 5 to 95 %", [float(point.high) for point in points]),
        ("effect kept, expected", [point.kept for point in points]),
        ("", [float(point.low) for point in points]),
    ]
    return _plot(lines, [point.on.isoformat() for point in points], title, width)


def draw_weeks(reviewed: Reviewed, *, width: int = WIDTH_OF_A_FILE) -> str:
    """Draw what a reviewer had to do with, week by week, and the ranks of what was known.

    Parameters
    ----------
    reviewed : Reviewed
        Of a backtest.
    width : int
        Columns.

    Raises
    ------
    Misused
        If there are fewer than two weeks.
    """
    weeks = reviewed.weeks
    if len(weeks) < N_POINTS_MIN:
        raise Misused("--plot", f"needs {N_POINTS_MIN} weeks", "replay a longer period")
    days = [week.on.isoformat() for week in weeks]
    burden: list[tuple[str, Sequence[float | None]]] = [
        ("waiting", [float(week.n_waiting) for week in weeks]),
        ("looked at", [float(week.n_shown) for week in weeks]),
    ]
    drawings = [_plot(burden, days, "matters a week: waiting, and looked at", width)]
    for matter in reviewed.matters:
        ranks = {week.on: log2(week.rank) for week in matter.weeks}
        if ranks:
            title = f"{matter.product} and {matter.event}: log2 of the rank, nothing acknowledged"
            drawings.append(
                _plot([("log2 rank", [ranks.get(week.on) for week in weeks])], days, title, width)
            )
    return "\n".join(drawings)


def draw_looks(looks: Sequence[Look], *, width: int = WIDTH_OF_A_FILE) -> str:
    """Draw the statistic of one test against its boundary, look by look.

    Parameters
    ----------
    looks : sequence of Look
        Two or more, of one test.
    width : int
        Columns.
    """
    first, last = looks[0], looks[-1]
    title = f"{first.criterion}, {first.product}: {last.scale} at each of {len(looks)} looks"
    lines = [
        ("statistic", [one.statistic for one in looks]),
        ("boundary", [one.boundary for one in looks]),
    ]
    days = [one.on.isoformat() for one in looks]
    return _plot(lines, days, title, min(max(width, _WIDTH_MIN), _WIDTH_MAX))


def _log2(value: float | None) -> float | None:
    return log2(value) if value else None


def _plot(
    lines: Sequence[tuple[str, Sequence[float | None]]], days: list[str], title: str, width: int
) -> str:
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, _N_ROWS)
    plotext.title(title)
    for (label, values), marker in zip(lines, ("hd", "dot", "x", "dot"), strict=False):
        known = [(place, value) for place, value in enumerate(values) if value is not None]
        if known:
            plotext.plot(*zip(*known, strict=True), label=label or None, marker=marker)
    ticks = sorted({round(i * (len(days) - 1) / (_N_TICKS - 1)) for i in range(_N_TICKS)})
    plotext.xticks(ticks, [days[tick] for tick in ticks])
    built: Any = plotext.build()
    return str(plotext.uncolorize(built))


def save_svg(drawing: str, path: Path, *, title: str) -> None:
    """Write a drawing as a self-contained SVG file.

    Parameters
    ----------
    drawing : str
        As `draw` returns it.
    path : Path
        Ends in ``.svg``.
    title : str
        Shown above it.

    Raises
    ------
    Misused
        If the path does not end in ``.svg``, or cannot be written.
    """
    if path.suffix.lower() != ".svg":
        raise Misused(f"--plot {path}", "does not end in .svg", "SVG is what can be drawn")
    width = max(len(line) for line in drawing.splitlines())
    canvas = Console(record=True, width=width, file=io.StringIO(), color_system=None)
    canvas.print(Text(drawing), end="")
    # The library's own template fetches its font from a server; any local font will do.
    template = _FONT_FACES.sub("", CONSOLE_SVG_FORMAT)
    try:
        path.write_text(canvas.export_svg(title=title, code_format=template), encoding="utf-8")
    except OSError as error:
        raise Misused(
            f"--plot {path}", f"cannot be written ({error.strerror})", "name another file"
        ) from None
