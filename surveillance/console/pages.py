"""Turns what a page shows into HTML: every text of others is escaped, controls are made visible."""

from __future__ import annotations

from datetime import date, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from surveillance.console.asked import Asked
from surveillance.domain.product import split
from surveillance.views.written import interval, number, probability, visible

ABSENT = "\u2013"
STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_LEVELS = {
    "pt": "term", "hlt": "high level term", "hlgt": "high level group term",
    "soc": "system organ class", "smq": "standardised query",
}  # fmt: skip


class Page(NamedTuple):
    """What a page shows."""

    template: str
    title: str
    values: dict[str, Any]


def static(name: str) -> bytes:
    """Return a file that pages load."""
    return files("surveillance.console").joinpath("static", name).read_bytes()


def _template(name: str) -> str:
    return files("surveillance.console").joinpath("templates", name).read_text("utf-8")


def written(value: object) -> object:
    """Write a value for people; texts of others keep no control characters."""
    match value:
        case Markup():
            return value
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return number(value)
        case datetime() | date():
            text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else f"{value}"
            return Markup('<span class="day">{}</span>').format(text)
    return ABSENT if value is None else visible(str(value))


def name_of(key: str) -> str:
    """Return the name in a key."""
    return split(key)[1] or key


def level_of(key: str) -> str:
    """Return the level in a key, in words."""
    level = split(key)[0]
    return _LEVELS.get(level, level)


def _limits(point: float | None, lower: float | None, upper: float | None) -> str:
    return ABSENT if point is None else interval(point, lower, upper)


def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=written,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "part": lambda value: quote(str(value), safe=""),
        "name_of": name_of,
        "level_of": level_of,
        "p": lambda value: ABSENT if value is None else probability(value),
        "signed": lambda value: f"{value:+,}" if value else "",
        "words": lambda value: str(value).replace("_", " "),
        "of": lambda n, what: f"{n:,} {what}" if n == 1 else f"{n:,} {what}s",
        "three": lambda value: ABSENT if value is None else f"{value:.3f}",
    }
    made.globals["limits"] = _limits
    made.globals["static"] = {
        name: f"/static/{name}?v={sha256(static(name)).hexdigest()[:12]}" for name in STATIC
    }
    return made


_ENVIRONMENT = _environment()


def render(page: Page, asked: Asked, frame: dict[str, Any]) -> bytes:
    """Return a page as HTML.

    Parameters
    ----------
    page : Page
        What it shows.
    asked : Asked
        What was asked for.
    frame : dict
        What stands around every page.
    """
    template = _ENVIRONMENT.get_template(page.template)
    return template.render(**frame, **page.values, title=page.title, asked=asked).encode()
