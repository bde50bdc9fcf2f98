"""Signed contributions → findings.

Counts are kept in arrays. Pairs whose own count moved are evaluated at every close, and
every pair at the first close of a UTC day, since margins move under all of them. What is
told is a change: a criterion newly met, or a count grown by the configured ratio since it
was last told, both at once; and a criterion met no longer, at the first close of a UTC
month, since moving margins make a pair at the edge of a criterion flicker.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.disproportionality import ebgm
from surveillance.configuration.types import (
    Configuration,
    Criterion,
    Eb05,
    Ema,
    Evans,
    Listed,
    OfFamily,
    OfPair,
    PrrLower,
    RorLower,
)
from surveillance.domain.contribution import Contribution
from surveillance.domain.finding import Change, Finding, PriorFitted
from surveillance.log.cells import Cells
from surveillance.log.lines import day_of as _day
from surveillance.log.messages import Output
from surveillance.screening.counts import Counts, Growing, Names
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.measures import InForce, Selected, When, findings
from surveillance.screening.periods import begins
from surveillance.screening.prior import fit_prior, prior_of
from surveillance.screening.rules.families import Decided, decide_family
from surveillance.screening.rules.pairs import Beside, Decider, Flags, TableCells


class Emitted:
    """What was told of one criterion, pair by pair."""

    def __init__(self, height: Ints | None = None, stands: Ints | None = None) -> None:
        self.height = Growing(height)  # count at which it was last told as met; 0 never
        self.stands = Growing(stands)  # 1 while it was last told as met


class ScreenState:
    """State: the counts, what was told, the prior in force, and the instant of the last close."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.told: dict[str, Emitted] = {}
        self.at = -1
        self.fitted: PriorFitted | None = None  # the prior in force

    @property
    def in_force(self) -> InForce | None:
        """The prior that the EBGM is computed under."""
        fitted = self.fitted
        return None if fitted is None else InForce(fitted.version, prior_of(fitted))


class Screen:
    """The stage that sums over all partitions.

    Parameters
    ----------
    configuration : Configuration
        Criteria, and the hash that findings carry.
    """

    name = "screen"
    row_type = Contribution

    def __init__(self, configuration: Configuration) -> None:
        self._digest = configuration.digest
        self._ratio = configuration.criteria.growth_ratio
        self._deciders = [Decider(criterion) for criterion in configuration.criteria.criterion]
        self._prior = configuration.criteria.prior
        screened = [d for d in self._deciders if isinstance(d.criterion, OfPair)]
        self._least = min((d.min_count for d in screened), default=1)
        self._is_excess = all(_needs_excess(d.criterion) for d in screened)

    def init(self, cells: Cells) -> ScreenState:  # noqa: ARG002 - the protocol
        """Return the state before the first contribution."""
        return ScreenState()

    def apply(self, state: ScreenState, item: Contribution) -> None:
        """Hold one contribution until the close."""
        state.counts.add(item)

    def close(self, state: ScreenState, epoch: int, at: int) -> Output:
        """Sum up, evaluate, and tell what changed."""
        counts = state.counts
        moved = counts.settle()
        told = [state.told.setdefault(_identity(decider), Emitted()) for decider in self._deciders]
        for one in told:
            one.height.grow(len(counts))
            one.stands.grow(len(counts))
        now = _Now(_day(state.at) if state.at >= 0 else None, _day(at))
        state.at = at
        when = When(epoch, now.today, self._digest)
        rows: list[Finding | PriorFitted] = [*self._fit(state, when, now)]
        in_force = state.in_force
        places = moved if now.today == now.before else self._all(counts, told)
        evaluated = _Evaluated(counts, places, moved, in_force.prior if in_force else None)
        selected: list[Selected] = []
        for decider, one in zip(self._deciders, told, strict=True):
            met = _met(decider, one, evaluated, now)
            if met is not None:
                selected += self._tell(counts, decider.criterion, one, met, now)
        return Output([*rows, *findings(counts, selected, when, in_force)], [])

    def _fit(self, state: ScreenState, when: When, now: _Now) -> list[PriorFitted]:
        """Fit the prior anew when its time has come; what is said of it."""
        settings = self._prior
        if settings is None or not begins(settings.every, now.before, now.today):
            return []
        fitted = fit_prior(state.counts, settings, when, state.fitted)
        if not fitted.failure:
            state.fitted = fitted
        return [fitted]

    def _all(self, counts: Counts, told: list[Emitted]) -> Ints:
        """Return every pair that may meet a criterion, or has met one that may have ceased."""
        places = np.flatnonzero(counts.n_pair.values >= self._least)
        if self._is_excess:  # no criterion can be met by a pair below its expectation
            n_pair, n_product, n_event, n_total = counts.cells(places)
            places = places[n_pair * float(n_total) > n_product * n_event]
        stands = np.zeros(len(counts), np.bool_)
        for one in told:
            stands |= one.stands.values > 0
        stands[places] = True
        return np.flatnonzero(stands)

    def _tell(
        self, counts: Counts, criterion: Criterion, told: Emitted, met: _Met, now: _Now
    ) -> list[Selected]:
        stands = told.stands.values[met.places] > 0
        known = np.flatnonzero(met.flags & stands)
        n_pair = counts.n_pair.values[met.places]
        has_grown = n_pair[known] >= self._ratio * told.height.values[met.places[known]]
        may_cease = begins("month", now.before, now.today)
        changes: dict[Change, Ints] = {
            "met": np.flatnonzero(met.flags & ~stands),
            "grown": known[has_grown],
            "ceased": np.flatnonzero(~met.flags & stands) if may_cease else known[:0],
        }
        selected: list[Selected] = []
        for change, where in changes.items():
            if not len(where):
                continue
            chosen = met.places[where]
            told.stands.values[chosen] = change != "ceased"
            if change != "ceased":
                told.height.values[chosen] = n_pair[where]
            selected += [
                Selected(place, criterion, change, met.family.get(place))
                for place in chosen.tolist()
            ]
        return selected

    def dump(self, state: ScreenState) -> bytes:
        """Return the state as bytes."""
        told = {
            name: (told.height.values.tobytes(), told.stands.values.tobytes())
            for name, told in state.told.items()
        }
        return msgspec.msgpack.encode((state.at, state.counts.dump(), told, state.fitted))

    def load(self, data: bytes, cells: Cells) -> ScreenState:  # noqa: ARG002 - the protocol
        """Restore the state."""
        state = ScreenState()
        state.at, counts, told, fitted = msgspec.msgpack.decode(data)
        state.counts = Counts.load(counts)
        for name, arrays in told.items():
            state.told[name] = Emitted(*(np.frombuffer(array, np.int64).copy() for array in arrays))
        state.fitted = None if fitted is None else msgspec.convert(fitted, PriorFitted)
        return state


