"""Incomplete integrals against multiple precision, from a few events to a million."""

from math import isfinite

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.anytime.log_tails import (
    log_beta_above,
    log_beta_ratio,
    log_gamma_above,
    log_gamma_below,
    log_gamma_ratio,
)

NEAR = pytest.approx  # relative and absolute: the result may be near 0
DIGITS = 50
positive = st.floats(1e-6, 1e6)
GAMMA = [
    (1.0, 0.25), (0.5, 1e-8), (1e-6, 1e-6), (5.0, 0.3), (14.9, 3.0), (15.1, 40.0), (30.0, 400.0),
    (1_000.0, 1_000.0), (1_000.0, 1_300.0), (1_300.0, 1_000.0), (4e4, 4.2e4), (4.2e4, 4e4),
    (3.0, 1e6), (1e4, 1e-8),
]  # fmt: skip
BETA = [
    (1.0, 1.0, 0.25), (0.5, 0.5, 1e-9), (0.5, 20.0, 0.9), (20.0, 0.5, 0.02), (1.0, 300.0, 0.5),
    (300.0, 1.0, 0.5), (2_000.0, 2_100.0, 0.5), (2_100.0, 2_000.0, 0.5), (1e-6, 1e-6, 0.5),
    (40.0, 4_000.0, 0.02), (1e-3, 50.0, 1e-9),
]  # fmt: skip


def above_twin(shape: float, rate: float) -> float:
    with mpmath.workdps(DIGITS):
        s, x = mpmath.mpf(shape), mpmath.mpf(rate)
        return float(mpmath.log(mpmath.gammainc(s, x)) + x - s * mpmath.log(x))


def below_twin(shape: float, rate: float) -> float:
    with mpmath.workdps(DIGITS):
        s, x = mpmath.mpf(shape), mpmath.mpf(rate)
        total, term, k = mpmath.mpf(1), mpmath.mpf(1), 0
        while term > total * mpmath.mpf(10) ** -40 and k < 100_000:
            k += 1
            term *= x / (s + k)
            total += term
        return float(mpmath.log(total / s))


def beta_twin(hits: float, misses: float, share: float) -> float:
    with mpmath.workdps(DIGITS):
        a, b, p = mpmath.mpf(hits), mpmath.mpf(misses), mpmath.mpf(share)
        q = 1 - p
        # the series of positive terms in q
        total, term, k = mpmath.mpf(1), mpmath.mpf(1), 0
        while term > total * mpmath.mpf(10) ** -30 and k < 20_000:
            term *= (a + b + k) / (b + 1 + k) * q
            total, k = total + term, k + 1
        if k < 20_000:
            return float(mpmath.log(total / b))
        whole = mpmath.beta(a, b) - mpmath.betainc(a, b, 0, p)
        return float(mpmath.log(whole) - a * mpmath.log(p) - b * mpmath.log(q))


@pytest.mark.parametrize(("shape", "rate"), GAMMA)
def test_the_upper_gamma_integral_is_that_of_multiple_precision(shape: float, rate: float) -> None:
    found = log_gamma_above(shape, rate)

    assert found == NEAR(above_twin(shape, rate), rel=1e-13, abs=1e-13)  # some ulp of either part


@pytest.mark.parametrize(("shape", "rate"), [case for case in GAMMA if case[1] < 1e5])
def test_the_lower_gamma_integral_is_that_of_multiple_precision(shape: float, rate: float) -> None:
    found = log_gamma_below(shape, rate)

    assert found == NEAR(below_twin(shape, rate), rel=1e-13, abs=1e-13)  # some ulp of either part


@pytest.mark.parametrize(("hits", "misses", "share"), BETA)
def test_the_beta_integral_is_that_of_multiple_precision(
    hits: float, misses: float, share: float
) -> None:
    found = log_beta_above(hits, misses, share)

    assert found == NEAR(beta_twin(hits, misses, share), rel=3e-13, abs=3e-13)  # SciPy's tail


@pytest.mark.parametrize(("events", "mu"), [(10**6, 1e6), (10**6, 1.01e6), (990_000, 1e6)])
def test_a_million_events_lose_no_digit(events: int, mu: float) -> None:
    with mpmath.workdps(DIGITS):  # shape 1: the upper tail is a sum over a Poisson distribution
        s, x = mpmath.mpf(events + 1), mpmath.mpf(mu)
        total, term, k = mpmath.mpf(1), mpmath.mpf(1), events
        while k > 0 and term > mpmath.mpf(10) ** -25:
            term *= k / x
            total, k = total + term, k - 1
        twin = float(mpmath.log(total / x))

    found = log_gamma_above(float(s), mu)

    assert found == NEAR(twin, rel=1e-12)


@given(shape=positive, rate=positive)
@settings(max_examples=300, deadline=None)
def test_the_two_gamma_integrals_add_up_to_the_whole(shape: float, rate: float) -> None:
    above, below = log_gamma_above(shape, rate), log_gamma_below(shape, rate)

    whole = max(above, below) + float(mpmath.log1p(mpmath.exp(-abs(above - below))))
    assert isfinite(above)
    assert isfinite(below)
    assert log_gamma_ratio(shape, rate) == NEAR(whole, rel=1e-11, abs=1e-11)  # of SciPy's tails


@given(hits=positive, misses=positive, share=st.floats(1e-9, 1 - 1e-9))
@settings(max_examples=300, deadline=None)
def test_the_two_beta_integrals_add_up_to_the_whole(
    hits: float, misses: float, share: float
) -> None:
    above, below = log_beta_above(hits, misses, share), log_beta_above(misses, hits, 1 - share)

    whole = max(above, below) + float(mpmath.log1p(mpmath.exp(-abs(above - below))))
    # 1 - share is rounded, which moves the logarithm by the counts
    error = 1e-10 + 1e-16 * (hits + misses) / min(share, 1 - share)
    assert log_beta_ratio(hits, misses, share) == NEAR(whole, rel=1e-10, abs=error)


def test_the_integrals_do_not_jump_where_the_way_of_computing_them_changes() -> None:
    rates = [20.0 + 0.5 * i for i in range(200)]  # the tail falls below 1e-20 on the way

    found = [log_gamma_above(5.0, rate) for rate in rates]

    curvature = [a - 2 * b + c for a, b, c in zip(found, found[1:], found[2:], strict=False)]
    assert all(0 < value < 1e-3 for value in curvature)
