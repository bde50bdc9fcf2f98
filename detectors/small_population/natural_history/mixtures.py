"""Priors that are mixtures of conjugate ones: robust MAP, updated in closed form.

A mixture of beta (gamma) distributions stays one after binomial (Poisson) data: each component is
updated by itself, and its weight is multiplied by the probability that it gave to the data.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

from detectors.canonical import make_canonical
from detectors.elementary import exp, log
from detectors.small_population.arguments import as_patients, as_person_time, require_weight
from detectors.small_population.natural_history.proportions import log_beta_binomial_tail
from detectors.validation import as_counts, require_between

Reals = NDArray[np.float64]
_SUM_ERROR = 1e-9
_X_ERROR = 1e-14


@dataclass(frozen=True)
class BetaMixture:
    """A mixture of beta distributions of a proportion.

    Attributes
    ----------
    weights : tuple of float
        Positive or 0, with sum 1.
    a, b : tuple of float, of the length of `weights`
        Parameters of the components, positive.

    Raises
    ------
    ValueError
        If lengths differ, a weight is negative, the weights do not add up to 1, or a component is
        improper.
    """

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        make_canonical(self)
        _require_mixture(self.weights, a=self.a, b=self.b)


@dataclass(frozen=True)
class GammaMixture:
    """A mixture of gamma distributions of a rate.

    Attributes
    ----------
    weights : tuple of float
        Positive or 0, with sum 1.
    shape, rate : tuple of float, of the length of `weights`
        Parameters of the components, positive; `rate` in person-time.

    Raises
    ------
    ValueError
        As `BetaMixture`.
    """

    weights: tuple[float, ...]
    shape: tuple[float, ...]
    rate: tuple[float, ...]

    def __post_init__(self) -> None:
        make_canonical(self)
        _require_mixture(self.weights, shape=self.shape, rate=self.rate)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Numbers of a distribution.

    Attributes
    ----------
    mean, sd : float
        Mean and standard deviation.
    lower, median, upper : float
        Quantiles; the limits hold the stated probability between them.
    """

    mean: float
    sd: float
    lower: float
    median: float
    upper: float


def robust_beta(
    prior: BetaMixture, *, weight: float, vague: tuple[float, float] = (1.0, 1.0)
) -> BetaMixture:
    """Add a vague component to a prior from history, so that it yields where data disagree.

    Parameters
    ----------
    prior : BetaMixture
        What the history says, such as a meta-analytic predictive prior.
    weight : float
        Weight of the vague component, in [0, 1]; 0.2 to 0.5 are usual.
    vague : tuple of two floats, default: (1, 1)
        Beta parameters of the vague component.

    Returns
    -------
    BetaMixture
        The vague component last.

    Raises
    ------
    ValueError
        If `weight` is out of range or `vague` is improper.

    References
    ----------
    .. [1] Schmidli H et al. (2014). Robust meta-analytic-predictive priors in clinical trials with
       historical control information. Biometrics, 70(4), 1023-1032.
    """
    require_weight("weight", weight)
    weights = (*((1.0 - weight) * each for each in prior.weights), weight)
    return BetaMixture(weights, (*prior.a, vague[0]), (*prior.b, vague[1]))


def robust_gamma(prior: GammaMixture, *, weight: float, vague: tuple[float, float]) -> GammaMixture:
    """Add a vague component to a prior of a rate from history.

    Parameters
    ----------
    prior : GammaMixture
        What the history says.
    weight : float
        Weight of the vague component, in [0, 1].
    vague : tuple of two floats
        Shape and rate of the vague component; a rate of 1 is worth one unit of person-time.

    Returns
    -------
    GammaMixture
        The vague component last.

    Raises
    ------
    ValueError
        If `weight` is out of range or `vague` is improper.
    """
    require_weight("weight", weight)
    weights = (*((1.0 - weight) * each for each in prior.weights), weight)
    return GammaMixture(weights, (*prior.shape, vague[0]), (*prior.rate, vague[1]))


