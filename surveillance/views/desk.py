"""What waits for people because of what people or rules did: requests, clocks, proposals, holds.

The list of matters is about numbers. A request for review, a time limit or a proposal waits for
people wherever its matter stands on that list, and when it is on no list at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct

from surveillance.domain.decision import Decision
from surveillance.domain.signal import Review
from surveillance.register.columns import SIGNAL_ID
from surveillance.views.as_of import N_NAMES_A_QUERY
from surveillance.views.proposals import ProposalState, proposals_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from surveillance.configuration.law import Ground
    from surveillance.domain.signal import RunningClock, Signal, Step
    from surveillance.register.reader import RegisterReader
    from surveillance.views.day import Day
    from surveillance.views.results import Results

Kind = Literal["reviews", "clocks", "approval", "hold", "closed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class DeskRow(Struct, frozen=True, kw_only=True):
    """One thing that waits for people, or that they have put away."""

    kind: Kind
    matter_id: str
    signal_id: str | None  # None: it is about the matter
    product: str
    event: str
    band: str  # empty where the matter is not on the list
    status: str
    n: int
    n_serious: int
    n_fatal: int
    code: str  # of the ground or clock; the action that is proposed or was done
    about: str  # what is asked, the source that sets the limit, or the reason
    citation: str
    since: date
    due_on: date | None  # the last day
    is_overdue: bool
    by: str | None  # who did it; None: software
    is_signed: bool | None
    review_id: str | None = None
    answer: str | None = None
    answered_on: date | None = None
    ladder_step: str | None = None


class Desk:
    """Finds what waits at the end of a day.

    Parameters
    ----------
    source : Results
        A run or a register, with its configuration.
    day : Day
        The day.
    """

    def __init__(self, source: Results, day: Day) -> None:
        self._reader, self._day = source.reader, day
        configuration = source.required_configuration()
        self._grounds = {one.code: one for one in configuration.law.ground}
        self._proposals = [
            one for one in proposals_of(source.reader, day.epoch) if one.state == "waiting"
        ]
        self._opened = source.reader.reviews.opened(day.on)
        self.signals = _states(source.reader, self._named(), day)

    def rows(self) -> list[DeskRow]:
        """Return everything that waits, and what was put away; within a kind what presses first."""
        found = [*self.reviews(), *self._of_signals(), *self._of_proposals()]
        return sorted(found, key=_order)

    def reviews(self) -> Iterator[DeskRow]:
        """Yield every request that was opened by then, whether it was answered or not."""
        for opened in self._opened:
            signal = self.signals[opened.signal_id]
            review = next(one for one in signal.reviews if one.review_id == opened.review_id)
            yield self._review(signal, review)

    def _named(self) -> set[str]:
        records = self._reader.person_records(self._day.epoch)
        decided = {one.signal_id for _, one in records if isinstance(one, Decision)}
        members = self._day.members
        found = {name for one in decided for name in members.get(one, (one,))}
        found |= {one.signal_id for one in self._opened}
        for one in self._proposals:
            found.add(self._about(one))
        return found

    def _about(self, one: ProposalState) -> str:
        """Return the signal of a proposal; of one about a matter, the first by name."""
        members = self._day.members.get(one.proposal.matter_id or "", ())
        return one.proposal.signal_id or min(members, default="")

    def _of_signals(self) -> Iterator[DeskRow]:
        for signal in self.signals.values():
            for clock in signal.clocks:
                if clock.stopped_on is None:
                    yield self._clock(signal, clock)
            if not signal.is_open:
                yield self._step(signal, "closed", _brought(signal))
            elif signal.set_aside_from is not None:
                yield self._step(signal, "hold", _brought(signal))

    def _of_proposals(self) -> Iterator[DeskRow]:
        days = self._reader.cases.days(one.epoch for one in self._proposals)
        for one in self._proposals:
            name = self._about(one)
            if name in self.signals:
                yield self._proposal(self.signals[name], one, days[one.epoch])

    def _review(self, signal: Signal, review: Review) -> DeskRow:
        ground: Ground | None = self._grounds.get(review.ground)
        return self._row(
            signal,
            "reviews",
            code=review.ground,
            about=ground.asks if ground else "",
            citation=ground.citation if ground else "",
            since=review.opened_on,
            review_id=review.review_id,
            answer=review.answer,
            answered_on=review.answered_on,
            ladder_step=review.ladder_step,
        )

    def _clock(self, signal: Signal, clock: RunningClock) -> DeskRow:
        return self._row(
            signal,
            "clocks",
            code=clock.code,
            citation=clock.citation,
            since=clock.started_on,
            due_on=clock.due_on,
        )

    def _step(self, signal: Signal, kind: Kind, step: Step) -> DeskRow:
        return self._row(
            signal,
            kind,
            code=step.action,
            about=step.reason,
            since=step.on,
            due_on=step.until,
            by=step.decided_by,
            is_signed=step.is_signed,
        )

    def _proposal(self, signal: Signal, one: ProposalState, on: date) -> DeskRow:
        return self._row(
            signal,
            "approval",
            code=one.proposal.action,
            about=one.proposal.reason,
            since=on,
            by=one.proposal.decided_by,
            is_signed=one.proposal.is_signed,
            signal_id=one.proposal.signal_id,
        )

    def _row(self, signal: Signal, kind: Kind, **known: object) -> DeskRow:
        place = self._day.places.get(signal.matter_id)
        due_on = known.get("due_on")
        values: dict[str, object] = {
            "signal_id": signal.signal_id,
            "matter_id": signal.matter_id,
            "product": signal.product,
            "event": signal.event,
            "band": place.band if place else "",
            "status": signal.status,
            "n": signal.n,
            "n_serious": signal.n_serious,
            "n_fatal": signal.n_fatal,
            "about": "",
            "citation": "",
            "due_on": None,
            "by": None,
            "is_signed": None,
            "is_overdue": due_on is not None and due_on < self._day.on,  # type: ignore[operator]
        }
        return DeskRow(kind=kind, **(values | known))  # type: ignore[arg-type]


def _states(reader: RegisterReader, names: Iterable[str], day: Day) -> dict[str, Signal]:
    """Return signals as they stood, with the numbers of the day where they are known."""
    ordered = sorted(name for name in names if SIGNAL_ID.fullmatch(name))
    found: dict[str, Signal] = {}
    for first in range(0, len(ordered), N_NAMES_A_QUERY):
        found |= reader.states_at(ordered[first : first + N_NAMES_A_QUERY], day.epoch)
    return {one.signal_id: one for one in day.of(found.values())}


def _brought(signal: Signal) -> Step:
    """Return the step that brought a signal into its status."""
    found = signal.history[-1]
    for step in reversed(signal.history):
        if step.status != signal.status:
            break
        found = step
    return found


def _order(row: DeskRow) -> tuple[object, ...]:
    """Order by kind; then what waits by its limit and age, and what was put away newest first."""
    place = KINDS.index(row.kind)
    if row.kind == "closed":
        return place, False, False, 0, -row.since.toordinal(), row.signal_id or ""
    due = (row.due_on is None, row.due_on.toordinal() if row.due_on else 0)
    is_done = row.answer is not None
    return place, is_done, *due, row.since.toordinal(), row.review_id or row.signal_id or ""
