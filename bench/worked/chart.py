"""A line chart as SVG text: the same numbers give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 70, 60
STYLES = (("#0b5394", ""), ("#b45f06", "7 4"), ("#38761d", "2 3"), ("#741b47", "10 3 2 3"))


class Axis(NamedTuple):
    """What an axis shows; the first and last tick are its ends."""

    label: str
    ticks: Sequence[float]
    is_log: bool = False

    def share(self, value: float) -> float:
        """Say how far along the axis a value is, from 0 to 1."""
        low, high, at = (
            math.log(x) if self.is_log else x for x in (self.ticks[0], self.ticks[-1], value)
        )
        return min(1.0, max(0.0, (at - low) / (high - low)))


class Line(NamedTuple):
    """A named line."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], *, mark: float | None = None) -> str:
    """Draw at most four lines; `mark` is a level to compare them with, dotted and named."""

    def at(point: tuple[float, float]) -> tuple[float, float]:
        across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + across * x.share(point[0]), HEIGHT - BOTTOM - up * y.share(point[1])

    style = 'role="img" font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tick in x.ticks:
        place, bottom = at((tick, y.ticks[0]))
        parts.append(_path([(place, bottom), (place, TOP)], "#dddddd"))
        parts.append(_text(place, bottom + 18, f"{tick:g}", "middle"))
    for tick in y.ticks:
        left, place = at((x.ticks[0], tick))
        parts.append(_path([(left, place), (WIDTH - RIGHT, place)], "#dddddd"))
        parts.append(_text(left - 8, place + 4, f"{tick:g}", "end"))
    if mark is not None:
        ends = [at((x.ticks[0], mark)), at((x.ticks[-1], mark))]
        parts.append(_path(ends, "black", "1 4", 1.5))
        parts.append(_text(ends[1][0] - 4, ends[1][1] - 5, f"{mark:g}", "end"))
    for i, (line, (colour, dash)) in enumerate(zip(lines, STYLES, strict=False)):
        parts.append(_path([at(point) for point in line.points], colour, dash, 2.5))
        left, height = LEFT + 320 * (i % 2), 20 + 22 * (i // 2)  # the legend stands above
        parts.append(_path([(left, height), (left + 40, height)], colour, dash, 2.5))
        parts.append(_text(left + 48, height + 4, line.name, "start"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x.label, "middle"))
    turn = f' transform="rotate(-90 18 {(HEIGHT - BOTTOM + TOP) / 2:.1f})"'
    parts.append(_text(18, (HEIGHT - BOTTOM + TOP) / 2, y.label, "middle", turn))
    return "\n".join([*parts, "</svg>", ""])


def _path(
    points: Sequence[tuple[float, float]], colour: str, dash: str = "", width: float = 1
) -> str:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    style = f'fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}'
    return f'<polyline points="{where}" {style}/>'


def _text(x: float, y: float, words: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'