def update_beta(prior: BetaMixture, *, events: int, patients: int) -> BetaMixture:
    r"""Update a mixture by patients with and without an event.

    Parameters
    ----------
    prior : BetaMixture
        What was believed before.
    events, patients : int
        Patients with an event, and all of them.

    Returns
    -------
    BetaMixture
        The posterior, exact.

    Raises
    ------
    ValueError
        If a count is not one, or events exceed patients.

    Notes
    -----
    :math:`w_j \propto w_j B(a_j + y, b_j + n - y) / B(a_j, b_j)`.

    Examples
    --------
    >>> prior = robust_beta(BetaMixture((0.38, 0.62), (2.5, 14.6), (7.2, 44.3)), weight=0.2)
    >>> [round(w, 6) for w in update_beta(prior, events=6, patients=6).weights]
    [0.034642, 0.007546, 0.957813]
    """
    y, n = int(as_patients("events", events)), int(as_patients("patients", patients))
    if y > n:
        raise ValueError(f"events is {y}: must not exceed patients")
    a, b = np.array(prior.a), np.array(prior.b)
    evidence = special.betaln(a + y, b + (n - y)) - special.betaln(a, b)
    weights = _reweighted(prior.weights, evidence)
    return BetaMixture(weights, tuple((a + y).tolist()), tuple((b + (n - y)).tolist()))


def update_gamma(prior: GammaMixture, *, events: int, person_time: float) -> GammaMixture:
    r"""Update a mixture by events in person-time.

    Parameters
    ----------
    prior : GammaMixture
        What was believed before.
    events : int
        Events.
    person_time : float
        Person-time in which they came, not negative.

    Returns
    -------
    GammaMixture
        The posterior, exact.

    Raises
    ------
    ValueError
        If `events` is no count, `person_time` is out of range, or events came in no time.

    Notes
    -----
    Each component gives the data a negative binomial probability,
    :math:`w_j \propto w_j \Gamma(a_j + y) b_j^{a_j} / (\Gamma(a_j) (b_j + t)^{a_j + y})`.

    Examples
    --------
    >>> prior = GammaMixture((0.5, 0.5), (1.0, 4.0), (1.0, 1.0))
    >>> [round(w, 6) for w in update_gamma(prior, events=0, person_time=1.0).weights]
    [0.888889, 0.111111]
    """
    y = int(as_counts("events", events))
    t = float(as_person_time("person_time", person_time, is_zero_allowed=True))
    if t == 0.0 and y > 0:
        raise ValueError(f"events is {y}: must be 0 where person_time is 0")
    shape, rate = np.array(prior.shape), np.array(prior.rate)
    evidence = special.gammaln(shape + y) - special.gammaln(shape)
    evidence = evidence - shape * special.log1p(t / rate) - y * log(rate + t)
    weights = _reweighted(prior.weights, evidence)
    return GammaMixture(weights, tuple((shape + y).tolist()), tuple((rate + t).tolist()))


def probability_above(mixture: BetaMixture | GammaMixture, limit: float) -> float:
    """Compute the probability that the proportion or rate exceeds a limit.

    Parameters
    ----------
    mixture : BetaMixture or GammaMixture
        Its distribution.
    limit : float
        In [0, 1] for a proportion; not negative for a rate.

    Returns
    -------
    float
        Probability.

    Raises
    ------
    ValueError
        If `limit` is out of range.
    """
    weights = np.array(mixture.weights)
    if isinstance(mixture, BetaMixture):
        require_weight("limit", limit)
        above = special.betaincc(np.array(mixture.a), np.array(mixture.b), limit)
    else:
        if not 0.0 <= limit < math.inf:
            raise ValueError(f"limit is {limit}: must be finite and not negative")
        above = special.gammaincc(np.array(mixture.shape), np.array(mixture.rate) * limit)
    return min(1.0, math.fsum((weights * above).tolist()))


def summary(mixture: BetaMixture | GammaMixture, *, level: float = 0.95) -> Summary:
    """Summarise a mixture.

    Parameters
    ----------
    mixture : BetaMixture or GammaMixture
        The distribution.
    level : float, default: 0.95
        Probability between the limits, in (0, 1).

    Returns
    -------
    Summary
        Moments in closed form; quantiles by root search, to 1e-13 of the distribution function's
        argument.

    Raises
    ------
    ValueError
        If `level` is out of range.
    """
    require_between("level", level, 0.0, 1.0)
    mean, variance = moments(mixture)
    tail = (1.0 - level) / 2.0
    lower, median, upper = (_quantile(mixture, q) for q in (tail, 0.5, 1.0 - tail))
    return Summary(mean=mean, sd=math.sqrt(variance), lower=lower, median=median, upper=upper)


