"""Events per person-time in treated patients against those of a natural history.

A rate from few events is uncertain; to take it as known makes chance look like harm. Here it is
integrated out in closed form.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.estimate import DEFINED, Estimate, PValue, Statistic, first_reason, where_defined
from detectors.features.tails import binomial_p
from detectors.small_population.arguments import as_person_time, require_proper, require_weight
from detectors.validation import as_counts, refuse_where, require_between, require_one_index

Alternative = Literal["greater", "less"]
Reals = NDArray[np.float64]

JEFFREYS = 0.5  # shape of the prior of a rate; its own rate is 0, so it needs person-time
LEAST_EXACT = 1e-290  # below, a tail is summed in logarithms
HALF = 0.5  # the incomplete beta function has its digits at the nearer end
MOST_TERMS = 100_000
_NEGLIGIBLE = 1e-17


def predictive_rate(
    events: ArrayLike,
    person_time: ArrayLike,
    historical_events: ArrayLike,
    historical_person_time: ArrayLike,
    *,
    prior_shape: float = JEFFREYS,
    prior_rate: float = 0.0,
    delta: float = 1.0,
    alternative: Alternative = "greater",
) -> PValue:
    r"""Ask how often a history, whose rate is uncertain, would give so many events.

    Parameters
    ----------
    events : array_like of whole numbers
        Events in the treated patients, *y*.
    person_time : array_like
        Their person-time, *t*; 0 only with no event.
    historical_events : array_like of whole numbers
        Events in the natural history, *h*; 0 is allowed.
    historical_person_time : array_like
        Its person-time, *V*, above 0, in the unit of `person_time`. All four broadcast.
    prior_shape, prior_rate : float, default: 0.5 and 0
        Gamma prior of the rate before the history. With a rate of 0 it becomes proper through the
        history's person-time.
    delta : float, default: 1.0
        Weight of the history in [0, 1], a power prior.
    alternative : "greater" or "less", default: "greater"
        So many events or more, or so many or fewer.

    Returns
    -------
    PValue, of the broadcast shape
        Predictive probabilities.

    Raises
    ------
    ValueError
        If a count is not one, person-time is out of range, the prior is improper (also: `delta` 0
        with `prior_rate` 0), or events are seen in no time.

    Notes
    -----
    The rate is gamma distributed with shape :math:`a + \delta h` and rate
    :math:`b + \delta V` [2]_, so the count is negative binomial, with

    .. math:: P(Y \ge y) = I_x(y, a + \delta h), \quad x = t / (t + b + \delta V)

    For *h* = 0 and Jeffreys' prior one event in *t* has probability
    :math:`1 - (V / (V + t))^{1/2}`. For one look at the data; looking again and again adds up.

    Averaged over histories of a rate the size is near the nominal one and can exceed it; given the
    rate it varies. `conditional_rate` never exceeds it.

    References
    ----------
    .. [1] Gelman A et al. (2013). Bayesian Data Analysis, third edition. CRC Press, section 2.6.
    .. [2] Ibrahim JG, Chen MH (2000). Power prior distributions for regression models.
       Statistical Science, 15(1), 46-60.

    Examples
    --------
    Three events in 5 person-years, after 3 in 20:

    >>> predictive_rate(3, 5.0, 3, 20.0).p.round(6).tolist()
    0.077237
    """
    _require(alternative)
    y, t, h, v = _rates(events, person_time, historical_events, historical_person_time)
    shape, rate = _posterior(h, v, "historical_person_time", prior_shape, prior_rate, delta)
    x = t / (t + rate)
    complement = rate / (t + rate)
    log_p = np.zeros(y.shape)
    for i in np.ndindex(y.shape):
        found = (int(y[i]), float(shape[i]), float(x[i]), float(complement[i]))
        log_p[i] = _log_upper(*found) if alternative == "greater" else _log_lower(*found)
    return PValue(p=exp(log_p), log_p=log_p, state=np.full(y.shape, DEFINED))


def conditional_rate(
    events: ArrayLike,
    person_time: ArrayLike,
    historical_events: ArrayLike,
    historical_person_time: ArrayLike,
    *,
    alternative: Alternative = "greater",
) -> PValue:
    r"""Test exactly whether two rates are equal, given the total of events.

    Parameters
    ----------
    events : array_like of whole numbers
        Events in the treated patients, *y*.
    person_time : array_like
        Their person-time, *t*, above 0.
    historical_events : array_like of whole numbers
        Events in the natural history, *h*.
    historical_person_time : array_like
        Its person-time, *V*, above 0. All four broadcast.
    alternative : "greater" or "less", default: "greater"
        So many events or more, or so many or fewer.

    Returns
    -------
    PValue, of the broadcast shape
        Probabilities; 1 where there is no event at all.

    Raises
    ------
    ValueError
        If a count is not one, or person-time is out of range.

    Notes
    -----
    Given *y + h* events each falls to the treated with chance :math:`t / (t + V)`, whatever the
    common rate [1]_. The level holds for any counts, and is wasted where they are small.

    References
    ----------
    .. [1] Przyborowski J, Wilenski H (1940). Homogeneity of results in testing samples from
       Poisson series. Biometrika, 31(3-4), 313-323.

    Examples
    --------
    One event in half a year, none in ten years: 0.5 / 10.5.

    >>> conditional_rate(1, 0.5, 0, 10.0).p.round(6).tolist()
    0.047619
    """
    _require(alternative)
    y, t, h, v = _rates(events, person_time, historical_events, historical_person_time)
    refuse_where(t == 0, "person_time", t, "must be above 0: no time, no rate")
    own, share = (y, t / (t + v)) if alternative == "greater" else (h, v / (t + v))
    state = np.full(y.shape, DEFINED)
    flat = binomial_p((y + h).ravel(), own.ravel(), share.ravel(), state.ravel())
    return PValue(p=flat.p.reshape(y.shape), log_p=flat.log_p.reshape(y.shape), state=state)


def plug_in_rate(
    events: ArrayLike,
    person_time: ArrayLike,
    historical_events: ArrayLike,
    historical_person_time: ArrayLike,
) -> PValue:
    """Ask how often so many events come if the historical rate were known without error.

    For comparison with published numbers. It signals too often where the history is not much
    longer than the follow-up.

    Parameters
    ----------
    events : array_like of whole numbers
        Events in the treated patients.
    person_time : array_like
        Their person-time, above 0.
    historical_events : array_like of whole numbers
        Events in the natural history.
    historical_person_time : array_like
        Its person-time, above 0. All four broadcast.

    Returns
    -------
    PValue, of the broadcast shape
        Poisson probabilities of so many or more. State ``no_historical_event`` where the history
        has none: a rate of 0 would make any event impossible.

    Raises
    ------
    ValueError
        If a count is not one, or person-time is out of range.

    Examples
    --------
    >>> plug_in_rate(1, 0.5, 50, 500.0).p.round(6).tolist()
    0.048771
    """
    y, t, h, v = _rates(events, person_time, historical_events, historical_person_time)
    mean = h / v * t
    state = first_reason(("no_historical_event", h == 0))
    p = np.where(y == 0, 1.0, special.gammainc(np.maximum(y, 1).astype(np.float64), mean))
    state = np.where((state == DEFINED) & (p < LEAST_EXACT), "beyond_exact", state)
    p = where_defined(p, state)
    return PValue(p=p, log_p=log(p), state=state)


def probability_rate_is_higher(
    events: ArrayLike,
    person_time: ArrayLike,
    historical_events: ArrayLike,
    historical_person_time: ArrayLike,
    *,
    prior_shape: float = JEFFREYS,
    prior_rate: float = 0.0,
    delta: float = 1.0,
    rate_ratio: float = 1.0,
) -> Statistic:
    r"""Compute the posterior probability that the treated rate exceeds the historical one.

    Parameters
    ----------
    events : array_like of whole numbers
        Events in the treated patients, *y*.
    person_time : array_like
        Their person-time, *t*, above 0 unless the prior has a rate.
    historical_events : array_like of whole numbers
        Events in the natural history, *h*.
    historical_person_time : array_like
        Its person-time, *V*, above 0. All four broadcast.
    prior_shape, prior_rate : float, default: 0.5 and 0
        Gamma prior of either rate; independent.
    delta : float, default: 1.0
        Weight of the history in [0, 1], a power prior.
    rate_ratio : float, default: 1.0
        Ask for a rate above so many times the historical one.

    Returns
    -------
    Statistic, of the broadcast shape
        Probabilities, exact by the incomplete beta function.

    Raises
    ------
    ValueError
        If a count is not one, person-time or `rate_ratio` is out of range, or a prior is improper.

    Examples
    --------
    >>> probability_rate_is_higher(0, 0.5, 0, 10.0).value.round(6).tolist()
    0.859951
    """
    if not 0.0 < rate_ratio < math.inf:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be above 0 and finite")
    y, t, h, v = _rates(events, person_time, historical_events, historical_person_time)
    own, own_rate = _posterior(y, t, "person_time", prior_shape, prior_rate, 1.0)
    shape, rate = _posterior(h, v, "historical_person_time", prior_shape, prior_rate, delta)
    x = rate_ratio * own_rate / (rate_ratio * own_rate + rate)
    value = np.asarray(special.betaincc(own, shape, x), dtype=np.float64)
    return Statistic(value=value, state=np.full(y.shape, DEFINED))


def rate_ratio(
    events: ArrayLike,
    person_time: ArrayLike,
    historical_events: ArrayLike,
    historical_person_time: ArrayLike,
    *,
    prior_shape: float = JEFFREYS,
    prior_rate: float = 0.0,
    delta: float = 1.0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the ratio of the treated rate to the historical one.

    Parameters
    ----------
    events : array_like of whole numbers
        Events in the treated patients.
    person_time : array_like
        Their person-time, above 0 unless the prior has a rate.
    historical_events : array_like of whole numbers
        Events in the natural history.
    historical_person_time : array_like
        Its person-time, above 0. All four broadcast.
    prior_shape, prior_rate : float, default: 0.5 and 0
        Gamma prior of either rate; independent.
    delta : float, default: 1.0
        Weight of the history in [0, 1], a power prior.
    level : float, default: 0.95
        Posterior probability between the limits, in (0, 1), as much below as above.

    Returns
    -------
    Estimate, of the broadcast shape
        Posterior median and limits; exact by the inverse of the incomplete beta function. State
        ``beyond_double`` where a quantile is above the greatest double.

    Raises
    ------
    ValueError
        If a count is not one, person-time or `level` is out of range, or a prior is improper.

    Examples
    --------
    >>> ratio = rate_ratio(3, 5.0, 3, 20.0)
    >>> [round(float(x), 2) for x in (ratio.lower, ratio.point, ratio.upper)]
    [0.8, 4.0, 19.98]
    """
    require_between("level", level, 0.0, 1.0)
    y, t, h, v = _rates(events, person_time, historical_events, historical_person_time)
    own, own_rate = _posterior(y, t, "person_time", prior_shape, prior_rate, 1.0)
    shape, rate = _posterior(h, v, "historical_person_time", prior_shape, prior_rate, delta)
    tail = (1.0 - level) / 2.0
    lower, point, upper = (
        _quantile(own, shape, rate / own_rate, q) for q in (tail, 0.5, 1.0 - tail)
    )
    state = first_reason(("beyond_double", ~np.isfinite(upper)))
    lower, point, upper = (where_defined(each, state) for each in (lower, point, upper))
    return Estimate(point=point, lower=lower, upper=upper, state=state)


