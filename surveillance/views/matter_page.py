"""One matter on one page: where it stands, who has seen it, and what is new since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from surveillance.domain.decision import Decision
from surveillance.domain.errors import Misused
from surveillance.triage.matters import Matters
from surveillance.views.acknowledged import NOTHING, Comparison, Numbers, action_of, last_seen
from surveillance.views.as_of import is_screened, listable_signals, signals_as_of
from surveillance.views.matter_causality import causality_of_matter
from surveillance.views.publicised import Publicised
from surveillance.views.ranking import rank_matters
from surveillance.views.worklist import worklist

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from surveillance.configuration.types import Configuration
    from surveillance.domain.signal import PriorityPart, Review, Signal, Status
    from surveillance.triage.reopening import Trigger
    from surveillance.views.acknowledged import Seen
    from surveillance.views.day import Day
    from surveillance.views.ranking import Rank
    from surveillance.views.results import Results
    from surveillance.views.worklist import WaitingMatter


class NewlyMet(Struct, frozen=True, kw_only=True):
    """A criterion that was first met after the matter was seen."""

    criterion: str
    on: date


class SignalOfMatter(Struct, frozen=True, kw_only=True):
    """A signal of a matter, and what is new in it since the matter was seen."""

    signal_id: str
    product: str
    event: str
    status: Status
    is_listed: bool
    evaluated_on: date
    priority: float
    parts: tuple[PriorityPart, ...]
    n: int
    n_serious: int
    n_fatal: int
    expected: float
    evidence: float
    n_then: int
    n_serious_then: int
    n_fatal_then: int
    priority_then: float | None  # of the latest finding by then; None: there was no signal
    evidence_then: float | None
    added: tuple[str, ...]  # cases that count and did not
    followed_up: tuple[str, ...]  # cases that count by a later version
    no_longer: tuple[str, ...]  # cases that counted: nullified, duplicates, or changed
    newly_met: tuple[NewlyMet, ...]
    n_changes: int  # of the design and natural history behind it, after data had been seen
    changes: tuple[str, ...]  # the latest of them, each with its reason
    publicity: str | None = None  # what was made public last, where it lowers the priority


class PersonAction(Struct, frozen=True, kw_only=True):
    """What a person did about a matter."""

    epoch: int
    on: date
    decision_id: str
    action: str
    by: str
    approved_by: str | None
    is_signed: bool
    signal_id: str | None


class MatterPage(Struct, frozen=True, kw_only=True):
    """A matter as it stood at the end of a day."""

    matter_id: str
    product: str
    event: str
    as_of: date
    epoch: int  # what `longwatch acknowledge --epoch` takes
    rank: Rank | None  # None: no signal of it is on the list
    is_waiting: bool  # nobody has seen it, or it has come back
    seen: Seen | None
    back_because: tuple[Trigger, ...]
    band: str  # empty where it is not on the list
    waiting_since: date | None
    due_on: date | None  # None: it does not wait, or its band has no service level
    reviews: tuple[Review, ...]
    signals: tuple[SignalOfMatter, ...]  # the greatest priority first
    people: tuple[PersonAction, ...]
    n_cases: int  # that count for any of its signals of reports
    causality: dict[str, int]  # of these, by the last assessment of a person


def matter_page(
    source: Results, matter_id: str, on: date | None = None, *, known: Day | None = None
) -> MatterPage:
    """Put together what is known of a matter.

    Parameters
    ----------
    source : Results
        A run or a register.
    matter_id : str
        As in `longwatch ranking`.
    on : date, optional
        As it stood at the end of that day; without it as it stands.
    known : Day, optional
        That day, where it was computed already.

    Raises
    ------
    Misused
        If there was no such matter.
    """
    reader, configuration = source.reader, source.required_configuration()
    epoch, day = reader.cases.epoch_on(on), on or reader.last_day()
    standing = [] if epoch is None else _standing(source, configuration, matter_id, epoch, known)
    if epoch is None or day is None or not standing:
        reason = "is not a matter" if on is None else f"was not a matter on {on}"
        raise Misused(matter_id, reason, "see `matter_id` in `longwatch ranking --json`")
    return _Page(source, configuration, epoch, day, known).of(matter_id, standing)


def _standing(
    source: Results, configuration: Configuration, matter_id: str, epoch: int, known: Day | None
) -> list[Signal]:
    """Return the signals of a matter as they stood at the end of an epoch."""
    if known is not None:
        names = known.members.get(matter_id, ())
        return list(source.reader.states_at(names, epoch).values())
    matters = Matters(configuration)
    pairs = source.reader.pairs_of_signals()
    named = [name for name, pair in pairs.items() if matters.of(*pair).matter_id == matter_id]
    return list(source.reader.states_at(named, epoch).values())


class _Page:
    def __init__(
        self,
        source: Results,
        configuration: Configuration,
        epoch: int,
        day: date,
        known: Day | None,
    ) -> None:
        self._source, self._reader, self._known = source, source.reader, known
        self._configuration, self._epoch, self._day = configuration, epoch, day
        self._compared = Comparison(source.reader, configuration)
        self._public = Publicised(source)

    def of(self, matter_id: str, standing: Sequence[Signal]) -> MatterPage:
        """Return the page of a matter that has these signals."""
        signals = self._of_the_day(standing)
        signals.sort(key=lambda one: (-one.priority, one.signal_id))
        seen = last_seen(self._reader, self._epoch).get(matter_id)
        stands = self._stands(matter_id)
        ranked = None if stands is None else stands.matter
        listed = [] if ranked is None else list(ranked.signals)
        root = Matters(self._configuration).of(signals[0].product, signals[0].event)
        n_cases, causality = causality_of_matter(
            self._reader, self._configuration, signals, self._epoch
        )
        return MatterPage(
            matter_id=matter_id,
            product=root.product,
            event=root.event,
            as_of=self._day,
            epoch=self._epoch,
            rank=ranked.rank if ranked else None,
            is_waiting=stands is not None and stands.is_waiting,
            seen=seen,
            back_because=stands.back_because if stands else (),
            band=stands.band if stands else "",
            waiting_since=stands.waiting_since if stands else None,
            due_on=stands.due_on if stands else None,
            reviews=signals[0].reviews,
            signals=self._signals(signals, {one.signal_id for one in listed}, seen),
            people=self._people(matter_id, {one.signal_id for one in signals}),
            n_cases=n_cases,
            causality=causality,
        )

    def _of_the_day(self, standing: Sequence[Signal]) -> list[Signal]:
        """Return signals with the numbers of the day."""
        if self._known is None:
            return signals_as_of(self._source, standing, self._day)
        return self._known.of(standing)

    def _stands(self, matter_id: str) -> WaitingMatter | None:
        """Return where the matter stands on the list; None if it is not on it."""
        if self._known is not None:
            return self._known.places.get(matter_id)
        signals = listable_signals(self._source, self._day)
        ranked = rank_matters(signals, self._configuration.triage, self._day)
        own = [one for one in ranked if one.best.matter_id == matter_id]
        return next(iter(worklist(self._source, own, self._day).matters), None)

    def _signals(
        self, signals: Sequence[Signal], listed: set[str], seen: Seen | None
    ) -> tuple[SignalOfMatter, ...]:
        up_to = -1 if seen is None else seen.up_to_epoch
        numbers = self._compared.numbers(signals, up_to)
        then = self._reader.states_at((one.signal_id for one in signals), up_to)
        return tuple(
            self._signal(
                one, numbers.get(one.signal_id, NOTHING), then.get(one.signal_id), up_to,
                is_listed=one.signal_id in listed,
            )
            for one in signals
        )  # fmt: skip

    def _signal(
        self, one: Signal, then: Numbers, before: Signal | None, up_to: int, *, is_listed: bool
    ) -> SignalOfMatter:
        old, new = (
            self._reader.cases.counted_cases(one.product, one.event, epoch)
            if is_screened(one)
            else {}
            for epoch in (up_to, self._epoch)
        )
        met = self._reader.first_met_of(one.product, one.event)
        return SignalOfMatter(
            signal_id=one.signal_id,
            product=one.product,
            event=one.event,
            status=one.status,
            is_listed=is_listed,
            evaluated_on=one.evaluated_on,
            priority=one.priority,
            parts=one.parts,
            n=one.n,
            n_serious=one.n_serious,
            n_fatal=one.n_fatal,
            expected=one.expected,
            evidence=one.evidence,
            n_then=then.n,
            n_serious_then=then.n_serious,
            n_fatal_then=then.n_fatal,
            priority_then=None if before is None else before.priority,
            evidence_then=None if before is None else before.evidence,
            added=tuple(case for case in new if case not in old),
            followed_up=tuple(case for case in new if old.get(case, new[case]) != new[case]),
            no_longer=tuple(case for case in old if case not in new),
            newly_met=tuple(
                NewlyMet(criterion=each.criterion, on=each.on)
                for each in met
                if up_to < each.epoch <= self._epoch
            ),
            n_changes=one.n_changes,
            changes=one.changes,
            publicity=self._public.of(one),
        )

    def _people(self, matter_id: str, signals: set[str]) -> tuple[PersonAction, ...]:
        records = self._reader.person_records(self._epoch)
        about = [
            (epoch, one)
            for epoch, one in records
            if (
                one.signal_id in signals or one.signal_id == matter_id
                if isinstance(one, Decision)
                else one.matter_id == matter_id
            )
        ]
        days = self._reader.cases.days(epoch for epoch, _ in about)
        return tuple(
            PersonAction(
                epoch=epoch,
                on=days[epoch],
                decision_id=one.decision_id,
                action=action_of(one),
                by=one.decided_by,
                approved_by=getattr(one, "approved_by", None),
                is_signed=one.is_signed,
                signal_id=one.signal_id if isinstance(one, Decision) else None,
            )
            for epoch, one in about
        )