class _Now(NamedTuple):
    """The UTC day of the close before, if there was one, and of this one."""

    before: date | None
    today: date


class _Met(NamedTuple):
    """Pairs that were decided, where the criterion is met, and what a family did to their p."""

    places: Ints
    flags: Flags
    family: dict[int, tuple[float, int]] = {}  # noqa: RUF012 - never written to


class _Evaluated:
    """The pairs of this close, and the prior that they are looked at under."""

    def __init__(self, counts: Counts, places: Ints, moved: Ints, prior: ebgm.Prior | None) -> None:
        self.counts, self.places, self.moved = counts, places, moved
        self.cells = TableCells.of(*counts.cells(places))
        self._prior = prior

    def beside(self, criterion: Criterion) -> Beside:
        """Return what a criterion may look at beside the cells."""
        if isinstance(criterion, Eb05):
            return Beside(prior=self._prior)
        if isinstance(criterion, Ema) and criterion.additional_monitoring:
            products = self.counts.pair_product.values[self.places]
            listed = _numbers(self.counts.products, criterion.additional_monitoring)
            return Beside(is_additional=np.isin(products, listed))
        return Beside()


def _met(decider: Decider, told: Emitted, evaluated: _Evaluated, now: _Now) -> _Met | None:
    """Decide one criterion; None where it is not its time."""
    criterion, counts = decider.criterion, evaluated.counts
    if isinstance(criterion, Listed):
        chosen = _listed(counts, criterion, told, evaluated.moved)
        return _Met(chosen, decider(TableCells.of(*counts.cells(chosen))))
    if isinstance(criterion, OfFamily):
        if not begins(criterion.every, now.before, now.today):
            return None
        return _of_family(told, decide_family(counts, criterion, now.today))
    return _Met(evaluated.places, decider(evaluated.cells, evaluated.beside(criterion)))


def _of_family(told: Emitted, decided: Decided) -> _Met:
    places = np.union1d(decided.places, np.flatnonzero(told.stands.values))
    numbers = zip(decided.places.tolist(), decided.adjusted.tolist(), strict=True)
    family = {place: (adjusted, decided.n_hypotheses) for place, adjusted in numbers}
    return _Met(places, np.isin(places, decided.places), family)


def _identity(decider: Decider) -> str:
    return f"{decider.criterion.name}/{decider.criterion.version}"


def _needs_excess(criterion: Criterion) -> bool:
    """Whether a criterion can only be met above expectation."""
    if isinstance(criterion, Evans):
        return criterion.prr >= 1
    return not isinstance(criterion, PrrLower | RorLower | Ema) or criterion.above >= 1


def _listed(counts: Counts, criterion: Listed, told: Emitted, moved: Ints) -> Ints:
    """Return the pairs on a list that moved, or stand."""
    places = np.concatenate((moved, np.flatnonzero(told.stands.values)))
    is_listed = np.isin(counts.pair_event.values[places], _numbers(counts.events, criterion.events))
    if "*" not in criterion.products:
        products = _numbers(counts.products, criterion.products)
        is_listed &= np.isin(counts.pair_product.values[places], products)
    return np.unique(places[is_listed])


def _numbers(names: Names, keys: tuple[str, ...]) -> list[int]:
    """Return the numbers of the keys that were seen."""
    return [number for key in keys if (number := names.find(key)) is not None]
