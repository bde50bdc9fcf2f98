"""Figures as SVG that is written by hand: the same numbers give the same bytes, with no library.

Colours and fonts come from the style sheet of the page, so a figure is dark where the page is.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from surveillance.views.written import number, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from surveillance.views.series import Point

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 30
N_TICKS = 5
WIDTH_OF_A_DAY = 90  # pixels that a date takes, with some room
_STEPS = (1, 2, 5, 10)
LANE = 16  # pixels of a patient
LETTER = 7
N_LETTERS = 24  # of a patient's name


class Line(NamedTuple):
    """One line of a figure; a value that is None leaves a gap."""

    name: str
    style: str  # a class of the style sheet
    values: Sequence[float | None]
    is_step: bool = False


class Scale(NamedTuple):
    """A range of values and the pixels that it takes."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> str:
        """Return a place, to a tenth of a pixel."""
        span = self.high - self.low or 1.0
        place = self.start + (self.end - self.start) * (value - self.low) / span
        return f"{place:.1f}"


def draw_series(series: Sequence[Point]) -> dict[str, Markup]:
    """Draw cases and lower limits of a pair over time.

    Parameters
    ----------
    series : sequence of Point
        At least two, ascending.

    Returns
    -------
    dict of str to Markup
        ``cases``, and ``limits`` in bits, where 0 is as expected.
    """
    days = [one.on for one in series]
    observed = Line("observed", "observed", [float(one.n_pair) for one in series], is_step=True)
    expected = Line("expected", "expected", [one.expected for one in series])
    lower = Line("lower limit of the IC", "observed", [one.ic_lower for one in series])
    point = Line("IC", "expected", [one.ic for one in series])
    return {
        "cases": draw("Cases by day of receipt, and as expected", "cases", days,
                      [observed, expected]),
        "limits": draw("IC and its lower limit: 0 is as expected", "bits", days, [lower, point],
                       mark=0.0),
    }  # fmt: skip


class Mark(NamedTuple):
    """Something on a patient's lane: its kind, and days since the first dose."""

    kind: str
    day: int


class Lane(NamedTuple):
    """A patient: followed for so many days since the first dose."""

    name: str
    n_days: int
    is_over: bool
    marks: tuple[Mark, ...]


def draw_lanes(lanes: Sequence[Lane]) -> Markup | None:
    """Draw a lane for each patient, with doses, visits, events and the end of follow-up.

    Parameters
    ----------
    lanes : sequence of Lane
        From above. None is drawn of none.
    """
    if not lanes:
        return None
    bottom = LANE * len(lanes) + TOP
    height = bottom + BOTTOM + 14
    left = 20 + LETTER * max(len(one.name[:N_LETTERS]) for one in lanes)
    ticks = ticks_of(0.0, float(max(1, *(one.n_days for one in lanes))))
    x = Scale(0.0, ticks[-1], left, WIDTH - RIGHT)
    parts = [
        f'<line x1="{x.at(tick)}" x2="{x.at(tick)}" '
        f'y1="{TOP}" y2="{bottom}" class="grid"/>'
        f'<text x="{x.at(tick)}" y="{bottom + 18}" text-anchor="middle">{number(tick)}</text>'
        for tick in ticks
    ]
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{bottom + 34}" text-anchor="end" class="unit">'
        "days since the first dose</text>"
    )
    for row, lane in enumerate(lanes):
        y = TOP + LANE * row + LANE / 2
        name = escape(visible(lane.name[:N_LETTERS]))
        parts.append(f'<text x="{left - 8}" y="{y:.1f}" class="upright">{name}</text>')
        end = float(x.at(lane.n_days))
        parts.append(f'<line x1="{left}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}" class="lane"/>')
        parts += [_mark(mark.kind, float(x.at(mark.day)), y) for mark in lane.marks]
        parts += [] if lane.is_over else [_mark("goes on", end, y)]
    head = (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" class="figure lanes" '
        f'xmlns="http://www.w3.org/2000/svg"><title>Patients by first dose: days since then</title>'
    )
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - texts in it are escaped


