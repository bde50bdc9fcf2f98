"""`longwatch lifecycle`: what people may do with a signal, in which roles, and the clocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surveillance.cli import screen
from surveillance.cli.options import AsJson
from surveillance.cli.tables import print_table
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from surveillance.configuration.life_cycle import (
        CaseClock,
        Clock,
        LifeCycle,
        SecondPerson,
        Transition,
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lifecycle")(lifecycle)


def lifecycle(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="DIR", help="Default: that for VAERS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what people may do with signals and matters: from where, who, and with what."""
    table = read_configuration(config or SHIPPED / "vaers").lifecycle
    if as_json:
        screen.print_json({**plain(table), "case_clock": plain(table.case_clocks)})
        return
    _print_transitions(table)
    lefts = {"status": "left", "on the list": "left", "means": "left"}
    statuses = [(one.name, "yes" if one.is_open else "no", one.means) for one in table.status]
    print_table("statuses", lefts, statuses)
    print_table("roles", {"role": "left", "means": "left"}, [(r.name, r.means) for r in table.role])
    columns = {"clock": "left", "from": "left", "to": "left", "limit": "left", "source": "left"}
    print_table("clocks", columns, [_clock(one) for one in table.clock])
    columns = {"clock of a case": "left", "runs for": "left", "limit": "left", "source": "left"}
    print_table("clocks of cases", columns, [_case_clock(one) for one in table.case_clocks])
    screen.print_lines(
        "days are UTC days, and that of the record that starts a clock is day 0; who proposes "
        "needs a second person who approves; software moves no signal"
    )


def _print_transitions(table: LifeCycle) -> None:
    columns = {
        "action": "left", "from": "left", "to": "left", "decided by": "left",
        "also proposed by": "left", "second person": "left", "must name": "left",
    }  # fmt: skip
    statuses = [one.name for one in table.status]
    rows = [_transition(one, statuses) for one in table.transition]
    print_table("transitions", columns, rows)


def _transition(one: Transition, statuses: list[str]) -> tuple[str, ...]:
    after = "where it was" if one.returns else one.after or "(stays)"
    before = _from(one.before, statuses) if one.about == "signal" else f"(a {one.about})"
    before += "; a whole matter" if one.of_matter else ""
    second = _second(one.second_person)
    approvers = f"{second}: {', '.join(one.approvers)}" if second else "-"
    return (
        one.action, before, after, ", ".join(one.roles), ", ".join(one.proposers) or "-",
        approvers, ", ".join(one.fields) or "-",
    )  # fmt: skip


def _from(before: tuple[str, ...], statuses: list[str]) -> str:
    """Name statuses, or the others where those are fewer."""
    others = [one for one in statuses if one not in before]
    if len(others) >= len(before):
        return ", ".join(before)
    return f"all but {', '.join(others)}" if others else "all"


def _second(rule: SecondPerson) -> str:
    if rule.always:
        return "always"
    conditions = [
        f"band {', '.join(rule.bands)}" if rule.bands else "",
        f"{rule.min_fatal} death(s)" if rule.min_fatal else "",
        "a sentinel event" if rule.sentinel else "",
        f"over {rule.longer_than_days} days" if rule.longer_than_days is not None else "",
    ]
    return " or ".join(one for one in conditions if one)


def _case_clock(one: CaseClock) -> tuple[str, ...]:
    unlisted = ", not listed" if one.unlisted_alone else ""
    where = f", from {', '.join(one.countries)}" if one.countries else ""
    return (
        one.code, f"{one.seriousness.replace('_', '-')}{unlisted}{where}",
        f"{one.limit} calendar days", f"{one.citation}; from {one.applies_from}",
    )  # fmt: skip


def _clock(one: Clock) -> tuple[str, ...]:
    unit = one.unit.replace("_", " ")
    limit = "the day it names" if one.limit is None else f"{one.limit} {unit}"
    steps = f" ({', '.join(one.ladder_steps)})" if one.ladder_steps else ""
    return (
        one.code, ", ".join(one.starts) + steps, ", ".join(one.stops), limit,
        f"{one.citation}; from {one.applies_from}",
    )  # fmt: skip
