"""The counts of all pairs at the end of any day, summed again from the contributions of a run.

What is read as of a day is computed as of that day, whenever the last finding was.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import numpy as np

from detectors.disproportionality.ic import ic
from surveillance.screening.counts import Counts
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.periods import begins
from surveillance.triage.priority import DAYS_A_MONTH, Facts
from surveillance.views.contributions import read_contributions, read_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from surveillance.domain.contribution import Contribution


N_WAITING_MAX = 20_000  # contributions: multiplied out they take some 50 MB


class CountedRun:
    """Follows the counts of a run from day to day, forwards only.

    Parameters
    ----------
    directory : Path
        Of the run.
    with_cases : bool, default: False
        Keep which cases name which product and event as well.
    pairs : iterable of tuple of str, optional
        Count no others: all pairs that were ever reported together take far more memory than
        the few that became signals.
    """

    def __init__(
        self,
        directory: Path,
        *,
        with_cases: bool = False,
        pairs: Iterable[tuple[str, str]] | None = None,
    ) -> None:
        self.counts = Counts()
        if pairs is not None:
            self.counts.restrict(pairs)
        self._cases = _Cases() if with_cases else None
        self._days = read_days(directory)
        self._batches = read_contributions(directory)
        self._ahead: tuple[date, list[Contribution]] | None = None
        self._first: dict[str, int] = {}  # product → day of its first report, as an ordinal
        self._last: date | None = None  # day of the last contribution that was taken

    def to_the_end_of(self, day: date) -> None:
        """Take every contribution of the days up to `day`, that one included."""
        for on, rows in self._until(day):
            if self._last is not None and begins("quarter", self._last, on):
                self._settle(self._last)
                self.counts.settle(on)  # nothing waits: the counts are kept as they were before it
            self._last = on
            for row in rows:
                self.counts.add(row)
                if self._cases is not None:
                    self._cases.add(row)
                for product, _ in row.products:
                    self._first.setdefault(product, on.toordinal())
            if self.counts.n_waiting >= N_WAITING_MAX:
                self._settle(None)
        if self._last is not None:
            self._settle(self._last)

    def _until(self, day: date) -> Iterator[tuple[date, list[Contribution]]]:
        while True:
            if self._ahead is None:
                epoch, rows = next(self._batches, (-1, []))
                if epoch < 0:
                    return
                self._ahead = self._days[epoch], rows
            if self._ahead[0] > day:
                return
            ahead, self._ahead = self._ahead, None
            yield ahead

    def _settle(self, day: date | None) -> None:
        counts = self.counts
        unknown = counts.product_first.values == 0
        counts.settle(day)
        first = counts.product_first.values
        dated = np.flatnonzero(unknown).tolist() + list(range(len(unknown), len(first)))
        for number in dated:
            first[number] = self._first.get(counts.products.names[number], 0)

    def cases(self, product: str, event: str) -> frozenset[int]:
        """Return the cases of a pair, each as a number that means nothing else."""
        return frozenset() if self._cases is None else self._cases.of(product, event)

    def places(self, pairs: Sequence[tuple[str, str]]) -> Ints:
        """Return where pairs are counted; -1 for those without a case so far."""
        found = (self.counts.place(*pair) for pair in pairs)
        return np.fromiter((-1 if p is None else p for p in found), np.int64, len(pairs))

    def facts(self, places: Ints, on: date) -> Facts:
        """Return the facts of pairs at the end of a day, as far as contributions hold them.

        Parameters
        ----------
        places : ndarray of int64, shape (n_pairs,)
            Where they are counted.
        on : date
            The day, to which the counts were taken.
        """
        counts = self.counts
        n, n_product, n_event, n_total = counts.cells(places)
        expected = n_product * (n_event / max(n_total, 1))
        first = counts.product_first.values[counts.pair_product.values[places]]
        past = counts.past.n_total / n_total if n_total else nan
        unknown = np.full(len(places), nan)
        countries = counts.n_countries(places).astype(np.float64)
        return Facts(
            evidence=ic(n, expected, tail=0.025).lower,
            n=n.astype(np.float64),
            expected=expected,
            n_serious=counts.n_serious.values[places].astype(np.float64),
            n_fatal=counts.n_fatal.values[places].astype(np.float64),
            usual_serious=np.full(len(places), counts.n_total_serious / max(n_total, 1)),
            usual_fatal=np.full(len(places), counts.n_total_fatal / max(n_total, 1)),
            months_known=np.where(first > 0, (on.toordinal() - first) / DAYS_A_MONTH, nan),
            n_recent=(n - counts.past.n_pair(places)).astype(np.float64),
            recent_expected=n * (1 - past),
            completeness=counts.completeness(places),
            n_countries=np.where(countries > 1, countries, nan),
            is_watched=unknown,
            is_listed=unknown,
            is_indication=unknown,
            is_publicised=unknown,
        )


class _Cases:
    """Which contributions that stand name which product and event."""

    def __init__(self) -> None:
        self._n = 0
        self._by_key: dict[str, set[int]] = {}
        self._standing: dict[int, list[int]] = {}  # by what they hold, to find what is retracted

    def add(self, row: Contribution) -> None:
        names = [product for product, _ in row.products] + [event for event, _, _ in row.events]
        content = hash((row.country, row.reporter, *row.products, *row.events, row.completeness))
        numbers = self._standing.setdefault(content, [])
        if row.weight < 0:
            number = numbers.pop() if numbers else -1
            for name in names:
                self._by_key.get(name, set()).discard(number)
            return
        numbers.append(self._n)
        for name in names:
            self._by_key.setdefault(name, set()).add(self._n)
        self._n += 1

    def of(self, product: str, event: str) -> frozenset[int]:
        return frozenset(self._by_key.get(product, set()) & self._by_key.get(event, set()))
