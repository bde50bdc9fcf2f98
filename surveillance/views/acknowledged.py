"""What people have seen of each matter, and whether it has changed enough since to come back.

A matter was seen up to an epoch: that which its latest acknowledgement names, or that of its latest
decision. What came later is new, to the case: a case that arrives an hour after a person looked is
not taken as seen.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from surveillance.domain.contribution import FATAL, SERIOUS
from surveillance.domain.decision import Acknowledgement
from surveillance.triage.reopening import Standing, triggers
from surveillance.views.as_of import is_screened
from surveillance.views.matter_lists import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from surveillance.configuration.types import Configuration
    from surveillance.domain.decision import PersonRecord
    from surveillance.domain.signal import Signal
    from surveillance.register.case_reader import CountedSpan
    from surveillance.register.reader import RegisterReader
    from surveillance.triage.reopening import Trigger
    from surveillance.views.ranking import RankedMatter
    from surveillance.views.results import Results


class Seen(Struct, frozen=True, kw_only=True):
    """Who saw a matter last, and up to which epoch."""

    decision_id: str
    action: str  # "acknowledge", or that of a decision
    by: str
    on: date  # the day of the epoch
    up_to_epoch: int


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
    found: dict[str, tuple[int, PersonRecord]] = {}
    for at, one in records:
        matter = one.matter_id if isinstance(one, Acknowledgement) else matters.get(one.signal_id)
        up_to = min(one.up_to_epoch, at) if isinstance(one, Acknowledgement) else at
        if matter is not None and (matter not in found or found[matter][0] <= up_to):
            found[matter] = up_to, one
    days = reader.cases.days(up_to for up_to, _ in found.values())
    return {matter: _seen(one, up_to, days[up_to]) for matter, (up_to, one) in found.items()}


def _matters_of(
    reader: RegisterReader, records: Iterable[tuple[int, PersonRecord]]
) -> dict[str, str]:
    named = {one.signal_id for _, one in records if not isinstance(one, Acknowledgement)}
    signals = reader.states_at(named, reader.cases.epoch_on(None) or 0)
    return {name: signal.matter_id for name, signal in signals.items()}


def _seen(one: PersonRecord, up_to: int, on: date) -> Seen:
    action = "acknowledge" if isinstance(one, Acknowledgement) else one.action
    return Seen(
        decision_id=one.decision_id, action=action, by=one.decided_by, on=on, up_to_epoch=up_to
    )


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
        self._kinds = {one.name: kind(one) + 1 for one in configuration.criteria.criterion}

    def numbers(self, signals: Sequence[Signal], epoch: int) -> dict[str, Numbers]:
        """Return what was counted for signals at the end of an epoch.

        Parameters
        ----------
        signals : sequence of Signal
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
                spans = self._reader.cases.counted_spans(one.product, one.event)
                found[one.signal_id] = _counted(spans, epoch)
        return found

    def triggers(
        self, signals: Sequence[Signal], seen: Seen, epoch: int, on: date
    ) -> list[Trigger]:
        """Return what has brought a matter back since it was seen; nothing if it stays away.

        Parameters
        ----------
        signals : sequence of Signal
            Those of the matter that are listed, with the numbers of the day.
        seen : Seen
            When it was seen.
        epoch : int
            The last epoch of the day.
        on : date
            The day.
        """
        now = [Numbers(one.n, one.n_serious, one.n_fatal) for one in signals]
        then = self.numbers(signals, seen.up_to_epoch).values()
        met = triggers(
            self._standing(now, signals, epoch, on),
            self._standing(then, signals, seen.up_to_epoch, seen.on),
            self._rules,
        )
        return [name for name, is_met in met.items() if is_met]

    def _standing(
        self, numbers: Iterable[Numbers], signals: Sequence[Signal], epoch: int, on: date
    ) -> Standing:
        held = [NOTHING, *numbers]
        return Standing(
            day=on.toordinal(),
            n=max(one.n for one in held),
            n_serious=max(one.n_serious for one in held),
            n_fatal=max(one.n_fatal for one in held),
            kind=self._highest(signals, epoch),
        )

    def _highest(self, signals: Sequence[Signal], epoch: int) -> int:
        """Return the kind of the highest criterion that was met by an epoch; 0 for none."""
        met = (
            self._kinds.get(one.criterion, 0)
            for signal in signals
            for one in self._reader.first_met_of(signal.product, signal.event)
            if one.epoch <= epoch
        )
        return max(met, default=0)


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


class WaitingMatter(NamedTuple):
    """A matter on the list, whether it waits to be looked at, and where among those that do."""

    matter: RankedMatter
    seen: Seen | None
    back_because: tuple[Trigger, ...]
    rank_waiting: int | None  # None: it was seen, and did not come back
    n_waiting: int

    @property
    def is_waiting(self) -> bool:
        """Nobody has seen it, or it has come back."""
        return self.seen is None or bool(self.back_because)


def waiting(source: Results, ranked: Sequence[RankedMatter], on: date) -> list[WaitingMatter]:
    """Tell which matters wait to be looked at.

    Parameters
    ----------
    source : Results
        A run or a register.
    ranked : sequence of RankedMatter
        The list of a day, in its order.
    on : date
        The day.

    Returns
    -------
    list of WaitingMatter
        In the same order.
    """
    epoch, configuration = source.reader.cases.epoch_on(on), source.configuration()
    seen = {} if epoch is None else last_seen(source.reader, epoch)
    compared = None if configuration is None else Comparison(source.reader, configuration)
    found: list[WaitingMatter] = []
    for matter in ranked:
        one = seen.get(matter.best.matter_id)
        back: list[Trigger] = []
        if one is not None and compared is not None and epoch is not None:
            back = compared.triggers(matter.signals, one, epoch, on)
        found.append(WaitingMatter(matter, one, tuple(back), None, 0))
    n_waiting = sum(one.is_waiting for one in found)
    number = count(1)
    return [
        one._replace(rank_waiting=next(number) if one.is_waiting else None, n_waiting=n_waiting)
        for one in found
    ]
