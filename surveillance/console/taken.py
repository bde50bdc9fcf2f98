"""Figures that people take away: with their numbers, as a picture, and by an address that stays.

The picture is the figure of the page with the colours of its style sheet in the light, the title
above and the caption below it. The font that a bitmap needs is kept beside this file, so that
the same figure gives the same bytes whatever a machine has installed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import as_file, files
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from surveillance.console.asked import address
from surveillance.console.plots import WIDTH
from surveillance.views.written import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

FONT = "DejaVuSans.ttf"
N_LETTERS_A_LINE = 106  # of a caption
LINE = 15  # pixels
MARGIN = 12
TIMES = 2.0  # pixels of a bitmap to one of the figure
_size = re.compile(r'^<svg viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*class="([^"]*)"[^>]*>')
_variable = re.compile(r"var\(--([a-z]+)\)")


class Figure(NamedTuple):
    """A drawing with what it is drawn from."""

    name: str  # in its address
    title: str
    drawing: Markup | None  # None where there is too little to draw
    caption: str  # of what it is, how many, and what it does not know
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    parameters: dict[str, object]  # that lead to it again, with the day

    @property
    def anchor(self) -> str:
        """Its place on a page."""
        return re.sub(r"[^a-z0-9]+", "-", f"figure-{self.name}-{self.title}".lower()).strip("-")

    def at(self, ending: str = "") -> str:
        """Return the address of its own page, or of a file."""
        return address(f"/figure{ending}", {"figure": self.name, **self.parameters})


@lru_cache(maxsize=1)
def style() -> str:
    """Return the rules of figures from the style sheet of pages, with the colours of the light."""
    sheet = files("surveillance.console").joinpath("static", "console.css").read_text("utf-8")
    first = sheet[: sheet.index("}")]
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]+);", first))
    rules = [line[3:] for line in sheet.splitlines() if line.startswith("svg.")]
    return "".join(_variable.sub(lambda found: colours[found[1]], one) for one in rules)


def svg(figure: Figure) -> str:
    """Return a figure as a picture that needs nothing else.

    Parameters
    ----------
    figure : Figure
        With a drawing.
    """
    drawing = str(figure.drawing or "")
    found = _size.match(drawing)
    if found is None:
        raise ValueError(f"{figure.name}: is not drawn")
    top = MARGIN + 24
    lines = wrap(visible(figure.caption), N_LETTERS_A_LINE)
    height = top + float(found[2]) + LINE * (len(lines) + 1) + MARGIN
    width = WIDTH + 2 * MARGIN
    below = top + float(found[2]) + LINE
    inner = drawing[found.end() : -len("</svg>")]
    text = "".join(
        f'<text x="{MARGIN}" y="{below + LINE * n:.0f}" class="caption">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}" font-family="DejaVu Sans, sans-serif">'
        f"<style>{style()}</style>"
        f'<rect width="{width}" height="{height:.0f}" fill="#ffffff"/>'
        f'<g class="figure"><text x="{MARGIN}" y="{MARGIN + 10}" class="head">'
        f"{escape(visible(figure.title))}</text>{text}</g>"
        f'<g class="{found[3]}" transform="translate({MARGIN} {top})">{inner}</g></svg>\n'
    )


def png(figure: Figure) -> bytes:
    """Return the same picture as a bitmap.

    Parameters
    ----------
    figure : Figure
        With a drawing.
    """
    from resvg_py import svg_to_bytes  # noqa: PLC0415 - the only page that needs it

    with as_file(files("surveillance.console").joinpath("fonts", FONT)) as font:
        return bytes(
            svg_to_bytes(
                svg_string=svg(figure),
                zoom=TIMES,
                skip_system_fonts=True,
                font_files=[str(font)],
                font_family="DejaVu Sans",
                sans_serif_family="DejaVu Sans",
            )
        )
