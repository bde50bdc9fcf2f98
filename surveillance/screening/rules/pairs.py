"""Criteria: when a pair is a finding, decided for all pairs at once.

The decisions are inequalities, taken multiplied out where that makes them exact; they
agree with the statistics of `detectors`, which are computed only for pairs that are told.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.disproportionality import ebgm
from detectors.disproportionality.ic import expected_limit
from detectors.elementary import log
from surveillance.configuration.types import (
    Criterion,
    Eb05,
    Ema,
    Evans,
    IcLower,
    PrrLower,
    RorLower,
)
from surveillance.screening.keyed_sums import Ints

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


N_AT_ONCE = 512  # small counts whose limits are computed together, since most pairs have one
N_AHEAD = 64  # and of larger ones the next, since counts grow
N_TABULATED_MAX = 100_000  # counts; beyond, limits are computed for those that occur


class TableCells(NamedTuple):
    """TableCells of 2x2 tables at case level: both, product alone, event alone, neither."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats

    @classmethod
    def of(cls, n_pair: Ints, n_product: Ints, n_event: Ints, n_total: int) -> TableCells:
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


def evans(criterion: Evans, cells: TableCells) -> Flags:
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


def prr_lower(criterion: PrrLower, cells: TableCells) -> Flags:
    """Decide whether the lower limit of the PRR lies above the threshold.

    Where the PRR has no finite value there is no interval, and the criterion is not met.
    """
    a, b, c, d = cells
    z = -ndtri((1 - criterion.confidence_level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell: not met
        variance = b / (a * (a + b)) + d / (c * (c + d))
        lower = log(a * (c + d) / ((a + b) * c)) - z * np.sqrt(variance)
    return np.asarray((lower > np.log(criterion.above)) & (c > 0) & (b + d > 0))


def ror_lower(criterion: RorLower | Ema, cells: TableCells) -> Flags:
    """Decide whether the lower limit of the ROR lies above the threshold.

    With an empty cell there is no interval, and the criterion is not met.
    """
    a, b, c, d = cells
    z = -ndtri((1 - criterion.confidence_level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell: not met
        lower = log(a * d / (b * c)) - z * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return np.asarray((lower > np.log(criterion.above)) & (np.minimum(b, c) > 0) & (d > 0))


class Beside(NamedTuple):
    """What a criterion may look at beside the cells.

    Attributes
    ----------
    prior : Prior or None
        The prior of the EBGM that is in force.
    is_additional : ndarray of bool, shape (n_pairs,), or None
        Whether the product is under additional monitoring; None for no pair.
    """

    prior: ebgm.Prior | None = None
    is_additional: Flags | None = None


NOTHING_BESIDE = Beside()


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
        self._limits: dict[object, _Limits] = {}

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the criterion is met; `cells` of shape (n_pairs,)."""
        criterion = self.criterion
        met = np.asarray(cells.a >= self.min_count)
        match criterion:
            case Evans():
                met &= evans(criterion, cells)
            case PrrLower():
                met &= prr_lower(criterion, cells)
            case RorLower():
                met &= ror_lower(criterion, cells)
            case Ema():
                met &= _is_enough_for(criterion, cells, beside) & ror_lower(criterion, cells)
            case IcLower():
                met &= cells.expected < self._of(_IcLimits(criterion.tail), cells.a)
            case Eb05():
                met &= self._is_eb05_reached(criterion, cells, beside)
        return met

    def _is_eb05_reached(self, criterion: Eb05, cells: TableCells, beside: Beside) -> Flags:
        if beside.prior is None:
            return np.zeros(cells.a.shape, np.bool_)
        limits = self._of(_Eb05Limits(beside.prior, criterion.at_least), cells.a)
        return np.asarray((cells.expected <= limits) & (cells.expected < cells.a))

    def _of(self, compute: _Compute, n: Floats) -> Floats:
        if compute not in self._limits:  # another prior: the limits of the last one are done with
            self._limits = {compute: _Limits(compute)}
        return self._limits[compute](n)


class _Compute(Protocol):
    """How many cases may be expected, for each of some counts."""

    def __call__(self, n: Ints, /) -> Floats: ...


class _Eb05Limits(NamedTuple):
    prior: ebgm.Prior
    at_least: float

    def __call__(self, n: Ints, /) -> Floats:
        return ebgm.expected_limit(n, self.prior, at_least=self.at_least)


class _IcLimits(NamedTuple):
    tail: float

    def __call__(self, n: Ints, /) -> Floats:
        return expected_limit(n, tail=self.tail)


class _Limits:
    """Limits by count, computed once for each count that occurs."""

    def __init__(self, compute: _Compute) -> None:
        self._compute = compute
        self._known = np.full(N_AT_ONCE, np.nan)

    def __call__(self, n: Floats) -> Floats:
        counts = n.astype(np.int64)
        most = int(counts.max(initial=0))
        if most > N_TABULATED_MAX:
            distinct, place = np.unique(counts, return_inverse=True)
            return np.asarray(self._compute(distinct)[place])
        if most >= len(self._known):
            wider = np.full(2 * most + N_AHEAD, np.nan)
            wider[: len(self._known)] = self._known
            self._known = wider
        limits = self._known[counts]
        if np.isnan(limits).any():
            ahead = np.add.outer(counts[np.isnan(limits)], np.arange(N_AHEAD)).ravel()
            usual = np.arange(N_AT_ONCE)
            new = np.unique(np.concatenate((ahead, usual)))
            new = new[new < len(self._known)]
            new = new[np.isnan(self._known[new])]
            self._known[new] = self._compute(new)
            limits = self._known[counts]
        return np.asarray(limits)


def _is_enough_for(criterion: Ema, cells: TableCells, beside: Beside) -> Flags:
    is_enough = cells.a >= criterion.min_count
    if beside.is_additional is not None:
        is_enough |= beside.is_additional & (cells.a >= criterion.min_count_additional)
    return np.asarray(is_enough)


def _least(criterion: Criterion) -> int:
    """Return the smallest count at which a criterion can be met at all."""
    if isinstance(criterion, Ema):
        return criterion.min_count_additional
    if not isinstance(criterion, IcLower):
        return criterion.min_count
    limits = expected_limit(np.arange(100), tail=criterion.tail)
    return max(criterion.min_count, int(np.flatnonzero(limits > 0)[0]))
