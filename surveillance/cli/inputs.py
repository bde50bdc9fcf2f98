"""What commands that read files or a log share: options, an exit code, notes on the whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli.screen import print_lines

REFUSED_IN_PART = 3
SHIPPED_FOR = {
    "vaers": "vaers", "faers": "faers", "e2b": "e2b", "e2b-r2": "e2b",
    "openfda": "faers", "maude": "faers", "caers": "faers",
    "folder": "ucd", "outcomes": "ucd",
}  # fmt: skip

Config = Annotated[
    list[Path] | None,
    typer.Option("--config", help="Configuration directory; the first given is in force."),
]
ExtractedOn = Annotated[
    list[str] | None,
    typer.Option(
        "--extracted-on",
        metavar="DATE",
        help="When the files were downloaded, where nothing shows it; PATH=DATE for one path.",
    ),
]
WithdrawnOption = Annotated[
    str,
    typer.Option(
        "--withdrawn",
        help="Of reports that a later extract no longer shows: stand, or nullify.",
    ),
]


def notes_on_sources(without_rule: Iterable[str]) -> list[str]:
    """State of each source that has no version rule how its versions are ordered."""
    return [
        f"sources.toml has no rule for source {source!r}: its versions are ordered by version "
        "number, then by day of receipt"
        for source in sorted(without_rule)
    ]


def print_notes(notes: list[str]) -> None:
    """Print what a user should know of the whole, a line each."""
    for note in notes:
        print_lines(f"note: {note}")
