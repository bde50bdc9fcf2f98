"""The parts that figures over numbers are drawn from: axes, lines, bands, points and bars.

As in `surveillance.console.figures` colours are classes of the style sheet. What differs by colour
differs by form too: lines by their dashes, points and bars by being filled or hollow.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal, NamedTuple

from markupsafe import Markup, escape

from surveillance.console.figures import Scale, ticks_of
from surveillance.views.written import number, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 640
LETTER = 6.2  # pixels of a letter, on average
Form = Literal["filled", "hollow", "ringed", "below"]
Pair = tuple[float, float]
_DECADE = (1, 2, 5)
_MANY = 6  # ticks of a logarithmic axis; with more, only powers of ten are named


class Frame(NamedTuple):
    """Where a panel lies in a figure, in pixels."""

    left: float
    top: float
    width: float
    height: float


class Axis(NamedTuple):
    """What an axis shows, and from where to where."""

    title: str
    ticks: tuple[float, ...]
    is_log: bool = False

    def scale(self, start: float, end: float) -> Scale:
        """Return the pixels of its range."""
        low, high = self._on(self.ticks[0]), self._on(self.ticks[-1])
        return Scale(low, high, start, end)

    def at(self, scale: Scale, value: float) -> str:
        """Return the place of a value on it; what lies beyond its ends is drawn there."""
        inside = min(max(value, self.ticks[0]), self.ticks[-1])
        return scale.at(self._on(inside))

    def _on(self, value: float) -> float:
        return log10(value) if self.is_log else value


class Curve(NamedTuple):
    """A line through points."""

    name: str
    style: str
    points: Sequence[Pair]
    is_step: bool = False


class Between(NamedTuple):
    """What lies between two limits: place, lower, upper."""

    name: str
    points: Sequence[tuple[float, float, float]]


class Dots(NamedTuple):
    """Points without a line."""

    name: str
    form: Form
    points: Sequence[Pair]


class Bars(NamedTuple):
    """Bars from one value up to another: start, end, from, to."""

    name: str
    style: str
    bars: Sequence[tuple[float, float, float, float]]


class Across(NamedTuple):
    """A line across, at a value that means something."""

    name: str
    value: float


Shape = Curve | Between | Dots | Bars | Across


def linear(title: str, values: Iterable[float], *, least: float = 1.0) -> Axis:
    """Return an axis from 0 that holds some values."""
    held = [*values, 0.0]
    return Axis(title, tuple(ticks_of(min(held), max([*held, least]))))


def logarithmic(title: str, values: Iterable[float]) -> Axis:
    """Return an axis of powers of ten that holds some values above 0."""
    held = [value for value in values if value > 0] or [1.0]
    low, high = log10(min(held)), log10(max(held))
    steps = [
        digit * 10.0**power for power in range(floor(low) - 1, ceil(high) + 2) for digit in _DECADE
    ]
    first = max((one for one in steps if one <= min(held) * 1.000001), default=steps[0])
    last = min((one for one in steps if one >= max(held) * 0.999999), default=steps[-1])
    if first == last:
        last = min(one for one in steps if one > first)
    return Axis(title, tuple(one for one in steps if first <= one <= last), is_log=True)


def panel(frame: Frame, x: Axis, y: Axis, shapes: Sequence[Shape], *, title: str = "") -> list[str]:
    """Draw shapes with their axes.

    Parameters
    ----------
    frame : Frame
        Of the area within the axes.
    x, y : Axis
        Along, and upright.
    shapes : sequence of Shape
        The first lies below the others.
    title : str, optional
        Above it.
    """
    left, bottom = frame.left, frame.top + frame.height
    across = x.scale(left, left + frame.width)
    up = y.scale(bottom, frame.top)
    parts = [*_upright(frame, y, up), *_along(frame, x, across)]
    for shape in shapes:
        parts += _drawn(shape, frame, (x, across), (y, up))
    if title:
        head = escape(visible(title))
        parts.append(f'<text x="{left:.1f}" y="{frame.top - 6:.1f}" class="name">{head}</text>')
    return parts


def _upright(frame: Frame, y: Axis, up: Scale) -> Iterable[str]:
    left, right = frame.left, frame.left + frame.width
    for tick in y.ticks:
        at = y.at(up, tick)
        yield f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{at}" y2="{at}" class="grid"/>'
        if _is_named(y, tick):
            yield f'<text x="{left - 6:.1f}" y="{at}" class="upright">{number(tick)}</text>'


def _along(frame: Frame, x: Axis, across: Scale) -> Iterable[str]:
    bottom = frame.top + frame.height
    last = -1e9
    for tick in x.ticks:
        at, written = float(x.at(across, tick)), number(tick)
        if not _is_named(x, tick) or at - last < LETTER * (len(written) + 1):
            continue
        last = at
        yield f'<line x1="{at}" x2="{at}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}" class="grid"/>'
        yield f'<text x="{at}" y="{bottom + 15:.1f}" text-anchor="middle">{written}</text>'
    if x.title:
        right = frame.left + frame.width
        yield (
            f'<text x="{right:.1f}" y="{bottom + 28:.1f}" text-anchor="end" class="unit">'
            f"{escape(x.title)}</text>"
        )


def _is_named(axis: Axis, tick: float) -> bool:
    return not axis.is_log or len(axis.ticks) <= _MANY or log10(tick) % 1 == 0


def _drawn(
    shape: Shape, frame: Frame, along: tuple[Axis, Scale], upright: tuple[Axis, Scale]
) -> Iterable[str]:
    def at(x: float, y: float) -> tuple[str, str]:
        return along[0].at(along[1], x), upright[0].at(upright[1], y)

    match shape:
        case Curve():
            yield _curve(shape, [at(*one) for one in shape.points])
        case Between():
            there = [at(x, low) for x, low, _ in shape.points]
            back = [at(x, high) for x, _, high in reversed(shape.points)]
            path = "L".join(f"{x} {y}" for x, y in (*there, *back))
            yield f'<path d="M{path}Z" class="band"/>' if path else ""
        case Dots():
            yield from (_dot(shape.form, *at(*one)) for one in shape.points)
        case Bars():
            for start, end, low, high in shape.bars:
                (x1, y1), (x2, y2) = at(start, low), at(end, high)
                path = f"M{x1} {y1}V{y2}H{x2}V{y1}Z"
                yield f'<path d="{path}" class="{shape.style}"/>' if y1 != y2 else ""
        case Across():
            y = upright[0].at(upright[1], shape.value)
            right = frame.left + frame.width
            yield f'<line x1="{frame.left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}" class="mark"/>'


def _curve(curve: Curve, points: Sequence[tuple[str, str]]) -> str:
    if not points:
        return ""
    (x, y), *others = points
    step = "".join(f"H{x}V{y}" if curve.is_step else f"L{x} {y}" for x, y in others)
    return f'<path d="M{x} {y}{step}" class="{curve.style}"/>'


def _dot(form: Form, x: str, y: str) -> str:
    if form == "below":
        return f'<path d="M{float(x) - 4:.1f} {float(y) - 3:.1f}h8l-4 6Z" class="hollow"/>'
    style = "hollow" if form == "hollow" else "dot"
    ring = f'<circle cx="{x}" cy="{y}" r="4.75" class="ring"/>' if form == "ringed" else ""
    return f'<circle cx="{x}" cy="{y}" r="2.25" class="{style}"/>{ring}'


def legend(shapes: Sequence[Shape], left: float, top: float) -> tuple[list[str], float]:
    """Draw what each shape means, in as many rows as it takes; return the height too."""
    parts: list[str] = []
    x, y = left, top + 8
    for shape in shapes:
        if not shape.name:
            continue
        width = 34 + LETTER * len(shape.name) + 14
        if x > left and x + width > WIDTH:
            x, y = left, y + 16
        parts += [_key(shape, x, y - 4), f'<text x="{x + 28:.1f}" y="{y:.1f}" class="unit">']
        parts[-1] += f"{escape(visible(shape.name))}</text>"
        x += width
    return parts, y - top + 8


def _key(shape: Shape, x: float, y: float) -> str:
    match shape:
        case Curve():
            return f'<path d="M{x:.1f} {y:.1f}h22" class="{shape.style}"/>'
        case Across():
            return f'<path d="M{x:.1f} {y:.1f}h22" class="mark"/>'
        case Dots():
            return _dot(shape.form, f"{x + 11:.1f}", f"{y:.1f}")
        case Between() | Bars():
            style = shape.style if isinstance(shape, Bars) else "band"
            return f'<path d="M{x:.1f} {y - 5:.1f}h22v10h-22Z" class="{style}"/>'


class Estimate(NamedTuple):
    """A row of a forest: an estimate with its limits, or a note why there is none."""

    name: str
    point: float | None
    low: float | None = None
    high: float | None = None
    written: str = ""  # beside it
    form: Form = "filled"
    is_head: bool = False


def forest(title: str, axis: Axis, rows: Sequence[Estimate], mark: float) -> Markup:
    """Draw estimates with their limits, one below the other.

    Parameters
    ----------
    title : str
        What they are.
    axis : Axis
        Of all of them.
    rows : sequence of Estimate
        From above.
    mark : float
        The value of no difference.
    """
    row, top = 20, 10
    indent = 12 if any(one.is_head for one in rows) else 0
    left = 16 + indent + LETTER * max(len(one.name) for one in rows)
    right = WIDTH - 14 - LETTER * max(len(one.written) for one in rows)
    frame = Frame(left, top, max(right - left, 120.0), row * len(rows))
    across = axis.scale(frame.left, frame.left + frame.width)
    at = axis.at(across, mark)
    bottom = top + row * len(rows)
    parts = [
        *_along(frame, axis, across),
        f'<line x1="{at}" x2="{at}" y1="{top}" y2="{bottom}" class="mark"/>',
    ]
    for place, one in enumerate(rows):
        y = top + row * (place + 0.5)
        style = ' class="name"' if one.is_head else ""
        x, name = 0 if one.is_head else indent, escape(visible(one.name))
        parts.append(f'<text x="{x}" y="{y + 4:.1f}"{style}>{name}</text>')
        parts += _interval(axis, across, one, y)
        written = escape(visible(one.written))
        parts.append(f'<text x="{WIDTH}" y="{y + 4:.1f}" text-anchor="end">{written}</text>')
    return whole(title, bottom + 36, parts)


def _interval(axis: Axis, across: Scale, one: Estimate, y: float) -> Iterable[str]:
    if one.low is not None and one.high is not None:
        x1, x2 = axis.at(across, one.low), axis.at(across, one.high)
        yield f'<line x1="{x1}" x2="{x2}" y1="{y:.1f}" y2="{y:.1f}" class="range"/>'
        yield "" if one.low < axis.ticks[0] else _end(x1, y)
        yield "" if one.high > axis.ticks[-1] else _end(x2, y)
    if one.point is not None:
        yield _dot(one.form, axis.at(across, one.point), f"{y:.1f}")


def _end(x: str, y: float) -> str:
    return f'<line x1="{x}" x2="{x}" y1="{y - 4:.1f}" y2="{y + 4:.1f}" class="range"/>'


def whole(title: str, height: float, parts: Sequence[str]) -> Markup:
    """Return parts as a figure, which readers of screens know by its title."""
    head = (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" class="figure" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(visible(title))}</title>'
    )
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - texts in it are escaped