def moments(mixture: BetaMixture | GammaMixture) -> tuple[float, float]:
    """Compute the mean and the variance of a mixture.

    Parameters
    ----------
    mixture : BetaMixture or GammaMixture
        The distribution.

    Returns
    -------
    tuple of two floats
        Mean and variance.
    """
    weights = np.array(mixture.weights)
    if isinstance(mixture, BetaMixture):
        a, b = np.array(mixture.a), np.array(mixture.b)
        means, variances = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1.0))
    else:
        shape, rate = np.array(mixture.shape), np.array(mixture.rate)
        means, variances = shape / rate, shape / rate**2
    mean = math.fsum((weights * means).tolist())
    spread = (means - mean) ** 2  # no difference of squares: it would cancel
    return mean, math.fsum((weights * (variances + spread)).tolist())


def predictive_p(prior: BetaMixture, *, events: int, patients: int) -> float:
    """Ask how often the prior predicts so many patients with an event, or more.

    Parameters
    ----------
    prior : BetaMixture
        Distribution of the proportion before the data.
    events, patients : int
        Patients with an event, and all of them.

    Returns
    -------
    float
        Probability.

    Raises
    ------
    ValueError
        If a count is not one, or events exceed patients.
    """
    y, n = int(as_patients("events", events)), int(as_patients("patients", patients))
    if y > n:
        raise ValueError(f"events is {y}: must not exceed patients")
    tails = [log_beta_binomial_tail(y, n, a, b) for a, b in zip(prior.a, prior.b, strict=True)]
    return min(1.0, math.fsum(w * math.exp(t) for w, t in zip(prior.weights, tails, strict=True)))


def _reweighted(weights: tuple[float, ...], evidence: Reals) -> tuple[float, ...]:
    with np.errstate(divide="ignore"):
        logs = np.where(np.array(weights) > 0, log(np.maximum(weights, 1e-300)), -np.inf) + evidence
    with np.errstate(under="ignore"):
        shares = exp(logs - logs.max())
    total = math.fsum(shares.tolist())
    return tuple((shares / total).tolist())


def _quantile(mixture: BetaMixture | GammaMixture, q: float) -> float:
    """Search between the least and the greatest quantile of the components."""
    if isinstance(mixture, BetaMixture):
        ends = special.betaincinv(np.array(mixture.a), np.array(mixture.b), q)
    else:
        ends = special.gammaincinv(np.array(mixture.shape), q) / np.array(mixture.rate)
    ends = ends[np.array(mixture.weights) > 0]
    low, high = float(ends.min()), float(ends.max())
    if high - low <= _X_ERROR * high:
        return low

    def excess(x: float) -> float:
        return probability_above(mixture, x) - (1.0 - q)

    if excess(low) <= 0.0:
        return low
    if excess(high) >= 0.0:
        return high
    return float(scipy.optimize.brentq(excess, low, high, xtol=_X_ERROR * high, rtol=_X_ERROR))


def _require_mixture(weights: tuple[float, ...], **parameters: tuple[float, ...]) -> None:
    if not weights or any(len(each) != len(weights) for each in parameters.values()):
        raise ValueError("a mixture needs weights, and as many of each parameter")
    for i, weight in enumerate(weights):
        require_weight(f"weights[{i}]", weight)
    if not abs(math.fsum(weights) - 1.0) <= _SUM_ERROR:
        raise ValueError(f"weights add up to {math.fsum(weights)}: must add up to 1")
    for name, values in parameters.items():
        for i, value in enumerate(values):
            if not 1e-6 <= value <= 1e12:  # noqa: PLR2004 - stated in the message
                rule = "must lie between 1e-6 and 1e12, else the prior is improper or a point"
                raise ValueError(f"{name}[{i}] is {value}: {rule}")
