"""Binomial masses and tails, also where they are below the smallest double."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.estimate import PValue, where_defined
from detectors.features.axis import places

LEAST_EXACT = 1e-290  # sums of masses keep their digits above this
LEAST_LOG = math.log(LEAST_EXACT)


def log_choose(n: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
    """Compute the logarithm of a binomial coefficient.

    Parameters
    ----------
    n, k : array_like of whole numbers, of shapes that broadcast
        Things, and how many of them are chosen, 0 <= `k` <= `n`.

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Natural logarithm of *n* choose *k*.
    """
    whole, part = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    return np.asarray(-special.log1p(whole) - special.betaln(whole - part + 1.0, part + 1.0))


def log_binomial(n: ArrayLike, k: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Compute the logarithm of a binomial mass.

    Parameters
    ----------
    n, k : array_like of whole numbers, of shapes that broadcast
        Draws and hits, 0 <= `k` <= `n`.
    share : array_like, of a shape that broadcasts
        Chance of a hit, in [0, 1].

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Natural logarithm of the chance of exactly `k` hits; minus infinity where there is none.
    """
    whole, part = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    chance = np.asarray(share, dtype=np.float64)
    hits = special.xlogy(part, chance)
    return np.asarray(log_choose(whole, part) + hits + special.xlog1py(whole - part, -chance))


def binomial_mass(n: ArrayLike, k: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Compute a binomial mass, 0 beyond the number of draws.

    Parameters
    ----------
    n, k : array_like of whole numbers, of shapes that broadcast
        Draws and hits, not negative.
    share : array_like, of a shape that broadcasts
        Chance of a hit, in [0, 1].

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Chance of exactly `k` hits.
    """
    draws, hits = np.broadcast_arrays(np.asarray(n), np.asarray(k))
    mass = exp(log_binomial(draws, np.minimum(hits, draws), share))
    return np.where(hits > draws, 0.0, mass)


def binomial_tail(n: ArrayLike, k: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Compute the chance of at least so many hits.

    Parameters
    ----------
    n, k : array_like of whole numbers, of shapes that broadcast
        Draws and least hits; 1 where `k` is 0 or less, 0 where it exceeds `n`.
    share : array_like, of a shape that broadcasts
        Chance of a hit, in [0, 1].

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Probabilities, accurate in the far tail until they underflow.

    Examples
    --------
    >>> float(binomial_tail(3, 2, 0.5))
    0.5
    """
    draws, hits, chance = np.broadcast_arrays(n, k, share)
    inside = (hits > 0) & (hits <= draws)
    first = np.where(inside, hits, 1).astype(np.float64)
    rest = np.where(inside, draws - hits + 1, 1).astype(np.float64)
    tail = special.betainc(first, rest, chance.astype(np.float64))
    return np.where(inside, tail, np.where(hits <= 0, 1.0, 0.0))


def binomial_p(
    n: NDArray[np.int64], k: NDArray[np.int64], share: NDArray[np.float64], state: NDArray[np.str_]
) -> PValue:
    """Put the chance of at least so many hits beside its logarithm.

    Parameters
    ----------
    n, k : ndarray of int64, of one shape
        Draws and least hits, 0 <= `k` <= `n`.
    share : ndarray of float64, of the same shape
        Chance of a hit, in (0, 1) where `state` is ``defined``.
    state : ndarray of str, of the same shape
        Where the probability exists, and why not elsewhere.

    Returns
    -------
    PValue
        Probabilities with logarithms that exist where the probability underflows.
    """
    p = binomial_tail(n, k, share)
    log_p = np.array(log(np.maximum(p, LEAST_EXACT)))
    for i in places(p < LEAST_EXACT):
        log_p[i] = _log_far_tail(int(n[i]), int(k[i]), float(share[i]))
    return PValue(p=where_defined(p, state), log_p=where_defined(log_p, state), state=state)


def summed_p(p: NDArray[np.float64], state: NDArray[np.str_]) -> PValue:
    """Put sums of positive masses beside their logarithms.

    Parameters
    ----------
    p : ndarray of float64
        Sums, which rounding may have put above 1 by some bits.
    state : ndarray of str, of the same shape
        Where the probability exists, and why not elsewhere.

    Returns
    -------
    PValue
        Probabilities of at most 1. State ``beyond_exact`` where a sum is so small that its masses
        may have underflowed.
    """
    state = np.where((state == "defined") & ~(p >= LEAST_EXACT), "beyond_exact", state)
    p = np.asarray(np.minimum(where_defined(p, state), 1.0))
    return PValue(p=p, log_p=log(p), state=state)


def _log_far_tail(n: int, k: int, share: float) -> float:
    term, total, hits = 1.0, 1.0, k
    while term > total * 1e-17:  # 0 beyond the last
        term *= (n - hits) / (hits + 1) * share / (1.0 - share)
        total, hits = total + term, hits + 1
    return float(log_binomial(n, k, share)) + math.log(total)
