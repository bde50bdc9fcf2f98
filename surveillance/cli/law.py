"""`longwatch law`: the grounds that requests for review ask about, and the ladder of actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surveillance.cli import screen
from surveillance.cli.options import AsJson, AsOf, day_of
from surveillance.cli.tables import print_table
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from datetime import date

    from surveillance.configuration.law import Ground
    from surveillance.configuration.types import Configuration


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("law")(law)


def law(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="DIR", help="Default: that for VAERS.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List the legal grounds that are known, the rules that ask about each, and the ladder."""
    found, day = read_configuration(config or SHIPPED / "vaers"), day_of(as_of)
    if as_json:
        grounds = [_ground(found, one, day) for one in found.law.ground]
        screen.print_json({"grounds": grounds, "ladder": plain(found.law.action)})
        return
    columns = {"ground": "left", "source": "left", "applies from": "left", "asks": "left",
               "asked by the rules": "left"}  # fmt: skip
    rows = [
        (one.code, one.citation, _applies(one, day), one.asks, ", ".join(_rules(found, one)) or "-")
        for one in found.law.ground
    ]
    print_table("grounds", columns, rows)
    steps = [(number, one.code, one.name) for number, one in enumerate(found.law.action, 1)]
    print_table("ladder of actions", {"step": "right", "code": "left", "action": "left"}, steps)
    screen.print_lines("a rule asks people once for each matter and ground; it recommends no step")


def _ground(found: Configuration, one: Ground, day: date | None) -> dict[str, Any]:
    is_known = {} if day is None else {"applies": one.applies_from <= day}
    return {**plain(one), **is_known, "rules": _rules(found, one)}


def _applies(one: Ground, day: date | None) -> str:
    later = day is not None and day < one.applies_from
    return f"{one.applies_from} (not yet)" if later else str(one.applies_from)


def _rules(found: Configuration, one: Ground) -> list[str]:
    return [rule.name for rule in found.triage.review if rule.ground == one.code]
