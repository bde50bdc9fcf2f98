"""Signed contributions → findings.

Counts are kept in arrays. Pairs whose own count moved are evaluated at every close, and
every pair at the first close of a UTC day, since margins move under all of them. What is
told is a change: a criterion newly met, a count grown by the configured ratio since it
was last told, a criterion met no longer. It is told again only when the pair's own count
has reached a new height, so a pair at the edge of a criterion does not flicker.
"""

from __future__ import annotations

import msgspec
import numpy as np

from surveillance.core.cells import Cells as Stored
from surveillance.core.counts import Counts, Growing
from surveillance.core.criteria import Cells, Decider, Flags
from surveillance.core.fold import SECONDS_A_DAY, Said
from surveillance.core.intake_stage import day_of
from surveillance.core.statistics import Telling, When, findings
from surveillance.core.tally import Ints
from surveillance.domain.configuration import Configuration, Sentinel
from surveillance.domain.contribution import Contribution
from surveillance.domain.finding import Change


class Told:
    """What was told of one criterion, pair by pair."""

    def __init__(self, height: Ints | None = None, stands: Ints | None = None) -> None:
        self.height = Growing(height)  # greatest count at which it was told; 0 never
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
        self._min_count = min(
            (d.criterion.min_count for d in self._deciders if not _is_sentinel(d)), default=1
        )

    def init(self, cells: Stored) -> Screening:  # noqa: ARG002 - the protocol
        """Return the state before the first contribution."""
        return Screening()

    def apply(self, state: Screening, item: Contribution) -> None:
        """Hold one contribution until the close."""
        state.counts.add(item)

    def close(self, state: Screening, epoch: int, at: int) -> Said:
        """Sum up, evaluate, and tell what changed."""
        moved = state.counts.settle()
        is_new_day = at // SECONDS_A_DAY > state.at // SECONDS_A_DAY
        state.at = at
        tellings: list[Telling] = []
        for decider in self._deciders:
            told = state.told.setdefault(_identity(decider), Told())
            told.height.grow(len(state.counts))
            told.stands.grow(len(state.counts))
            places = self._places(state, decider, told, moved, is_new_day=is_new_day)
            tellings += self._tell(state.counts, decider, told, places)
        return Said(findings(state.counts, tellings, When(epoch, day_of(at), self._digest)), [])

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

    def _places(
        self, state: Screening, decider: Decider, told: Told, moved: Ints, *, is_new_day: bool
    ) -> Ints:
        """Return the pairs to evaluate: those that may be met, and those that stand."""
        if isinstance(decider.criterion, Sentinel):
            return _listed(state.counts, decider.criterion, moved)
        if not is_new_day:
            return moved
        enough = state.counts.n_pair.values >= self._min_count
        return np.flatnonzero(enough | (told.stands.values > 0))

    def _tell(
        self, counts: Counts, decider: Decider, told: Told, places: Ints
    ) -> list[Telling]:
        cells = Cells.of(*counts.cells(places))
        met = decider(cells)
        tellings: list[Telling] = []
        for change, where in self._changes(met, cells, told, places).items():
            chosen = places[where]
            told.stands.values[chosen] = change != "ceased"
            if change != "ceased":
                told.height.values[chosen] = counts.n_pair.values[chosen]
            tellings += [Telling(place, decider.criterion, change) for place in chosen.tolist()]
        return tellings

    def _changes(
        self, met: Flags, cells: Cells, told: Told, places: Ints
    ) -> dict[Change, Flags]:
        height, stands = told.height.values[places], told.stands.values[places] > 0
        return {
            "met": met & ~stands & (cells.a > height),
            "grown": met & stands & (cells.a >= self._ratio * height),
            "ceased": ~met & stands,
        }


def _identity(decider: Decider) -> str:
    return f"{decider.criterion.name}/{decider.criterion.version}"


def _is_sentinel(decider: Decider) -> bool:
    return isinstance(decider.criterion, Sentinel)


def _listed(counts: Counts, criterion: Sentinel, places: Ints) -> Ints:
    """Return those of `places` whose product and event are on the list."""
    events = [number for key in criterion.events if (number := counts.events.find(key)) is not None]
    is_listed = np.isin(counts.pair_event.values[places], events)
    if "*" not in criterion.products:
        found = (counts.products.find(key) for key in criterion.products)
        products = [number for number in found if number is not None]
        is_listed &= np.isin(counts.pair_product.values[places], products)
    return places[is_listed]
