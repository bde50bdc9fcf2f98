"""The Weibull shape against other optimisers, SciPy's fit, its limits, and simulation."""

import itertools
import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import optimize, stats

from detectors.estimate import Estimate
from detectors.features.onset_shape import Observation, _excess, hazard, onset_shape

OBSERVATIONS: tuple[Observation, ...] = ("complete", "right_truncated")


def log_likelihood(by_day: list[int], shape: float, log_rate: float, *, truncated: bool) -> float:
    """Add up the definition with forty digits; the rate is the scale to the power of -shape."""
    with mpmath.workdps(40):
        rate = mpmath.exp(log_rate)
        survival = [mpmath.exp(-rate * mpmath.mpf(t) ** shape) for t in range(len(by_day) + 1)]
        seen = 1 - survival[-1] if truncated else mpmath.mpf(1)
        chances = [(a - b) / seen for a, b in itertools.pairwise(survival)]
        return float(sum(n * mpmath.log(p) for n, p in zip(by_day, chances, strict=True) if n))


FIT_CASES = [
    [9, 4, 3, 2, 1, 1, 1, 0, 0, 1],
    [0, 0, 2, 5, 9, 4, 1, 0, 0, 0, 0, 0],
    [5, 0, 0, 0, 1, 0, 0, 1],
    [0, 1, 0, 1, 0, 0],
    [3, 3, 3, 2, 2, 1],
    [400, 0, 30, 20, 0, 9, 0, 3],
]
# Early onsets of which the truncated ones are best fitted by a power law.
UNSCALED_CASES = [[5, 0, 0, 0, 1, 0, 0, 1], [400, 0, 30, 20, 0, 9, 0, 3]]
SCALED_CASES = [
    (by_day, observation)
    for by_day in [*FIT_CASES, [10, 9, 9, 8, 8, 7], [0, 8, 9, 3, 0, 0, 0, 0, 0]]
    for observation in OBSERVATIONS
    if observation == "complete" or by_day not in UNSCALED_CASES
]


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("by_day", FIT_CASES)
def test_the_fit_is_where_the_definition_is_greatest(
    by_day: list[int], observation: Observation
) -> None:
    found = onset_shape(by_day, observation=observation)
    shape, scale = float(found.shape.point), float(found.scale_days.value)
    has_scale = found.scale_days.state == "defined"
    log_rate = -shape * math.log(scale) if has_scale else -40.0  # e^-40 is no rate

    def height(more_shape: float, more_rate: float) -> float:
        by = (shape * math.exp(more_shape), log_rate + more_rate)
        return log_likelihood(by_day, *by, truncated=observation == "right_truncated")

    best = height(0.0, 0.0)
    assert_allclose(found.log_likelihood.value, best, rtol=1e-11, atol=1e-11)  # sums of a hundred
    for move in (-0.01, 0.01, -0.3, 0.3):
        assert height(move, 0.0) < best
        for turn in (-0.01, 0.01, -0.3, 0.3) if has_scale else ():
            assert height(move, turn) < best
            assert height(0.0, turn) < best


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("by_day", FIT_CASES)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_limit_is_where_no_scale_lifts_the_likelihood_above_its_drop(
    by_day: list[int], observation: Observation, level: float
) -> None:
    found = onset_shape(by_day, observation=observation, confidence_level=level)
    truncated = observation == "right_truncated"

    for limit in (float(found.shape.lower), float(found.shape.upper)):
        profile = optimize.minimize_scalar(
            lambda x, shape=limit: -log_likelihood(by_day, shape, x, truncated=truncated),
            bounds=(-40.0, 10.0),
            options={"xatol": 1e-7},
        )
        lost = float(found.log_likelihood.value) + profile.fun
        assert_allclose(2 * lost, stats.chi2.ppf(level, 1), rtol=1e-8)  # the square of 1e-7


@pytest.mark.parametrize(("by_day", "observation"), SCALED_CASES)
def test_both_derivatives_of_the_definition_vanish_at_the_fit(
    by_day: list[int], observation: Observation
) -> None:
    found = onset_shape(by_day, observation=observation)
    assert found.scale_days.state == "defined"  # also where the scale is beyond the last day
    shape, scale = float(found.shape.point), float(found.scale_days.value)

    def height(log_shape: float, log_rate: float) -> float:
        truncated = observation == "right_truncated"
        return log_likelihood(by_day, math.exp(log_shape), log_rate, truncated=truncated)

    x, y, step = math.log(shape), -shape * math.log(scale), 1e-4
    for by_shape, by_rate in ((step, 0.0), (0.0, step)):
        up, down = height(x + by_shape, y + by_rate), height(x - by_shape, y - by_rate)
        curvature = (2 * height(x, y) - up - down) / step**2
        # A step's cube and the rounding of the sums leave this much of the derivative.
        assert abs(up - down) / (2 * step) < 1e-6 * curvature


