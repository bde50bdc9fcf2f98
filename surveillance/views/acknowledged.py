"""What people have seen of each matter, and whether it has changed enough since to come back.

A matter was seen up to an epoch: that which its latest acknowledgement names, or that of its latest
decision. What came later is new, to the case: a case that arrives an hour after a person looked is
not taken as seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from surveillance.domain.contribution import FATAL, SERIOUS
from surveillance.domain.decision import Acknowledgement, Decision, Suppression
from surveillance.triage.matters import is_matter_id
from surveillance.triage.reopening import StandingNumbers, triggers
from surveillance.views.as_of import is_screened
from surveillance.views.matter_lists import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from surveillance.configuration.types import Configuration
    from surveillance.domain.decision import Standalone
    from surveillance.domain.signal import AnySignal
    from surveillance.register.case_reader import CountedSpan
    from surveillance.register.reader import Met, RegisterReader
    from surveillance.triage.reopening import Trigger


class Seen(Struct, frozen=True, kw_only=True):
    """Who saw a matter last, and up to which epoch."""

    decision_id: str
    action: str  # "acknowledge", or that of a decision
    by: str
    on: date  # the day of the epoch up to which it was seen
    up_to_epoch: int
    acted_on: date  # the day of the record
    is_signed: bool = False
    suppressed_until: date | None = None
    reason: str = ""  # of the suppression


class Numbers(NamedTuple):
    """What was counted for a signal."""

    n: int
    n_serious: int
    n_fatal: int


NOTHING = Numbers(0, 0, 0)


def last_seen(reader: RegisterReader, epoch: int) -> dict[str, Seen]:
    """Return who saw each matter last, as known at the end of an epoch.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    epoch : int
        The epoch.

    Returns
    -------
    dict of str to Seen
        By matter; those that nobody has acknowledged or decided about are not in it.
    """
    records = reader.person_records(epoch)
    matters = _matters_of(reader, records)
    found: dict[str, tuple[int, int, Standalone]] = {}
    for at, one in records:
        matter = matters.get(one.signal_id) if isinstance(one, Decision) else one.matter_id
        up_to = min(one.up_to_epoch, at) if isinstance(one, Acknowledgement) else at
        if matter is not None and (matter not in found or found[matter][0] <= up_to):
            found[matter] = up_to, at, one
    days = reader.cases.days(epoch for up_to, at, _ in found.values() for epoch in (up_to, at))
    return {
        matter: _seen(one, up_to, days[up_to], days[at])
        for matter, (up_to, at, one) in found.items()
    }


def _matters_of(
    reader: RegisterReader, records: Iterable[tuple[int, Standalone]]
) -> dict[str, str]:
    named = {one.signal_id for _, one in records if isinstance(one, Decision)}
    whole = {name for name in named if is_matter_id(name)}  # decided about as a whole
    signals = reader.states_at(named - whole, reader.cases.epoch_on(None) or 0)
    return {name: signal.matter_id for name, signal in signals.items()} | {
        name: name for name in whole
    }


def _seen(one: Standalone, up_to: int, on: date, acted_on: date) -> Seen:
    until, reason = (one.until, one.reason) if isinstance(one, Suppression) else (None, "")
    return Seen(
        decision_id=one.decision_id,
        action=action_of(one),
        by=one.decided_by,
        on=on,
        up_to_epoch=up_to,
        acted_on=acted_on,
        is_signed=one.is_signed,
        suppressed_until=until,
        reason=reason,
    )


def action_of(one: Standalone) -> str:
    """Return what a person did, in one word."""
    if isinstance(one, Decision):
        return one.action
    return "acknowledge" if isinstance(one, Acknowledgement) else "suppress"


class Comparison:
    """Compares matters as they stand with what people saw of them.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    configuration : Configuration
        With the criteria and the triggers.
    """

    def __init__(self, reader: RegisterReader, configuration: Configuration) -> None:
        self._reader, self._rules = reader, configuration.triage.reopen
        self._spans: dict[tuple[str, str], list[CountedSpan]] = {}
        self._met_by: dict[tuple[str, str], list[Met]] = {}
        self._kinds = {one.name: kind(one) + 1 for one in configuration.criteria.criterion}

    def numbers(self, signals: Sequence[AnySignal], epoch: int) -> dict[str, Numbers]:
        """Return what was counted for signals at the end of an epoch.

        Parameters
        ----------
        signals : sequence of Signal or SignalOutline
            In any state.
        epoch : int
            The epoch.

        Returns
        -------
        dict of str to Numbers
            By signal. Cases of a pair are counted exactly; a sequential test has those of its
            latest finding, since it counts patients' events.
        """
        tested = [one.signal_id for one in signals if not is_screened(one)]
        held = self._reader.states_at(tested, epoch) if tested else {}
        found = {name: Numbers(one.n, one.n_serious, one.n_fatal) for name, one in held.items()}
        for one in signals:
            if is_screened(one):
                found[one.signal_id] = _counted(self._spans_of(one), epoch)
        return found

    def triggers(
        self, signals: Sequence[AnySignal], seen: Seen, epoch: int, on: date
    ) -> list[Trigger]:
        """Return what has brought a matter back since it was seen; nothing if it stays away.

        Parameters
        ----------
        signals : sequence of Signal or SignalOutline
            Those of the matter that are listed, with the numbers of the day.
        seen : Seen
            When it was seen.
        epoch : int
            The last epoch of the day.
        on : date
            The day.
        """
        met = self._met(signals, seen, epoch, on)
        if seen.suppressed_until is None:
            return met
        if on > seen.suppressed_until:
            return [*met, "expired"]
        return [name for name in met if name == "death"]

    def _met(self, signals: Sequence[AnySignal], seen: Seen, epoch: int, on: date) -> list[Trigger]:
        now = [Numbers(one.n, one.n_serious, one.n_fatal) for one in signals]
        then = self.numbers(signals, seen.up_to_epoch).values()
        met = triggers(
            self._standing(now, signals, epoch, on),
            self._standing(then, signals, seen.up_to_epoch, seen.on),
            self._rules,
        )
        return [name for name, is_met in met.items() if is_met]

    def came_back_on(self, signals: Sequence[AnySignal], seen: Seen, epoch: int, on: date) -> date:
        """Return the day on which a matter came back that has come back by a day.

        Parameters
        ----------
        signals, seen, epoch, on
            As for `triggers`.
        """
        moved = sorted(self._epochs_of(signals, seen.up_to_epoch, epoch))
        days = self._reader.cases.days(moved)
        for one in moved:
            then = self.numbers(signals, one)
            held = [_with(signal, then.get(signal.signal_id, NOTHING)) for signal in signals]
            if self.triggers(held, seen, one, days[one]):
                return days[one]
        return on

    def _epochs_of(self, signals: Sequence[AnySignal], after: int, until: int) -> set[int]:
        """Return the epochs at which something of these signals moved."""
        found = {one.epoch for signal in signals for one in self._first_met(signal)}
        for signal in signals:
            found.add(signal.epoch)
            if is_screened(signal):
                for one in self._spans_of(signal):
                    found |= {one.valid_from, one.valid_to or one.valid_from}
        return {one for one in found if after < one <= until}

    def _spans_of(self, signal: AnySignal) -> list[CountedSpan]:
        pair = signal.product, signal.event
        if pair not in self._spans:
            self._spans[pair] = self._reader.cases.counted_spans(*pair)
        return self._spans[pair]

    def _first_met(self, signal: AnySignal) -> list[Met]:
        pair = signal.product, signal.event
        if pair not in self._met_by:
            self._met_by[pair] = self._reader.first_met_of(*pair)
        return self._met_by[pair]

    def _standing(
        self, numbers: Iterable[Numbers], signals: Sequence[AnySignal], epoch: int, on: date
    ) -> StandingNumbers:
        held = [NOTHING, *numbers]
        return StandingNumbers(
            day=on.toordinal(),
            n=max(one.n for one in held),
            n_serious=max(one.n_serious for one in held),
            n_fatal=max(one.n_fatal for one in held),
            kind=self._highest(signals, epoch),
        )

    def _highest(self, signals: Sequence[AnySignal], epoch: int) -> int:
        """Return the kind of the highest criterion that was met by an epoch; 0 for none."""
        met = (
            self._kinds.get(one.criterion, 0)
            for signal in signals
            for one in self._first_met(signal)
            if one.epoch <= epoch
        )
        return max(met, default=0)


def _with(signal: AnySignal, numbers: Numbers) -> AnySignal:
    return msgspec.structs.replace(signal, **numbers._asdict())


def _counted(spans: Sequence[CountedSpan], epoch: int) -> Numbers:
    def n(keep: Callable[[CountedSpan], bool]) -> int:
        stood = (one for one in spans if _stands(one, epoch))
        return sum(one.n for one in stood if keep(one))

    return Numbers(
        n(lambda _: True), n(lambda one: bool(one.flags & SERIOUS)),
        n(lambda one: bool(one.flags & FATAL)),
    )  # fmt: skip


def _stands(one: CountedSpan, epoch: int) -> bool:
    return one.valid_from <= epoch and (one.valid_to is None or epoch < one.valid_to)
