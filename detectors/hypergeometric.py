"""Hypergeometric probabilities of 2x2 tables with given margins, to 12 digits for any count.

Differences of log-gamma functions lose as many digits as the total has. Here the logarithm of a
point probability is a sum of terms that are small or have one sign (Loader's saddle-point form),
and a tail is that point times a sum of ratios.
"""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.quadrature import fejer

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]

N_TABLED = 16  # from here on the Stirling series has 16 digits
STIRLING = np.array(
    [
        float(Decimal(math.factorial(n)).ln() - n * Decimal(max(n, 1)).ln() + n)
        for n in range(N_TABLED)
    ]
)
NEAR = 0.3  # beyond, x log(x / mean) - (x - mean) loses less than a digit
N_TERMS = 17  # 0.3 to the power of 34 is below the rounding error
NEGLIGIBLE = 2.0**-55  # a term below this share of a sum leaves its bits as they are
LOG_NEGLIGIBLE = 42.0  # e to the power of -42 is 6e-19
MOST_TERMS = 2_048  # a longer sum is an integral; its integrand is then smooth enough
N_NODES = 64
HALF_WORD = 27


class Cells(NamedTuple):
    """The four cells of many 2x2 tables.

    Attributes
    ----------
    a, b, c, d : ndarray of int64, shape (n_tables,)
        Both, product alone, event alone, neither.
    """

    a: Whole
    b: Whole
    c: Whole
    d: Whole

    def where(self, chosen: NDArray[np.bool_]) -> Cells:
        """Take some of the tables.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_tables,)
            Which tables.

        Returns
        -------
        Cells
            Those tables.
        """
        return Cells(*(cell[chosen] for cell in self))

    def turned(self, chosen: NDArray[np.bool_]) -> Cells:
        """Exchange reports with the event for reports without it.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_tables,)
            Which tables to turn.

        Returns
        -------
        Cells
            All tables; in those that were turned the lower tail is now the upper one.
        """
        a, b, c, d = self
        return Cells(*(np.where(chosen, y, x) for x, y in zip(self, (b, a, d, c), strict=True)))

    def moved(self, steps: Whole) -> Cells:
        """Change the first cell and keep the margins.

        Parameters
        ----------
        steps : ndarray of int64, shape (n_tables,)
            How much to add to the first cell.

        Returns
        -------
        Cells
            Tables with the same margins.
        """
        return Cells(self.a + steps, self.b - steps, self.c - steps, self.d + steps)


def determinant(cells: Cells) -> Reals:
    """Compute ad - bc, rounded once, with the right sign.

    Parameters
    ----------
    cells : Cells
        Tables with cells of at most 2**53.

    Returns
    -------
    ndarray of float64, shape (n_tables,)
        Above 0 where the first cell is above its expectation.

    Notes
    -----
    The products have up to 106 bits. Each factor is split in two halves; the parts of the
    difference then fit 64 bits.
    """
    (a1, a0), (b1, b0), (c1, c0), (d1, d0) = (
        (cell >> HALF_WORD, cell & (2**HALF_WORD - 1)) for cell in cells
    )
    low = a0 * d0 - b0 * c0
    middle = a1 * d0 + a0 * d1 - b1 * c0 - b0 * c1 + (low >> HALF_WORD)
    high = a1 * d1 - b1 * c1 + (middle >> HALF_WORD)
    rest = ((middle & (2**HALF_WORD - 1)) << HALF_WORD) + (low & (2**HALF_WORD - 1))
    is_small = np.abs(high) < 2**8
    small = (np.where(is_small, high, 0) << (2 * HALF_WORD)) + rest
    rest = (rest | (rest & 1) << 1) & ~1  # 53 bits; the last tells a tie from what is beyond
    large = high.astype(np.float64) * 2.0 ** (2 * HALF_WORD) + rest.astype(np.float64)
    return np.asarray(np.where(is_small, small.astype(np.float64), large))


def log_point(cells: Cells) -> Reals:
    r"""Compute the logarithm of the probability of tables, given their margins.

    Parameters
    ----------
    cells : Cells
        Tables with cells and total of at most 2**53.

    Returns
    -------
    ndarray of float64, shape (n_tables,)
        Natural logarithms, to about 4 units of rounding, and 1e-14 near 0.

    Notes
    -----
    With :math:`s(n) = \log n! - n \log n + n` for the four cells, the four margins and the total,
    and :math:`D(x) = x \log(x / \mu) - x + \mu` for each cell *x* with expectation :math:`\mu`:
    :math:`\sum s(\mathrm{margin}) - s(N) - \sum s(x) - \sum D(x)`. No term of the last sum is
    negative, and each is computed without cancellation from the determinant [1]_.

    References
    ----------
    .. [1] Loader C (2000). Fast and accurate computation of binomial probabilities. Bell
       Laboratories technical report.
    """
    a, b, c, d = cells
    margins = (a + b, c + d, a + c, b + d)
    surplus = _surplus(cells)
    fixed = -_stirling((margins[0] + margins[1]).astype(np.float64))
    for margin in margins:
        fixed += _stirling(margin.astype(np.float64))
    return fixed + _log_kernel(_as_reals(cells), surplus, _expectations(cells))


