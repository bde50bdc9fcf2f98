"""The agenda of the weekly meeting, as everything stood at the end of a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from surveillance.console.desk import LABELS, desk_of
from surveillance.console.pages import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import Signal

N_NEW = 20
SOON = timedelta(days=7)


def meeting(known: Known, asked: Asked) -> Page:
    """Return what a meeting on the day after has to look at, in the order of urgency."""
    day = known.day(asked.at)
    kept = desk_of(known, day)
    new = [one for one in day.work.matters if one.is_waiting and not one.is_queued]
    first = known.configuration().triage.band[0].name
    waits = {kind: [one for one in kept.rows if one.kind == kind] for kind in LABELS}
    values = {
        "day": day,
        "overdue": [one for one in waits["clocks"] if one.is_overdue],
        "reviews": [one for one in waits["reviews"] if one.answer is None],
        "urgent": [one for one in new if one.band == first],
        "new": [one for one in new if one.band != first][:N_NEW],
        "has_budget": day.work.budget is not None,
        "n_new": sum(one.band != first for one in new),
        "running": _running(known, kept.signals),
        "soon": [
            one
            for one in waits["clocks"]
            if not one.is_overdue and one.due_on and one.due_on <= day.on + SOON
        ],
        "approval": waits["approval"],
        "first_band": first,
    }
    return Page("meeting.html", "Meeting", values)


def _running(known: Known, signals: Mapping[str, Signal]) -> list[Signal]:
    """Return signals that people have taken up and not finished, the longest untouched first."""
    table = known.configuration().lifecycle
    detected = table.status[0].name
    found = [
        one
        for one in signals.values()
        if one.is_open and one.status != detected and one.set_aside_from is None
    ]
    return sorted(found, key=lambda one: (one.history[-1].on, one.signal_id))
