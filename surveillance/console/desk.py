"""What waits for people on a day, computed once for all the pages that show some of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.views.desk import KINDS, Desk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from surveillance.console.kept import Known
    from surveillance.domain.signal import Signal
    from surveillance.views.day import Day
    from surveillance.views.desk import DeskRow

LABELS = {
    "reviews": "review requests",
    "clocks": "clocks",
    "approval": "waiting for approval",
    "hold": "on hold",
    "closed": "closed, may re-open",
}


class DeskOfDay(NamedTuple):
    """What waits at the end of a day."""

    rows: list[DeskRow]
    signals: Mapping[str, Signal]  # that people or rules did something about


def desk_of(known: Known, day: Day) -> DeskOfDay:
    """Return what waits at the end of a day; it is kept for the pages that follow."""

    def compute() -> DeskOfDay:
        found = Desk(known.source, day)
        return DeskOfDay(found.rows(), found.signals)

    kept: DeskOfDay = known.kept(("desk", day.on, day.epoch), compute)
    return kept


def counts(known: Known, day: Day) -> dict[str, int]:
    """Return how many of each kind wait; of requests for review those that are open."""
    rows = desk_of(known, day).rows
    return {kind: sum(one.kind == kind and one.answer is None for one in rows) for kind in KINDS}
