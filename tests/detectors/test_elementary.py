"""Logarithm and exponential: right, and alike wherever an element stands."""

import math

import numpy as np
from numpy.testing import assert_allclose

from detectors.elementary import exp, log

X = np.random.default_rng(20240501).gamma(0.5, 2.0, 10_007)


def test_logarithm_and_exponential_are_those_of_the_mathematical_library() -> None:
    assert log(X).tolist() == [math.log(x) for x in X.tolist()]
    assert_allclose(exp(X), [math.exp(x) for x in X.tolist()], rtol=2.3e-16)  # the last bit


def test_an_element_of_a_reversed_array_has_the_same_bits() -> None:
    assert np.array_equal(log(X[::-1])[::-1], log(X))
    assert np.array_equal(exp(X[::-1])[::-1], exp(X))
