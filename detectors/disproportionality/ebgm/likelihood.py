"""Three likelihoods of a gamma-Poisson prior, with their first and second derivatives.

Each is a sum of logarithms of mixtures of two components, so the derivatives of all three follow in
one way from those of the components and their posterior weights.

Only the scalar functions of `detectors.elementary` and SciPy are used, so that a fit does not
depend on the vector instructions of the processor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.disproportionality.ebgm.components import Component, reportable, reported
from detectors.disproportionality.ebgm.pairs import Pairs, checked, collapse
from detectors.disproportionality.ebgm.prior import LIKELIHOODS, Likelihood, Prior
from detectors.elementary import exp
from detectors.validation import require_one_index

Parameters = tuple[float, float, float, float, float]


def negative_log_likelihood(
    n: ArrayLike,
    expected: ArrayLike,
    prior: Prior,
    *,
    weights: ArrayLike | None = None,
    likelihood: Likelihood = "truncated_mixture",
) -> float:
    r"""Compute the negative log-likelihood of a prior.

    Parameters
    ----------
    n : array_like of whole numbers, shape (n_pairs,)
        Reports observed; at least 1 unless `likelihood` is ``full``.
    expected : array_like, shape (n_pairs,)
        Reports expected if product and event were independent; positive.
    prior : Prior
        The parameters.
    weights : array_like of whole numbers, shape (n_pairs,), optional
        How many pairs each stands for; 1 each if not given.
    likelihood : {"truncated_mixture", "full", "openebgm"}
        Which likelihood. Values of different ones must not be compared.

    Returns
    -------
    float
        Natural logarithm, with the factorials of the counts. Infinite where the prior makes the
        counts impossible in double precision.

    Raises
    ------
    ValueError
        If an argument is out of range, or a count is 0 in a truncated likelihood.

    Notes
    -----
    With :math:`f_k` the negative binomial distribution with size :math:`\alpha_k` and probability
    :math:`\beta_k / (\beta_k + E)`, a pair contributes the logarithm of

    - ``full``: :math:`p f_1(n) + (1 - p) f_2(n)`; the pairs include those never reported [1]_;
    - ``truncated_mixture``:
      :math:`\frac{p f_1(n) + (1 - p) f_2(n)}{1 - p f_1(0) - (1 - p) f_2(0)}`, which is the law of
      ``full`` given that the pair was reported; `p` is the weight among all pairs;
    - ``openebgm``:
      :math:`p \frac{f_1(n)}{1 - f_1(0)} + (1 - p) \frac{f_2(n)}{1 - f_2(0)}`, where `p` is the
      weight of a component among the reported pairs; the R packages openEBGM and, from 1.0.8,
      PhViD use it.

    The posterior weight that `score` uses takes `p` as the weight among all pairs, so that the
    first two and the scores are of one model. With ``openebgm`` they are not: it is the convention
    of the packages named, there to repeat what they print. Where the components differ in how often
    they leave a pair unreported, its limits then miss more often than they promise: on ratios drawn
    from the fit to a quarter of FAERS, 12 % lie above EB95 where EB05 is 2 or more, and 12 % where
    20 times as many were reported as expected (`docs/validation/ebgm.md`).

    Equal pairs are put together and sorted first, so the order of the rows does not change a bit.

    References
    ----------
    .. [1] DuMouchel W (1999). Bayesian data mining in large frequency tables, with an application
       to the FDA spontaneous reporting system. The American Statistician, 53(3), 177-190.

    Examples
    --------
    >>> prior = Prior(3.256, 0.400, 2.024, 1.906, 0.0653)
    >>> round(negative_log_likelihood([1, 2, 9], [0.2, 0.4, 0.5], prior), 6)
    7.286685
    """
    pairs = pairs_of(n, expected, weights, likelihood)
    return -total_log_likelihood(pairs, prior.parameters, likelihood)


def pairs_of(
    n: ArrayLike, expected: ArrayLike, weights: ArrayLike | None, likelihood: Likelihood
) -> Pairs:
    """Check the arguments of a likelihood and put equal pairs together.

    Parameters
    ----------
    n, expected : array_like, shape (n_pairs,)
        Reports observed and expected.
    weights : array_like or None
        How many pairs each stands for.
    likelihood : {"truncated_mixture", "full", "openebgm"}
        Which likelihood.

    Returns
    -------
    Pairs
        The distinct pairs.

    Raises
    ------
    ValueError
        If an argument is out of range, or a count is 0 in a truncated likelihood.
    """
    require_one_index(n=n, expected=expected, weights=weights)
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood is {likelihood!r}: must be one of {', '.join(LIKELIHOODS)}")
    pairs = collapse(*checked(n, expected, weights))
    if likelihood != "full" and pairs.n[0] == 0:
        place = int(np.argmin(np.ravel(n)))
        raise ValueError(f"n[{place}] is 0: must be at least 1 in a truncated likelihood")
    return pairs


@dataclass(frozen=True, eq=False)
class Surface:
    """The mean log-likelihood of a pair, with derivatives by the transformed parameters.

    Attributes
    ----------
    value : float
        Mean log-likelihood.
    gradient : ndarray of float64, shape (5,)
        First derivatives by the logarithms of the gamma parameters and the logit of `p`.
    hessian : ndarray of float64, shape (5, 5)
        Second derivatives.
    """

    value: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]


def total_log_likelihood(pairs: Pairs, parameters: Parameters, likelihood: Likelihood) -> float:
    """Compute the log-likelihood alone.

    Parameters
    ----------
    pairs : Pairs
        Weighted pairs.
    parameters : tuple of five float
        ``alpha1, beta1, alpha2, beta2, p``.
    likelihood : {"truncated_mixture", "full", "openebgm"}
        Which likelihood.

    Returns
    -------
    float
        The sum over all pairs.
    """
    p = parameters[4]
    total = 0.0
    for sign, first, second in _mixtures(pairs, parameters, likelihood):
        log_mixture, _ = _mixed(first.value, second.value, p)
        total += sign * float((pairs.weights * log_mixture).sum())
    return total


def surface(pairs: Pairs, parameters: Parameters, likelihood: Likelihood) -> Surface:
    """Compute the mean log-likelihood of a pair and its derivatives.

    Parameters
    ----------
    pairs : Pairs
        Weighted pairs.
    parameters : tuple of five float
        ``alpha1, beta1, alpha2, beta2, p``, with `p` inside (0, 1).
    likelihood : {"truncated_mixture", "full", "openebgm"}
        Which likelihood.

    Returns
    -------
    Surface
        Value, gradient and Hessian.
    """
    p = parameters[4]
    value, gradient, hessian = 0.0, np.zeros(5), np.zeros((5, 5))
    for sign, first, second in _mixtures(pairs, parameters, likelihood):
        log_mixture, share = _mixed(first.value, second.value, p)
        value += sign * float((pairs.weights * log_mixture).sum())
        gradient += sign * _gradient(first, second, share, p, pairs.weights)
        hessian += sign * _hessian(first, second, share, p, pairs.weights)
    return Surface(value / pairs.total, gradient / pairs.total, hessian / pairs.total)


def _mixtures(
    pairs: Pairs, parameters: Parameters, likelihood: Likelihood
) -> list[tuple[float, Component, Component]]:
    alpha1, beta1, alpha2, beta2, _ = parameters
    f1, f2 = reported(pairs, alpha1, beta1), reported(pairs, alpha2, beta2)
    if likelihood == "full":
        return [(1.0, f1, f2)]
    c1, c2 = reportable(pairs, alpha1, beta1), reportable(pairs, alpha2, beta2)
    if likelihood == "openebgm":
        return [(1.0, f1 - c1, f2 - c2)]
    return [(1.0, f1, f2), (-1.0, c1, c2)]


def _mixed(
    first: NDArray[np.float64], second: NDArray[np.float64], p: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if p in {0.0, 1.0}:
        return (first if p else second), np.full(first.shape, p)
    one, other = first + math.log(p), second + math.log1p(-p)
    difference = one - other
    rest = special.log1p(exp(-np.abs(difference)))
    return np.maximum(one, other) + rest, np.asarray(special.expit(difference))


def _gradient(
    first: Component,
    second: Component,
    share: NDArray[np.float64],
    p: float,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    mine, others = weights * share, weights * (1.0 - share)
    parts = (mine * first.u, mine * first.v, others * second.u, others * second.v)
    return np.array([*(part.sum() for part in parts), (weights * (share - p)).sum()])


def _hessian(
    first: Component,
    second: Component,
    share: NDArray[np.float64],
    p: float,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    # With s_k the derivative of the logarithm of component k and its weight, the mixture's Hessian
    # is the mean of the components' Hessians plus q (1 - q) (s_1 - s_2) (s_1 - s_2)'.
    mine, others = weights * share, weights * (1.0 - share)
    between = mine * (1.0 - share)
    apart = (first.u, first.v, -second.u, -second.v)
    hessian = np.empty((5, 5))
    for i, left in enumerate(apart):
        weighted = between * left
        for j in range(i + 1):
            hessian[i, j] = hessian[j, i] = (weighted * apart[j]).sum()
        hessian[i, 4] = hessian[4, i] = weighted.sum()
    hessian[4, 4] = between.sum() - p * (1.0 - p) * weights.sum()
    for k, (mass, part) in enumerate(((mine, first), (others, second))):
        at = 2 * k
        hessian[at, at] += (mass * part.uu).sum()
        hessian[at + 1, at + 1] += (mass * part.vv).sum()
        hessian[at, at + 1] += (mass * part.uv).sum()
        hessian[at + 1, at] = hessian[at, at + 1]
    return hessian
