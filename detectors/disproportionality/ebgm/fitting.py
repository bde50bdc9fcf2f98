"""Maximum likelihood for the prior, from many starting points, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.disproportionality.ebgm.climbing import (
    BOUNDS,
    Summit,
    climb,
    from_transformed,
    to_transformed,
)
from detectors.disproportionality.ebgm.likelihood import pairs_of, total_log_likelihood
from detectors.disproportionality.ebgm.pairs import Pairs
from detectors.disproportionality.ebgm.prior import Diagnostics, Likelihood, NotConverged, Prior
from detectors.disproportionality.ebgm.squashing import Squashed
from detectors.disproportionality.ebgm.starting import explored, starting_points

GREATEST_GRADIENT = 1e-8  # of the mean log-likelihood; see the notes of `fit`
TOLERANCE = 1e-10  # where a climb stops
SAME_LOG_LIKELIHOOD = 1e-6  # two ends nearer than this are one optimum
LEAST_AGREEING = 2
FEWEST_STARTS = 2
MORE_STARTS = (2, 8)  # times those asked for, while one alone reaches the best optimum
FEWEST_POINTS = 6  # one more than there are parameters


def fit(
    n: ArrayLike | Squashed,
    expected: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
    likelihood: Likelihood = "truncated_mixture",
    n_starts: int = 8,
    start: Prior | None = None,
) -> Prior:
    r"""Fit the prior of the gamma-Poisson shrinker by maximum likelihood.

    Parameters
    ----------
    n : array_like of whole numbers, shape (n_pairs,), or Squashed
        Reports observed, at least 1 unless `likelihood` is ``full``; or squashed counts, whose fit
        then also says its likelihood on the full data.
    expected : array_like, shape (n_pairs,), optional
        Reports expected if product and event were independent; positive. Not given with a
        `Squashed`.
    weights : array_like of whole numbers, shape (n_pairs,), optional
        How many pairs each stands for; 1 each if not given. Not given with a `Squashed`.
    likelihood : {"truncated_mixture", "full", "openebgm"}
        Which likelihood; `negative_log_likelihood` defines them. ``full`` needs the pairs that were
        never reported among the rest, the other two need them left out. ``openebgm`` repeats the
        fits of that package; limits at its prior miss more often than they promise.
    n_starts : int, default: 8
        Starting points, at least 2: those of `starting.starting_points`, always the same. If a
        single one reaches the best optimum, twice and then eight times as many are tried.
    start : Prior, optional
        One more starting point, such as the prior of last month.

    Returns
    -------
    Prior
        The parameters of the highest optimum found, the component with the larger mean first, with
        `diagnostics`.

    Raises
    ------
    ValueError
        If an argument is out of range.
    NotConverged
        If fewer than 6 distinct pairs are given, if the gradient does not vanish, if one start
        alone ends in the best optimum, or if the likelihood there does not bend down in every
        direction, so that no single prior is best.

    Notes
    -----
    The likelihood has several optima on real data, and the best is often not the one that most
    starts reach. Each start is climbed with a damped Newton method on the logarithms of the gamma
    parameters and the logit of `p`, first on a coarse summary of the data; every distinct end is
    then climbed again on the data themselves. All that `diagnostics` says is of the data.

    The fit is called converged if no derivative of the mean log-likelihood of a pair by a
    transformed parameter exceeds 1e-8 in size. Parameters are searched within `climbing.BOUNDS`; a
    fit that ends there is a fit, and `boundary_hits` names them: a component narrower or broader
    than the data can tell, or, where `p` is named, one that is not needed and whose own parameters
    mean nothing.

    Two components and one likelihood leave the order of the components open: the first is the one
    with the larger mean :math:`\alpha / \beta`.

    The result does not depend on the order of the rows, nor on the processor, to the last bit.

    References
    ----------
    .. [1] DuMouchel W (1999). Bayesian data mining in large frequency tables, with an application
       to the FDA spontaneous reporting system. The American Statistician, 53(3), 177-190.
    .. [2] DuMouchel W, Pregibon D (2001). Empirical Bayes screening for multi-item associations.
       Proceedings of the Seventh ACM SIGKDD International Conference on Knowledge Discovery and
       Data Mining, 67-76.
    """
    if n_starts < FEWEST_STARTS or n_starts != int(n_starts):
        raise ValueError(f"n_starts is {n_starts}: must be a whole number of at least 2")
    data = _opened(n, expected, weights, likelihood)
    extra = [] if start is None else [to_transformed(_inside(start))]
    ends = _ends(data.pairs, [*extra, *starting_points(n_starts)], likelihood)
    for times in MORE_STARTS:
        if ends[0].n_reached >= LEAST_AGREEING or not ends[0].summit.is_peak:
            break
        ends = _ends(data.pairs, [*extra, *starting_points(times * n_starts)], likelihood)
    return _called_a_fit(data, ends, likelihood)


@dataclass(frozen=True, eq=False)
class _Data:
    pairs: Pairs
    full: Pairs | None
    is_squashed: bool


@dataclass(frozen=True, eq=False)
class _End:
    summit: Summit
    n_reached: int


def _opened(
    n: ArrayLike | Squashed,
    expected: ArrayLike | None,
    weights: ArrayLike | None,
    likelihood: Likelihood,
) -> _Data:
    if isinstance(n, Squashed):
        if expected is not None or weights is not None:
            raise ValueError("expected and weights must be left out where n is Squashed")
        pairs = pairs_of(n.n, n.expected, n.weights, likelihood)
        return _Data(pairs, n.full, is_squashed=True)
    if expected is None:
        raise ValueError("expected is missing: must be given unless n is Squashed")
    pairs = pairs_of(n, expected, weights, likelihood)
    return _Data(pairs, pairs if weights is None else None, is_squashed=False)


def _inside(prior: Prior) -> tuple[float, float, float, float, float]:
    low, high = BOUNDS["p"]
    *gammas, p = prior.parameters
    alpha1, beta1, alpha2, beta2 = gammas
    return alpha1, beta1, alpha2, beta2, min(max(p, low), high)


def _ends(pairs: Pairs, points: list[NDArray[np.float64]], likelihood: Likelihood) -> list[_End]:
    # Best first. What the coarse data tell apart the full data may not, so they are merged twice.
    coarse = explored(pairs)
    rough = [climb(coarse, x, likelihood=likelihood, tolerance=TOLERANCE) for x in points]
    merged = _merged([_End(_ordered(summit), 1) for summit in rough], coarse.total)
    fine = [
        replace(end, summit=_ordered(_polished(pairs, end.summit, likelihood))) for end in merged
    ]
    return _merged(fine, pairs.total)


def _polished(pairs: Pairs, summit: Summit, likelihood: Likelihood) -> Summit:
    return climb(pairs, summit.x, likelihood=likelihood, tolerance=TOLERANCE)


def _merged(ends: list[_End], total: float) -> list[_End]:
    distinct: list[_End] = []
    for end in sorted(ends, key=lambda end: -end.summit.value):
        last = distinct[-1] if distinct else None
        if last is None or (last.summit.value - end.summit.value) * total > SAME_LOG_LIKELIHOOD:
            distinct.append(end)
        else:
            distinct[-1] = replace(last, n_reached=last.n_reached + end.n_reached)
    return distinct


def _ordered(summit: Summit) -> Summit:
    alpha1, beta1, alpha2, beta2, _ = summit.x
    if alpha1 - beta1 >= alpha2 - beta2:
        return summit
    places = [2, 3, 0, 1, 4]
    x = summit.x[places]
    x[4] = -x[4]
    return replace(summit, x=x, is_held=summit.is_held[places])


def _called_a_fit(data: _Data, ends: list[_End], likelihood: Likelihood) -> Prior:
    best, total = ends[0], data.pairs.total
    summit = best.summit
    parameters = from_transformed(summit.x)
    log_likelihood = total_log_likelihood(data.pairs, parameters, likelihood)
    full = data.full
    prior = Prior(
        *parameters,
        diagnostics=Diagnostics(
            likelihood=likelihood,
            log_likelihood=log_likelihood,
            full_log_likelihood=(
                None if full is None else total_log_likelihood(full, parameters, likelihood)
            ),
            gradient_norm=summit.gradient_norm,
            n_starts=sum(end.n_reached for end in ends),
            n_agreeing=best.n_reached,
            gap_between_starts=(
                (summit.value - ends[1].summit.value) * total if len(ends) > 1 else 0.0
            ),
            boundary_hits=tuple(
                name for name, held in zip(BOUNDS, summit.is_held, strict=True) if held
            ),
            n_pairs=int(total),
            n_points=data.pairs.n.size,
            is_squashed=data.is_squashed,
        ),
    )
    _refuse_what_is_no_fit(prior, best, data.pairs.n.size)
    return prior


def _refuse_what_is_no_fit(prior: Prior, best: _End, n_points: int) -> None:
    if n_points < FEWEST_POINTS:
        raise NotConverged(
            f"there are {n_points} distinct pairs: five parameters need at least {FEWEST_POINTS}",
            prior,
        )
    if not best.summit.gradient_norm <= GREATEST_GRADIENT:
        raise NotConverged(
            f"the gradient norm is {best.summit.gradient_norm:.1e}, not below {GREATEST_GRADIENT}:"
            " look at `best`, and fit more pairs or another likelihood",
            prior,
        )
    if not best.summit.is_peak:
        raise NotConverged(
            "the likelihood is flat at its best, so that many priors fit as well: there are too"
            " few pairs, or their counts are too much alike, for two components",
            prior,
        )
    if best.n_reached < LEAST_AGREEING:
        raise NotConverged(
            f"only {best.n_reached} start reached the best optimum: raise n_starts",
            prior,
        )