@pytest.mark.parametrize("rate", [0.3, 7.0])
def test_the_excess_of_a_gap_has_all_its_digits(rate: float) -> None:
    gap = np.array([1e-9, 1e-3, 0.03, 0.0499, 0.0501, 0.06, 0.5, 1.0, 20.0]) / rate

    found = _excess(rate, gap)

    with mpmath.workdps(60):
        exact = [x / mpmath.expm1(mpmath.mpf(rate) * x) - 1 / mpmath.mpf(rate) for x in gap]
    assert_allclose(found, [float(x) for x in exact], rtol=2e-14)  # forty roundings, as x is small


days = st.lists(st.integers(0, 6), min_size=4, max_size=15)


@given(days, st.sampled_from(OBSERVATIONS))
@settings(max_examples=40)
def test_no_other_top_is_higher(by_day: list[int], observation: Observation) -> None:
    found = onset_shape(by_day, observation=observation)
    if found.shape.state != "defined":
        return

    truncated = observation == "right_truncated"
    for shape in (0.05, 0.3, 0.8, 1.0, 1.6, 4.0, 12.0):
        for scale in (0.5, 1.0, 3.0, 8.0, 40.0, 1e4):
            rate = -shape * math.log(scale)
            other = log_likelihood(by_day, shape, rate, truncated=truncated)
            assert other <= float(found.log_likelihood.value) + 1e-9


@given(days, st.sampled_from(OBSERVATIONS))
def test_the_slope_is_zero_and_the_limits_enclose_the_shape(
    by_day: list[int], observation: Observation
) -> None:
    found = onset_shape(by_day, observation=observation)
    if found.shape.state != "defined":
        return

    assert abs(float(found.slope.value)) < 1e-11  # 1e-13 of the root, times the curvature
    assert 0 < found.shape.lower < found.shape.point < found.shape.upper < math.inf


def test_fine_days_give_the_fit_of_continuous_times() -> None:
    times = stats.weibull_min.rvs(1.7, scale=3e4, size=200, random_state=20120101)

    found = onset_shape(np.bincount(times.astype(int)))

    shape, _, scale = stats.weibull_min.fit(times, floc=0)
    assert_allclose(found.shape.point, shape, rtol=2e-3)  # a day of some ten thousand
    assert_allclose(found.scale_days.value, scale, rtol=2e-3)


def test_truncation_far_away_changes_nothing() -> None:
    by_day = [9, 4, 3, 2, 1, 1, 1, 0, 0, 1] + [0] * 5_000

    complete, truncated = (onset_shape(by_day, observation=seen) for seen in OBSERVATIONS)

    assert_allclose(truncated.shape.point, complete.shape.point, rtol=1e-12)
    assert_allclose(truncated.shape.lower, complete.shape.lower, rtol=1e-6)  # a longer tail there
    assert_allclose(truncated.scale_days.value, complete.scale_days.value, rtol=1e-11)


def test_a_uniform_window_has_an_infinite_scale_and_shape_one() -> None:
    found = onset_shape([3] * 50, observation="right_truncated")

    assert_allclose(found.shape.point, 1.0, atol=0.05)
    assert found.scale_days.state.item() in ("no_scale", "defined")
    power = onset_shape(np.diff(1000 * np.arange(13) ** 2), observation="right_truncated")
    assert power.scale_days.state.item() == "no_scale"
    assert np.isnan(power.scale_days.value)
    assert_allclose(power.shape.point, 2.0, rtol=1e-9)  # the days' chances are those of a square


