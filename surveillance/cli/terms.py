"""Commands on the terms of events, under a user's own release of MedDRA."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli.files import FormatName, Paths, of_cases, reads_of, told
from surveillance.cli.inputs import REFUSED_IN_PART, Config
from surveillance.cli.options import AsJson, Limit, limit_of
from surveillance.cli.screen import print_json, print_lines
from surveillance.cli.tables import print_table, shown
from surveillance.cli.terminal import Bar
from surveillance.configuration.reader import read_configuration
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misused
from surveillance.views.plain import plain
from surveillance.views.terms import recoded_terms, unknown_terms

terms_app = typer.Typer(help="Terms that events are reported under.", no_args_is_help=True)
Under = Annotated[
    Path, typer.Option("--under", metavar="DIR", help="A configuration with the other release.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    terms_app.command("unknown")(unknown)
    terms_app.command("changes")(changes)
    app.add_typer(terms_app, name="terms")


def unknown(
    format_name: FormatName,
    paths: Paths,
    config: Config = None,
    *,
    limit: Limit = None,
    as_json: AsJson = False,
) -> int:
    """List the reported terms that the release does not know, with their counts.

    They count under their own name, and at no level above it.
    """
    configuration = _with_terms(of_cases(format_name, paths, config))
    refused: Counter[str] = Counter()
    with Bar() as bar:
        found = unknown_terms(reads_of(format_name, paths, refused, bar), configuration)
    if as_json:
        print_json(plain(found[:limit]))
        return REFUSED_IN_PART if refused else 0
    rows = [(one.term, f"{one.n_cases:,}") for one in found[: limit_of(limit, as_json=False)]]
    title = shown(len(rows), len(found), f"terms that {configuration.coding} does not know")
    print_table(title, {"term": "left", "versions": "right"}, rows)
    if not found:
        print_lines("every term is known")
    return told(refused)


def changes(
    format_name: FormatName,
    paths: Paths,
    under: Under,
    config: Config = None,
    *,
    limit: Limit = None,
    as_json: AsJson = False,
) -> int:
    """List what counts elsewhere under another release: look before you re-code."""
    before = of_cases(format_name, paths, config)
    after = _with_terms(read_configuration(under))
    refused: Counter[str] = Counter()
    with Bar() as bar:
        found = recoded_terms(reads_of(format_name, paths, refused, bar), before, after)
    if as_json:
        print_json(plain(found[:limit]))
        return REFUSED_IN_PART if refused else 0
    rows = [
        (one.term, f"{one.n_cases:,}", one.pt_before, one.pt_after, _moves(one.left, one.joined))
        for one in found[: limit_of(limit, as_json=False)]
    ]
    title = shown(len(rows), len(found), f"terms, from {before.coding} to {after.coding}")
    columns = dict.fromkeys(("term", "versions", "pt before", "pt after", "above"), "left")
    print_table(title, columns | {"versions": "right"}, rows)
    if not found:
        print_lines("nothing counts elsewhere")
    return told(refused)


def _moves(left: tuple[str, ...], joined: tuple[str, ...]) -> str:
    return ", ".join([*(f"-{key}" for key in left), *(f"+{key}" for key in joined)])


def _with_terms(configuration: Configuration) -> Configuration:
    if configuration.hierarchy is None:
        raise Misused(
            "the configuration",
            "has no terms.toml, so no release of MedDRA is known",
            "name one with --config; docs/configuration.md has a section on terms",
        )
    return configuration
