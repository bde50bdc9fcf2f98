"""Climbing hills whose tops are known, in place of a likelihood."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from detectors.disproportionality.ebgm import climbing
from detectors.disproportionality.ebgm.climbing import HIGH, LOW, Summit, climb
from detectors.disproportionality.ebgm.likelihood import Surface, pairs_of

Reals = NDArray[np.float64]
Hill = Callable[[Reals], Surface]
Climb = Callable[..., Summit]

MIDDLE = np.array([0.5, -1.0, 0.3, 1.0, -2.0])
BENDS = np.array([1e-4, 3e-2, 1.0, 20.0, 400.0])


@pytest.fixture
def climbed(monkeypatch: pytest.MonkeyPatch) -> Climb:
    """Climb a hill that is a function of the transformed parameters."""

    def run(hill: Hill, start: Reals, *, tolerance: float = 1e-10, most_steps: int = 200) -> Summit:
        monkeypatch.setattr(climbing, "from_transformed", lambda x: x)
        monkeypatch.setattr(climbing, "surface", lambda _pairs, x, _likelihood: hill(x))
        none = pairs_of([1], [1.0], None, "full")  # the hill does not depend on it
        return climb(none, start, likelihood="full", tolerance=tolerance, most_steps=most_steps)

    return run


def parabola(top: Reals, bends: Reals = BENDS, correlation: float = 0.0) -> Hill:
    root = np.sqrt(bends)
    bend = np.outer(root, root) * (correlation + (1.0 - correlation) * np.eye(5))

    def hill(x: Reals) -> Surface:
        away = x - top
        return Surface(float(-0.5 * away @ bend @ away), -bend @ away, -bend)

    return hill


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_a_parabola_is_climbed_in_four_steps_whatever_its_bends(
    correlation: float, climbed: Climb
) -> None:
    start = MIDDLE + np.array([0.9, -0.8, 0.7, -0.6, 0.5])

    found = climbed(parabola(MIDDLE, correlation=correlation), start, most_steps=4)

    # A damping of 0.001, a tenth of it, and so on, leave no more than 1e-18 of the first gradient.
    assert found.gradient_norm <= 1e-10
    assert_allclose(found.x, MIDDLE, atol=1e-5)  # the gradient over the least bend
    assert found.is_peak


def test_of_a_top_beyond_the_bounds_the_nearest_point_is_reached_and_what_holds_it_is_named(
    climbed: Climb,
) -> None:
    beyond = np.array([LOW[0] - 1.0, 0.0, HIGH[2] + 1.0, 0.0, LOW[4] - 1.0])

    found = climbed(parabola(beyond, np.full(5, 0.01)), MIDDLE)

    assert found.x[[0, 2, 4]].tolist() == [LOW[0], HIGH[2], LOW[4]]
    assert found.is_held.tolist() == [True, False, True, False, True]
    assert found.gradient_norm <= 1e-10  # of the two that are free
    assert found.is_peak


@pytest.mark.parametrize(("toward", "gamma", "p"), [(-1.0, 1e-4, 1e-7), (1.0, 1e4, 1.0 - 1e-7)])
def test_the_bounds_are_four_powers_of_ten_either_way_and_a_weight_of_a_ten_millionth(
    toward: float, gamma: float, p: float, climbed: Climb
) -> None:
    found = climbed(parabola(np.full(5, 30.0 * toward), np.ones(5)), MIDDLE)

    assert_allclose(np.exp(found.x[:4]), gamma, rtol=1e-13)
    assert_allclose(1.0 / (1.0 + np.exp(-found.x[4])), p, rtol=1e-13)
    assert_allclose(1.0 / (1.0 + np.exp(found.x[4])), 1.0 - p, rtol=1e-8)  # of 1 - 1e-7, a double
    assert found.is_held.all()


@pytest.mark.parametrize("top", [LOW, HIGH])
def test_bounds_do_not_hold_a_top_that_lies_on_them(top: Reals, climbed: Climb) -> None:
    found = climbed(parabola(top), top)

    assert not found.is_held.any()


@pytest.mark.parametrize("start", [LOW - 1.0, HIGH + 1.0])
def test_a_start_beyond_the_bounds_is_put_on_them_and_may_leave_them(
    start: Reals, climbed: Climb
) -> None:
    visited = []

    def hill(x: Reals) -> Surface:
        visited.append(x)
        return parabola(MIDDLE)(x)

    found = climbed(hill, start)

    assert visited[0].tolist() == np.clip(start, LOW, HIGH).tolist()
    assert_allclose(found.x, MIDDLE, atol=1e-5)


def test_a_climb_that_begins_at_the_top_looks_no_further(climbed: Climb) -> None:
    visited = []

    def hill(x: Reals) -> Surface:
        visited.append(x)
        return parabola(MIDDLE)(x)

    found = climbed(hill, MIDDLE, tolerance=0.0)

    assert len(visited) == 1
    assert found.x.tolist() == MIDDLE.tolist()


def test_a_slope_without_a_bend_is_climbed_to_its_bound(climbed: Climb) -> None:
    bends, slope = np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.array([1e-3, 0.0, 0.0, 0.0, 0.0])

    def hill(x: Reals) -> Surface:
        round_rest = parabola(MIDDLE, bends)(x)
        value, gradient = round_rest.value + float(slope @ x), round_rest.gradient + slope
        return Surface(value, gradient, round_rest.hessian)

    found = climbed(hill, MIDDLE + 0.5)

    assert found.x[0] == HIGH[0]
    assert found.is_held.tolist() == [True, False, False, False, False]
    assert_allclose(found.x[1:], MIDDLE[1:], atol=1e-9)


def test_where_a_hill_bends_upward_it_is_climbed_all_the_same(climbed: Climb) -> None:
    def hill(x: Reals) -> Surface:
        away = x - MIDDLE
        return Surface(float(np.cos(away).sum()), -np.sin(away), -np.diag(np.cos(away)))

    found = climbed(hill, MIDDLE + np.array([2.5, -2.0, 1.8, 0.1, 0.0]))

    assert_allclose((found.x - MIDDLE + np.pi) % (2 * np.pi), np.pi, atol=1e-9)  # some top
    assert found.is_peak


def test_a_saddle_is_no_peak(climbed: Climb) -> None:
    found = climbed(parabola(MIDDLE, correlation=1.5), MIDDLE)

    assert found.gradient_norm == 0.0
    assert not found.is_peak


def test_what_is_lost_within_rounding_does_not_keep_a_climb_from_the_top(climbed: Climb) -> None:
    n_visits = 0

    def hill(x: Reals) -> Surface:
        nonlocal n_visits
        n_visits += 1
        exact = parabola(MIDDLE)(x)
        return Surface(-100.0 - 1e-11 * n_visits, exact.gradient, exact.hessian)

    found = climbed(hill, MIDDLE + 0.5)

    assert found.gradient_norm <= 1e-10


def test_a_step_that_loses_more_than_rounding_is_not_taken_for_a_gradient_that_falls(
    climbed: Climb,
) -> None:
    start = MIDDLE + 0.5

    def hill(x: Reals) -> Surface:
        exact = parabola(MIDDLE)(x)
        return Surface(-100.0 if (x == start).all() else -101.0, exact.gradient, exact.hessian)

    found = climbed(hill, start)

    assert found.x.tolist() == start.tolist()


def test_where_neither_value_nor_gradient_gets_better_nothing_moves(climbed: Climb) -> None:
    found = climbed(lambda _: Surface(-1.0, np.full(5, 0.1), -np.eye(5)), MIDDLE)

    assert found.x.tolist() == MIDDLE.tolist()
