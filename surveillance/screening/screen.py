"""Signed contributions → findings.

Counts are kept in arrays. Pairs whose own count moved are evaluated at every close, and
every pair at the first close of a UTC day, since margins move under all of them. What is
emitted is a change: a criterion newly met, or a count grown by the configured ratio since it
was last emitted, both at once; and a criterion met no longer, at the first close of a UTC
month, since moving margins make a pair at the edge of a criterion flicker.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple, Protocol, cast

import msgspec
import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality import ebgm
from surveillance.configuration.types import Configuration, Listed, OfFamily, OfPair
from surveillance.domain.contribution import Exposure
from surveillance.domain.finding import Change, Finding, PriorFitted
from surveillance.log.cells import Cells
from surveillance.log.lines import day_of as _day
from surveillance.log.messages import Output
from surveillance.log.topics import ContributionsRow
from surveillance.screening.counts import Counts, Growing, Names
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.measures import InForce, Selected, When, findings
from surveillance.screening.periods import begins
from surveillance.screening.prior import fit_prior, prior_of
from surveillance.screening.rules import family_rule_of, rule_of
from surveillance.screening.rules.family import Decided, FamilyRule
from surveillance.screening.rules.rule import Beside, Flags, PairRule

Rule = PairRule | FamilyRule


class Reported(NamedTuple):
    """Reports of a pair."""

    n: int
    n_fatal: int
    n_outside: int  # left out: with an onset known to lie after a window


class Against(Protocol):
    """What holds counts against exposure: it keeps a state of its own within that of `screen`."""

    def init(self) -> Any:  # noqa: ANN401 - its own
        """Return the state before the first row."""

    def take(self, state: Any, row: Exposure) -> None:  # noqa: ANN401 - its own
        """Take exposure in."""

    def close(self, state: Any, reports: Any, epoch: int, on: date) -> Iterator[Any]:  # noqa: ANN401 - its own
        """Look, where anything is new; `reports` counts a pair within days of the first dose."""

    def dump(self, state: Any) -> bytes:  # noqa: ANN401 - its own
        """Return the state as bytes."""

    def load(self, data: bytes) -> Any:  # noqa: ANN401 - its own
        """Restore the state."""


class Emitted:
    """What was emitted of one criterion, pair by pair."""

    def __init__(self, height: Ints | None = None, stands: Ints | None = None) -> None:
        # Count at which it was last emitted as met, 0 never; and 1 while it was.
        self.height, self.stands = Growing(height, np.int32), Growing(stands, np.int8)


class ScreenState:
    """State: counts, what was emitted, the prior in force, and the instant of the last close."""

    def __init__(self, held: object = None) -> None:
        self.held = held  # of what holds the counts against exposure
        self.counts = Counts()
        self.emitted: dict[str, Emitted] = {}
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
    against : Against, optional
        Holds the counts against exposure; without it exposure is passed by.
    """

    name = "screen"
    version = 4

    def __init__(self, configuration: Configuration, against: Against | None = None) -> None:
        self._against = against
        self._digest = configuration.digest
        self._ratio = configuration.criteria.growth_ratio
        self._rules: list[Rule] = [
            family_rule_of(criterion) if isinstance(criterion, OfFamily) else rule_of(criterion)
            for criterion in configuration.criteria.criterion
        ]
        self._prior = configuration.criteria.prior
        screened = [
            rule_of(criterion)
            for criterion in configuration.criteria.criterion
            if isinstance(criterion, OfPair)
        ]
        self._least = min((rule.min_count for rule in screened), default=1)
        self._is_excess = all(rule.needs_excess for rule in screened)

    def init(self, cells: Cells) -> ScreenState:  # noqa: ARG002 - the protocol
        """Return the state before the first contribution."""
        return ScreenState(self._against.init() if self._against else None)

    def apply(self, state: ScreenState, item: ContributionsRow) -> None:
        """Hold one contribution until the close; take exposure in."""
        if not isinstance(item, Exposure):
            state.counts.add(item)
        elif self._against is not None:
            self._against.take(state.held, item)

    def close(self, state: ScreenState, epoch: int, at: int) -> Output:
        """Sum up, evaluate, and emit what changed."""
        counts = state.counts
        moved = counts.settle(_day(at))
        emitted = [state.emitted.setdefault(_identity(rule), Emitted()) for rule in self._rules]
        for one in emitted:
            one.height.grow(len(counts))
            one.stands.grow(len(counts))
        now = _Now(_day(state.at) if state.at >= 0 else None, _day(at))
        state.at = at
        when = When(epoch, now.today, self._digest)
        rows: list[Finding | PriorFitted] = [*self._fit(state, when, now)]
        in_force = state.in_force
        places = moved if now.today == now.before else self._all(counts, emitted)
        evaluated = _Evaluated(counts, places, moved, in_force.prior if in_force else None)
        selected: list[Selected] = []
        for rule, one in zip(self._rules, emitted, strict=True):
            met = _met(rule, one, evaluated, now)
            if met is not None:
                selected += self._select(counts, rule, one, met, now)
        looks = self._looks(state, epoch, now.today)
        return Output([*rows, *findings(counts, selected, when, in_force), *looks], [])

    def _looks(self, state: ScreenState, epoch: int, on: date) -> Iterator[Any]:
        if self._against is None:
            return iter(())
        return self._against.close(state.held, _Reports(state.counts), epoch, on)

    def _fit(self, state: ScreenState, when: When, now: _Now) -> list[PriorFitted]:
        """Fit the prior anew when its time has come; and return the row of it."""
        settings = self._prior
        if settings is None or not begins(settings.every, now.before, now.today):
            return []
        fitted = fit_prior(state.counts, settings, when, state.fitted)
        if not fitted.failure:
            state.fitted = fitted
        return [fitted]

    def _all(self, counts: Counts, emitted: list[Emitted]) -> Ints:
        """Return every pair that may meet a criterion, or has met one that may have ceased."""
        places = np.flatnonzero(counts.n_pair.values >= self._least)
        if self._is_excess:  # no criterion can be met by a pair below its expectation
            n_pair, n_product, n_event, n_total = counts.cells(places)
            places = places[n_pair * float(n_total) > n_product * n_event]
        stands = np.zeros(len(counts), np.bool_)
        for one in emitted:
            stands |= one.stands.values > 0
        stands[places] = True
        return np.flatnonzero(stands)

    def _select(
        self, counts: Counts, rule: Rule, emitted: Emitted, met: _Met, now: _Now
    ) -> list[Selected]:
        """Return the pairs whose state under a rule changed, and enter what becomes of them."""
        stands = emitted.stands.values[met.places] > 0
        known = np.flatnonzero(met.flags & stands)
        n_pair = counts.n_pair.values[met.places]
        # Divided, so that 11 of 10 reach a ratio of 1.1; a count that was emitted is not 0.
        has_grown = n_pair[known] / emitted.height.values[met.places[known]] >= self._ratio
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
            emitted.stands.values[chosen] = change != "ceased"
            if change != "ceased":
                emitted.height.values[chosen] = n_pair[where]
            selected += [
                Selected(place, rule.criterion, rule.interval, change, met.family.get(place))
                for place in chosen.tolist()
            ]
        return selected

    def dump(self, state: ScreenState) -> bytes:
        """Return the state as bytes."""
        emitted = {
            name: (one.height.dump(), one.stands.dump()) for name, one in state.emitted.items()
        }
        held = self._against.dump(state.held) if self._against else b""
        counts = state.counts.dump()
        return msgspec.msgpack.encode((state.at, counts, emitted, state.fitted, held))

    def load(self, data: bytes, cells: Cells) -> ScreenState:
        """Restore the state."""
        state = self.init(cells)
        state.at, counts, emitted, fitted, held = msgspec.msgpack.decode(data)
        if self._against is not None and held:
            state.held = self._against.load(held)
        state.counts = Counts.load(counts)
        for name, arrays in emitted.items():
            state.emitted[name] = Emitted(*(np.frombuffer(array, np.int64) for array in arrays))
        state.fitted = None if fitted is None else msgspec.convert(fitted, PriorFitted)
        return state


