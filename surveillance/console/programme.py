"""Programmes: treated patients, the tests that follow them, and how much error each may still make.

Every number is of a look as `longwatch looks` lists it; the lanes are the outcomes as received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import NotThere, shown
from surveillance.console.figures import Lane, Mark, draw_lanes, draw_looks
from surveillance.console.pages import Page
from surveillance.programmes.histories import histories_of
from surveillance.register.look_reader import ChosenLooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.finding import Look, WatchFinding
    from surveillance.programmes.histories import History
    from surveillance.views.day import Day

N_PATIENTS = 60  # of a figure; more would be thinner than a line
N_TESTS = 200  # of single patients


class Listed(NamedTuple):
    """A programme in the list."""

    name: str
    n_tests: int
    n_crossed: int
    n_patients: int
    last_on: date | None


class Budget(NamedTuple):
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
        {"rows": [_listed(name, _latest(known, name, day)) for name in known.programmes()]},
    )


def programme(known: Known, asked: Asked) -> Page:
    """Return the page of a programme."""
    day, name = known.day(asked.at), asked.required("name")
    if name not in known.programmes():
        listed = ", ".join(known.programmes()) or "none"
        what = f"{shown(name)} is not a programme with a look"
        raise NotThere(404, what, f"there are {listed}", "take one of them")
    latest = _latest(known, name, day)
    of_many = [one for one in latest if not one.patient_id]
    of_one = [one for one in latest if one.patient_id]
    test = _test(asked, latest)
    looks = [] if test is None else looks_of(known, test, day)
    records = known.reader.outcomes.standing(day.epoch, programme=name)
    histories = [one for one in histories_of(records).values() if one.doses]
    histories.sort(key=lambda one: (one.doses[0].given_on, one.patient_id))
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
            "figure": draw_looks(looks) if len(looks) > 1 else None,
            "budgets": list(_budgets(of_many)),
            "histories": histories,
            "lanes": draw_lanes([_lane(one, day.on) for one in histories[:N_PATIENTS]]),
            "n_lanes": min(len(histories), N_PATIENTS),
        },
    )


def looks_of(known: Known, test: Look | WatchFinding, day: Day) -> list[Look]:
    """Return every look of a test up to a day."""
    chosen = ChosenLooks(test.programme, test.design, test.product, test.event, day.on)
    return [
        one for one in known.reader.looks.each(chosen) if name_of_test(one) == name_of_test(test)
    ]


def name_of_test(look: Look | WatchFinding) -> str:
    """Return what names a test in an address."""
    return f"{look.criterion}|{look.product}|{look.event}|{look.patient_id}"


def _latest(known: Known, name: str, day: Day) -> list[Look]:
    return list(known.reader.looks.each(ChosenLooks(name, until=day.on, is_latest=True)))


def _listed(name: str, latest: Sequence[Look]) -> Listed:
    return Listed(
        name,
        len(latest),
        sum(one.has_crossed for one in latest),
        max((one.n_patients for one in latest), default=0),
        max((one.on for one in latest), default=None),
    )


def _test(asked: Asked, latest: Sequence[Look]) -> Look | None:
    """Return the test that is asked for; else one that crossed, or the first."""
    wanted = asked.text("test")
    if wanted:
        found = next((one for one in latest if name_of_test(one) == wanted), None)
        if found is None:
            why = "no look of it was there by that day"
            raise NotThere(404, f"{shown(wanted)} is not a test here", why, "take one of the table")
        return found
    tested = [one for one in latest if one.scale != "count"] or list(latest)
    return next((one for one in tested if one.has_crossed), next(iter(tested), None))


def _budgets(latest: Sequence[Look]) -> Iterator[Budget]:
    """Yield the budget of each family; what has no error rate is no part of one."""
    for family in sorted({one.family for one in latest if one.alpha is not None}):
        of = [one for one in latest if one.family == family and one.alpha is not None]
        yield Budget(
            family,
            next((one.alpha_budget for one in of if one.alpha_budget is not None), None),
            {one.design: one.alpha_family for one in of},
            sum(one.alpha_spent or 0.0 for one in of),
            len(of),
        )


def _lane(history: History, on: date) -> Lane:
    """Return a patient's lane: days since the first dose."""
    first = history.doses[0].given_on

    def marks(kind: str, days: Sequence[date]) -> Iterator[Mark]:
        return (Mark(kind, (day - first).days) for day in days if first <= day <= on)

    ended = history.ended_on
    last = min(on, ended) if ended else min(on, history.last_contact() or first)
    fatal = [one.occurred_on for one in history.events if one.is_fatal]
    died = fatal + [one.ended_on for one in history.ends if one.kind == "death"]
    return Lane(
        history.patient_id,
        (last - first).days,
        is_over=ended is not None and ended <= on,
        marks=(
            *marks("visit", [one.seen_on for one in history.visits]),
            *marks("missed", [one.planned_on for one in history.missed]),
            *marks("dose", [one.given_on for one in history.doses]),
            *marks("event", [one.occurred_on for one in history.events if not one.is_fatal]),
            *marks("death", sorted(set(died))),
        ),
    )
