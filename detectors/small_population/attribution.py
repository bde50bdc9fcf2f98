"""Whose excess is it: one construct's, a programme's, or the platform's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import special

from detectors.elementary import exp
from detectors.small_population.constructs import Prior, as_columns, distinct
from detectors.small_population.exchangeable import integrate
from detectors.validation import require_between, require_one_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

Level = Literal["nothing", "construct", "programme", "platform"]
LEVELS: tuple[Level, ...] = get_args(Level)
MAX_ATTRIBUTED = 20
_EVEN = 1.0 / 6.0


@dataclass(frozen=True, eq=False)
class Attribution:
    """Models of where an excess sits, and how probable each is.

    Attributes
    ----------
    level : tuple of {"nothing", "construct", "programme", "platform"}
        Level of each model.
    name : tuple of str
        What has the excess: the construct's place in the data, the programme's name, or the level.
    affected : ndarray of bool, shape (n_models, n_constructs)
        Constructs with an excess under each model.
    prior : ndarray of float64, shape (n_models,)
        Probability of each before the data.
    log_marginal : ndarray of float64, of the same shape
        Natural logarithm of the probability of the counts under each.
    posterior : ndarray of float64, of the same shape
        Probability of each after the data.
    of_level : dict of str to float
        Sum of `posterior` over the models of each level that has any.
    of_construct : ndarray of float64, shape (n_constructs,)
        Probability that each construct has an excess, by whichever model.
    """

    level: tuple[Level, ...]
    name: tuple[str, ...]
    affected: NDArray[np.bool_]
    prior: NDArray[np.float64]
    log_marginal: NDArray[np.float64]
    posterior: NDArray[np.float64]
    of_level: dict[str, float]
    of_construct: NDArray[np.float64]


def attribute(
    events: ArrayLike,
    expected: ArrayLike,
    programmes: Sequence[str],
    *,
    weights: Mapping[Level, float] | None = None,
    excess: float = 3.0,
    mu_sd: float = 0.75,
    tau_scale: float = 0.25,
    dispersion: float = math.inf,
) -> Attribution:
    r"""Compute how probable it is that the excess is a construct's, a programme's or all of them.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_constructs,)
        Events of each construct, at most 10,000; 1 to 20 constructs.
    expected : array_like, of the same shape
        Events expected under the null, in [1e-9, 1e6].
    programmes : sequence of str, of the same length
        Programme that each construct belongs to.
    weights : mapping of str to float, optional
        Prior weight of each level, positive; a half for ``"nothing"`` and a sixth for each other
        level if not given. Shared evenly over the models of a level, and scaled to the sum 1.
    excess : float, default: 3.0
        Median rate ratio where there is an excess, in (1, 1000).
    mu_sd : float, default: 0.75
        Prior standard deviation of the mean log rate ratio there, in [0.001, 5].
    tau_scale : float, default: 0.25
        Scale of the half-normal spread between the constructs concerned, in [0.001, 5].
    dispersion : float, default: inf
        Size of the negative binomial, from 0.01 up; infinite for Poisson.

    Returns
    -------
    Attribution
        Every model with its prior and posterior probability.

    Raises
    ------
    ValueError
        If an argument is out of range, or the shapes differ.

    Notes
    -----
    Under a model the rate ratios of the constructs concerned are exchangeable, as in
    `platform.posterior` with a mean around the logarithm of `excess`, and those of the others are
    1. The posterior is proportional to prior times marginal likelihood, each by the same
    quadrature, to 1e-8.

    A programme of one construct, and one that is the whole platform, is no model of its own: the
    same counts would be counted twice.

    The probabilities are right in the long run if data come as the models and their weights say.
    With few events the weights decide: print `prior` beside `posterior`. No error rate holds under
    repeated looks.

    References
    ----------
    .. [1] Kass RE, Raftery AE (1995). Bayes factors. Journal of the American Statistical
       Association, 90(430), 773-795.

    Examples
    --------
    >>> found = attribute([3, 0, 0, 0], [0.3] * 4, ["liver", "liver", "eye", "eye"])
    >>> found.name[found.posterior.argmax()]
    '0'
    >>> found = attribute([2, 2, 1, 2], [0.3] * 4, ["liver", "liver", "eye", "eye"])
    >>> found.name[found.posterior.argmax()]
    'platform'
    """
    require_one_index(events=events, expected=expected, programmes=programmes)
    y, e = as_columns(events, expected, dispersion)
    if y.size > MAX_ATTRIBUTED or len(programmes) != y.size:
        raise ValueError(
            f"events has {y.size} constructs and programmes {len(programmes)}: "
            f"must be as many, and at most {MAX_ATTRIBUTED}"
        )
    require_between("excess", excess, 1.0, 1000.0)
    prior = Prior(mu_sd, tau_scale)
    models = _models(programmes)
    affected = np.stack([member for _, _, member in models])
    level = tuple(each for each, _, _ in models)
    log_marginal = _log_marginals(y, e, affected, (prior, excess, dispersion))
    shares = _shares(level, weights)
    top = float(log_marginal.max())
    joint = shares * exp(log_marginal - top)
    posterior = joint / math.fsum(joint.tolist())
    return Attribution(
        level=level,
        name=tuple(name for _, name, _ in models),
        affected=affected,
        prior=shares,
        log_marginal=log_marginal,
        posterior=posterior,
        of_level={
            each: math.fsum(
                p for p, own in zip(posterior.tolist(), level, strict=True) if own == each
            )
            for each in LEVELS
            if each in level
        },
        of_construct=np.array([math.fsum(posterior[column].tolist()) for column in affected.T]),
    )


def _models(programmes: Sequence[str]) -> list[tuple[Level, str, NDArray[np.bool_]]]:
    n_constructs = len(programmes)
    own = np.array(programmes, dtype=object)
    models: list[tuple[Level, str, NDArray[np.bool_]]] = [
        ("nothing", "nothing", np.zeros(n_constructs, dtype=np.bool_))
    ]
    models += [("construct", str(j), np.arange(n_constructs) == j) for j in range(n_constructs)]
    for name in sorted(set(programmes)):
        member = np.asarray(own == name, dtype=np.bool_)
        if 1 < member.sum() < n_constructs:
            models.append(("programme", name, member))
    if n_constructs > 1:
        models.append(("platform", "platform", np.ones(n_constructs, dtype=np.bool_)))
    return models


def _shares(level: tuple[Level, ...], weights: Mapping[Level, float] | None) -> NDArray[np.float64]:
    if weights is None:
        weights = {"nothing": 0.5, "construct": _EVEN, "programme": _EVEN, "platform": _EVEN}
    for each in LEVELS:
        if each in level and not 0.0 < weights.get(each, 0.0) < math.inf:
            raise ValueError(f"weights[{each!r}] is {weights.get(each)}: must be positive")
    unknown = sorted(set(weights) - set(LEVELS))
    if unknown:
        raise ValueError(f"weights[{unknown[0]!r}]: must be one of {', '.join(LEVELS)}")
    total = math.fsum(weights[each] for each in LEVELS if each in level)
    return np.array([weights[each] / total / level.count(each) for each in level])


def _log_marginals(
    y: NDArray[np.float64],
    e: NDArray[np.float64],
    affected: NDArray[np.bool_],
    model: tuple[Prior, float, float],
) -> NDArray[np.float64]:
    prior, excess, dispersion = model
    null = _log_null(y, e, dispersion)
    known: dict[tuple[tuple[float, ...], ...], float] = {}
    values = []
    for member in affected:
        value = math.fsum(null[~member].tolist())
        if member.any():
            key = tuple(sorted(zip(y[member].tolist(), e[member].tolist(), strict=True)))
            if key not in known:
                constructs, _, _ = distinct([y[member], e[member] * excess], dispersion)
                known[key] = integrate(constructs, prior, log_threshold=0.0).log_marginal
            value += known[key]
        values.append(value)
    return np.array(values)


def _log_null(
    y: NDArray[np.float64], e: NDArray[np.float64], dispersion: float
) -> NDArray[np.float64]:
    shared = special.xlogy(y, e) - special.gammaln(y + 1.0)
    if math.isinf(dispersion):
        return np.asarray(shared - e, dtype=np.float64)
    k = dispersion
    rising = special.gammaln(y + k) - special.gammaln(k) - y * math.log(k)
    return np.asarray(shared + rising - (y + k) * special.log1p(e / k), dtype=np.float64)
