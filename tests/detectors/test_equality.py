"""A design that meets its level exactly keeps it: exact fractions decide, and never rounding."""

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest

from detectors.sequential.binomial_maxsprt import critical_value, spending_boundary
from detectors.small_population.stopping import beta_binomial, pocock, simon

RATIOS = [1, 2, 3, 4, 5, 7, 9, 11, 19]


@pytest.mark.parametrize(("ratio", "n"), list(product(RATIOS, range(1, 7))))
def test_a_binomial_maxsprt_may_spend_all_of_alpha(ratio: int, n: int) -> None:
    alpha = float(Fraction(1, (1 + ratio) ** n))  # all exposed

    found = critical_value(n, ratio=float(ratio), alpha=alpha)

    assert alpha * (1 - 1e-12) < found.attained_size <= alpha


@pytest.mark.parametrize(("ratio", "n"), list(product(RATIOS, range(1, 7))))
def test_a_spent_target_is_spent_whole(ratio: int, n: int) -> None:
    target = float(Fraction(1, (1 + ratio) ** n))

    found = spending_boundary(
        [float(ratio)] * n, n_max=n, alpha=max(target, 1e-9), looks=[n], targets=[target]
    )

    assert found.least_exposed == (n,)
    assert target * (1 - 1e-12) < found.alpha_spent[0] <= target


@pytest.mark.parametrize(("tenths", "n"), list(product(range(1, 8), range(1, 7))))
def test_a_pocock_boundary_may_spend_all_of_alpha(tenths: int, n: int) -> None:
    alpha = float(Fraction(tenths, 10) ** n)  # one look, at which all must be bad

    found = pocock.Design(n, tenths / 10, alpha=alpha, min_patients=n)

    assert found.boundary[-1] == n
    assert alpha * (1 - 1e-12) < found.attained_size <= alpha


@pytest.mark.parametrize(("tenths", "n", "k"), list(product((1, 3, 5, 7, 9), (2, 5, 9), (0, 1, 2))))
def test_a_posterior_that_equals_its_cut_stops(tenths: int, n: int, k: int) -> None:
    # with a uniform prior P(p > x | k of n) is P(at most k of n + 1 at x)
    x = Fraction(tenths, 10)
    cut = float(sum(comb(n + 1, i) * x**i * (1 - x) ** (n + 1 - i) for i in range(k + 1)))

    found = beta_binomial.Design(n, tenths / 10, cut=cut, prior=(1.0, 1.0), min_patients=n)

    assert found.boundary[-1] == k


@pytest.mark.parametrize(("low", "high"), [(1, 3), (2, 4), (3, 5), (5, 7)])
def test_a_two_stage_design_may_have_the_errors_that_are_allowed(low: int, high: int) -> None:
    first = simon.find(low / 10, high / 10, alpha=0.1, beta=0.1)
    alpha = passes(first, Fraction(low, 10))
    beta = 1 - passes(first, Fraction(high, 10))

    again = simon.find(low / 10, high / 10, alpha=float(alpha), beta=float(beta))

    assert again == first


def passes(design: simon.Design, p: Fraction) -> Fraction:
    def mass(n: int, x: int) -> Fraction:
        return comb(n, x) * p**x * (1 - p) ** (n - x)

    later = design.n - design.n1
    return sum(
        (
            mass(design.n1, x) * mass(later, y)
            for x, y in np.ndindex(design.n1 + 1, later + 1)
            if x > design.r1 and x + y > design.r
        ),
        Fraction(0),
    )
