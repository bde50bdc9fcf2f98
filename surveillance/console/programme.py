"""Programmes: treated patients, the tests that follow them, and how much error each may still make.

Every number is of a look as `longwatch looks` lists it; the lanes are the outcomes as received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.level_figures import follow_up, levels
from surveillance.console.pages import Page
from surveillance.console.patient_figures import biomarker, codes_of, constructs_of, courses
from surveillance.console.programme_data import (
    histories_at,
    latest_of,
    looks_of,
    name_of_test,
    programme_named,
    test_of,
)
from surveillance.console.programme_figures import lanes, statistic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.console.taken import Figure
    from surveillance.domain.finding import Look
    from surveillance.programmes.histories import History
    from surveillance.views.day import Day

N_TESTS = 200  # of single patients


class ProgrammeRow(NamedTuple):
    """A programme in the list."""

    name: str
    n_tests: int
    n_crossed: int
    n_patients: int
    last_on: date | None


class SpentBudget(NamedTuple):
    """How much error the tests of a family may make, and have spent."""

    family: str
    budget: float | None
    designs: dict[str, float | None]  # what each has of it
    spent: float
    n_tests: int


def programmes(known: Known, asked: Asked) -> Page:
    """Return the list of programmes."""
    day = known.day(asked.at)
    return Page(
        "programmes.html",
        "Programmes",
        {"rows": [_listed(name, latest_of(known, name, day)) for name in known.programmes()]},
    )


def programme(known: Known, asked: Asked) -> Page:
    """Return the page of a programme."""
    day, name = known.day(asked.at), programme_named(known, asked)
    latest = latest_of(known, name, day)
    of_many = [one for one in latest if not one.patient_id]
    of_one = [one for one in latest if one.patient_id]
    test = test_of(asked, latest)
    looks = [] if test is None else looks_of(known, test, day)
    histories = histories_at(known, name, day)
    return Page(
        "programme.html",
        f"Programme {name}",
        {
            "name": name,
            "of_many": of_many,
            "of_one": of_one[:N_TESTS],
            "n_of_one": len(of_one),
            "test": test,
            "test_name": None if test is None else name_of_test(test),
            "name_of_test": name_of_test,
            "looks": looks,
            "tested": statistic(looks, name_of_test(test), name, day.on) if test else None,
            "budgets": list(_budgets(of_many)),
            "histories": histories,
            "lanes": lanes(histories, name, day.on),
            "shown": _figures(known, name, histories, day),
        },
    )


def _figures(known: Known, name: str, histories: list[History], day: Day) -> list[Figure]:
    """Return the figures of levels, patients and follow-up that the designs ask for."""
    programmes = known.configuration().programmes
    found = [
        levels(known, name, day),
        *(courses(programmes, name, one, histories, day.on) for one in constructs_of(histories)),
        *(
            biomarker(programmes, name, one, histories, day.on)
            for one in codes_of(programmes, name)
        ),
        follow_up(programmes, name, histories, day.on),
    ]
    return [one for one in found if one is not None]


def _listed(name: str, latest: Sequence[Look]) -> ProgrammeRow:
    return ProgrammeRow(
        name,
        len(latest),
        sum(one.has_crossed for one in latest),
        max((one.n_patients for one in latest), default=0),
        max((one.on for one in latest), default=None),
    )


def _budgets(latest: Sequence[Look]) -> Iterator[SpentBudget]:
    """Yield the budget of each family; what has no error rate is no part of one."""
    for family in sorted({one.family for one in latest if one.alpha is not None}):
        of = [one for one in latest if one.family == family and one.alpha is not None]
        yield SpentBudget(
            family,
            next((one.alpha_budget for one in of if one.alpha_budget is not None), None),
            {one.design: one.alpha_family for one in of},
            sum(one.alpha_spent or 0.0 for one in of),
            len(of),
        )
