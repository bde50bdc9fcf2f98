"""Figures of a programme: its patients, and the statistic of each test against its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.asked import NotThere, shown
from surveillance.console.figures import Lane, Mark, draw_lanes
from surveillance.console.pages import name_of
from surveillance.console.plots import (
    WIDTH,
    Axis,
    Curve,
    Dots,
    Frame,
    Shape,
    legend,
    linear,
    panel,
    whole,
)
from surveillance.console.programme_data import (
    histories_at,
    latest_of,
    looks_of,
    programme_named,
    test_of,
)
from surveillance.console.taken import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from markupsafe import Markup

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.finding import Look
    from surveillance.programmes.histories import History

N_PATIENTS = 60  # of a figure; more would be thinner than a line
_LANE = ("patient", "kind", "day_since_first_dose")
_LOOK = (
    "on", "look", "n_patients", "n_events", "expected", "statistic", "boundary", "scale", "alpha",
    "alpha_spent", "is_crossing", "has_crossed",
)  # fmt: skip


def lanes(histories: Sequence[History], name: str, on: date) -> Figure:
    """Return a lane for each patient of a programme."""
    drawn = [_lane(one, on) for one in histories[:N_PATIENTS]]
    all_lanes = [*drawn, *(_lane(one, on) for one in histories[N_PATIENTS:])]
    rows = [[one.name, mark.kind, mark.day] for one in all_lanes for mark in one.marks]
    rows += [
        [one.name, "end of follow-up" if one.is_over else "last contact", one.n_days]
        for one in all_lanes
    ]
    caption = (
        f"{len(drawn)} of {len(histories):,} treated patients of {name}, by first dose; days "
        "since then. ▲ dose, | visit, □ missed visit, \u00d7 event, ■ death, \u203a follow-up goes "
        f"on. As received by the end of {on}; what happened after the last contact is not known."
    )
    held: dict[str, object] = {"name": name, "at": on}
    return Figure("patients", "Patients", draw_lanes(drawn), caption, _LANE, rows, held)


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


def statistic(looks: Sequence[Look], test: str, name: str, on: date) -> Figure:
    """Return the statistic of a test at every look, against its boundary.

    Parameters
    ----------
    looks : sequence of Look
        Of one test, ascending.
    test : str
        What names it in an address.
    name : str
        Of the programme.
    on : date
        The day that is looked at.
    """
    last = looks[-1]
    which = f"{last.criterion} of {name_of(last.product)} and {name_of(last.event)}"
    if last.patient_id:
        which += f", {last.patient_id}"
    end = "no end is planned" if last.horizon is None else f"it ends at {last.horizon:g} expected"
    spent = "it has no error rate" if last.alpha is None else (
        f"alpha {last.alpha:g}, of which {last.alpha_spent or 0:g} is spent"
    )  # fmt: skip
    caption = (
        f"{which}: {len(looks):,} looks at {last.n_patients:,} patients with {last.n_events:,} "
        f"events, {last.expected:.3g} expected, as known at the end of {on}; {spent}; {end}. "
        "A filled point is a look, a ringed one a look at which the boundary was reached; a line "
        "that falls again takes no crossing back. What patients who are no longer followed had "
        "is not in it."
    )
    rows = [
        [one.on, index, *(getattr(one, field) for field in _LOOK[2:])]
        for index, one in enumerate(looks, 1)
    ]
    held: dict[str, object] = {"name": name, "test": test, "at": on}
    drawing = _statistic(looks) if len(looks) > 1 else None
    return Figure(
        "statistic", f"Statistic against boundary: {last.criterion}", drawing, caption, _LOOK,
        rows, held,
    )  # fmt: skip


def _statistic(looks: Sequence[Look]) -> Markup:
    """Draw against expected events, or days where nothing is expected or that does not grow."""
    grows = looks[-1].expected > looks[0].expected
    first = looks[0].on
    along = [one.expected if grows else float((one.on - first).days) for one in looks]
    title = "expected events" if grows else f"days since the first look, {first}"
    points = [(x, one.statistic) for x, one in zip(along, looks, strict=True)]
    limits = [(x, one.boundary) for x, one in zip(along, looks, strict=True)]
    reached = [point for point, one in zip(points, looks, strict=True) if one.is_crossing]
    others = [point for point, one in zip(points, looks, strict=True) if not one.is_crossing]
    shapes: list[Shape] = [
        Curve("boundary", "over", limits),
        Curve("", "thin", points),
        Dots("look", "filled", others),
        Dots("look that reaches it", "ringed", reached),
    ]
    shapes = [one for one in shapes if not isinstance(one, Dots) or one.points]
    scale = looks[0].scale.replace("_", " ")
    y = linear(scale, [value for _, value in (*points, *limits)])
    x = Axis(title, linear("", along, least=max(along) or 1.0).ticks)
    keys, height = legend(shapes, 52, 0)
    top = height + 22
    unit = f'<text x="0" y="{top - 8}" class="unit">{scale}</text>'
    frame = Frame(52, top, WIDTH - 72, 190)
    return whole(
        "Statistic against boundary", top + 226, [*keys, unit, *panel(frame, x, y, shapes)]
    )


def _patients(known: Known, asked: Asked) -> Figure:
    day, name = known.day(asked.at), programme_named(known, asked)
    return lanes(histories_at(known, name, day), name, day.on)


def _of_test(known: Known, asked: Asked) -> Figure:
    day, name = known.day(asked.at), programme_named(known, asked)
    asked.required("test")
    test = test_of(asked, latest_of(known, name, day))
    if test is None:
        why = "no look of it was there by that day"
        raise NotThere(404, f"{shown(asked.text('test'))} is not a test here", why, "go back")
    return statistic(looks_of(known, test, day), asked.text("test"), name, day.on)


FIGURES: dict[str, Callable[[Known, Asked], Figure]] = {
    "patients": _patients,
    "statistic": _of_test,
}
