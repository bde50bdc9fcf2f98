"""Log-likelihood ratio of a count against a historical count, and its deadlines."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import exp
from detectors.validation import as_counts, as_reals, refuse_where, require_one_index


def log_likelihood_ratio(
    events: ArrayLike, person_time_ratio: ArrayLike, *, n_historical: int
) -> NDArray[np.float64]:
    r"""Compute the log-likelihood ratio of an excess over a historical rate.

    Parameters
    ----------
    events : array_like of whole numbers
        Events observed to date, *k*.
    person_time_ratio : array_like, of a shape that broadcasts with `events`
        Person-time to date over historical person-time, :math:`\tau`, not negative.
    n_historical : int
        Historical events, *c*, not negative.

    Returns
    -------
    ndarray, of the broadcast shape
        :math:`c \log\frac{c (1 + \tau)}{c + k} + k \log\frac{k (1 + \tau)}{\tau (c + k)}` where
        :math:`k > c \tau`, and 0 elsewhere. With :math:`c = 0` the first term is 0.

    Raises
    ------
    ValueError
        If a count is not one, if a time is negative, infinite or NaN, or if an event was observed
        in no time: the ratio would be infinite.

    Notes
    -----
    It is the binomial log-likelihood ratio of *k* out of *c* + *k* with the null chance
    :math:`\tau / (1 + \tau)`, and computed as such, without cancellation.

    References
    ----------
    .. [1] Li L, Kulldorff M (2010). A conditional maximized sequential probability ratio test for
       pharmacovigilance. Statistics in Medicine, 29(2), 284-295.

    Examples
    --------
    Six events in a tenth of the time in which twenty had been seen:

    >>> float(log_likelihood_ratio(6, 0.1, n_historical=20).round(6))
    2.248268
    """
    require_one_index(events=events, person_time_ratio=person_time_ratio)
    ratio = as_reals("person_time_ratio", person_time_ratio)
    k, tau = np.broadcast_arrays(as_counts("events", events), ratio)
    c = as_counts("n_historical", n_historical)
    refuse_where(np.isnan(tau), "person_time_ratio", tau, "must not be missing")
    refuse_where((tau == 0) & (k > 0), "events", k, "must be 0 where no time has passed")
    expected = (c + k) * (tau / (1 + tau))
    llr = special.kl_div(k, expected) + special.kl_div(c, (c + k) / (1 + tau))
    return np.asarray(np.where(k > expected, llr, 0.0))


def deadline(events: int, critical_value: float, *, n_historical: int) -> float:
    r"""Find the latest time at which so many events have so high a log-likelihood ratio.

    Parameters
    ----------
    events : int
        Events, *k*, at least 1.
    critical_value : float
        Log-likelihood ratio, positive.
    n_historical : int
        Historical events, *c*, not negative.

    Returns
    -------
    float
        Person-time as a share of the historical.

    Notes
    -----
    In the logarithm of time the ratio is convex and, up to its zero, falls; Newton's steps from
    the left never pass the root.

    Examples
    --------
    >>> round(deadline(6, 2.248268, n_historical=20), 5)
    0.1
    """
    return float(deadlines(np.array([events]), critical_value, n_historical=n_historical)[0])


def deadlines(
    events: NDArray[np.int64], critical_value: float, *, n_historical: int
) -> NDArray[np.float64]:
    """Do `deadline` for many counts at once.

    Parameters
    ----------
    events : ndarray of int64
        Events, each at least 1.
    critical_value : float
        Log-likelihood ratio, positive.
    n_historical : int
        Historical events, not negative.

    Returns
    -------
    ndarray of float64, of the shape of `events`
        Person-time as a share of the historical.
    """
    k, c = events.astype(np.float64), n_historical
    total = c + k
    constant = special.xlogy(k, k / total) + special.xlogy(c, c / total) - critical_value
    following, y = constant / k, np.full(k.shape, -math.inf)
    while (following > y).any():
        y = np.maximum(y, following)
        size = exp(y)
        slope = total * (size / (1 + size)) - k
        following = y - (total * special.log1p(size) - k * y + constant) / slope
    return exp(y)
