"""Criteria: when a pair is a finding, decided for all pairs at once.

The decisions are inequalities, taken multiplied out where that makes them exact; they
agree with the statistics of `detectors`, which are computed only for pairs that are told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.disproportionality.ic import expected_limit
from detectors.elementary import log
from surveillance.core.tally import Ints
from surveillance.domain.configuration import Criterion, Evans, IcLower, RorLower

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


N_TABULATED_MAX = 100_000  # counts; beyond, limits are computed for those that occur


class Cells(NamedTuple):
    """Cells of 2x2 tables at case level: both, product alone, event alone, neither."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats

    @classmethod
    def of(cls, n_pair: Ints, n_product: Ints, n_event: Ints, n_total: int) -> Cells:
        """Make cells from a cell and its margins."""
        b, c = n_product - n_pair, n_event - n_pair
        d = n_total - n_event - b
        return cls(*(cell.astype(np.float64) for cell in (n_pair, b, c, d)))

    @property
    def expected(self) -> Floats:
        """Cases expected if product and event were independent."""
        a, b, c, d = self
        with np.errstate(invalid="ignore"):  # no report at all: NaN, below no limit
            return np.asarray((a + b) * (a + c) / (a + b + c + d))


def evans(criterion: Evans, cells: Cells) -> Flags:
    """Decide PRR, chi-square and count (Evans et al. 2001).

    The PRR's inequality is multiplied out, so it holds for an event that was never
    reported without the product, whose PRR has no finite value. It does not hold while
    no other product was reported.
    """
    a, b, c, d = cells
    total = a + b + c + d
    excess = np.maximum(np.abs(a * d - b * c) - total / 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # no comparator: NaN is not >= 4
        chi_square = total * excess * excess / ((a + b) * (c + d) * (a + c) * (b + d))
    is_high = a * (c + d) >= criterion.prr * c * (a + b)
    return np.asarray(is_high & (chi_square >= criterion.chi_square) & (c + d > 0))


def ror_lower(criterion: RorLower, cells: Cells) -> Flags:
    """Decide whether the lower limit of the ROR lies above the threshold.

    With an empty cell there is no interval, and the criterion is not met.
    """
    a, b, c, d = cells
    z = -ndtri((1 - criterion.confidence_level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell: not met
        lower = log(a * d / (b * c)) - z * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return np.asarray((lower > np.log(criterion.above)) & (np.minimum(b, c) > 0) & (d > 0))


class Decider:
    """Decides one criterion, for pairs whose count is at least its smallest.

    Parameters
    ----------
    criterion : Criterion
        Rule, thresholds, name and version.
    """

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion
        self.min_count = _least(criterion)
        self._limits = np.zeros(0)

    def __call__(self, cells: Cells) -> Flags:
        """Return where the criterion is met; `cells` of shape (n_pairs,)."""
        criterion = self.criterion
        is_enough = cells.a >= self.min_count
        if isinstance(criterion, Evans):
            return is_enough & evans(criterion, cells)
        if isinstance(criterion, RorLower):
            return is_enough & ror_lower(criterion, cells)
        if isinstance(criterion, IcLower):
            return is_enough & (cells.expected < self._expected_limits(cells.a, criterion.tail))
        return is_enough

    def _expected_limits(self, n: Floats, tail: float) -> Floats:
        counts = n.astype(np.int64)
        most = int(counts.max(initial=0))
        if most > N_TABULATED_MAX:
            distinct, place = np.unique(counts, return_inverse=True)
            return np.asarray(expected_limit(distinct, tail=tail)[place])
        if most >= len(self._limits):
            self._limits = expected_limit(np.arange(2 * most + 64), tail=tail)
        return np.asarray(self._limits[counts])


def _least(criterion: Criterion) -> int:
    """Return the smallest count at which a criterion can be met at all."""
    if not isinstance(criterion, IcLower):
        return criterion.min_count
    limits = expected_limit(np.arange(100), tail=criterion.tail)
    return max(criterion.min_count, int(np.flatnonzero(limits > 0)[0]))