class _Reports:
    """Counts reports of a pair."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def __call__(self, product: str, event: str, window_days: int | None) -> Reported:
        place = self._counts.place(product, event)
        if place is None:
            return Reported(0, 0, 0)
        n = int(self._counts.n_pair.values[place])
        n_fatal = int(self._counts.n_fatal.values[place])
        n_outside = 0 if window_days is None else self._counts.n_later(place, window_days)
        return Reported(n - n_outside, min(n_fatal, n - n_outside), n_outside)


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
        self.cells = TableCells.from_margins(*counts.cells(places))
        self._prior = prior

    @property
    def beside(self) -> Beside:
        """What a rule may look at beside the cells."""
        return Beside(self._prior, self._is_product)

    def _is_product(self, keys: tuple[str, ...]) -> Flags:
        products = self.counts.pair_product.values[self.places]
        return np.isin(products, _numbers(self.counts.products, keys))


def _met(rule: Rule, emitted: Emitted, evaluated: _Evaluated, now: _Now) -> _Met | None:
    """Decide by one rule; None where it is not its time."""
    criterion, counts = rule.criterion, evaluated.counts
    if isinstance(criterion, OfFamily):
        if not begins(criterion.every, now.before, now.today):
            return None
        return _of_family(emitted, cast("FamilyRule", rule)(counts, now.today))
    decide = cast("PairRule", rule)
    if isinstance(criterion, Listed):
        chosen = _listed(counts, criterion, emitted, evaluated.moved)
        return _Met(chosen, decide(TableCells.from_margins(*counts.cells(chosen))))
    return _Met(evaluated.places, decide(evaluated.cells, evaluated.beside))


def _of_family(emitted: Emitted, decided: Decided) -> _Met:
    places = np.union1d(decided.places, np.flatnonzero(emitted.stands.values))
    numbers = zip(decided.places.tolist(), decided.adjusted.tolist(), strict=True)
    family = {place: (adjusted, decided.n_hypotheses) for place, adjusted in numbers}
    return _Met(places, np.isin(places, decided.places), family)


def _identity(rule: Rule) -> str:
    return f"{rule.criterion.name}/{rule.criterion.version}"


def _listed(counts: Counts, criterion: Listed, emitted: Emitted, moved: Ints) -> Ints:
    """Return the pairs on a list that moved, or stand."""
    places = np.concatenate((moved, np.flatnonzero(emitted.stands.values)))
    is_listed = np.isin(counts.pair_event.values[places], _numbers(counts.events, criterion.events))
    if "*" not in criterion.products:
        products = _numbers(counts.products, criterion.products)
        is_listed &= np.isin(counts.pair_product.values[places], products)
    return np.unique(places[is_listed])


def _numbers(names: Names, keys: tuple[str, ...]) -> list[int]:
    """Return the numbers of the keys that were seen."""
    return [number for key in keys if (number := names.find(key)) is not None]
