"""Lines of patients: against dense matrices, against simulation, and at their limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from detectors.effectiveness.durability import durability
from detectors.effectiveness.lines import Components, variance_components
from detectors.effectiveness.normal_pair import both_above

COMPONENTS = Components(100.0, 0.5, -3.0, 9.0)
PATIENT = [1, 1, 1, 2, 2, 5, 5, 5, 5, 7]
TIME = [0.0, 6.0, 12.0, 1.0, 9.0, 0.0, 3.0, 6.0, 15.0, 4.0]
LEVEL = [60.0, 61.0, 58.0, 40.0, 31.0, 55.0, 50.0, 44.0, 37.0, 48.0]


def dense(now: float) -> tuple[np.ndarray, np.ndarray]:
    """Solve the mixed-model equations of Henderson in full."""
    numbers = sorted(set(PATIENT))
    n = len(numbers)
    fixed = np.column_stack([np.ones(10), TIME])
    random = np.zeros((10, 2 * n))
    for row, (who, when) in enumerate(zip(PATIENT, TIME, strict=True)):
        i = numbers.index(who)
        random[row, 2 * i : 2 * i + 2] = 1.0, when
    c = COMPONENTS
    between = np.kron(np.eye(n), [[c.intercept, c.covariance], [c.covariance, c.slope]])
    both = np.hstack([fixed, random])
    system = both.T @ both / c.within
    system[2:, 2:] += np.linalg.inv(between)
    inverse = np.linalg.inv(system)
    solved = inverse @ both.T @ np.array(LEVEL) / c.within
    pick = np.zeros((n, 2 + 2 * n))
    for i in range(n):
        pick[i, :2] = pick[i, 2 + 2 * i : 4 + 2 * i] = 1.0, now
    return pick @ solved, np.diag(pick @ inverse @ pick.T)


def test_levels_and_their_errors_are_those_of_the_mixed_model_equations() -> None:
    found = durability(
        PATIENT, TIME, LEVEL, components=COMPONENTS, threshold=30.0, now=15.0, ahead=12.0
    )

    point, variance = dense(27.0)
    assert found.patient.tolist() == [1, 2, 5, 7]
    assert_allclose(found.level.point, point, rtol=1e-9)  # conditioning of the dense system
    assert_allclose((found.level.upper - found.level.point) / 1.959963984540054, np.sqrt(variance))


def test_the_order_of_the_values_changes_no_bit() -> None:
    order = np.random.default_rng(1).permutation(10)
    options = {"components": COMPONENTS, "threshold": 30.0, "now": 15.0, "ahead": 12.0}

    first = durability(PATIENT, TIME, LEVEL, **options)  # type: ignore[arg-type]
    second = durability(
        *(np.array(column)[order] for column in (PATIENT, TIME, LEVEL)),
        **options,  # type: ignore[arg-type]
    )

    assert first.level.point.tobytes() == second.level.point.tobytes()
    assert first.p_below_within.value.tobytes() == second.p_below_within.value.tobytes()


def test_the_chance_within_the_window_is_at_least_that_at_either_end() -> None:
    options = {"components": COMPONENTS, "threshold": 42.0, "now": 15.0}

    found = durability(PATIENT, TIME, LEVEL, ahead=12.0, **options)  # type: ignore[arg-type]
    now = durability(PATIENT, TIME, LEVEL, ahead=0.0, **options)  # type: ignore[arg-type]

    assert np.all(found.p_below_within.value >= found.p_below_at_end.value)
    assert np.all(found.p_below_within.value >= now.p_below_at_end.value - 1e-12)
    assert_allclose(now.p_below_within.value, now.p_below_at_end.value, atol=1e-7)  # one time twice


@given(first=st.floats(-4, 4), second=st.floats(-4, 4), correlation=st.floats(-0.99, 0.99))
@settings(max_examples=60, deadline=None)
def test_two_normal_numbers_agree_with_genz(
    first: float, second: float, correlation: float
) -> None:
    found = both_above(first, second, correlation)

    law = multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]])
    assert_allclose(found, law.cdf([first, second]), atol=1e-7)  # of the other method


def test_two_normal_numbers_at_their_limits() -> None:
    assert both_above(0.0, 0.0, 0.0) == 0.25
    assert_allclose(both_above(0.0, 1.0, 0.0), 0.5 * 0.8413447460685429, rtol=1e-14)
    assert_allclose(both_above(0.0, -1.0, 0.0), 0.5 * 0.15865525393145707, rtol=1e-14)
    assert_allclose(both_above(1.0, 2.0, 1.0), 0.8413447460685429, rtol=1e-14)
    assert_allclose(both_above(-1.0, 0.5, -1.0), 0.0, atol=1e-15)


@pytest.mark.slow
def test_intervals_cover_and_chances_come_true() -> None:
    rng = np.random.default_rng(4)
    covered, said, happened = [], [], []
    root = np.linalg.cholesky([[100.0, -3.0], [-3.0, 0.5]])
    patient, time = np.repeat(np.arange(6), 4), np.tile([0.0, 4.0, 8.0, 12.0], 6)

    for _ in range(300):
        lines = np.array([60.0, -1.0]) + rng.normal(size=(6, 2)) @ root.T
        level = lines[patient, 0] + lines[patient, 1] * time + rng.normal(0, 3.0, 24)
        found = durability(
            patient, time, level, components=COMPONENTS, threshold=40.0, now=12.0, ahead=12.0
        )
        at_end = lines[:, 0] + 24.0 * lines[:, 1]
        covered.append((found.level.lower <= at_end) & (at_end <= found.level.upper))
        said.append(found.p_below_within.value)
        happened.append(np.minimum(at_end, lines[:, 0] + 12.0 * lines[:, 1]) < 40.0)

    error = np.std(np.mean(covered, axis=1)) / math.sqrt(300)
    assert abs(np.mean(covered) - 0.95) < 3 * error  # standard errors
    gap = np.mean(np.array(said) - np.array(happened), axis=1)
    assert abs(gap.mean()) < 3 * gap.std() / math.sqrt(300)  # standard errors


def test_variances_of_many_patients_are_found_again() -> None:
    rng = np.random.default_rng(9)
    n = 2_000
    root = np.linalg.cholesky([[100.0, -3.0], [-3.0, 0.5]])
    lines = np.array([60.0, -1.0]) + rng.normal(size=(n, 2)) @ root.T
    patient, time = np.repeat(np.arange(n), 5), np.tile([0.0, 3.0, 6.0, 9.0, 12.0], n)

    found = variance_components(
        patient, time, lines[patient, 0] + lines[patient, 1] * time + rng.normal(0, 3.0, 5 * n)
    )

    assert found is not None
    assert_allclose(found.within, 9.0, rtol=3 * math.sqrt(2 / (3 * n)))  # three standard errors
    assert_allclose(found.intercept, 100.0, rtol=4 * math.sqrt(2 / n))  # with that of the lines
    assert_allclose(found.slope, 0.5, rtol=4 * math.sqrt(2 / n))  # the same
    assert_allclose(found.covariance, -3.0, atol=4 * math.sqrt((100 * 0.5 + 9) / n))  # the same


def test_variances_that_are_none_are_put_to_zero() -> None:
    noise = [0.1, -0.2, 0.1, -0.1, 0.2, -0.1]

    found = variance_components([1, 1, 1, 2, 2, 2], [0, 1, 2, 0, 1, 2], noise)

    assert found is not None
    assert found.intercept * found.slope >= found.covariance**2 * (1 - 1e-12)
    durability([1, 2], [0, 1], [1, 2], components=found, threshold=0.0, now=1, ahead=1)


def test_variances_need_two_patients_with_three_times_and_a_residual() -> None:
    assert variance_components([1, 1, 1, 2, 2], [0, 1, 2, 0, 1], [1, 2, 4, 1, 2]) is None
    assert variance_components([1, 1, 1, 2, 2, 2], [0, 1, 2] * 2, [1, 2, 3, 3, 2, 1]) is None


def test_values_of_one_time_have_a_state() -> None:
    found = durability(
        [1, 2], [3.0, 3.0], [5.0, 6.0], components=COMPONENTS, threshold=1.0, now=3.0, ahead=1.0
    )

    assert found.level.state.tolist() == ["one_time", "one_time"]
    assert np.isnan(found.p_below_within.value).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"components": Components(-1.0, 1.0, 0.0, 1.0)}, "components.intercept is -1.0"),
        ({"components": Components(1.0, 1.0, 1.1, 1.0)}, "components.covariance is 1.1"),
        ({"components": Components(1.0, 1.0, 0.0, 0.0)}, "components.within is 0.0"),
        ({"threshold": math.nan}, "threshold is nan"),
        ({"ahead": -1.0}, "ahead is -1.0"),
        ({"now": math.inf}, "now is inf"),
        ({"confidence_level": 1.0}, "confidence_level is 1.0"),
        ({"time": [0.0, math.nan]}, r"time\[1\] is nan"),
        ({"level": [1.0]}, "must be one row"),
        ({"patient": [1.5, 2]}, r"patient\[0\] is 1.5"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    good = {
        "patient": [1, 2], "time": [0.0, 1.0], "level": [2.0, 3.0], "components": COMPONENTS,
        "threshold": 1.0, "now": 1.0, "ahead": 1.0,
    }  # fmt: skip

    with pytest.raises(ValueError, match=message):
        durability(**{**good, **arguments})  # type: ignore[arg-type]


def test_two_means_whose_product_underflows_are_as_good_as_zero() -> None:
    assert_allclose(both_above(1e-200, -1e-200, 0.0), 0.25, rtol=1e-14)
