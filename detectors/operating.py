"""Operating characteristics of a decision on one 2x2 table, without simulation.

Given its margins, a table has one free cell with few likely values. So the chance that a criterion
is met is a sum over them: how often it finds something where there is nothing, and how often it
finds an effect of a given size.
"""

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.counts import Table
from detectors.validation import as_counts, as_numbers_within, refuse_where, require_one_index

Decide = Callable[[Table], NDArray[np.bool_]]

GREATEST_ODDS_RATIO = 1e6
NEGLIGIBLE = 1e-30  # of the likeliest count's probability: what is left out, all together
GREATEST_REACH = 2**24  # to either side; more would need gigabytes
_FIRST_REACH = 64


def probability_of_finding(
    decide: Decide,
    *,
    n_product: ArrayLike,
    n_event: ArrayLike,
    n_total: ArrayLike,
    odds_ratio: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    r"""Compute the chance that a criterion is met, for given margins and a given effect.

    Parameters
    ----------
    decide : callable, Table to ndarray of bool
        The criterion. It is given one table of many elements that differ in `n_pair` alone, and
        answers for each. An undefined measure should be no finding.
    n_product, n_event, n_total : array_like of whole numbers, of shapes that broadcast
        Reports of the product, of the event, and of all.
    odds_ratio : array_like, default: 1.0
        True ratio of odds, from 1e-6 to 1e6. 1 is no effect: the result is then the chance of a
        false finding.

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Probabilities, with an absolute error below 1e-12.

    Raises
    ------
    ValueError
        If a count or odds ratio is out of range, a margin exceeds the total, shapes do not
        broadcast, or `decide` answers with something else than a bool for each element.

    Notes
    -----
    Given its margins, the cell has the noncentral hypergeometric distribution of Fisher [1]_,
    :math:`P(k) \propto \binom{m}{k} \binom{N - m}{n - k} \psi^k`, with product margin *n*, event
    margin *m*, total *N* and odds ratio :math:`\psi`. Ratios of neighbours are multiplied out from
    the likeliest count in both directions, until what is left is negligible; they fall on either
    side, which bounds the rest.

    Chance is conditional on the margins. Nothing is said of bias, nor of many pairs screened
    together.

    References
    ----------
    .. [1] Fisher RA (1935). The logic of inductive inference. Journal of the Royal Statistical
       Society, 98(1), 39-82.

    Examples
    --------
    Three reports or more where one is expected, which the Poisson distribution puts at 0.0803:

    >>> def at_least_three(table):
    ...     return table.n_pair >= 3
    >>> margins = dict(n_product=1000, n_event=1000, n_total=1_000_000)
    >>> probability_of_finding(at_least_three, **margins, odds_ratio=[1.0, 2.0]).round(4)
    array([0.0801, 0.3222])
    """
    require_one_index(n_product=n_product, n_event=n_event, n_total=n_total, odds_ratio=odds_ratio)
    names = ("n_product", "n_event", "n_total")
    counts = [as_counts(*given) for given in zip(names, (n_product, n_event, n_total), strict=True)]
    low, high = 1 / GREATEST_ODDS_RATIO, GREATEST_ODDS_RATIO
    ratios = as_numbers_within("odds_ratio", odds_ratio, low=low, high=high)
    refuse_where(np.isnan(ratios), "odds_ratio", ratios, "must not be missing")
    n, m, total, psi = np.broadcast_arrays(*counts, ratios)
    refuse_where(n > total, "n_product", n, "must not exceed n_total")
    refuse_where(m > total, "n_event", m, "must not exceed n_total")
    margins = zip(n.flat, m.flat, total.flat, psi.flat, strict=True)
    chances = [_chance(decide, int(a), int(b), int(c), float(d)) for a, b, c, d in margins]
    return np.array(chances, dtype=np.float64).reshape(n.shape)


def _chance(decide: Decide, n: int, m: int, total: int, psi: float) -> float:
    first, weights = _distribution(n, m, total, psi)
    table = Table(first + np.arange(weights.size), n, m, total)
    found = np.asarray(decide(table))
    if found.dtype != np.bool_ or found.shape != weights.shape:
        raise ValueError(
            f"decide gave {found.dtype} of shape {found.shape}: must be a bool for each element"
        )
    return math.fsum(weights[found]) / math.fsum(weights)


def _distribution(n: int, m: int, total: int, psi: float) -> tuple[int, NDArray[np.float64]]:
    """Likely counts, from the first on, with the probability of each over that of the likeliest."""

    def growth(k: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray((n - k) / (k + 1) * ((m - k) / (total - n - m + k + 1)) * psi)

    def is_past(k: int) -> bool:
        return bool(growth(np.array(k)) < 1)

    low, high = max(0, n + m - total), min(n, m)
    mode = low + bisect_left(range(low, high), True, key=is_past)
    above = _run(lambda steps: growth(mode + steps), high - mode)
    below = _run(lambda steps: 1 / growth(mode - 1 - steps), mode - low)
    return mode - below.size, np.concatenate([below[::-1], [1.0], above])


def _run(
    change: Callable[[NDArray[np.int64]], NDArray[np.float64]], most: int
) -> NDArray[np.float64]:
    """Multiply out from the likeliest count until what is left is negligible."""
    reach = _FIRST_REACH
    while True:
        changes = change(np.arange(min(reach, most)))
        with np.errstate(under="ignore"):  # what underflows is negligible
            run = np.cumprod(changes)
        if reach >= most or run[-1] < NEGLIGIBLE * (1 - changes[-1]):
            return np.asarray(run)
        if reach >= GREATEST_REACH:
            raise ValueError(f"n_total: more than {GREATEST_REACH} counts are likely; too many")
        reach *= 2
