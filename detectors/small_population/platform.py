"""Rate ratios of the constructs of one platform, each informed by the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from detectors.e_value import EValue
from detectors.elementary import exp, log
from detectors.small_population.constructs import Prior, as_columns, distinct, require_finite_mean
from detectors.small_population.exchangeable import integrate
from detectors.validation import as_numbers_within, refuse_where, require_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from detectors.small_population.exchangeable import Integrals

LEAST_THRESHOLD, GREATEST_THRESHOLD = 1e-3, 1e3
GREATEST_LOG_E = 1e6


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of each construct and of the platform.

    Attributes
    ----------
    rr_mean : ndarray of float64, shape (n_constructs,)
        Posterior mean of each rate ratio.
    p_above : ndarray of float64, of the same shape
        P(rate ratio > threshold).
    log_rr_mean, log_rr_sd : ndarray of float64, of the same shape
        Posterior mean and standard deviation of each log rate ratio.
    p_exchangeable : ndarray of float64, of the same shape
        Probability that the construct belongs with the others; 1 where that is assumed.
    mu_mean, mu_sd : float
        Posterior mean and standard deviation of the platform's mean log rate ratio.
    p_mu_above : float
        P(mu > log threshold).
    tau_mean : float
        Posterior mean of the spread between constructs.
    log_marginal : float
        Natural logarithm of the probability of the counts.
    """

    rr_mean: NDArray[np.float64]
    p_above: NDArray[np.float64]
    log_rr_mean: NDArray[np.float64]
    log_rr_sd: NDArray[np.float64]
    p_exchangeable: NDArray[np.float64]
    mu_mean: float
    mu_sd: float
    p_mu_above: float
    tau_mean: float
    log_marginal: float


@dataclass(frozen=True, eq=False)
class PriorSensitivity:
    """The same data under several priors.

    Attributes
    ----------
    priors : tuple of Prior
        Each prior.
    posteriors : tuple of Posterior
        What each gives.
    p_above : ndarray of float64, shape (n_priors, n_constructs)
        P(rate ratio > threshold) under each.
    lowest, highest : ndarray of float64, shape (n_constructs,)
        Ends of `p_above` over the priors.
    """

    priors: tuple[Prior, ...]
    posteriors: tuple[Posterior, ...]
    p_above: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlatformEvidence:
    """Evidence against the safety of each construct, and of all of them.

    Attributes
    ----------
    constructs : EValue
        An e-value for each construct.
    platform : EValue
        Their mean: against "no construct exceeds its expected rate", whatever the dependence.
    """

    constructs: EValue
    platform: EValue


def posterior(
    events: ArrayLike,
    expected: ArrayLike,
    *,
    mu_sd: float = 1.0,
    tau_scale: float = 0.5,
    dispersion: float = math.inf,
    threshold: float = 1.0,
) -> Posterior:
    r"""Estimate the rate ratio of each construct of a platform, shared over constructs.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_constructs,)
        Events of each construct, at most 10,000; 1 to 200 constructs.
    expected : array_like, of the same shape
        Events expected under the null, in [1e-9, 1e6].
    mu_sd : float, default: 1.0
        Prior standard deviation of the mean log rate ratio, in [0.001, 5].
    tau_scale : float, default: 0.5
        Scale of the half-normal prior of the spread, in [0.001, 5].
    dispersion : float, default: inf
        Size *k* of the negative binomial, variance :math:`m + m^2 / k`, from 0.01 up; infinite for
        Poisson.
    threshold : float, default: 1.0
        Rate ratio to exceed, in (0.001, 1000).

    Returns
    -------
    Posterior
        Each construct's rate ratio, and what the platform has in common.

    Raises
    ------
    ValueError
        If an argument is out of range, the shapes differ, or (1 - `dispersion`) times
        `tau_scale` is over 0.75: from 1 on the mean rate ratio is infinite.

    Notes
    -----
    .. math::

        y_j \sim \mathrm{Poisson}(E_j e^{\theta_j}), \quad \theta_j \sim N(\mu, \tau^2), \quad
        \mu \sim N(0, s^2), \quad \tau \sim |N(0, t^2)|,

    by deterministic quadrature. Over mu and theta the trapezoid rule on lattices, P(rate ratio >
    threshold) with the weights of the cardinal series; over tau 30 nodes of Gauss and Legendre
    after :math:`\tau = a \sinh t`. Twice as many of all change no number by more than 1e-8 for the
    default prior and expected counts of 0.01 or more; by less than 1e-6, relative to the number or
    to 1, for a few events where 1e-4 are expected; by up to 1.5e-6 for ``Prior(5, 5)``; by up to
    4e-5 for a construct with 1e-9 expected beside one with hundreds of events. Time grows with the
    root of the greatest count.

    One more event of a construct raises its own probabilities. It can lower those of another, since
    it may make the constructs more alike, and with the spread the tails fall.

    A construct without an event is informed by the others, and the other way round: see `exnex`
    for constructs that may not belong. With *mu* and *tau* both unknown and one construct, the
    answer is mostly the prior's. There is one layer: for body systems within
    the platform see `body_system`. Posterior probabilities looked at often
    have no error rate: see `e_value` for one.

    References
    ----------
    .. [1] Gelman A (2006). Prior distributions for variance parameters in hierarchical models.
       Bayesian Analysis, 1(3), 515-534.
    .. [2] Neuenschwander B, Wandel S, Roychoudhury S, Bailey S (2016). Robust exchangeability
       designs for early phase clinical trials with multiple strata. Pharmaceutical Statistics,
       15(2), 123-134.

    Examples
    --------
    Three events of one construct of five, 0.3 expected of each.

    >>> found = posterior([3, 0, 0, 0, 0], [0.3] * 5)
    >>> found.rr_mean[:2].round(4), found.p_above[:2].round(4)
    (array([3.3037, 1.467 ]), array([0.8892, 0.5946]))
    """
    columns = list(as_columns(events, expected, dispersion))
    prior, log_threshold = Prior(mu_sd, tau_scale), as_log_threshold(threshold)
    require_finite_mean("tau_scale", tau_scale, dispersion)
    constructs, _, place = distinct(columns, dispersion)
    return in_place(integrate(constructs, prior, log_threshold=log_threshold), place)


