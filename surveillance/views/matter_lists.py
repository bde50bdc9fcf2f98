"""The list of matters at the end of many days of a run, each with the numbers of its day.

What is listed does not depend on the weights of the priority; the order does. So a day is computed
once, and ordered under as many weights as are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from surveillance.configuration.types import OfFamily, OfPair, Sentinel, Weights
from surveillance.triage import priority
from surveillance.triage.labels import Labels
from surveillance.triage.matters import Matters
from surveillance.triage.triage import is_of_screen, signal_id
from surveillance.views.counted import CountedRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from surveillance.configuration.types import Configuration, Criterion
    from surveillance.domain.signal import Status
    from surveillance.register.reader import Change
    from surveillance.screening.keyed_sums import Ints
    from surveillance.triage.matters import Matter
    from surveillance.triage.priority import Floats, Part
    from surveillance.views.results import Results


NEVER = 10**7  # a day later than any, as an ordinal


class DayList(NamedTuple):
    """What is listed at the end of a day, a place an array for each signal."""

    on: date
    signals: Ints  # numbers of signals
    matters: Ints  # number of the matter of each
    n: Floats
    n_serious: Floats
    n_fatal: Floats
    parts: dict[str, Part]
    stored: Floats  # priority of the signals of sequential tests; NaN for all others

    def priorities(self, weights: Weights) -> Floats:
        """Return the priority of each signal under weights."""
        found: Floats = np.where(
            np.isnan(self.stored), priority.scores(self.parts, weights), self.stored
        )
        return found

    def order(self, weights: Weights) -> tuple[Ints, Floats]:
        """Return the place of the best signal of each matter, and its priority, in order."""
        found = self.priorities(weights)
        ordered = np.lexsort((self.signals, -found))
        _, first = np.unique(self.matters[ordered], return_index=True)
        best = ordered[np.sort(first)]
        return best, found[best]


class MatterLists:
    """Computes the list of matters on one day after another.

    Parameters
    ----------
    source : Results
        A run, or a register with its configuration. A register holds no contributions: there, every
        signal keeps the numbers and the priority of its latest finding.
    criteria : sequence of str, optional
        List a signal only from the day on which one of these was first met; without it, all.
    """

    def __init__(self, source: Results, criteria: Sequence[str] = ()) -> None:
        directory = source.directory
        configuration = source.required_configuration()
        self.triage = configuration.triage
        changes = source.reader.changes()
        self.states = _States(changes, configuration.lifecycle.open_statuses)
        self.signals = self.states.signals
        roots = Matters(configuration)
        self._labels = Labels(configuration)
        of_signals = [roots.of(product, event) for product, event in self.signals.values()]
        self.matters: list[Matter] = list(dict.fromkeys(of_signals))
        numbers = {matter: number for number, matter in enumerate(self.matters)}
        self.matter_of = np.array([numbers[matter] for matter in of_signals], np.int64)
        self._pairs = list(self.signals.values())
        self.counted = (
            None if directory is None else CountedRun(directory, with_cases=True, pairs=self._pairs)
        )
        self._places = np.full(len(self.signals), -1)
        met = source.reader.first_met()
        self._from = self._first_days(met, criteria)
        self.kinds = self._kinds(met, configuration)

    def on(self, days: Iterable[date]) -> Iterator[DayList]:
        """Yield the list at the end of each day; days must ascend."""
        for day in days:
            if self.counted is not None:
                self.counted.to_the_end_of(day)
            self.states.to_the_end_of(day)
            yield self._list(day)

    def number_of(self, matter: Matter) -> int | None:
        """Return the number of a matter, or None where no signal is in it."""
        return self.matters.index(matter) if matter in self.matters else None

    def cases(self, signal: int) -> frozenset[int]:
        """Return the cases of a signal, each as a number; none where they are not held."""
        product, event = self._pairs[signal]
        return frozenset() if self.counted is None else self.counted.cases(product, event)

    def _list(self, day: date) -> DayList:
        is_due = self.states.is_open & (self._from <= day.toordinal())
        if self.counted is None:
            return self._as_found(day, np.flatnonzero(is_due))
        return self._as_counted(self.counted, day, is_due)

    def _as_found(self, day: date, due: Ints) -> DayList:
        """Return the list by the numbers of the latest findings."""
        states = self.states
        is_enough = (states.n >= self.triage.list_min_cases) | states.is_sentinel
        signals = due[(is_enough | ~states.is_screened)[due]]
        nothing = priority.Facts(*(np.zeros(0) for _ in priority.Facts._fields))
        return DayList(
            on=day,
            signals=signals,
            matters=self.matter_of[signals],
            n=states.n[signals],
            n_serious=states.n_serious[signals],
            n_fatal=states.n_fatal[signals],
            parts=priority.parts(_followed_by_unknown(nothing, len(signals))),
            stored=states.priority[signals],
        )

    def _as_counted(self, counted: CountedRun, day: date, is_due: NDArray[np.bool_]) -> DayList:
        states = self.states
        unplaced = np.flatnonzero(is_due & states.is_screened & (self._places < 0))
        self._places[unplaced] = counted.places([self._pairs[number] for number in unplaced])
        screened = np.flatnonzero(is_due & states.is_screened & (self._places >= 0))
        screened = screened[self._may_be_listed(counted, screened)]
        facts = counted.facts(self._places[screened], day)
        is_watched = states.is_sentinel[screened]
        facts = facts._replace(is_watched=np.where(is_watched, 1.0, np.nan))
        pairs = (self._pairs[number] for number in screened)
        facts = self._labels.added(facts, pairs, day)
        kept = is_watched | (facts.evidence > 0)
        facts = priority.Facts(*(values[kept] for values in facts))
        tested = np.flatnonzero(is_due & ~states.is_screened)
        stored = np.concatenate((np.full(int(kept.sum()), np.nan), states.priority[tested]))
        signals = np.concatenate((screened[kept], tested))
        return DayList(
            on=day,
            signals=signals,
            matters=self.matter_of[signals],
            n=np.concatenate((facts.n, states.n[tested])),
            n_serious=np.concatenate((facts.n_serious, states.n_serious[tested])),
            n_fatal=np.concatenate((facts.n_fatal, states.n_fatal[tested])),
            parts=priority.parts(_followed_by_unknown(facts, len(tested))),
            stored=stored,
        )

    def _may_be_listed(self, counted: CountedRun, screened: Ints) -> NDArray[np.bool_]:
        """Leave out what cannot be listed before its limits are computed, which takes time."""
        n, n_product, n_event, n_total = counted.counts.cells(self._places[screened])
        has_excess = n * float(n_total) > n_product * n_event  # else the lower limit is below 0
        is_enough = (n >= self.triage.list_min_cases) & has_excess
        return is_enough | (self.states.is_sentinel[screened] & (n > 0))

    def _first_days(
        self, met: Sequence[tuple[str, str, str, date]], criteria: Sequence[str]
    ) -> Ints:
        if not criteria:
            return np.zeros(len(self.signals), np.int64)
        days = np.full(len(self.signals), NEVER)
        for criterion, product, event, on in met:
            number = self.states.numbers.get(signal_id(product, event, "safety"))
            if number is not None and criterion in criteria:
                days[number] = min(days[number], on.toordinal())
        return days

    def _kinds(
        self, met: Sequence[tuple[str, str, str, date]], configuration: Configuration
    ) -> Ints:
        """Return the day from which each matter met a criterion of each kind, or a higher one."""
        kind_of = {one.name: kind(one) for one in configuration.criteria.criterion}
        days = np.full((len(self.matters), N_KINDS), NEVER)
        for criterion, product, event, on in met:
            number = self.states.numbers.get(signal_id(product, event, "safety"))
            if number is not None and criterion in kind_of:
                row = days[self.matter_of[number], : kind_of[criterion] + 1]
                np.minimum(row, on.toordinal(), out=row)
        return days


N_KINDS = 4


def kind(criterion: Criterion) -> int:
    """Return how much a criterion says: a count 0, a disproportion 1, a family's test 2, 3 more.

    Three are the sentinel events, which people have named beforehand.
    """
    if isinstance(criterion, Sentinel):
        return 3
    return 2 if isinstance(criterion, OfFamily) else 1 if isinstance(criterion, OfPair) else 0


class _States:
    """How every signal stood at the end of a day; forwards only."""

    def __init__(self, changes: Sequence[Change], open_statuses: Sequence[Status]) -> None:
        named = sorted(
            {change.signal_id: (change.product, change.event) for change in changes}.items()
        )
        self.signals = dict(named)  # in the order in which equal priorities are listed
        self.numbers = {name: number for number, name in enumerate(self.signals)}
        self._changes, self._next, self._open = changes, 0, frozenset(open_statuses)
        n = len(self.signals)
        self.is_open, self.is_sentinel = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        self.priority, self.n = np.zeros(n), np.zeros(n)
        self.n_serious, self.n_fatal = np.zeros(n), np.zeros(n)
        self.is_screened = np.array(
            [is_of_screen(name, *pair) for name, pair in self.signals.items()], np.bool_
        )

    def to_the_end_of(self, day: date) -> None:
        """Take every change of the days up to `day`."""
        while self._next < len(self._changes) and self._changes[self._next].changed_on <= day:
            change = self._changes[self._next]
            number = self.numbers[change.signal_id]
            self.is_open[number] = change.status in self._open
            self.is_sentinel[number] = change.is_sentinel
            self.priority[number] = change.priority
            self.n[number] = change.n
            self.n_serious[number], self.n_fatal[number] = change.n_serious, change.n_fatal
            self._next += 1


def _followed_by_unknown(facts: priority.Facts, n: int) -> priority.Facts:
    return priority.Facts(*(np.concatenate((values, np.full(n, np.nan))) for values in facts))
