"""When a level changed: the posterior against brute force, and its invariances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate

from detectors.effectiveness.change_point import change_point

series = st.lists(st.floats(-20.0, 20.0), min_size=4, max_size=12, unique=True)


def log_marginal(values: np.ndarray, k: int, scale: float) -> float:
    """Integrate level, shift and spread on a grid of the spread; level and shift by their laws."""
    n, after = len(values), np.arange(len(values)) >= k

    def density(log_sd: float) -> float:
        sd = math.exp(log_sd)
        covariance = sd**2 * (np.eye(n) + (scale**2 * np.outer(after, after) if k < n else 0))
        inverse = np.linalg.inv(covariance)
        one = np.ones(n)
        weight = one @ inverse @ one
        mean = one @ inverse @ values / weight
        rest = values - mean
        _, determinant = np.linalg.slogdet(covariance)
        log_density = -0.5 * (determinant + math.log(weight) + rest @ inverse @ rest)
        return math.exp(log_density)

    found, _ = integrate.quad(density, -4.0, 7.0, epsabs=0, epsrel=1e-10, limit=200)
    return math.log(found)


def test_the_posterior_is_that_of_direct_integration() -> None:
    values = np.array([3.1, 2.4, 3.6, 1.0, 1.9, 0.7])

    found = change_point(values, direction="change", scale=1.5, prior_change=0.3)

    logs = np.array([log_marginal(values, k, 1.5) for k in range(1, 7)])
    factors = np.exp(logs[:5] - logs[5])
    assert_allclose(found.posterior, factors / factors.sum(), rtol=1e-6)  # of the quadrature
    assert_allclose(found.log_bayes_factor, math.log(factors.mean()), atol=1e-6)  # the same
    odds = 0.3 / 0.7 * factors.mean()
    assert_allclose(found.p_change, odds / (1 + odds), rtol=1e-6)  # the same


@given(values=series, shift=st.floats(-10, 10), factor=st.floats(0.1, 10.0))
def test_the_posterior_does_not_know_the_unit_or_the_zero(
    values: list[float], shift: float, factor: float
) -> None:
    first = change_point(values)
    if first.state != "defined" or np.ptp(values) < 1e-3:
        return
    spread = min(np.ptp(values[:k]) + np.ptp(values[k:]) for k in range(1, len(values)))
    if spread < 1e-3:
        return

    second = change_point([shift + factor * x for x in values])

    assert_allclose(first.posterior, second.posterior, rtol=1e-6, atol=1e-9)  # rounding
    assert_allclose(math.fsum(first.posterior), 1.0, rtol=1e-12)


def test_time_reversed_turns_a_fall_into_a_rise() -> None:
    values = [5.0, 6.0, 5.5, 2.0, 2.5, 1.0, 1.5]

    falls, rises = change_point(values), change_point(values[::-1], direction="rise")

    assert_allclose(falls.posterior, rises.posterior[::-1], rtol=1e-12)
    assert falls.most_likely == 2


def test_the_interval_of_times_holds_the_true_one_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    n, held = 400, 0

    for _ in range(n):
        last = int(rng.integers(0, 11))
        shift = -abs(rng.normal(0, 2.0))
        values = rng.normal(size=12) + shift * (np.arange(12) > last)
        found = change_point(values, confidence_level=0.8)
        held += found.earliest <= last <= found.latest

    assert held / n >= 0.8 - 3 * math.sqrt(0.16 / n)  # standard errors; drawn from the prior


def test_the_interval_leaves_half_of_the_rest_on_each_side() -> None:
    found = change_point([3.1, 2.4, 3.6, 1.0, 1.9, 0.7], confidence_level=0.6)

    reached = np.cumsum(found.posterior)
    assert reached[found.latest] >= 0.8 > reached[found.latest - 1]
    assert found.earliest == int(np.argmax(reached > 0.2))


def test_few_or_equal_values_have_a_state() -> None:
    assert change_point([1.0, 2.0]).state == "too_few"
    assert change_point([]).state == "too_few"
    assert change_point([2.0, 2.0, 2.0]).state == "no_spread"
    step = change_point([2.0, 2.0, 1.0, 1.0])
    assert (step.state, step.most_likely, step.posterior.shape) == ("no_spread", -1, (3,))
    assert math.isnan(step.p_change)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] is nan"):
        change_point([1.0, math.nan, 2.0])
    with pytest.raises(ValueError, match="must be a row"):
        change_point([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="direction is 'up'"):
        change_point([1.0, 2.0, 3.0], direction="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale is 0"):
        change_point([1.0, 2.0, 3.0], scale=0.0)
    with pytest.raises(ValueError, match="prior_change is 1"):
        change_point([1.0, 2.0, 3.0], prior_change=1.0)


def test_extreme_values_do_not_overflow() -> None:
    found = change_point([1e60, -1e60, 0.0, 1e-300, 5.0])

    assert np.isfinite(found.posterior).all()
