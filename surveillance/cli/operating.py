"""Operating characteristics and error budgets, as a committee reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from surveillance.cli.screen import print_lines
from surveillance.cli.tables import ABSENT, print_table
from surveillance.domain.finding import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.configuration.programmes import Programmes
    from surveillance.programmes.operating import Chance, Characteristics


def print_budgets(programmes: Programmes) -> None:
    """Print what each programme may spend on false alarms, and what its designs are given."""
    rows = [
        (one.name, family, f"{budget:g}", f"{programmes.allotted(one, family):g}")
        for one in programmes.programme
        for family in get_args(Family)
        if (budget := programmes.budget_of(one, family)) is not None
    ]
    if rows:
        columns = {"programme": "left", "family": "left", "budget": "right", "allotted": "right"}
        print_table("error budgets", columns, rows)
    for change in programmes.change:
        print_lines(f"changed after data had been seen: {change.sentence}")


def print_characteristics(found: Sequence[Characteristics]) -> None:
    """Print for each design how often it errs, what it finds, and when."""
    for one in found:
        print_lines("", f"{one.design} v{one.version} ({one.test}): {', '.join(one.programmes)}")
        print_lines(f"against {one.against}")
        if one.parts:
            print_lines(f"alpha {one.alpha:g}: {'; '.join(one.parts)}")
        print_lines(*one.notes)
        if one.method == "simulated":
            _print_simulated(one)
        elif one.chances:
            _print_exact(one)


def _print_exact(one: Characteristics) -> None:
    columns = {"if": "left", "patients": "right", "chance": "right", "patient-years": "right"}
    rows = [
        (chance.situation, chance.n_patients or ABSENT, _percent(chance.chance),
         _years(chance.patient_years))
        for chance in one.chances
    ]  # fmt: skip
    print_table(_title("exact", one.time), columns, rows)


def _print_simulated(one: Characteristics) -> None:
    """Print a row for each number of patients, with the situations side by side."""
    situations = list(dict.fromkeys(chance.situation for chance in one.chances))
    by_row: dict[tuple[int | None, float | None], list[Chance]] = {}
    for chance in one.chances:
        by_row.setdefault((chance.n_patients, chance.known_before), []).append(chance)
    columns = {"patients": "right", "events known before": "left"}
    columns |= dict.fromkeys((f"if {name}" for name in situations), "right")
    rows = [
        (n, "no" if before is None else f"{before:g} years", *map(_cell, chances))
        for (n, before), chances in by_row.items()
    ]
    print_table(_title("simulated", f"signals; {one.time}"), columns, rows)


def _title(method: str, time: str) -> str:
    return f"{method}: {time}" if time else method


def _cell(chance: Chance) -> str:
    within = f"{_percent(chance.chance)} (±{100 * chance.error:.1f})"
    return within if chance.patient_years is None else f"{within}, {_years(chance.patient_years)}"


def _percent(chance: float) -> str:
    """Return a chance in percent, with two digits that count."""
    percent = 100 * chance
    return f"{percent:.1f} %" if percent >= 0.1 or percent == 0 else f"{percent:.2g} %"  # noqa: PLR2004 - shown as 0.1


def _years(years: float | None) -> str:
    return ABSENT if years is None else f"{years:,.1f}"