def _quantile(own: Reals, shape: Reals, scale: Reals, q: float) -> Reals:
    share = np.asarray(special.betaincinv(own, shape, q), dtype=np.float64)
    rest = np.asarray(special.betaincinv(shape, own, 1.0 - q), dtype=np.float64)
    with np.errstate(divide="ignore", over="ignore"):  # the state says so
        return np.asarray(share / rest * scale)


def _require(alternative: str) -> None:
    if alternative not in {"greater", "less"}:
        raise ValueError(f"alternative is {alternative!r}: must be 'greater' or 'less'")


def _rates(
    events: ArrayLike, time: ArrayLike, historical: ArrayLike, historical_time: ArrayLike
) -> tuple[NDArray[np.int64], Reals, NDArray[np.int64], Reals]:
    require_one_index(
        events=events,
        person_time=time,
        historical_events=historical,
        historical_person_time=historical_time,
    )
    y, t, h, v = np.broadcast_arrays(
        as_counts("events", events),
        as_person_time("person_time", time, is_zero_allowed=True),
        as_counts("historical_events", historical),
        as_person_time("historical_person_time", historical_time),
    )
    refuse_where((t == 0) & (y > 0), "events", y, "must be 0 where person_time is 0")
    return y, t, h, v


def _posterior(
    events: NDArray[np.int64],
    time: Reals,
    name: str,
    prior_shape: float,
    prior_rate: float,
    delta: float,
) -> tuple[Reals, Reals]:
    require_proper("prior_shape", prior_shape)
    require_weight("delta", delta)
    if not 0.0 <= prior_rate < math.inf:
        raise ValueError(f"prior_rate is {prior_rate}: must be finite and not negative")
    rate = prior_rate + delta * time
    rule = f"must count for more than 0: times delta, {delta}, it leaves the prior improper"
    refuse_where(rate <= 0, name, time, f"{rule} as prior_rate is 0")
    return np.asarray(prior_shape + delta * events, dtype=np.float64), np.asarray(rate)


