"""The list that people work from: what waits, in which band, until when, and within which budget.

Nothing is hidden. A matter beyond the budget is queued, in the order of the priority, and the cut
is stated. Matters of the first band are never queued.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from surveillance.triage.bands import band_of
from surveillance.triage.labels import Labels
from surveillance.triage.working_days import WorkingDays
from surveillance.views.acknowledged import Comparison, last_seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from surveillance.configuration.types import Budget, Configuration
    from surveillance.register.reader import RegisterReader
    from surveillance.triage.reopening import Trigger
    from surveillance.views.acknowledged import Seen
    from surveillance.views.ranking import RankedMatter
    from surveillance.views.results import Results


class WaitingMatter(NamedTuple):
    """A matter on the list, and whether it waits to be looked at."""

    matter: RankedMatter
    seen: Seen | None = None
    back_because: tuple[Trigger, ...] = ()
    band: str = ""  # empty where no configuration is at hand
    waiting_since: date | None = None
    due_on: date | None = None  # None: it does not wait, or its band has no service level
    is_queued: bool = False  # beyond the budget of the week
    rank_waiting: int | None = None  # None: it was seen, and did not come back
    n_waiting: int = 0

    @property
    def is_waiting(self) -> bool:
        """Nobody has seen it, or it has come back."""
        return self.seen is None or bool(self.back_because)


class Worklist(NamedTuple):
    """Every matter on the list, in its order, and the budget of the week."""

    matters: list[WaitingMatter]
    budget: int | None  # matters that may be looked at in the week; None: no limit
    n_seen_this_week: int


def worklist(source: Results, ranked: Sequence[RankedMatter], on: date) -> Worklist:
    """Tell which matters wait to be looked at.

    Parameters
    ----------
    source : Results
        A run or a register. Without a configuration there are no bands, and nothing comes back.
    ranked : sequence of RankedMatter
        The list of a day, in its order.
    on : date
        The day.
    """
    epoch, configuration = source.reader.cases.epoch_on(on), source.configuration()
    seen = {} if epoch is None else last_seen(source.reader, epoch)
    if epoch is None or configuration is None:
        held = [_Held(seen.get(one.best.matter_id)) for one in ranked]
        return Worklist(_numbered(ranked, held, _Room(None)), None, 0)
    dated = _Dated(source.reader, configuration, epoch, on)
    held = [dated.of(one, seen.get(one.best.matter_id)) for one in ranked]
    n_seen = _n_seen_in_the_week(seen.values(), on)
    budget = _whole(configuration.triage.budget)
    room = _Room(budget, n_seen, configuration.triage.band[0].name)
    return Worklist(_numbered(ranked, held, room), budget, n_seen)


class _Held(NamedTuple):
    """What is known of a matter by itself."""

    seen: Seen | None
    back_because: tuple[Trigger, ...] = ()
    band: str = ""
    waiting_since: date | None = None
    due_on: date | None = None

    @property
    def is_waiting(self) -> bool:
        return self.seen is None or bool(self.back_because)


class _Dated:
    """Gives each matter its band and its days."""

    def __init__(
        self, reader: RegisterReader, configuration: Configuration, epoch: int, on: date
    ) -> None:
        self._triage, self._labels = configuration.triage, Labels(configuration)
        self._compared = Comparison(reader, configuration)
        self._days = WorkingDays.of(configuration)
        self._epoch, self._on = epoch, on

    def of(self, matter: RankedMatter, seen: Seen | None) -> _Held:
        signals = matter.signals
        band = band_of(signals, self._triage, self._labels, self._on)
        back: tuple[Trigger, ...] = ()
        if seen is None:
            since = min(signal.first_on for signal in signals)
        else:
            back = tuple(self._compared.triggers(signals, seen, self._epoch, self._on))
            if not back:
                return _Held(seen, back, band.name)
            since = self._since(matter, seen, back)
        due_on = None if band.working_days is None else self._days.after(since, band.working_days)
        return _Held(seen, back, band.name, since, due_on)

    def _since(self, matter: RankedMatter, seen: Seen, back: Iterable[Trigger]) -> date:
        found = self._compared.came_back_on(matter.signals, seen, self._epoch, self._on)
        if "expired" in back and seen.suppressed_until is not None:
            return min(found, seen.suppressed_until + timedelta(days=1))
        return found


def _whole(budget: Budget) -> int | None:
    if budget.per_reviewer_week is None:
        return None
    return budget.per_reviewer_week * budget.reviewers


def _n_seen_in_the_week(seen: Iterable[Seen], on: date) -> int:
    monday = on - timedelta(days=on.weekday())
    return sum(monday <= one.acted_on <= on for one in seen)


class _Room:
    """How many more matters the budget of a week takes.

    What is in the first band takes its places before others, and is never queued.
    """

    def __init__(self, budget: int | None, n_seen: int = 0, first_band: str = "") -> None:
        self._budget, self._first_band = budget, first_band
        self._left = 0 if budget is None else budget - n_seen

    def reserve(self, held: Iterable[_Held]) -> None:
        """Take the places of the first band."""
        self._left -= sum(one.is_waiting and one.band == self._first_band for one in held)

    def is_queued(self, one: _Held) -> bool:
        """Give a matter a place; tell whether there was none left for it."""
        if self._budget is None or not one.is_waiting or one.band == self._first_band:
            return False
        self._left -= 1
        return self._left < 0


def _numbered(
    ranked: Sequence[RankedMatter], held: Sequence[_Held], room: _Room
) -> list[WaitingMatter]:
    n_waiting, numbered, number = sum(one.is_waiting for one in held), [], 0
    room.reserve(held)
    for matter, one in zip(ranked, held, strict=True):
        number += one.is_waiting
        rank = number if one.is_waiting else None
        numbered.append(WaitingMatter(matter, *one, room.is_queued(one), rank, n_waiting))
    return numbered