def _mark(kind: str, x: float, y: float) -> str:
    """Return a mark; kinds differ by their form, and not by colour alone."""
    forms = {
        "dose": f"M{x - 4:.1f} {y + 4:.1f}L{x:.1f} {y - 4:.1f}L{x + 4:.1f} {y + 4:.1f}Z",
        "visit": f"M{x:.1f} {y - 3:.1f}V{y + 3:.1f}",
        "missed": f"M{x - 2.5:.1f} {y - 2.5:.1f}h5v5h-5Z",
        "event": f"M{x - 4:.1f} {y - 4:.1f}l8 8M{x - 4:.1f} {y + 4:.1f}l8 -8",
        "death": f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8Z",
        "goes on": f"M{x:.1f} {y - 4:.1f}l6 4l-6 4",
    }
    return f'<path d="{forms[kind]}" class="{kind.replace(" ", "-")}"/>'


def draw(
    title: str,
    unit: str,
    days: Sequence[date],
    lines: Sequence[Line],
    *,
    mark: float | None = None,
) -> Markup:
    """Draw lines over days.

    Parameters
    ----------
    title, unit : str
        In the figure, and at its upright axis.
    days : sequence of date
        Of the values, ascending.
    lines : sequence of Line
        Each with a value for every day.
    mark : float, optional
        A value that is marked by a line across.
    """
    values = [value for line in lines for value in line.values if value is not None]
    ticks = ticks_of(min([*values, 0.0]), max([*values, mark or 0.0, 0.0]))
    x = Scale(days[0].toordinal(), days[-1].toordinal(), LEFT, WIDTH - RIGHT)
    y = Scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    inner = [
        *_upright(ticks, y, unit),
        *_along(days, x),
        *([] if mark is None else [_across(y.at(mark), "mark")]),
        *(_path(line, days, x, y) for line in lines),
        *_legend(lines),
    ]
    head = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="figure" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
    )
    return Markup(head + "".join(inner) + "</svg>")  # noqa: S704 - texts in it are escaped


def ticks_of(low: float, high: float) -> list[float]:
    """Return round values that hold a range."""
    if high <= low:
        high = low + 1.0
    raw = (high - low) / N_TICKS
    size = 10 ** floor(log10(raw))
    step = next(size * each for each in _STEPS if size * each >= raw)
    first, last = floor(low / step), ceil(high / step)
    return [round(step * each, 10) for each in range(first, last + 1)]


def _upright(ticks: Sequence[float], y: Scale, unit: str) -> Iterable[str]:
    for tick in ticks:
        yield _across(y.at(tick), "grid")
        yield f'<text x="{LEFT - 6}" y="{y.at(tick)}" class="upright">{number(tick)}</text>'
    yield f'<text x="{LEFT}" y="10" class="unit">{escape(unit)}</text>'


def _across(y: str, style: str) -> str:
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="{style}"/>'


def _along(days: Sequence[date], x: Scale) -> Iterable[str]:
    """Mark some of the days, so far apart that their names do not meet."""
    start, end = float(x.at(days[0].toordinal())), float(x.at(days[-1].toordinal()))
    n_places = max(1, int((end - start) // WIDTH_OF_A_DAY))
    wanted = [start + (end - start) * index / n_places for index in range(n_places + 1)]
    near = [min(days, key=lambda day: abs(float(x.at(day.toordinal())) - at)) for at in wanted]
    last = -float(WIDTH_OF_A_DAY)
    for day in dict.fromkeys([*near[:-1], days[-1]]):
        place = float(x.at(day.toordinal()))
        is_last = day == days[-1]
        if place - last < WIDTH_OF_A_DAY or (not is_last and end - place < 1.5 * WIDTH_OF_A_DAY):
            continue
        anchor = "start" if day == days[0] else "end" if is_last else "middle"
        last = place + (WIDTH_OF_A_DAY / 2 if anchor == "start" else 0)
        yield (
            f'<text x="{place:.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}" class="along">'
            f"{day}</text>"
        )


def _path(line: Line, days: Sequence[date], x: Scale, y: Scale) -> str:
    found, is_down = [], False
    for day, value in zip(days, line.values, strict=True):
        if value is None:
            is_down = False
            continue
        place = x.at(day.toordinal()), y.at(value)
        if is_down and line.is_step:
            found.append(f"H{place[0]}V{place[1]}")
        else:
            found.append(f"{'L' if is_down else 'M'}{place[0]} {place[1]}")
        is_down = True
    return f'<path d="{"".join(found)}" class="{line.style}"/>' if found else ""


def _legend(lines: Sequence[Line]) -> Iterable[str]:
    place = LEFT + 60
    for line in lines:
        yield f'<line x1="{place}" x2="{place + 22}" y1="7" y2="7" class="{line.style}"/>'
        yield f'<text x="{place + 28}" y="10" class="unit">{escape(line.name)}</text>'
        place += 40 + 7 * len(line.name)
