"""Logarithm and exponential: right, and alike wherever an element stands."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
from numpy.testing import assert_allclose

from detectors.elementary import exp, log, log_sum

X = np.random.default_rng(20240501).gamma(0.5, 2.0, 10_007)


def test_logarithm_and_exponential_are_those_of_the_mathematical_library() -> None:
    assert log(X).tolist() == [math.log(x) for x in X.tolist()]
    assert_allclose(exp(X), [math.exp(x) for x in X.tolist()], rtol=2.3e-16)  # the last bit


def test_an_element_of_a_reversed_array_has_the_same_bits() -> None:
    assert np.array_equal(log(X[::-1])[::-1], log(X))
    assert np.array_equal(exp(X[::-1])[::-1], exp(X))


def test_the_logarithm_of_a_sum_is_that_of_exact_arithmetic() -> None:
    logs = np.array([-800.0, -801.5, -math.inf, -900.0])

    with mpmath.workdps(40):
        exact = mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(x)) for x in logs.tolist()))
        assert_allclose(log_sum(logs), float(exact), rtol=1e-15)
        assert_allclose(log_sum(logs, parts=4), float(exact - mpmath.log(4)), rtol=1e-15)
    assert log_sum(np.array([])) == log_sum(np.array([-math.inf])) == -math.inf
