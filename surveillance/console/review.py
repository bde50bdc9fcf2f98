"""The page of a request for review: what is asked, on what ground, and all that people need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import NotThere, shown
from surveillance.console.desk import desk_of
from surveillance.console.matter import page_of
from surveillance.console.pages import Page, name_of
from surveillance.triage.matters import Matters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from surveillance.configuration.types import Configuration, ReviewRule
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import RunningClock, Signal
    from surveillance.views.day import Day
    from surveillance.views.desk import DeskRow
    from surveillance.views.matter_page import MatterPage
    from surveillance.views.worklist import WaitingMatter

N_ELSEWHERE = 20


class ThenAndNow(NamedTuple):
    """A signal when the request was opened, and as it stands."""

    then: Signal
    now: Signal


def review(known: Known, asked: Asked) -> Page:
    """Return the page of a request for review."""
    day = known.day(asked.at)
    row = _named(known, day, asked.name)
    matter = page_of(known, row.matter_id, day)
    configuration = known.configuration()
    kept = desk_of(known, day)
    values = {
        "review": row,
        "rule": _rule(configuration, matter, row),
        "beside": _beside(known, day, row),
        "page": matter,
        "others": [
            one for one in kept.rows if one.kind == "reviews" and one.matter_id == row.matter_id
        ],
        "clocks": _clocks(kept.signals, row.matter_id),
        "people": matter.people,
        "ladder": configuration.law.action,
        "steps": {one.code: one.name for one in configuration.law.action},
        "elsewhere": _elsewhere(configuration, day, matter),
        "n_most": N_ELSEWHERE,
    }
    what = f"{name_of(row.product)} and {name_of(row.event)}"
    return Page("review.html", f"Request for review: {what}", values)


def _named(known: Known, day: Day, name: str) -> DeskRow:
    for one in desk_of(known, day).rows:
        if one.review_id == name:
            return one
    what = f"{shown(name)} is no request for review that was open by {day.on}"
    raise NotThere(404, what, "a request begins on the day its rule is met", "choose a later day")


def _rule(configuration: Configuration, matter: MatterPage, row: DeskRow) -> ReviewRule | None:
    """Return the rule that opened a request; None if the configuration has it no more."""
    names = {one.rule for one in matter.reviews if one.review_id == row.review_id}
    return next((one for one in configuration.triage.review if one.name in names), None)


def _beside(known: Known, day: Day, row: DeskRow) -> ThenAndNow:
    """Return the signal that met the rule at the end of that day, and at the end of this one."""
    name = row.signal_id or ""
    opened = known.reader.cases.epoch_on(row.since)
    then = known.reader.states_at([name], day.epoch if opened is None else opened)
    return ThenAndNow(then[name], desk_of(known, day).signals[name])


def _clocks(signals: Mapping[str, Signal], matter_id: str) -> list[tuple[Signal, RunningClock]]:
    return [
        (signal, clock)
        for signal in signals.values()
        if signal.matter_id == matter_id
        for clock in signal.clocks
    ]


def _elsewhere(configuration: Configuration, day: Day, matter: MatterPage) -> list[WaitingMatter]:
    """Return other matters on the list about the same event, in the order of the list."""
    matters = Matters(configuration)
    return [
        one
        for one in day.work.matters
        if one.matter.best.matter_id != matter.matter_id
        and matters.of(one.matter.best.product, one.matter.best.event).event == matter.event
    ]
