"""What the pages and the figures of a programme are made from: its looks and its patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.asked import NotThere, shown
from surveillance.programmes.histories import histories_of
from surveillance.register.look_reader import ChosenLooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.finding import Look, WatchFinding
    from surveillance.programmes.histories import History
    from surveillance.views.day import Day


def programme_named(known: Known, asked: Asked) -> str:
    """Return the programme that is asked for.

    Raises
    ------
    NotThere
        If there is no look of it.
    """
    name = asked.required("name")
    if name not in known.programmes():
        listed = ", ".join(known.programmes()) or "none"
        what = f"{shown(name)} is not a programme with a look"
        raise NotThere(404, what, f"there are {listed}", "take one of them")
    return name


def latest_of(known: Known, name: str, day: Day) -> list[Look]:
    """Return the latest look of each test of a programme."""
    return list(known.reader.looks.each(ChosenLooks(name, until=day.on, is_latest=True)))


def looks_of(known: Known, test: Look | WatchFinding, day: Day) -> list[Look]:
    """Return every look of a test up to a day."""
    chosen = ChosenLooks(test.programme, test.design, test.product, test.event, day.on)
    return [
        one for one in known.reader.looks.each(chosen) if name_of_test(one) == name_of_test(test)
    ]


def name_of_test(look: Look | WatchFinding) -> str:
    """Return what names a test in an address."""
    return f"{look.criterion}|{look.product}|{look.event}|{look.patient_id}"


def test_of(asked: Asked, latest: Sequence[Look]) -> Look | None:
    """Return the test that is asked for; else one that crossed, or the first.

    Raises
    ------
    NotThere
        If it is none of them.
    """
    wanted = asked.text("test")
    if wanted:
        found = next((one for one in latest if name_of_test(one) == wanted), None)
        if found is None:
            why = "no look of it was there by that day"
            raise NotThere(404, f"{shown(wanted)} is not a test here", why, "take one of the table")
        return found
    tested = [one for one in latest if one.scale != "count"] or list(latest)
    return next((one for one in tested if one.has_crossed), next(iter(tested), None))


def histories_at(known: Known, name: str, day: Day) -> list[History]:
    """Return the treated patients of a programme by first dose, as received by a day."""
    records = known.reader.outcomes.standing(day.epoch, programme=name)
    found = [one for one in histories_of(records).values() if one.doses]
    return sorted(found, key=lambda one: (one.doses[0].given_on, one.patient_id))
