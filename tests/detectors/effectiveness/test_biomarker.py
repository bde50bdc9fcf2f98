"""Evidence against a patient's own baseline: its integral, its mean, and simulation."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, special
from scipy.stats import nct, norm

from detectors.effectiveness.biomarker import (
    Design,
    Observation,
    State,
    from_baseline,
    init,
    recompute,
    step,
)
from detectors.effectiveness.shift import Halves, log_bayes_factor, log_fall_chance

values = st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=10)


def follow(baseline: list[float], later: list[float], **options: object) -> list[float]:
    design = from_baseline(baseline, **options)  # type: ignore[arg-type]
    _, looks = recompute(design, [Observation(value=x) for x in later])
    return [look.log_e for look in looks]


def integrated(halves: Halves, scale: float, direction: str) -> float:
    """Integrate the noncentral t density over the shift, against the central one."""
    root = math.sqrt(halves.weight)
    t = root * halves.difference / math.sqrt(halves.squares / halves.freedom)
    low, high = {"fall": (-12, 0), "rise": (0, 12), "change": (-12, 12)}[direction]
    top, _ = integrate.quad(
        lambda d: nct.pdf(t, halves.freedom, d * root) * norm.pdf(d, scale=scale),
        low * scale,
        high * scale,
        limit=200,
    )
    return math.log(top * (1 if direction == "change" else 2) / nct.pdf(t, halves.freedom, 0))


@pytest.mark.parametrize("direction", ["fall", "rise", "change"])
@pytest.mark.parametrize(("difference", "scale"), [(-1.5, 1.0), (0.7, 0.5), (0.0, 2.0)])
def test_the_bayes_factor_is_the_integral_over_noncentral_t(
    direction: str, difference: float, scale: float
) -> None:
    halves = Halves(n_before=4, n_after=3, difference=difference, squares=3.0)

    found = log_bayes_factor(halves, scale=scale, direction=direction)  # type: ignore[arg-type]

    assert_allclose(found, integrated(halves, scale, direction), atol=1e-7)  # of the quadrature


def test_the_far_tail_joins_the_near_one() -> None:
    for n in (2, 30, 3_000):
        logs = [
            log_fall_chance(Halves(n_before=n, n_after=n, difference=d, squares=2.0 * n), scale=1e3)
            for d in (0.9, 1.0, 1.1, 1.2, 10.0, 1e3, 1e30)
        ]

        assert all(np.diff(logs) < 0)
        assert all(math.isfinite(value) for value in logs)
    many = Halves(n_before=3_000, n_after=3_000, difference=1.0, squares=6e3)
    inflation = 1 + 1500 * 1e6
    square = 1500 * (1 - 1 / inflation) / (6e3 + 1500 / inflation)
    x = 1 / (1 + square)
    exact = special.betaln(0.5 * 5999, 0.5)
    tail, _ = integrate.quad(
        lambda u: (u / x) ** (0.5 * 5999 - 1) * (1 - u) ** -0.5, 0.9 * x, x, epsabs=0
    )
    twin = math.log(0.5 * tail) + (0.5 * 5999 - 1) * math.log(x) - exact
    assert_allclose(log_fall_chance(many, scale=1e3), twin, rtol=1e-9)  # of the quadrature


@given(
    baseline=st.lists(st.floats(-50, 50), min_size=2, max_size=8, unique=True),
    later=values,
    shift=st.floats(-100.0, 100.0),
    factor=st.floats(0.1, 10.0),
)
def test_evidence_does_not_know_the_unit_or_the_zero_of_the_scale(
    baseline: list[float], later: list[float], shift: float, factor: float
) -> None:
    if np.std(baseline) < 1e-3:
        return
    first = follow(baseline, later)

    second = follow([shift + factor * x for x in baseline], [shift + factor * x for x in later])

    assert_allclose(first, second, rtol=1e-6, atol=1e-6)  # rounding of a small spread


def test_a_mirror_turns_a_fall_into_a_rise() -> None:
    falls = follow([3.0, 5.0, 4.0], [1.0, 2.0, 0.5], direction="fall")

    rises = follow([-3.0, -5.0, -4.0], [-1.0, -2.0, -0.5], direction="rise")

    assert falls == rises


def test_deeper_falls_are_more_evidence_and_rises_are_less_than_none() -> None:
    last = [follow([10.0, 12.0, 11.0], [x, x + 1])[-1] for x in (14.0, 11.0, 8.0, 5.0, 0.0)]

    assert all(np.diff(last) > 0)
    assert last[0] < 0


@pytest.mark.slow
@pytest.mark.parametrize("true_shift", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("direction", ["fall", "change"])
def test_without_a_fall_the_evidence_rarely_ever_reaches_the_bound(
    true_shift: float, direction: str
) -> None:
    if direction == "change" and true_shift:
        true_shift = 0.0
    rng = np.random.default_rng(11)
    n, alpha = 1_000, 0.1
    crossed, stopped = 0, []

    for _ in range(n):
        design = from_baseline(
            rng.normal(size=3).tolist(),
            direction=direction,  # type: ignore[arg-type]
            alpha=alpha,
        )
        later = [Observation(value=float(x)) for x in rng.normal(true_shift, 1.0, 30)]
        state, looks = recompute(design, later)
        crossed += state.first_crossing > 0
        at = next((look for look in looks if look.log_e > 0.5), looks[-1])  # a stopping time
        stopped.append(math.exp(at.log_e))

    assert crossed / n <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / n)  # standard errors
    assert np.mean(stopped) <= 1 + 3 * np.std(stopped) / math.sqrt(n)  # standard errors


@pytest.mark.slow
def test_the_limits_hold_at_all_times_at_once() -> None:
    rng = np.random.default_rng(5)
    n, missed = 800, 0

    for _ in range(n):
        design = from_baseline(rng.normal(7.0, 2.0, 4).tolist(), alpha=0.1)
        later = [Observation(value=float(x)) for x in rng.normal(4.0, 2.0, 25)]
        _, looks = recompute(design, later)
        limits = [(look.lower, look.upper) for look in looks]
        missed += any(
            low is not None and high is not None and not low <= -3.0 <= high for low, high in limits
        )

    assert missed / n <= 0.1 + 3 * math.sqrt(0.09 / n)  # standard errors


def test_the_limits_are_where_the_two_sided_evidence_is_just_enough() -> None:
    baseline, later = [10.0, 12.0, 11.0, 9.0], [7.0, 6.5, 8.0, 7.5, 6.0]
    _, looks = recompute(from_baseline(baseline), [Observation(value=x) for x in later])

    for limit in (looks[-1].lower, looks[-1].upper):
        assert limit is not None
        shifted = follow([x + limit for x in baseline], later, direction="change")

        assert_allclose(shifted[-1], math.log(20), rtol=1e-9)
    assert looks[0].state == "too_few"
    assert looks[0].lower is None


def test_a_tolerated_fall_is_no_evidence() -> None:
    baseline, later = [10.0, 12.0, 11.0], [8.0, 7.0, 9.0]

    none, some = (follow(baseline, later, margin=margin)[-1] for margin in (0.0, 3.0))

    assert some < 0 < none
    assert follow([7.0, 9.0, 8.0], later)[-1] == pytest.approx(some)  # the baseline, lower by it


@given(later=st.lists(st.floats(-9e59, 9e59), max_size=8), scale=st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_stepping_and_recomputing_agree_and_nothing_overflows(
    later: list[float], scale: float
) -> None:
    design = Design(5, 61.0, 3.0, scale=scale)
    observations = [Observation(value=x) for x in later]

    state, looks = init(design), []
    for observation in observations:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
        state, look = step(state, observation)
        looks.append(look)

    again, all_looks = recompute(design, observations)
    assert repr((again, all_looks)) == repr((state, tuple(looks)))  # as NaN is not equal to itself
    assert all(math.isfinite(look.log_e) for look in looks)
    assert len(msgspec.json.encode(state)) < 400


def test_the_baseline_may_come_in_any_order() -> None:
    assert from_baseline([1.1, 2.7, 0.3]) == from_baseline([0.3, 1.1, 2.7])


def test_a_crossing_once_made_stays() -> None:
    state, looks = recompute(
        from_baseline([61.0, 58.0, 64.0, 60.0, 62.0]),
        [Observation(value=x) for x in (50.0, 49.0, 51.0, 61.0, 62.0, 61.0, 60.0, 61.0, 62.0)],
    )

    assert state.first_crossing > 0
    assert not looks[-1].is_crossing
    assert looks[-1].has_crossed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_baseline": 1}, "n_baseline is 1"),
        ({"baseline_mean": math.nan}, "baseline_mean is nan"),
        ({"baseline_deviation": 0.0}, "baseline_deviation is 0.0"),
        ({"direction": "down"}, "direction is 'down'"),
        ({"margin": -1.0}, "margin is -1.0"),
        ({"margin": 1.0, "direction": "change"}, "margin is 1.0"),
        ({"scale": 0.0}, "scale is 0.0"),
        ({"alpha": 1.0}, "alpha is 1.0"),
    ],
)
def test_a_design_out_of_range_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**{"n_baseline": 3, "baseline_mean": 1.0, "baseline_deviation": 1.0, **arguments})  # type: ignore[arg-type]


def test_values_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] is nan"):
        from_baseline([1.0, math.nan])
    with pytest.raises(ValueError, match=r"values are all 2.0"):
        from_baseline([2.0, 2.0])
    with pytest.raises(ValueError, match="2 or more"):
        from_baseline([2.0])
    with pytest.raises(ValueError, match="value is nan"):
        step(init(Design(3, 1.0, 1.0)), Observation(value=math.nan))
