"""Options that the commands share."""

from __future__ import annotations

import os
from datetime import date
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surveillance.domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Sequence

N_MAX = 1_000_000_000  # of rows to show, more than any database would take
SEED_MAX = 2**63 - 1
Seed = Annotated[int, typer.Option("--seed", min=0, max=SEED_MAX, help="Of the simulation.")]


def number_of(given: float) -> float:
    """Refuse what is no number: it would pass every range.

    Raises
    ------
    Misused
        If it is not a number.
    """
    if isnan(given):
        raise Misused("nan", "is not a number", "give a number of seconds")
    return given


def text_of(given: str | None) -> str | None:
    """Read a name that was given in a locale that is not UTF-8: what was typed is UTF-8 still.

    Raises
    ------
    Misused
        If it is not.
    """
    if given is None or not any("\ud800" <= character <= "\udfff" for character in given):
        return given
    try:
        return os.fsencode(given).decode()
    except UnicodeError:
        raise Misused(repr(given), "is not UTF-8", "type it in UTF-8") from None


FromRun = Annotated[
    Path | None,
    typer.Option("--from-run", metavar="DIR", help="A directory that `longwatch replay` wrote."),
]
RegisterUrl = Annotated[
    str | None,
    typer.Option("--register", metavar="URL", help="sqlite:///… or postgresql+psycopg://…"),
]
ProductName = Annotated[
    str | None,
    typer.Option(
        "--product",
        metavar="P",
        callback=text_of,
        help="A key (product:…), a name, or a group's name.",
    ),
]
OneProduct = Annotated[
    str,
    typer.Option("--product", metavar="P", callback=text_of, help="As for findings."),
]
OneEvent = Annotated[
    str,
    typer.Option("--event", metavar="E", callback=text_of, help="As for findings."),
]
EventName = Annotated[
    str | None,
    typer.Option(
        "--event", metavar="E", callback=text_of, help="A key (pt:…), a name, or a group's name."
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="As it stood at the end of that day (UTC), as 1999-02-12."
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, max=N_MAX, help="At most so many; a table has 40 without it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

N_ROWS_OF_A_TABLE = 40


def limit_of(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows to show: all of them to machines, a page to people."""
    return limit if limit is not None or as_json else N_ROWS_OF_A_TABLE


def day_of(given: str | None) -> date | None:
    """Read what was given with --as-of.

    Raises
    ------
    Misused
        If it is not a date.
    """
    try:
        return None if given is None else date.fromisoformat(given)
    except ValueError:
        raise Misused(f"--as-of {given!r}", "is not a date", "give it as 1999-02-12") from None


def one_of(given: str | None, known: Sequence[Any], option: str) -> Any:  # noqa: ANN401 - a literal
    """Return what was given, if it is one of those known.

    Raises
    ------
    Misused
        If it is not; lists them.
    """
    if given is not None and given not in known:
        raise Misused(f"{option} {given!r}", "is not known", f"use one of {', '.join(known)}")
    return given
