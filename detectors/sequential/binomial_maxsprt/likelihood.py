"""Log-likelihood ratio of a count of exposed events among all events."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.validation import as_counts, as_numbers_within, refuse_where, require_one_index

LEAST_RATIO, GREATEST_RATIO = 1e-9, 1e9
NEWTON_STEPS = 60  # the safeguarded step halves at worst: far below the rounding error


def log_likelihood_ratio(
    events: ArrayLike, exposed: ArrayLike, *, ratio: ArrayLike
) -> NDArray[np.float64]:
    r"""Compute the binomial log-likelihood ratio of an excess of exposed events.

    Parameters
    ----------
    events : array_like of whole numbers
        All events to date, *n*.
    exposed : array_like of whole numbers, of a shape that broadcasts
        Events among them of the exposed, *c*.
    ratio : array_like, of a shape that broadcasts
        Unexposed time over exposed time, *z*, from 1e-9 to 1e9: one control to one case is 1.

    Returns
    -------
    ndarray, of the broadcast shape
        :math:`c \log(c / np) + (n - c) \log((n - c) / n(1 - p))` with :math:`p = 1 / (1 + z)`
        where :math:`c > np`, and 0 elsewhere.

    Raises
    ------
    ValueError
        If a count is not one, `exposed` exceeds `events`, or a ratio is out of range.

    Examples
    --------
    >>> log_likelihood_ratio(5, [2, 5], ratio=1.0).round(6).tolist()
    [0.0, 3.465736]
    """
    require_one_index(events=events, exposed=exposed, ratio=ratio)
    z = as_numbers_within("ratio", ratio, low=LEAST_RATIO, high=GREATEST_RATIO)
    refuse_where(np.isnan(z), "ratio", z, "must not be missing")
    n, c, z = np.broadcast_arrays(as_counts("events", events), as_counts("exposed", exposed), z)
    refuse_where(c > n, "exposed", c, "must be at most events")
    chance = 1.0 / (1.0 + z)
    mean, rest = n * chance, n * (z * chance)
    llr = special.rel_entr(c.astype(np.float64), mean) + special.rel_entr(
        (n - c).astype(np.float64), rest
    )
    return np.asarray(np.where(c > mean, np.maximum(llr, 0.0), 0.0))


def varying_log_likelihood_ratio(
    exposed: ArrayLike, ratios: Sequence[float]
) -> NDArray[np.float64]:
    r"""Compute the log-likelihood ratio where each event has a ratio of its own.

    Parameters
    ----------
    exposed : array_like of whole numbers
        Exposed events, *c*, from 0 to the number of events.
    ratios : sequence of float
        Unexposed over exposed time at each event, from 1e-9 to 1e9.

    Returns
    -------
    ndarray of float64, of the shape of `exposed`
        :math:`\max_{R \ge 1} c \log R - \sum_i \log((R + z_i) / (1 + z_i))`, which depends on the
        events by their number of exposed alone.

    Raises
    ------
    ValueError
        If a count is not one or exceeds the number of events, or a ratio is out of range.

    Notes
    -----
    The ratio is that of the likelihoods of the rate ratio *R* and of 1, given the times: an event
    is exposed with chance :math:`R / (R + z_i)`. The maximum is found by Newton's method on
    :math:`\log R` in a bracket; a sum over the distinct ratios in order, so that the order of the
    events does not matter. Where all are exposed it is :math:`\sum_i \log(1 + z_i)`.

    References
    ----------
    .. [1] Kulldorff M et al. (2011). A maximized sequential probability ratio test for
       drug and vaccine safety surveillance. Sequential Analysis, 30(1), 58-78.

    Examples
    --------
    >>> varying_log_likelihood_ratio([2, 5], [1.0] * 5).round(6).tolist()
    [0.0, 3.465736]
    """
    z = as_numbers_within("ratios", list(ratios), low=LEAST_RATIO, high=GREATEST_RATIO)
    refuse_where(np.isnan(z), "ratios", z, "must not be missing")
    counts = as_counts("exposed", exposed)
    refuse_where(counts > len(z), "exposed", counts, "must be at most the number of ratios")
    distinct, times = np.unique(z, return_counts=True)
    c = counts.ravel().astype(np.float64)
    everything = math.fsum(times * log(1.0 + distinct))
    llr = np.zeros(len(c))
    inside = (c > math.fsum(times / (1.0 + distinct))) & (c < len(z))
    llr[inside] = _greatest(c[inside], distinct, times)
    llr[(c == len(z)) & (c > 0)] = everything
    return llr.reshape(counts.shape)


def _greatest(
    c: NDArray[np.float64], z: NDArray[np.float64], times: NDArray[np.int64]
) -> NDArray[np.float64]:
    low, high = np.zeros(len(c)), np.full(len(c), 60.0)  # of log R: with 1e9 to 1, 1e15 events fit
    theta = np.full(len(c), 1.0)
    for _ in range(NEWTON_STEPS):
        mean, spread = _moments(theta, z, times)
        low, high = np.where(mean < c, theta, low), np.where(mean < c, high, theta)
        moved = theta + (c - mean) / np.maximum(spread, 1e-300)
        following = np.where((moved > low) & (moved < high), moved, (low + high) / 2.0)
        if np.array_equal(following, theta):
            break
        theta = following
    cost = np.zeros(len(c))
    for each, weight in zip(z.tolist(), times.tolist(), strict=True):
        cost += weight * np.asarray(special.log1p(special.expm1(theta) / (1.0 + each)))
    return np.asarray(np.maximum(c * theta - cost, 0.0))


def _moments(
    theta: NDArray[np.float64], z: NDArray[np.float64], times: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    inverse = exp(-theta)
    mean, spread = np.zeros(len(theta)), np.zeros(len(theta))
    for each, weight in zip(z.tolist(), times.tolist(), strict=True):
        chance = 1.0 / (1.0 + each * inverse)
        mean += weight * chance
        spread += weight * chance * (1.0 - chance)
    return mean, spread
