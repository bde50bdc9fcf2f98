"""The page of one figure, with its numbers, and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console import (
    level_figures,
    patient_figures,
    programme_figures,
    signal_figures,
)
from surveillance.console.asked import NotThere, address
from surveillance.console.exports import File, csv_file
from surveillance.console.pages import Page
from surveillance.console.taken import png, svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.console.taken import Figure

N_ROWS = 500  # of a page; the file has all
FIGURES: dict[str, Callable[[Known, Asked], Figure]] = {
    **signal_figures.FIGURES,
    **programme_figures.FIGURES,
    **patient_figures.FIGURES,
    **level_figures.FIGURES,
}


def figure(known: Known, asked: Asked) -> Page:
    """Return the page of one figure."""
    found = figure_of(known, asked)
    at, name = _back(found)
    return Page(
        "figure.html",
        found.title,
        {
            "one": found,
            "rows": found.rows[:N_ROWS],
            "n_rows": len(found.rows),
            "back": at,
            "back_name": name,
        },
    )


def figure_of(known: Known, asked: Asked) -> Figure:
    """Return the figure that is asked for.

    Raises
    ------
    NotThere
        If there is none of this name.
    """
    return FIGURES[asked.one_of("figure", tuple(FIGURES))](known, asked)


def _back(found: Figure) -> tuple[str, str]:
    """Return the page that a figure is on, as far as its address shows it."""
    held = found.parameters
    if "product" in held and "event" in held and "name" not in held:
        kept = {name: held[name] for name in ("product", "event", "at")}
        return address("/cases", kept), "cases of the pair"
    kept = {name: held[name] for name in ("name", "test", "at") if name in held}
    return address("/programme", kept), f"programme {held['name']}"


def _drawn(known: Known, asked: Asked) -> Figure:
    found = figure_of(known, asked)
    if found.drawing is None:
        why = "it is drawn from two points on, and of what was known on that day"
        raise NotThere(404, "There is too little to draw", why, "choose a later day")
    return found


def _svg(known: Known, asked: Asked) -> File:
    found = _drawn(known, asked)
    return File(svg(found).encode(), "image/svg+xml", f"{found.name}.svg", len(found.rows))


def _png(known: Known, asked: Asked) -> File:
    found = _drawn(known, asked)
    return File(png(found), "image/png", f"{found.name}.png", len(found.rows))


def _csv(known: Known, asked: Asked) -> File:
    found = figure_of(known, asked)
    return csv_file(f"{found.name}.csv", found.columns, found.rows)


FIGURE_FILES: dict[str, Callable[[Known, Asked], File]] = {
    "/figure.svg": _svg,
    "/figure.png": _png,
    "/figure.csv": _csv,
}