def _log_upper(y: int, shape: float, x: float, complement: float) -> float:
    if y == 0:
        return 0.0
    if x == 0.0:
        return -math.inf
    near = (y, shape, x)
    p = special.betainc(*near) if x < HALF else special.betaincc(shape, y, complement)
    if p > LEAST_EXACT:
        return math.log(min(1.0, float(p)))
    mass = float(special.gammaln(shape + y) - special.gammaln(shape) - special.gammaln(y + 1.0))
    mass += shape * math.log(complement) + y * math.log(x)
    return mass + _log_series(y + shape, y + 1.0, x)


def _log_lower(y: int, shape: float, x: float, complement: float) -> float:
    near = (y + 1, shape, x)
    p = special.betaincc(*near) if x < HALF else special.betainc(shape, y + 1, complement)
    if p > LEAST_EXACT:
        return math.log(min(1.0, float(p)))
    # P(Y <= y) = I_{1-x}(shape, y + 1), by the series of the incomplete beta function
    start = shape * math.log(complement) + (y + 1) * math.log(x) - math.log(shape)
    start -= float(special.betaln(shape, y + 1))
    return start + _log_series(shape + y + 1, shape + 1, complement)


def _log_series(above: float, below: float, x: float) -> float:
    """Sum 1 + (above / below) x + ((above + 1) / (below + 1)) x of that, and so on."""
    term, total, ratio = 1.0, 1.0, x
    for n in range(MOST_TERMS):
        ratio = (above + n) / (below + n) * x
        term *= ratio
        total += term
        if term <= total * _NEGLIGIBLE:
            return math.log(total)
    return math.log(total + term * ratio / (1.0 - ratio))  # what is left falls almost by one ratio
