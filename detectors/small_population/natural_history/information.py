"""How much a prior is worth in patients or person-time, and when its weight decides.

An effective sample size has several definitions; each answer says which one it is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp
from detectors.small_population.arguments import require_weight
from detectors.small_population.natural_history.mixtures import (
    BetaMixture,
    GammaMixture,
    moments,
    probability_above,
    robust_beta,
    update_beta,
)
from detectors.small_population.natural_history.proportions import predictive_proportion
from detectors.small_population.natural_history.rates import predictive_rate
from detectors.validation import require_between

Reals = NDArray[np.float64]
LEAST_DELTA = 0.001
N_STEPS = 400
_HALVINGS = 60
_STEP = 0.01
_DEPTH = 45.0  # e to the power of -45 is below rounding beside 1
_NEAREST = 1.01  # nearer to 1 the integrand hardly ends


def moment_sample_size(prior: BetaMixture | GammaMixture) -> float:
    """Compute the effective sample size of a prior by its first two moments.

    Parameters
    ----------
    prior : BetaMixture or GammaMixture
        The prior.

    Returns
    -------
    float
        Patients (beta) or person-time (gamma) that a single conjugate prior with the same mean and
        variance stands for.

    Notes
    -----
    :math:`m (1 - m) / v - 1` for a proportion, :math:`m / v` for a rate. It can be far too small
    for a mixture with a wide component; see `elir_sample_size`.

    Examples
    --------
    >>> round(moment_sample_size(BetaMixture((1.0,), (3.0,), (17.0,))), 9)
    20.0
    """
    mean, variance = moments(prior)
    if isinstance(prior, BetaMixture):
        return mean * (1.0 - mean) / variance - 1.0
    return mean / variance


def elir_sample_size(prior: BetaMixture | GammaMixture) -> float:
    r"""Compute the expected local-information-ratio effective sample size.

    Parameters
    ----------
    prior : BetaMixture or GammaMixture
        The prior; parameters `a` and `b` of components that have weight 1, or 1.01 and more;
        `shape` 1.01 and more. Below 1 the expectation is infinite.

    Returns
    -------
    float
        Patients (beta) or person-time (gamma), to a relative 1e-8.

    Raises
    ------
    ValueError
        If a parameter is too small.

    Notes
    -----
    The prior's mean of its own information, :math:`-(\log \pi)''`, over the information of one
    patient, :math:`1 / (p (1 - p))`, or of one unit of person-time, :math:`1 / \lambda` [1]_. With
    a single component it is :math:`a + b`, or the rate. It is predictively consistent: data of *n*
    patients add *n* on average.

    References
    ----------
    .. [1] Neuenschwander B, Weber S, Schmidli H, O'Hagan A (2020). Predictively consistent prior
       effective sample sizes. Biometrics, 76(2), 578-587.

    Examples
    --------
    >>> round(elir_sample_size(BetaMixture((1.0,), (3.0,), (17.0,))), 6)
    20.0
    """
    is_beta = isinstance(prior, BetaMixture)
    first, second = (
        (prior.a, prior.b) if isinstance(prior, BetaMixture) else (prior.shape, prior.rate)
    )
    used = [(w, a, b) for w, a, b in zip(prior.weights, first, second, strict=True) if w > 0]
    if is_beta and any(c != 1.0 and c < _NEAREST for _, a, b in used for c in (a, b)):
        raise ValueError(
            "prior: a and b must be 1, or at least 1.01; below 1 the result is infinite"
        )
    if not is_beta and any(a < _NEAREST for _, a, _ in used):
        raise ValueError("prior: shape must be at least 1.01; to 1 the result is infinite")
    return _elir_beta(used) if is_beta else _elir_gamma(used)


@dataclass(frozen=True, kw_only=True)
class TippingPoint:
    """Where a conclusion changes as the history loses weight.

    Attributes
    ----------
    weight : float
        The weight nearest to where the scan began at which the conclusion differs; NaN where it
        never does.
    value_at_start, value_at_end : float
        The number that is compared with the cut, at either end of the scan.
    holds_at_start : bool
        Whether it is at or below the cut where the scan begins.
    changes : bool
        Whether the conclusion changes anywhere.
    """

    weight: float
    value_at_start: float
    value_at_end: float
    holds_at_start: bool
    changes: bool


def tipping_point(
    value: Callable[[float], float], *, cut: float, start: float, end: float
) -> TippingPoint:
    """Find where a number that depends on a weight first passes a cut.

    Parameters
    ----------
    value : callable, float to float
        A p-value or posterior probability, by weight.
    cut : float
        The conclusion is whether the number is at or below it.
    start, end : float
        First and last weight of the scan.

    Returns
    -------
    TippingPoint
        The first change from `start` on, to 1e-15; a change that is undone within 1/400 of the
        way is not seen.

    Raises
    ------
    ValueError
        If `cut`, `start` or `end` is outside [0, 1].
    """
    for name, given in (("cut", cut), ("start", start), ("end", end)):
        require_weight(name, given)
    at_start, at_end = value(start), value(end)
    holds = at_start <= cut
    before = start
    for i in range(1, N_STEPS + 1):
        here = end if i == N_STEPS else start + (end - start) * i / N_STEPS
        if (value(here) <= cut) is not holds:
            return TippingPoint(
                weight=_bisected(value, cut, before, here, holds=holds),
                value_at_start=at_start,
                value_at_end=at_end,
                holds_at_start=holds,
                changes=True,
            )
        before = here
    return TippingPoint(
        weight=math.nan,
        value_at_start=at_start,
        value_at_end=at_end,
        holds_at_start=holds,
        changes=False,
    )


def tipping_delta_rate(
    *,
    events: int,
    person_time: float,
    historical_events: int,
    historical_person_time: float,
    alpha: float = 0.05,
    prior_shape: float = 0.5,
) -> TippingPoint:
    """Find the weight of the history at which the predictive test of a rate changes its answer.

    Parameters
    ----------
    events : int
        Events in the treated patients.
    person_time : float
        Their person-time.
    historical_events : int
        Events in the natural history.
    historical_person_time : float
        Its person-time, above 0.
    alpha : float, default: 0.05
        Level of the test.
    prior_shape : float, default: 0.5
        Shape of the gamma prior, Jeffreys' by default.

    Returns
    -------
    TippingPoint
        From full weight down to 0.001, below which nothing is left of the history.

    Raises
    ------
    ValueError
        As `predictive_rate`, or if `alpha` is outside (0, 1).

    Examples
    --------
    >>> found = tipping_delta_rate(
    ...     events=2, person_time=2.0, historical_events=10, historical_person_time=100.0
    ... )
    >>> round(found.value_at_start, 4), round(found.weight, 3)
    (0.0205, 0.097)
    """
    require_between("alpha", alpha, 0.0, 1.0)

    def p(delta: float) -> float:
        history = (historical_events, historical_person_time)
        found = predictive_rate(events, person_time, *history, delta=delta, prior_shape=prior_shape)
        return float(found.p)

    return tipping_point(p, cut=alpha, start=1.0, end=LEAST_DELTA)


def tipping_delta_proportion(
    *,
    events: int,
    patients: int,
    historical_events: int,
    historical_patients: int,
    alpha: float = 0.05,
    prior: tuple[float, float] = (0.5, 0.5),
) -> TippingPoint:
    """Find the weight of the history at which the predictive test of a proportion changes.

    Parameters
    ----------
    events, patients : int
        Treated patients with an event, and all.
    historical_events, historical_patients : int
        Those of the natural history.
    alpha : float, default: 0.05
        Level of the test.
    prior : tuple of two floats, default: (0.5, 0.5)
        Beta prior.

    Returns
    -------
    TippingPoint
        From full weight down to none.

    Raises
    ------
    ValueError
        As `predictive_proportion`, or if `alpha` is outside (0, 1).
    """
    require_between("alpha", alpha, 0.0, 1.0)

    def p(delta: float) -> float:
        history = (historical_events, historical_patients)
        return float(predictive_proportion(events, patients, *history, delta=delta, prior=prior).p)

    return tipping_point(p, cut=alpha, start=1.0, end=0.0)


def tipping_robust_weight(
    prior: BetaMixture, *, events: int, patients: int, limit: float, cut: float = 0.95
) -> TippingPoint:
    """Find the robust weight at which the posterior conclusion on a proportion changes.

    Parameters
    ----------
    prior : BetaMixture
        What the history says, without a vague component.
    events, patients : int
        Treated patients with an event, and all.
    limit : float
        Proportion that is asked about, in [0, 1].
    cut : float, default: 0.95
        The conclusion is whether the probability above `limit` is at or below it.

    Returns
    -------
    TippingPoint
        From no weight of a uniform component up to all.

    Raises
    ------
    ValueError
        If a count is not one or out of range, or `limit` or `cut` is outside [0, 1].
    """

    def above(weight: float) -> float:
        mixed = robust_beta(prior, weight=weight)
        return probability_above(update_beta(mixed, events=events, patients=patients), limit)

    return tipping_point(above, cut=cut, start=0.0, end=1.0)


def _bisected(
    value: Callable[[float], float], cut: float, same: float, other: float, *, holds: bool
) -> float:
    for _ in range(_HALVINGS):
        middle = 0.5 * (same + other)
        if (value(middle) <= cut) is holds:
            same = middle
        else:
            other = middle
    return other


def _elir_beta(used: list[tuple[float, float, float]]) -> float:
    """Integrate (s**2 - s') p(1-p) over the mixture, s the score, on the logit."""
    left, right = (_tail_reach([pair[i] for pair in used]) for i in (1, 2))
    u = np.arange(-left, right, _step(used, is_beta=True))
    log_p, log_q = special.log_expit(u), special.log_expit(-u)
    p, q = exp(log_p), exp(log_q)
    densities = [
        w * exp((a - 1) * log_p + (b - 1) * log_q - special.betaln(a, b)) for w, a, b in used
    ]
    # first and second derivative of each component, times p (1 - p) and its square
    slopes = [(a - 1) * q - (b - 1) * p for _, a, b in used]
    bends = [
        s**2 - (a - 1) * q**2 - (b - 1) * p**2 for s, (_, a, b) in zip(slopes, used, strict=True)
    ]
    return _information(densities, slopes, bends) * float(u[1] - u[0])


def _elir_gamma(used: list[tuple[float, float, float]]) -> float:
    means = [math.log(a / b) for _, a, b in used]
    u = np.arange(
        min(means) - _tail_reach([a for _, a, _ in used]),
        max(means) + 8.0,
        _step(used, is_beta=False),
    )
    x = exp(u)
    densities = [
        w * exp(a * math.log(b) + (a - 1) * u - b * x - float(special.gammaln(a)))
        for w, a, b in used
    ]
    slopes = [(a - 1) - b * x for _, a, b in used]
    bends = [s**2 - (a - 1) for s, (_, a, _) in zip(slopes, used, strict=True)]
    return _information(densities, slopes, bends) * float(u[1] - u[0])


def _information(densities: list[Reals], slopes: list[Reals], bends: list[Reals]) -> float:
    total = sum(densities)
    slope = sum(f * s for f, s in zip(densities, slopes, strict=True))
    bend = sum(f * c for f, c in zip(densities, bends, strict=True))
    with np.errstate(all="ignore"):  # where the density has underflowed nothing is added
        parts = np.where(total > 0.0, slope**2 / total - bend, 0.0)
    return math.fsum(parts.tolist())


def _tail_reach(shapes: list[float]) -> float:
    """Say how far the integrand matters: it falls as exp(-(shape - 1) |u|), or as exp(-|u|)."""
    return _DEPTH / min([1.0, *(shape - 1.0 for shape in shapes if shape > 1.0)])


def _step(used: list[tuple[float, float, float]], *, is_beta: bool) -> float:
    narrowest = min(1.0 / a + (1.0 / b if is_beta else 0.0) for _, a, b in used)
    return min(_STEP, 0.05 * math.sqrt(narrowest))
