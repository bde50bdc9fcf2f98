"""Signed contributions → findings.

Counts are kept in arrays. Pairs whose own count moved are evaluated at every close, and
every pair at the first close of a UTC day, since margins move under all of them. What is
told is a change: a criterion newly met, or a count grown by the configured ratio since it
was last told, both at once; and a criterion met no longer, at the first close of a UTC
month, since moving margins make a pair at the edge of a criterion flicker.
"""

from __future__ import annotations

import msgspec
import numpy as np

from surveillance.core.cells import Cells as Stored
from surveillance.core.counts import Counts, Growing
from surveillance.core.criteria import Cells, Decider
from surveillance.core.fold import Said
from surveillance.core.intake_stage import day_of as _day
from surveillance.core.statistics import Telling, When, findings
from surveillance.core.tally import Ints
from surveillance.domain.configuration import (
    Configuration,
    Criterion,
    Evans,
    Listed,
    RorLower,
)
from surveillance.domain.contribution import Contribution
from surveillance.domain.finding import Change


class Told:
    """What was told of one criterion, pair by pair."""

    def __init__(self, height: Ints | None = None, stands: Ints | None = None) -> None:
        self.height = Growing(height)  # count at which it was last told as met; 0 never
        self.stands = Growing(stands)  # 1 while it was last told as met


class Screening:
    """State: the counts, what was told, and the instant of the last close."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.told: dict[str, Told] = {}
        self.at = -1


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
        screened = [d for d in self._deciders if not isinstance(d.criterion, Listed)]
        self._least = min((d.min_count for d in screened), default=1)
        self._is_excess = all(_needs_excess(d.criterion) for d in screened)

    def init(self, cells: Stored) -> Screening:  # noqa: ARG002 - the protocol
        """Return the state before the first contribution."""
        return Screening()

    def apply(self, state: Screening, item: Contribution) -> None:
        """Hold one contribution until the close."""
        state.counts.add(item)

    def close(self, state: Screening, epoch: int, at: int) -> Said:
        """Sum up, evaluate, and tell what changed."""
        counts = state.counts
        moved = counts.settle()
        told = [state.told.setdefault(_identity(decider), Told()) for decider in self._deciders]
        for one in told:
            one.height.grow(len(counts))
            one.stands.grow(len(counts))
        before = _day(state.at) if state.at >= 0 else None
        state.at, today = at, _day(at)
        is_new_month = before is None or (today.year, today.month) != (before.year, before.month)
        places = moved if today == before else self._all(counts, told)
        cells = Cells.of(*counts.cells(places))
        tellings: list[Telling] = []
        for decider, one in zip(self._deciders, told, strict=True):
            if isinstance(decider.criterion, Listed):
                chosen = _listed(counts, decider.criterion, one, moved)
                about = chosen, Cells.of(*counts.cells(chosen))
            else:
                about = places, cells
            tellings += self._tell(counts, decider, one, about, tell_ceased=is_new_month)
        return Said(findings(counts, tellings, When(epoch, today, self._digest)), [])

    def _all(self, counts: Counts, told: list[Told]) -> Ints:
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
        self,
        counts: Counts,
        decider: Decider,
        told: Told,
        about: tuple[Ints, Cells],
        *,
        tell_ceased: bool,
    ) -> list[Telling]:
        places, cells = about
        met = decider(cells)
        stands = told.stands.values[places] > 0
        known = np.flatnonzero(met & stands)
        has_grown = cells.a[known] >= self._ratio * told.height.values[places[known]]
        changes: dict[Change, Ints] = {
            "met": np.flatnonzero(met & ~stands),
            "grown": known[has_grown],
            "ceased": np.flatnonzero(~met & stands) if tell_ceased else known[:0],
        }
        tellings: list[Telling] = []
        for change, where in changes.items():
            if not len(where):
                continue
            chosen = places[where]
            told.stands.values[chosen] = change != "ceased"
            if change != "ceased":
                told.height.values[chosen] = counts.n_pair.values[chosen]
            tellings += [Telling(place, decider.criterion, change) for place in chosen.tolist()]
        return tellings

    def dump(self, state: Screening) -> bytes:
        """Return the state as bytes."""
        told = {
            name: (told.height.values.tobytes(), told.stands.values.tobytes())
            for name, told in state.told.items()
        }
        return msgspec.msgpack.encode((state.at, state.counts.dump(), told))

    def load(self, data: bytes, cells: Stored) -> Screening:  # noqa: ARG002 - the protocol
        """Restore the state."""
        state = Screening()
        state.at, counts, told = msgspec.msgpack.decode(data)
        state.counts = Counts.load(counts)
        for name, arrays in told.items():
            state.told[name] = Told(*(np.frombuffer(array, np.int64).copy() for array in arrays))
        return state


def _identity(decider: Decider) -> str:
    return f"{decider.criterion.name}/{decider.criterion.version}"


def _needs_excess(criterion: Criterion) -> bool:
    """Whether a criterion can only be met above expectation."""
    if isinstance(criterion, Evans):
        return criterion.prr >= 1
    return not isinstance(criterion, RorLower) or criterion.above >= 1


def _listed(counts: Counts, criterion: Listed, told: Told, moved: Ints) -> Ints:
    """Return the pairs on a list that moved, or stand."""
    places = np.concatenate((moved, np.flatnonzero(told.stands.values)))
    events = [number for key in criterion.events if (number := counts.events.find(key)) is not None]
    is_listed = np.isin(counts.pair_event.values[places], events)
    if "*" not in criterion.products:
        found = (counts.products.find(key) for key in criterion.products)
        products = [number for number in found if number is not None]
        is_listed &= np.isin(counts.pair_product.values[places], products)
    return np.unique(places[is_listed])
