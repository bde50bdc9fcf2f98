"""Solving for quantiles: from anywhere, and in both tails to the digits that are promised."""

from typing import NamedTuple

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from detectors.disproportionality.ebgm import Prior, score
from detectors.disproportionality.ebgm.posterior import of_counts, of_pairs
from detectors.disproportionality.ebgm.quantile import Problem, Tail, problem_of, solve, tail_of

PRIORS = [
    Prior(20.95778, 1.65776, 1.73831, 1.56426, 0.03494),
    Prior(0.58010284, 0.027755086, 0.361418107, 0.777801632, 0.000372565),
    Prior(0.2, 0.1, 2.0, 4.0, 1 / 3),
    Prior(0.3, 0.1, 0.35, 0.7, 0.5),  # without a report its lower limits are 1e-19 and the like
    Prior(0.03, 100.0, 0.2, 0.3, 0.01),
]
PROBABILITIES = [1e-5, 0.05, 0.5, 0.95, 1 - 1e-5]


class Equations(NamedTuple):
    problem: Problem
    tail: Tail


def equations(
    n: NDArray[np.int64], expected: NDArray[np.float64], prior: Prior, probability: float
) -> Equations:
    distinct, which = np.unique(n, return_inverse=True)
    counts = of_counts(distinct, prior)
    tail = tail_of(probability, counts)
    posterior = of_pairs(n.astype(np.float64), expected, counts.log_odds[which], prior)
    return Equations(problem_of(posterior, counts, tail, which), tail)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_from_wherever_a_search_begins_it_ends_at_one_quantile(
    probability: float, prior: Prior
) -> None:
    rng = np.random.default_rng(seed=3)
    n = rng.choice([0, 1, 2, 5, 30, 1_000, 100_000], 400)
    expected = np.exp(rng.normal(np.log(n + 0.2), 1.0))
    problem, tail = equations(n, expected, prior, probability)

    found = solve(problem, tail)

    # Far starts, and near ones from which a step or two must do.
    nears = [found + sign * 10.0 ** rng.uniform(-9.0, -1.0, 400) for sign in (-1.0, 1.0)]
    for start in (problem.low, problem.high, *nears):
        assert_allclose(solve(problem, tail, start), found, rtol=1e-15, atol=1e-14)  # rounding


def test_the_bracket_holds_the_quantile_whichever_component_is_the_lower_one() -> None:
    n, expected = np.array([3, 3]), np.array([0.5, 0.5])
    for prior in (Prior(9.0, 1.0, 1.0, 4.0, 0.5), Prior(1.0, 4.0, 9.0, 1.0, 0.5)):
        problem, tail = equations(n, expected, prior, 0.05)

        found = solve(problem, tail)

        assert (problem.low < found).all()
        assert (found < problem.high).all()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("n", [0, 1, 3, 40])
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_a_quantile_has_twelve_digits_in_either_tail(
    probability: float, n: int, prior: Prior
) -> None:
    expected = 0.3 + 0.4 * n

    found = score(n, expected, prior, quantiles=(probability,)).quantiles.item()

    with mpmath.workdps(40):
        p, asked, x = (mpmath.mpf(float(value)) for value in (prior.p, probability, found))
        parts = []
        for share, alpha, beta in (
            (p, prior.alpha1, prior.beta1),
            (1 - p, prior.alpha2, prior.beta2),
        ):
            a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
            both, shape = b + mpmath.mpf(expected), a + n
            weight = share * mpmath.rf(a, n) * (b / both) ** a * both**-n
            below = mpmath.gammainc(shape, 0, both * x, regularized=True)
            slope = (both * x) ** shape * mpmath.exp(-both * x) / mpmath.gamma(shape)
            parts.append((weight, below, slope))
        total = sum(weight for weight, _, _ in parts)
        mass = sum(weight * below for weight, below, _ in parts) / total
        slope = sum(weight * slope for weight, _, slope in parts) / total
        error = abs((mass - asked) / slope)  # of the quantile's logarithm
    assert error < 1e-12  # promised
