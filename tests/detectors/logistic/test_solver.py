"""Where the minimum is sought from afar, and when the search ends."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from detectors.logistic.patterns import Patterns, collapse
from detectors.logistic.solver import _solve_for_signs, _sweep, minimise, violations


def of_one_product(a: int, b: int, c: int, d: int) -> Patterns:
    reports = np.repeat([[1], [1], [0], [0]], [a, b, c, d], axis=0)
    return collapse(reports, np.repeat([1, 0, 1, 0], [a, b, c, d]))


def test_a_violation_is_the_distance_to_the_slopes_that_the_penalty_allows() -> None:
    """At zero they lie between minus the penalty and it; elsewhere there is one."""
    gradient, x = np.array([0.5, -3.0, -2.0, 1.5, 0.25]), np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    penalty = np.array([2.0, 2.0, 2.0, 2.0, 0.0])

    assert violations(gradient, penalty, x).tolist() == [0.0, 1.0, 0.0, 3.5, 0.25]


@pytest.mark.parametrize("start", [[-8.0, 8.0], [3.0, -9.0]])
@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_the_minimum_is_found_from_afar(start: list[float], penalty: float) -> None:
    """There a whole step of Newton's method leads hundreds of log odds too far."""
    patterns = of_one_product(20, 80, 10, 190)

    found, near = (
        minimise(patterns, penalty=np.array([0.0, penalty]), start=np.array(x), tolerance=1e-9)
        for x in (start, [-3.0, 1.0])
    )

    assert found.violation <= 1e-9
    assert_allclose(found.coefficients, near.coefficients, rtol=1e-9)  # of some ten events
    if penalty == 0:
        assert_allclose(found.coefficients, np.log([10 / 190, 4.75]), rtol=1e-9)


def test_a_start_within_the_tolerance_is_kept() -> None:
    """At log odds of 0 two events are expected of four reports, and one is there."""
    patterns = collapse(np.zeros((4, 0)), [1, 0, 0, 0])

    found = minimise(patterns, penalty=np.zeros(1), start=np.zeros(1), tolerance=1.0)

    assert found.coefficients.tolist() == [0.0]
    assert found.violation == 1.0


def test_a_coefficient_moves_to_its_own_minimum() -> None:
    curvature, slope = np.diag([0.0, 0.5, 0.5, 4.0]), np.array([1.0, -2.0, 0.25, 2.0])
    penalty, x = np.array([0.5, 0.5, 0.5, 0.0]), np.array([3.0, 0.0, 0.0, 0.0])

    moved = _sweep(curvature, slope, penalty, x)

    assert moved.tolist() == [3.0, 3.0, 0.0, -0.5]  # all weights of the first have vanished
    assert slope.tolist() == [1.0, -0.5, 0.25, 0.0]


def model(
    linear: list[float], penalty: list[float], signs: list[float]
) -> NDArray[np.float64] | None:
    curvature = np.array([[2.0, 1.0], [1.0, 2.0]])[: len(linear), : len(linear)]
    return _solve_for_signs(curvature, np.array(linear), np.array(penalty), np.array(signs))


@pytest.mark.parametrize(
    ("linear", "penalty", "signs", "solution"),
    [
        ([-3.0], [1.0], [1.0], [1.0]),
        ([-3.0], [0.0], [-1.0], [1.5]),  # a free one has either sign
        ([-3.0], [0.0], [0.0], [1.5]),
        ([0.0], [0.0], [0.0], [0.0]),
        ([-3.0, -1.5], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0]),  # a slope of a half of the penalty
    ],
)
def test_a_model_is_minimised_by_the_right_signs(
    linear: list[float], penalty: list[float], signs: list[float], solution: list[float]
) -> None:
    found = model(linear, penalty, signs)

    assert found is not None
    assert found.tolist() == solution


@pytest.mark.parametrize(
    ("linear", "penalty", "signs"),
    [
        ([-3.0], [0.5], [-1.0]),
        ([-3.0], [1.0], [0.0]),
        ([-3.0, -2.5], [1.0, 1.0], [1.0, 0.0]),  # a slope of one and a half of the penalty
    ],
)
def test_wrong_signs_are_noticed(
    linear: list[float], penalty: list[float], signs: list[float]
) -> None:
    assert model(linear, penalty, signs) is None
