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
    operating_characteristics,
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


def evidence_of_score(n_before: int, n_after: int, score: float, scale: float) -> float:
    """Evidence of a rise, with all squared deviations together 1."""
    weight = n_before * n_after / (n_before + n_after)
    halves = Halves(
        n_before=n_before,
        n_after=n_after,
        difference=score / weight,
        squares=max(1 - score * score / weight, 1e-12),
    )
    return math.exp(log_bayes_factor(halves, scale=scale, direction="rise"))


@pytest.mark.parametrize("n_before", [2, 5])
@pytest.mark.parametrize("n_after", [1, 4, 12])
@pytest.mark.parametrize("share", [-0.95, -0.5, 0.0, 0.6, 0.95])
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_each_value_leaves_the_mean_of_evidence_where_it_was_or_lowers_it(
    n_before: int, n_after: int, share: float, scale: float
) -> None:
    # evidence of a rise, given the past, under falls of any size: over the scale and the next value
    n = n_before + n_after
    score = share * math.sqrt(n_before * n_after / n)
    gain = n_before / math.sqrt(n * (n + 1))
    nodes, weights = special.roots_legendre(120)
    now = evidence_of_score(n_before, n_after, score, scale)

    for shift in (0.0, -0.1, -1.0, -3.0):
        w = 0.5 * (nodes + 1) * (12.0 + math.sqrt(n))
        of_w = weights * w ** (n - 2) * np.exp(-0.5 * w * w + shift * score * w)
        of_w /= of_w.sum()
        u = 9.0 * nodes  # the next value, less its mean, in units of its deviation
        of_u = 9.0 * weights * norm.pdf(u)
        slope = (u[:, None] + gain * shift) / w[None, :]
        after = (score + gain * slope) / np.sqrt(1 + slope * slope)
        grid = np.linspace(-1, 1, 801) * math.sqrt(n_before * (n_after + 1) / (n + 1))
        logs = [math.log(evidence_of_score(n_before, n_after + 1, x, scale)) for x in grid]
        expected = of_u @ np.exp(np.interp(after, grid, logs)) @ of_w

        assert expected <= now * (1 + 2e-3)  # the table of 801 places
        if shift == 0.0:
            assert expected == pytest.approx(now, rel=2e-3)
        if shift <= -1.0:
            assert expected < (1 - 1e-3) * now


def test_a_rise_that_comes_only_later_can_lift_the_mean_above_one() -> None:
    # No change for 20 visits, then one huge rise, which hides how far the others had risen: to go
    # on while evidence is below what is left then, and to stop otherwise.
    n_before, n_after, scale = 2, 20, 1.0

    def of_fall(n: int, difference: float, squares: float) -> float:
        halves = Halves(n_before=n_before, n_after=n, difference=difference, squares=squares)
        return math.exp(log_bayes_factor(halves, scale=scale, direction="fall"))

    left = of_fall(n_after + 1, 1 / (n_after + 1), 1 - 1 / (n_after + 1))  # one value is 1
    freedom = n_before + n_after - 2
    per_t = math.sqrt((1 / n_before + 1 / n_after) / freedom)

    def gain(t: float) -> float:
        return max(0.0, left - of_fall(n_after, t * per_t, 1.0)) * float(nct.pdf(t, freedom, 0))

    mean = 1.0 + integrate.quad(gain, 0, 60, limit=400)[0]

    assert mean == pytest.approx(1.04986, abs=1e-5)  # as Notes say


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["late", "once", "every_other", "growing"])
def test_rises_of_any_pattern_rarely_reach_the_bound(pattern: str) -> None:
    rng = np.random.default_rng(29)
    n, alpha, visits = 600, 0.1, np.arange(30)
    rise = {"late": 3.0 * (visits > 10), "once": 8.0 * (visits == 5),
            "every_other": 4.0 * (visits % 2), "growing": 0.2 * visits}[pattern]  # fmt: skip

    crossed = 0
    for _ in range(n):
        design = from_baseline(rng.normal(size=2).tolist(), alpha=alpha)
        later = [Observation(value=float(x)) for x in rng.normal(rise, 1.0)]
        crossed += recompute(design, later)[0].first_crossing > 0

    assert crossed / n <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / n)  # standard errors