def prior_sensitivity(
    events: ArrayLike,
    expected: ArrayLike,
    *,
    priors: Sequence[Prior] = (
        Prior(0.5, 0.25),
        Prior(1.0, 0.25),
        Prior(1.0, 0.5),
        Prior(1.0, 1.0),
        Prior(2.0, 1.0),
    ),
    dispersion: float = math.inf,
    threshold: float = 1.0,
) -> PriorSensitivity:
    """Show how far the answer is the prior's.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_constructs,)
        Events of each construct, as for `posterior`.
    expected : array_like, of the same shape
        Events expected under the null.
    priors : sequence of Prior, optional
        Priors to try, at least one; five around the default if not given.
    dispersion : float, default: inf
        Size of the negative binomial.
    threshold : float, default: 1.0
        Rate ratio to exceed.

    Returns
    -------
    PriorSensitivity
        The posterior under each.

    Raises
    ------
    ValueError
        If an argument is out of range, or there is no prior.

    Examples
    --------
    >>> found = prior_sensitivity([3, 0, 0, 0, 0], [0.3] * 5)
    >>> found.lowest[0].round(3), found.highest[0].round(3)
    (np.float64(0.79), np.float64(0.949))
    """
    if not priors:
        raise ValueError("priors is empty: must hold at least one")
    tried = tuple(
        posterior(
            events,
            expected,
            mu_sd=each.mu_sd,
            tau_scale=each.tau_scale,
            dispersion=dispersion,
            threshold=threshold,
        )
        for each in priors
    )
    p_above = np.stack([each.p_above for each in tried])
    return PriorSensitivity(
        priors=tuple(priors),
        posteriors=tried,
        p_above=p_above,
        lowest=p_above.min(axis=0),
        highest=p_above.max(axis=0),
    )


def e_value(log_e: ArrayLike) -> PlatformEvidence:
    r"""Join the evidence on constructs to evidence on their platform.

    Parameters
    ----------
    log_e : array_like, shape (n_constructs,)
        Natural logarithms of e-values, one a construct, at most 1e6; minus infinity is an e-value
        of 0.

    Returns
    -------
    PlatformEvidence
        The e-values, and their mean.

    Raises
    ------
    ValueError
        If there is none, or one is missing or too large.

    Notes
    -----
    The mean of e-values is an e-value under any dependence [1]_, so that patients may have had
    several constructs. It rejects "no construct is unsafe" at `alpha` once it reaches 1 / alpha,
    at any time if each is an e-process in the same filtration. It costs at most a factor of the
    number of constructs against the one that is unsafe. The product would need sequential
    independence.

    The mean is taken from the largest down, so that the order of constructs changes no bit.

    References
    ----------
    .. [1] Vovk V, Wang R (2021). E-values: calibration, combination and applications. Annals of
       Statistics, 49(3), 1736-1754.

    Examples
    --------
    >>> e_value(np.log([38.0, 1.0, 1.0])).platform.e.round(6)
    np.float64(13.333333)
    """
    given = as_numbers_within("log_e", log_e, low=-math.inf, high=GREATEST_LOG_E)
    refuse_where(np.isnan(given), "log_e", given, "must not be missing")
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"log_e has shape {given.shape}: must be one number a construct")
    falling = np.sort(given)[::-1]
    top = float(falling[0])
    if math.isinf(top):
        joint = np.asarray(-math.inf)
    else:
        total = math.fsum(float(special.inv_boxcox(each - top, 0.0)) for each in falling)
        joint = np.asarray(top + log(np.asarray(total / given.size)))
    return PlatformEvidence(
        constructs=EValue(e=exp(given), log_e=given), platform=EValue(e=exp(joint), log_e=joint)
    )


def as_log_threshold(threshold: float) -> float:
    """Convert a rate ratio to its logarithm.

    Parameters
    ----------
    threshold : float
        Rate ratio, in (0.001, 1000).

    Returns
    -------
    float
        Its natural logarithm.

    Raises
    ------
    ValueError
        If it is out of range.
    """
    require_between("threshold", threshold, LEAST_THRESHOLD, GREATEST_THRESHOLD)
    return math.log(threshold)


def in_place(found: Integrals, place: NDArray[np.intp]) -> Posterior:
    """Give each construct the numbers of those like it.

    Parameters
    ----------
    found : Integrals
        Numbers of the distinct constructs.
    place : ndarray of int, shape (n_constructs,)
        Which of them each construct is.

    Returns
    -------
    Posterior
        In the order of the data.
    """
    return Posterior(
        rr_mean=found.rr_mean[place],
        p_above=found.p_above[place],
        log_rr_mean=found.log_rr_mean[place],
        log_rr_sd=found.log_rr_sd[place],
        p_exchangeable=found.p_exchangeable[place],
        mu_mean=found.mu_mean,
        mu_sd=found.mu_sd,
        p_mu_above=found.p_mu,
        tau_mean=found.tau_mean,
        log_marginal=found.log_marginal,
    )
