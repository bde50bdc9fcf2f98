"""Log-likelihood ratio of a Poisson count, for an excess or a deficit."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.validation import (
    GREATEST_COUNT,
    as_counts,
    as_reals,
    refuse_where,
    require_one_index,
)

Tail = Literal["upper", "lower", "two_sided"]


def log_likelihood_ratio(
    events: ArrayLike, expected: ArrayLike, *, tail: Tail = "upper"
) -> NDArray[np.float64]:
    r"""Compute the Poisson log-likelihood ratio of an excess of events, or of a deficit.

    Parameters
    ----------
    events : array_like of whole numbers
        Events observed to date, *n*.
    expected : array_like, of a shape that broadcasts with `events`
        Events expected under the null to date, :math:`\mu`, not negative.
    tail : {"upper", "lower", "two_sided"}, default: "upper"
        Whether an excess, a deficit, or either counts.

    Returns
    -------
    ndarray, of the broadcast shape
        :math:`n \log(n / \mu) - (n - \mu)` where :math:`n > \mu` (upper), :math:`n < \mu` (lower)
        or either (two-sided), and 0 elsewhere.

    Raises
    ------
    ValueError
        If a count is not one, if an expectation is negative, infinite or NaN, or if an event was
        observed where none is expected: the ratio would be infinite.

    Examples
    --------
    >>> log_likelihood_ratio([0, 3, 9], 3.0, tail="two_sided").round(4).tolist()
    [3.0, 0.0, 3.8875]
    """
    require_one_index(events=events, expected=expected)
    n, mu = np.broadcast_arrays(as_counts("events", events), as_reals("expected", expected))
    refuse_where(np.isnan(mu), "expected", mu, "must not be missing")
    refuse_where((mu == 0) & (n > 0), "events", n, "must be 0 where expected is 0")
    if tail == "upper":
        return np.asarray(special.kl_div(np.maximum(n, mu), mu))
    if tail == "lower":
        return np.asarray(special.kl_div(np.minimum(n, mu), mu))
    return np.asarray(special.kl_div(n, mu))


def llr_of_one(events: int, expected: float, tail: Tail) -> float:
    """Compute the log-likelihood ratio of one count, with the bits of the array function.

    Parameters
    ----------
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    tail : {"upper", "lower", "two_sided"}
        What counts.

    Returns
    -------
    float
        Log-likelihood ratio.

    Raises
    ------
    ValueError
        As `log_likelihood_ratio`.
    """
    is_plain = type(events) is int and 0 <= events <= GREATEST_COUNT and 0 < expected < math.inf
    if not is_plain or type(expected) is not float:
        return float(log_likelihood_ratio(events, expected, tail=tail))
    if (tail == "upper" and events <= expected) or (tail == "lower" and events >= expected):
        return 0.0
    return float(special.kl_div(float(events), expected))