@pytest.mark.parametrize("direction", ["fall", "rise", "change"])
@pytest.mark.parametrize("shift", [0.0, -1.5, 1.5])
def test_operating_characteristics_agree_with_simulation(direction: str, shift: float) -> None:
    rng = np.random.default_rng(31)
    n, alpha, crossed, counts = 800, 0.2, 0, []

    for _ in range(n):
        design = from_baseline(
            rng.normal(size=3).tolist(),
            direction=direction,  # type: ignore[arg-type]
            alpha=alpha,
        )
        later = [Observation(value=float(x)) for x in rng.normal(shift, 1.0, 12)]
        first = recompute(design, later)[0].first_crossing
        crossed += first > 0
        counts.append(first or 12)

    plan = Design(3, 0.0, 1.0, direction=direction, alpha=alpha)  # type: ignore[arg-type]
    found = operating_characteristics(plan, shift, n_values=12)
    assert abs(crossed / n - found.power) <= 3 * math.sqrt(found.power / n)  # standard errors
    assert abs(np.mean(counts) - found.expected_values) <= 3 * np.std(counts) / math.sqrt(n) + 1e-3


@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.0])
def test_the_power_of_one_value_is_a_tail_of_the_noncentral_t(shift: float) -> None:
    design = from_baseline([1.0, 2.0, 4.0, 3.0], direction="rise", alpha=0.3)
    root = math.sqrt(4 / 5)

    low, high = 0.0, 1e4
    for _ in range(100):  # the t statistic that just crosses
        middle = 0.5 * (low + high)
        halves = Halves(n_before=4, n_after=1, difference=middle / root, squares=3.0)
        is_crossing = log_bayes_factor(halves, scale=1.0, direction="rise") >= -math.log(0.3)
        low, high = (low, middle) if is_crossing else (middle, high)

    found = operating_characteristics(design, shift, n_values=1)
    assert found.power == pytest.approx(nct.sf(high, 3, shift * root), abs=2e-6)  # as documented


@pytest.mark.campaign
@given(n_baseline=st.integers(2, 40), scale=st.floats(0.05, 20.0), alpha=st.floats(1e-4, 0.5),
       shift=st.floats(0.0, 3.0), n=st.integers(1, 10),
       direction=st.sampled_from(["fall", "rise", "change"]))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_design_spends_more_than_alpha(
    *, n_baseline: int, scale: float, alpha: float, shift: float, n: int, direction: str
) -> None:
    design = Design(n_baseline, 10.0, 1.0, direction=direction, scale=scale, alpha=alpha)  # type: ignore[arg-type]
    against = {"fall": shift, "rise": -shift, "change": 0.0}[direction]

    found = operating_characteristics(design, against, n_values=n)

    assert found.power <= alpha + 2e-6  # the recursion's error
    assert 1 <= found.expected_values <= n + 1e-4


def test_any_regime_gives_operating_characteristics() -> None:
    for n_baseline, n_values in ((2, 1), (2, 9), (200, 2)):
        for scale, alpha in ((1e-3, 0.05), (1e3, 1e-9), (1.0, 0.99)):
            design = Design(n_baseline, 0.0, 1.0, scale=scale, alpha=alpha)
            for shift in (-5.0, 0.0, 5.0):
                found = operating_characteristics(design, shift, n_values=n_values)
                assert 0 <= found.power <= 1
                assert 1 <= found.expected_values <= n_values * (1 + 1e-4)


@pytest.mark.parametrize(
    ("shift", "n_values", "message"),
    [(math.nan, 3, "shift is nan"), (6.0, 3, "shift is 6.0"), (0.0, 0, "n_values is 0"),
     (0.0, 201, "n_values is 201"), (0.0, 1.5, "n_values is 1.5")],
)  # fmt: skip
def test_bad_questions_are_refused(shift: float, n_values: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operating_characteristics(Design(3, 1.0, 1.0), shift, n_values=n_values)
    with pytest.raises(ValueError, match="n_baseline is"):
        operating_characteristics(Design(10**7, 1.0, 1.0), 0.0, n_values=3)
