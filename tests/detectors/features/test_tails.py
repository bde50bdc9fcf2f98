"""Binomial masses and tails against exact fractions."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.features.tails import binomial_mass, binomial_p, binomial_tail, log_choose, summed_p

shares = st.sampled_from([Fraction(1, 3), Fraction(1, 1000), Fraction(7, 8), Fraction(1, 2)])


def exact_mass(n: int, k: int, share: Fraction) -> Fraction:
    return math.comb(n, k) * share**k * (1 - share) ** (n - k)


@given(st.integers(0, 60), st.integers(0, 70), shares)
def test_masses_and_tails_are_exact_sums(n: int, k: int, share: Fraction) -> None:
    tail = sum((exact_mass(n, j, share) for j in range(k, n + 1)), Fraction(0))

    assert_allclose(binomial_tail(n, k, float(share)), float(tail), rtol=1e-12)
    mass = float(exact_mass(n, k, share)) if k <= n else 0.0
    assert_allclose(binomial_mass(n, k, float(share)), mass, rtol=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_logarithm_of_a_coefficient_has_its_digits(n: int, k: int) -> None:
    if k <= n:
        assert_allclose(
            log_choose(n, k), math.log(math.comb(n, k)), rtol=1e-12, atol=1e-12
        )  # of terms near 1e3


def test_a_certain_and_an_impossible_hit() -> None:
    assert binomial_mass(3, [0, 3], [0.0, 1.0]).tolist() == [1.0, 1.0]
    assert binomial_mass(3, [1, 2], [0.0, 1.0]).tolist() == [0.0, 0.0]
    assert binomial_tail(3, [-1, 0, 4], 0.5).tolist() == [1.0, 1.0, 0.0]


def test_a_tail_of_no_chance_has_no_logarithm_and_one_below_doubles_has() -> None:
    n, k, share = np.array([4, 4, 400]), np.array([1, 0, 300]), np.array([0.0, 0.0, 0.001])

    found = binomial_p(n, k, share, np.full(3, "defined"))

    exact = sum(exact_mass(400, j, Fraction(1, 1000)) for j in range(300, 401))
    assert found.p.tolist() == [0.0, 1.0, 0.0]
    log_exact = math.log(Fraction(exact).numerator) - math.log(Fraction(exact).denominator)
    assert found.log_p[:2].tolist() == [-math.inf, 0.0]
    assert_allclose(found.log_p[2], log_exact, rtol=1e-12)


def test_a_sum_above_one_is_one_and_one_near_zero_is_refused() -> None:
    found = summed_p(np.array([1.0 + 1e-15, 1e-289, 1e-291, np.nan, 1e-290]), np.full(5, "defined"))

    assert found.state.tolist() == ["defined"] * 2 + ["beyond_exact"] * 2 + ["defined"]
    assert found.p[0] == 1.0
    assert_allclose(found.log_p[1], -289 * math.log(10), rtol=1e-14)
    assert np.isnan(found.p[2:4]).all()