@pytest.mark.parametrize(
    ("by_day", "state"),
    [
        ([0, 0, 0], "no_report"),
        ([0, 1, 0], "too_few"),
        ([5, 0, 0], "one_burst"),
        ([5], "one_burst"),
        ([0, 5, 0], "one_burst"),
        ([0, 5, 4], "one_burst"),
        ([2, 5, 0], "one_burst"),
        ([2, 5, 1], "defined"),
        ([2, 0, 1], "defined"),
    ],
)
def test_an_unbounded_shape_is_a_state(by_day: list[int], state: str) -> None:
    found = onset_shape(by_day)

    for part in (found.shape, found.scale_days, found.log_likelihood, found.slope):
        assert part.state.item() == state
    for number in (found.shape.point, found.shape.lower, found.shape.upper, found.slope.value):
        assert bool(np.isnan(number)) == (state != "defined")


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize(
    "by_day",
    [
        [0] * 3_000 + [1, 1, 1],
        [0] * 100 + [1, 0, 1] + [0] * 10_000,
        [10**6, 0, 0, 1],
        [1, 0, 0, 10**6],
        [1] + [0] * 15 + [10**12],
        [1, 1] + [0] * 3_000 + [10**6] * 3,
    ],
)
def test_extreme_onsets_have_finite_fits(by_day: list[int], observation: Observation) -> None:
    found = onset_shape(by_day, observation=observation)

    assert found.shape.state.item() == "defined"
    assert 0 < found.shape.lower < found.shape.point < found.shape.upper < math.inf
    assert abs(float(found.slope.value)) < 1e-9


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.parametrize(("true_shape", "scale"), [(0.6, 20.0), (2.5, 30.0)])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_simulated_limits_cover_the_shape_as_often_as_they_say(
    true_shape: float, scale: float, observation: Observation
) -> None:
    rng = np.random.default_rng(seed=2012)
    last = 40 if observation == "right_truncated" else 4_000
    edges = np.exp(-((np.arange(last + 1) / scale) ** true_shape))
    chances = (edges[:-1] - edges[1:]) / (edges[0] - edges[-1])
    n_fits = 100

    found = onset_shape(
        rng.multinomial(60, chances, size=n_fits), observation=observation, confidence_level=0.9
    ).shape

    covered = ((found.lower <= true_shape) & (true_shape <= found.upper)).mean()
    # Three standard errors, and 0.01 because the limits are those of large samples.
    assert_allclose(covered, 0.9, atol=3 * math.sqrt(0.09 / n_fits) + 0.01)


def estimate_of(lower: list[float], upper: list[float], state: list[str]) -> Estimate:
    low, high = np.array(lower), np.array(upper)
    return Estimate(point=(low + high) / 2, lower=low, upper=high, state=np.array(state))


def test_the_hazard_is_read_from_the_limits() -> None:
    shape = estimate_of(
        [0.5, 0.9, 1.01, 1.0, 0.7, np.nan],
        [0.99, 1.1, 2.0, 2.0, 1.0, np.nan],
        ["defined"] * 5 + ["too_few"],
    )

    assert hazard(shape).tolist() == [
        "decreasing",
        "not_told",
        "increasing",
        "not_told",
        "not_told",
        "undefined",
    ]


def test_an_element_has_the_same_bits_alone_and_in_an_array() -> None:
    rows: NDArray[np.int64] = np.random.default_rng(seed=3).poisson(0.7, size=(2, 4, 12))

    whole = onset_shape(rows)

    for i in np.ndindex(2, 4):
        alone = onset_shape(rows[i])
        assert alone.shape.state == whole.shape.state[i]
        for name in ("point", "lower", "upper"):
            one, many = getattr(alone.shape, name), getattr(whole.shape, name)
            assert one.tobytes() == many[i].tobytes()
        assert alone.scale_days.value.tobytes() == whole.scale_days.value[i].tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by_day": [1, -1]}, r"by_day\[1\] is -1: must not be negative"),
        ({"by_day": 3}, r"by_day has shape \(\): its last axis must have 1 or more"),
        ({"observation": "censored"}, r"observation is 'censored': must be one of"),
        ({"confidence_level": 1.0}, r"confidence_level is 1\.0: must lie between 0\.0 and 1\.0"),
        ({"confidence_level": 0.0}, r"confidence_level is 0\.0: must lie between 0\.0 and 1\.0"),
    ],
)
def test_onset_shape_refuses_what_cannot_be(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        onset_shape(**({"by_day": [1, 0, 2]} | arguments))  # type: ignore[arg-type]


def test_onset_shape_changes_no_argument() -> None:
    by_day = np.array([1, 2, 0, 4])

    onset_shape(by_day)

    assert_array_equal(by_day, [1, 2, 0, 4])
