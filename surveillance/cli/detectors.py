"""`longwatch detectors`: what each detector computes, what its numbers assume, who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from surveillance.cli import screen
from surveillance.cli import tables as showing
from surveillance.cli.options import AsJson
from surveillance.domain.errors import Misused
from surveillance.views.detector_users import NOBODY, detector_users

if TYPE_CHECKING:
    from detectors.catalogue import Description


def detectors(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one, in full.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the detectors: what each computes, where it is from, how often it errs, who uses it."""
    from detectors.catalogue import CATALOGUE  # noqa: PLC0415 - all of it: no worker should wait for it

    if name is not None and name not in CATALOGUE:
        raise Misused(
            f"{name!r}", "is not a detector", f"known are: {', '.join(sorted(CATALOGUE))}"
        )
    chosen = {one: CATALOGUE[one] for one in CATALOGUE if name in (None, one)}
    users = detector_users()
    if as_json:
        screen.print_json([_plain(one, found, users[one]) for one, found in chosen.items()])
        return
    if name is None:
        columns = {
            "detector": "left",
            "what it computes": "left",
            "smallest count": "right",
            "used by": "left",
        }
        rows = [
            (one, found.statistic, found.smallest_count, ", ".join(users[one]) or NOBODY)
            for one, found in chosen.items()
        ]
        showing.print_table("detectors", columns, rows)
        screen.print_lines("`longwatch detectors NAME` shows assumptions, citation and error rates")
        return
    _print_whole(name, chosen[name], users[name])


def _print_whole(name: str, found: Description, users: tuple[str, ...]) -> None:
    screen.print_lines(f"{name}: {found.statistic}", "", f"in detectors.{found.module}")
    screen.print_lines(f"from {found.citation}", "", "assumptions and limits")
    screen.print_lines(*(f"  - {assumption}" for assumption in found.assumptions))
    screen.print_lines("", f"smallest count to use it at: {found.smallest_count}")
    screen.print_lines(f"how often it errs: {found.characteristics}")
    screen.print_lines(f"used by: {', '.join(users) or NOBODY}")


def _plain(name: str, found: Description, users: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "module": f"detectors.{found.module}",
        "statistic": found.statistic,
        "citation": found.citation,
        "assumptions": list(found.assumptions),
        "smallest_count": found.smallest_count,
        "characteristics": found.characteristics,
        "is_sequential": found.watch is not None,
        "used_by": list(users),
    }
