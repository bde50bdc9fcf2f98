"""Patients with an event among those treated, against those of a natural history."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.counts import Table
from detectors.disproportionality.exact import fisher
from detectors.elementary import exp, log_sum
from detectors.estimate import DEFINED, PValue, Statistic
from detectors.small_population.arguments import as_patients, require_proper, require_weight
from detectors.validation import refuse_where, require_one_index

Alternative = Literal["greater", "less"]
Counts = NDArray[np.int64]
Reals = NDArray[np.float64]

JEFFREYS = (0.5, 0.5)
UNIFORM = (1.0, 1.0)
LEAST_PRIOR, GREATEST_PRIOR = 1e-3, 1e6
HALF = 0.5  # the incomplete beta function has its digits at the nearer end
_DEPTH = 42.0  # e to the power of -42 is below rounding beside 1
_FINENESS = 0.2  # of the scale of the logit: the rule's error is then below 1e-14


def predictive_proportion(
    events: ArrayLike,
    patients: ArrayLike,
    historical_events: ArrayLike,
    historical_patients: ArrayLike,
    *,
    prior: tuple[float, float] = JEFFREYS,
    delta: float = 1.0,
    alternative: Alternative = "greater",
) -> PValue:
    r"""Ask how often a history, whose proportion is uncertain, would give so many patients.

    Parameters
    ----------
    events : array_like of whole numbers
        Treated patients with an event, *y*.
    patients : array_like of whole numbers
        Treated patients, *n*, at most 100,000.
    historical_events : array_like of whole numbers
        Patients with an event in the natural history, *h*; 0 is allowed.
    historical_patients : array_like of whole numbers
        All its patients, *H*, one or more. All four broadcast.
    prior : tuple of two floats, default: (0.5, 0.5)
        Beta prior before the history, Jeffreys' by default.
    delta : float, default: 1.0
        Weight of the history in [0, 1], a power prior.
    alternative : "greater" or "less", default: "greater"
        So many or more, or so many or fewer.

    Returns
    -------
    PValue, of the broadcast shape
        Beta-binomial probabilities, to a relative 1e-11.

    Raises
    ------
    ValueError
        If a count is not one, events exceed patients, the prior is improper, or `delta` is out of
        range.

    Notes
    -----
    Each mass is :math:`\binom{n}{k} B(A + k, B + n - k) / B(A, B)`, with
    :math:`A = a + \delta h`, :math:`B = b + \delta (H - h)` [1]_; the tail is their sum.

    References
    ----------
    .. [1] Ibrahim JG, Chen MH (2000). Power prior distributions for regression models.
       Statistical Science, 15(1), 46-60.

    Examples
    --------
    >>> predictive_proportion(1, 3, 1, 20).p.round(6).tolist()
    0.19117
    """
    if alternative not in {"greater", "less"}:
        raise ValueError(f"alternative is {alternative!r}: must be 'greater' or 'less'")
    y, n, h, total = _proportions(events, patients, historical_events, historical_patients)
    a, b = _posterior(h, total, prior, delta)
    log_p = np.zeros(y.shape)
    for i in np.ndindex(y.shape):
        counts = (int(y[i]), int(n[i]), float(a[i]), float(b[i]))
        log_p[i] = log_beta_binomial_tail(*counts, alternative=alternative)
    return PValue(p=exp(log_p), log_p=log_p, state=np.full(y.shape, DEFINED))


def conditional_proportion(
    events: ArrayLike,
    patients: ArrayLike,
    historical_events: ArrayLike,
    historical_patients: ArrayLike,
    *,
    alternative: Alternative = "greater",
) -> PValue:
    """Test exactly whether two proportions are equal, given the total of events.

    Parameters
    ----------
    events : array_like of whole numbers
        Treated patients with an event.
    patients : array_like of whole numbers
        Treated patients, at most 100,000.
    historical_events : array_like of whole numbers
        Patients with an event in the natural history.
    historical_patients : array_like of whole numbers
        All its patients, one or more. All four broadcast.
    alternative : "greater" or "less", default: "greater"
        So many or more, or so many or fewer.

    Returns
    -------
    PValue, of the broadcast shape
        Fisher's exact one-sided probabilities.

    Raises
    ------
    ValueError
        If a count is not one, or events exceed patients.

    Examples
    --------
    >>> conditional_proportion(2, 3, 0, 3).p.round(6).tolist()
    0.2
    """
    if alternative not in {"greater", "less"}:
        raise ValueError(f"alternative is {alternative!r}: must be 'greater' or 'less'")
    y, n, h, total = _proportions(events, patients, historical_events, historical_patients)
    return fisher(Table(y, n, y + h, n + total), alternative=alternative)


def probability_proportion_is_higher(
    events: ArrayLike,
    patients: ArrayLike,
    historical_events: ArrayLike,
    historical_patients: ArrayLike,
    *,
    prior: tuple[float, float] = UNIFORM,
    historical_prior: tuple[float, float] = UNIFORM,
    delta: float = 1.0,
) -> Statistic:
    r"""Compute the posterior probability that the treated proportion exceeds the historical one.

    Parameters
    ----------
    events : array_like of whole numbers
        Treated patients with an event.
    patients : array_like of whole numbers
        Treated patients, at most 100,000.
    historical_events : array_like of whole numbers
        Patients with an event in the natural history.
    historical_patients : array_like of whole numbers
        All its patients, one or more. All four broadcast.
    prior, historical_prior : tuple of two floats, default: (1, 1)
        Beta priors of the two proportions; independent.
    delta : float, default: 1.0
        Weight of the history in [0, 1], a power prior.

    Returns
    -------
    Statistic, of the broadcast shape
        Probabilities, to an absolute 1e-12.

    Raises
    ------
    ValueError
        If a count is not one, events exceed patients, a prior is improper, or `delta` is out of
        range.

    Examples
    --------
    >>> probability_proportion_is_higher(2, 3, 1, 20).value.round(6).tolist()
    0.993281
    """
    y, n, h, total = _proportions(events, patients, historical_events, historical_patients)
    a, b = _posterior(y, n, prior, 1.0)
    c, d = _posterior(h, total, historical_prior, delta)
    value = np.zeros(y.shape)
    for i in np.ndindex(y.shape):
        value[i] = probability_first_is_greater(
            (float(a[i]), float(b[i])), (float(c[i]), float(d[i]))
        )
    return Statistic(value=value, state=np.full(y.shape, DEFINED))


def probability_first_is_greater(first: tuple[float, float], second: tuple[float, float]) -> float:
    r"""Compute the chance that one beta variable exceeds another, independent of it.

    Parameters
    ----------
    first, second : tuple of two floats
        Parameters of the beta distributions, from 1e-3 to 1e9.

    Returns
    -------
    float
        Probability, to an absolute 1e-12.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    The expectation of one distribution function under the other density, whichever is narrower,
    by the trapezoidal rule on the logit: the integrand is analytic with exponential tails, so the
    error falls exponentially with the number of nodes [1]_.

    References
    ----------
    .. [1] Trefethen LN, Weideman JAC (2014). The exponentially convergent trapezoidal rule. SIAM
       Review, 56(3), 385-458.

    Examples
    --------
    >>> round(probability_first_is_greater((1.0, 1.0), (2.0, 1.0)), 12)
    0.333333333333
    """
    for name, pair in (("first", first), ("second", second)):
        if not all(LEAST_PRIOR <= value <= 1e9 for value in pair):  # noqa: PLR2004 - stated
            raise ValueError(f"{name} is {pair}: must lie between 0.001 and 1e9")
    if _scale(*first) <= _scale(*second):
        x, rest, weights = logit_nodes(*first)
        below = np.where(
            x < HALF, special.betainc(*second, x), special.betaincc(*second[::-1], rest)
        )
        return min(1.0, math.fsum((weights * below).tolist()))
    return 1.0 - probability_first_is_greater(second, first)


def logit_nodes(a: float, b: float) -> tuple[Reals, Reals, Reals]:
    """Place nodes on the logit for an expectation under a beta distribution.

    Parameters
    ----------
    a, b : float
        Its parameters, positive.

    Returns
    -------
    tuple of three ndarrays, shape (n_nodes,)
        Shares, their complements, and weights that add up to 1.
    """
    h = _FINENESS * min(_scale(a, b), 1.0)
    centre = math.log(a / b)
    reach = [_reach(a, b, centre, side) for side in (-1.0, 1.0)]
    steps = np.arange(-math.ceil(reach[0] / h), math.ceil(reach[1] / h) + 1)
    u = centre + h * steps
    with np.errstate(under="ignore"):  # a share below the smallest double is 0
        x, rest = special.expit(u), special.expit(-u)
        height = a * (special.log_expit(u) - special.log_expit(centre))
        height += b * (special.log_expit(-u) - special.log_expit(-centre))
        weights = exp(height)
    return x, rest, weights / math.fsum(weights.tolist())


def log_beta_binomial_tail(
    y: int, n: int, a: float, b: float, *, alternative: Alternative = "greater"
) -> float:
    """Sum beta-binomial masses from a count upwards or downwards.

    Parameters
    ----------
    y, n : int
        Count and number of patients, 0 <= `y` <= `n`.
    a, b : float
        Parameters of the beta distribution, positive.
    alternative : "greater" or "less", default: "greater"
        So many or more, or so many or fewer.

    Returns
    -------
    float
        Natural logarithm of the probability.
    """
    if (alternative == "greater" and y == 0) or (alternative == "less" and y == n):
        return 0.0
    k = np.arange(y, n + 1) if alternative == "greater" else np.arange(y + 1)
    terms = -math.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)
    terms = terms + special.betaln(a + k, b + (n - k)) - special.betaln(a, b)
    with np.errstate(under="ignore"):  # negligible beside the greatest
        return min(0.0, log_sum(terms))


def _scale(a: float, b: float) -> float:
    return math.sqrt(1.0 / a + 1.0 / b)


def _reach(a: float, b: float, centre: float, side: float) -> float:
    """Find how far from the mode the density of the logit has fallen by 42 in logarithm."""
    reach = _scale(a, b)
    level = a * float(special.log_expit(centre)) + b * float(special.log_expit(-centre))
    while True:
        u = centre + side * reach
        height = a * float(special.log_expit(u)) + b * float(special.log_expit(-u))
        if level - height > _DEPTH:
            return reach
        reach *= 1.25


def _proportions(
    events: ArrayLike, patients: ArrayLike, historical: ArrayLike, historical_patients: ArrayLike
) -> tuple[Counts, Counts, Counts, Counts]:
    require_one_index(
        events=events,
        patients=patients,
        historical_events=historical,
        historical_patients=historical_patients,
    )
    y, n, h, total = np.broadcast_arrays(
        as_patients("events", events),
        as_patients("patients", patients),
        as_patients("historical_events", historical),
        as_patients("historical_patients", historical_patients, least=1),
    )
    refuse_where(y > n, "events", y, "must not exceed patients")
    refuse_where(h > total, "historical_events", h, "must not exceed historical_patients")
    return y, n, h, total


def _posterior(
    events: Counts, patients: Counts, prior: tuple[float, float], delta: float
) -> tuple[Reals, Reals]:
    a, b = prior
    for name, value in (("prior[0]", a), ("prior[1]", b)):
        require_proper(name, value)
        if not LEAST_PRIOR <= value <= GREATEST_PRIOR:
            raise ValueError(f"{name} is {value}: must lie between 0.001 and 1e6")
    require_weight("delta", delta)
    shapes = a + delta * events, b + delta * (patients - events)
    return np.asarray(shapes[0], dtype=np.float64), np.asarray(shapes[1], dtype=np.float64)


__all__ = [
    "JEFFREYS",
    "UNIFORM",
    "conditional_proportion",
    "log_beta_binomial_tail",
    "logit_nodes",
    "predictive_proportion",
    "probability_first_is_greater",
    "probability_proportion_is_higher",
]
