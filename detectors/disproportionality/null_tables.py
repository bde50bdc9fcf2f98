"""Tables drawn as if every product had the same mix of events.

A draw takes its numbers from the generator before the next draw takes its own, so that the tables
do not depend on how many are drawn at a time.
"""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray

from detectors.elementary import exp

Null = Literal["multinomial", "permutation", "poisson"]
NULLS = get_args(Null)

CELLS_AT_ONCE = 2**18  # a few tens of MB at work, whatever the table and the number of draws
GREATEST_TOTAL = 10**9  # to permute; above, the library's probabilities lose too many digits

Draw = Callable[[int], NDArray[np.int64]]


def null_tables(
    counts: NDArray[np.int64],
    *,
    null: Null,
    zero_inflation: NDArray[np.float64] | None = None,
    n_draws: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    r"""Draw tables under the null hypothesis, a bounded number at a time.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_events, n_products)
        Table whose totals the draws have, or have in the mean.
    null : {"multinomial", "permutation", "poisson"}
        Which totals are fixed: those of products, of both products and events, or none.
    zero_inflation : ndarray of float64, shape (n_products,), optional
        Fractions of structural zeros; only with ``"poisson"``.
    n_draws : int
        Number of tables, positive.
    rng : numpy.random.Generator
        Source of randomness.

    Yields
    ------
    ndarray of int64, shape (n_chunk, n_events, n_products)
        Tables, `n_draws` of them in total.

    Notes
    -----
    ``"multinomial"``
        The events of each product's reports are drawn with the frequencies
        :math:`n_{i\cdot} / n_{\cdot\cdot}` [1]_.
    ``"permutation"``
        The events are dealt anew to the reports, which keeps both totals [2]_.
    ``"poisson"``
        Cells are independent with mean :math:`E_{ij}`. With zero inflation :math:`\omega_j`, a
        cell that was seen empty is a structural zero in a draw with its posterior probability
        :math:`\omega_j / (\omega_j + (1 - \omega_j) e^{-E_{ij}})`, and one with reports never is,
        as the R package pvLRT has it.

    References
    ----------
    .. [1] Huang L, Zalkikar J, Tiwari RC (2011). A likelihood ratio test based method for signal
       detection with application to FDA's drug safety data. Journal of the American Statistical
       Association, 106(496), 1230-1241.
    .. [2] Patefield WM (1981). Algorithm AS 159: an efficient method of generating random R x C
       tables with given row and column totals. Applied Statistics, 30(1), 91-97.
    """
    if null == "multinomial":
        draw = _multinomial(counts, rng)
    elif null == "permutation":
        draw = _permutation(counts, rng)
    else:
        draw = _poisson(counts, zero_inflation, rng)
    at_once = max(1, CELLS_AT_ONCE // counts.size)
    for start in range(0, n_draws, at_once):
        yield draw(min(at_once, n_draws - start))


def expected_counts(
    n_event: NDArray[np.float64], n_product: NDArray[np.float64], n_total: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the counts expected if product and event were independent, 0 without any report.

    Parameters
    ----------
    n_event, n_product, n_total : ndarray of float64, of shapes that broadcast
        Totals.

    Returns
    -------
    ndarray of float64, of the broadcast shape
        ``n_event * n_product / n_total``.
    """
    return np.asarray(n_event * n_product / np.maximum(n_total, 1.0))


def _multinomial(counts: NDArray[np.int64], rng: np.random.Generator) -> Draw:
    n_event, n_product = counts.sum(axis=1), counts.sum(axis=0)
    frequencies = n_event / n_event.sum()

    def draw(size: int) -> NDArray[np.int64]:
        by_product = rng.multinomial(n_product, frequencies, size=(size, n_product.size))
        return np.ascontiguousarray(by_product.transpose(0, 2, 1))

    return draw


def _permutation(counts: NDArray[np.int64], rng: np.random.Generator) -> Draw:
    n_event, n_product = counts.sum(axis=1), counts.sum(axis=0)
    # SciPy's tables are wrong where all reports lie in one row or column: those are dealt already.
    filled = np.ix_(n_event > 0, n_product > 0)
    inner = counts[filled]
    if 1 in inner.shape:
        return lambda size: np.broadcast_to(counts, (size, *counts.shape))
    deal = scipy.stats.random_table(inner.sum(axis=1), inner.sum(axis=0))

    def draw(size: int) -> NDArray[np.int64]:
        tables = np.zeros((size, *counts.shape), dtype=np.int64)
        dealt = deal.rvs(size, method="patefield", random_state=rng)
        tables[:, *filled] = np.reshape(dealt, (size, *inner.shape))
        return tables

    return draw


def _poisson(
    counts: NDArray[np.int64], zero_inflation: NDArray[np.float64] | None, rng: np.random.Generator
) -> Draw:
    real = counts.astype(np.float64)
    expected = expected_counts(real.sum(axis=1)[:, np.newaxis], real.sum(axis=0), real.sum())
    if zero_inflation is None:
        return lambda size: rng.poisson(expected, size=(size, *counts.shape))
    omega = np.nan_to_num(zero_inflation)  # a product without a report draws none
    chance = omega / (omega + (1.0 - omega) * exp(-expected) + (omega == 0.0))
    chance = np.where(counts == 0, chance, 0.0)
    # A stream of their own, that the counts of a draw may follow those of the draw before.
    zeros = np.random.default_rng(rng.integers(2**63, size=4))

    def draw(size: int) -> NDArray[np.int64]:
        tables = rng.poisson(expected, size=(size, *counts.shape))
        tables[zeros.random(size=tables.shape) < chance] = 0
        return tables

    return draw