def upper_sum(cells: Cells) -> Reals:
    """Sum the probabilities of tables and of all with a greater first cell, in units of the first.

    Parameters
    ----------
    cells : Cells
        Tables that are at least as probable as the one with a first cell greater by one: those
        whose first cell is not below its expectation, for instance.

    Returns
    -------
    ndarray of float64, shape (n_tables,)
        ``P(X >= a) / P(X = a)``, at least 1.

    Notes
    -----
    A sum of more than 2048 terms that matter, as where the standard deviation exceeds some 200, is
    an integral of the same terms by Fejer's first rule with 64 nodes, with the end corrections of
    Gregory's formula up to the sixth difference. Its terms carry the rounding of their logarithms,
    at most 1e-12 where the point probability is above the smallest double; beyond, the error grows
    with its logarithm, and is below rounding beside it.
    """
    a, b, c, d = _as_reals(cells)
    slope = 1.0 - b * c / ((a + 1) * (d + 1))
    curvature = sum(1.0 / (cell + 1) for cell in (a, b, c, d))
    length = 2 * LOG_NEGLIGIBLE / (slope + np.sqrt(slope**2 + 2 * LOG_NEGLIGIBLE * curvature))
    is_long = length > MOST_TERMS
    found = np.empty(a.shape)
    found[~is_long] = _sum_of_ratios(cells.where(~is_long))
    if is_long.any():
        found[is_long] = _sum_as_integral(cells.where(is_long), length[is_long])
    return found


def _as_reals(cells: Cells) -> tuple[Reals, ...]:
    return tuple(cell.astype(np.float64) for cell in cells)


def _surplus(cells: Cells) -> Reals:
    total = sum(_as_reals(cells))
    return np.asarray(determinant(cells) / np.maximum(total, 1.0))


def _expectations(cells: Cells) -> tuple[Reals, ...]:
    a, b, c, d = cells
    product, others, event, no_event = (
        margin.astype(np.float64) for margin in (a + b, c + d, a + c, b + d)
    )
    total = np.maximum(product + others, 1.0)
    pairs = ((product, event), (product, no_event), (others, event), (others, no_event))
    return tuple(row * column / total for row, column in pairs)


def _log_kernel(cells: tuple[Reals, ...], surplus: Reals, means: tuple[Reals, ...]) -> Reals:
    """Give the part of the logarithm that changes with the first cell."""
    kernel = np.zeros(surplus.shape)
    for cell, mean, sign in zip(cells, means, (1.0, -1.0, -1.0, 1.0), strict=True):
        kernel -= _stirling(cell) + _deviance(cell, mean, sign * surplus)
    return kernel


def _stirling(n: Reals) -> Reals:
    """Compute log n! - n log n + n, which is 0 for 0."""
    large = np.maximum(n, N_TABLED)
    square = 1.0 / (large * large)
    series = 1 / 12 - square * (
        1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188)))
    )
    tabled = STIRLING[np.minimum(n, N_TABLED - 1).astype(np.int64)]
    return np.where(n < N_TABLED, tabled, 0.5 * log(2 * math.pi * large) + series / large)


def _deviance(x: Reals, mean: Reals, difference: Reals) -> Reals:
    """Compute x log(x / mean) - difference, where difference is x - mean and x may be 0."""
    both = x + mean
    v = difference / np.where(both > 0, both, 1.0)
    is_near = np.abs(v) < NEAR
    square = np.where(is_near, v * v, 0.0)
    series = np.zeros(v.shape)
    for j in range(N_TERMS, 0, -1):
        series = square * (series + 1 / (2 * j + 1))
    near = v * (difference + 2 * x * series)
    far = special.xlogy(x, np.where(is_near, 1.0, x / np.where(mean > 0, mean, 1.0))) - difference
    return np.where(is_near, near, far)


def _sum_of_ratios(cells: Cells) -> Reals:
    a, b, c, d = _as_reals(cells)
    found: Reals = np.empty(a.size)
    total: Reals = np.ones(a.size)
    term: Reals = np.ones(a.size)
    place: Whole = np.arange(a.size)
    while place.size:
        a += 1
        d += 1
        term *= b * c / (a * d)
        b -= 1
        c -= 1
        total += term
        is_open = term > NEGLIGIBLE * total  # what is below it later adds nothing: see `total`
        if 2 * np.count_nonzero(is_open) < place.size or place.size == 1:
            found[place[~is_open]] = total[~is_open]
            place = place[is_open]
            a, b, c, d, total, term = (values[is_open] for values in (a, b, c, d, total, term))
    return found


FEJER = fejer(N_NODES)
GREGORY = (1 / 2, -1 / 12, 1 / 24, -19 / 720, 3 / 160, -863 / 60480, 275 / 24192)


def _sum_as_integral(cells: Cells, length: Reals) -> Reals:
    a, b, c, d = _as_reals(cells)
    surplus, means = _surplus(cells), _expectations(cells)
    start = _log_kernel((a, b, c, d), surplus, means)
    stretch = 1.25 * length  # the tail beyond is below rounding, skewed or not
    found = np.zeros(a.shape)
    for node, weight in FEJER:
        t = node * stretch
        moved = (a + t, b - t, c - t, d + t)
        found += weight * exp(_log_kernel(moved, surplus + t, means) - start)
    found *= stretch
    values = [np.ones(a.shape)]
    for j in range(1, len(GREGORY)):
        values.append(values[-1] * ((b - j + 1) * (c - j + 1) / ((a + j) * (d + j))))
    for correction in GREGORY:
        found += correction * values[0]
        values = [after - before for before, after in pairwise(values)]
    return found
