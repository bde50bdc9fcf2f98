"""Designs of the Poisson MaxSPRT: size, definition, regimes, intervals, refusals."""

import itertools
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import poisson

from detectors.sequential.poisson_maxsprt import (
    Design,
    Observation,
    State,
    alpha_spent,
    boundary,
    critical_value,
    detectable_rate_ratio,
    init,
    interval_after_signal,
    log_likelihood_ratio,
    operating_characteristics,
    recompute,
    sample_size,
    step,
)
from detectors.sequential.poisson_maxsprt.likelihood import Tail

TAILS: tuple[Tail, ...] = ("upper", "lower", "two_sided")


def by_convolution(design: Design, rate_ratio: float) -> float:
    """Chance of a signal at planned looks, by another calculation."""
    looks = design.plan.looks
    assert looks is not None
    silent, before, signal = np.ones(1), 0.0, 0.0
    for mu in looks:
        width = len(silent) + 80
        silent = np.convolve(silent, poisson.pmf(np.arange(width), rate_ratio * (mu - before)))
        n, before = np.arange(len(silent)), mu
        llr = log_likelihood_ratio(n, mu, tail=design.tail)
        crosses = (llr >= design.boundary.critical_value) & (
            (n < mu) | (n >= design.boundary.min_events)
        )
        signal += float(silent[crosses].sum())
        silent = np.where(crosses, 0.0, silent)
    return signal


def end_of_each_look(horizon: float, shares: list[float]) -> list[float]:
    totals = np.cumsum(shares)
    return [*(horizon * totals[:-1] / totals[-1]).tolist(), horizon]


@pytest.mark.campaign
@pytest.mark.slow
@given(
    horizon=st.floats(1e-4, 8.0),
    alpha=st.floats(1e-4, 0.3),
    min_events=st.integers(1, 5),
    start=st.sampled_from([0.0, 0.0, 0.3]),
    looks=st.none() | st.integers(1, 12),
    tail=st.sampled_from(TAILS),
)
@settings(max_examples=1000, deadline=None)
def test_no_design_spends_more_than_alpha(
    horizon: float, alpha: float, min_events: int, start: float, looks: int | None, tail: Tail
) -> None:
    chosen: dict[str, Any] = {
        "alpha": alpha,
        "looks": looks,
        "tail": tail,
        "min_expected": start * horizon,
    }
    if tail == "lower":
        horizon = max(horizon, -1.0001 * math.log(alpha))
    else:
        chosen["min_events"] = min_events

    design = Design(horizon, **chosen)

    size = operating_characteristics(design, 1.0).power
    assert design.boundary.attained_size <= alpha + 1e-15  # the rounding of one minus a sum
    assert_allclose(size, design.boundary.attained_size, rtol=1e-9, atol=1e-13)


@given(
    horizon=st.floats(0.5, 9.0),
    shares=st.lists(st.floats(0.1, 1.0), min_size=2, max_size=6),
    tail=st.sampled_from(["upper", "two_sided"]),
    ratio=st.floats(0.2, 4.0),
)
@settings(max_examples=30, deadline=None)
def test_planned_looks_agree_with_plain_convolution(
    horizon: float, shares: list[float], tail: Tail, ratio: float
) -> None:
    design = Design(horizon, looks=tuple(end_of_each_look(horizon, shares)), tail=tail)

    found = operating_characteristics(design, ratio)

    if design.boundary.decided_by == "llr":
        assert_allclose(found.power, by_convolution(design, ratio), atol=1e-12)  # rounding


@pytest.mark.parametrize("tail", ["upper", "lower", "two_sided"])
@pytest.mark.parametrize("start", [0.0, 1.5])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.8])
def test_simulated_power_times_and_counts_agree(tail: Tail, start: float, ratio: float) -> None:
    design, n_watches = Design(8.0, alpha=0.1, tail=tail, min_expected=start), 20_000
    rng = np.random.default_rng(seed=20260101)
    gaps = rng.exponential(1 / ratio, size=(n_watches, 50))
    arrivals = np.minimum(gaps.cumsum(axis=1), 8.0)
    c = design.boundary.critical_value
    times, counts = np.full(n_watches, np.inf), np.zeros(n_watches)
    if start:
        n = (arrivals <= start).sum(axis=1)
        at = log_likelihood_ratio(n, np.full(n_watches, start), tail=tail) >= c
        times, counts = np.where(at, start, np.inf), n.astype(float)
    grid = np.vstack([np.zeros(n_watches), arrivals.T, np.full(n_watches, 8.0)])
    for n in range(51):  # the count is n from grid[n] to grid[n + 1]
        begin, end = grid[n], np.minimum(grid[n + 1], 8.0)
        if tail != "lower" and n:
            up = (begin < 8) & (begin > start) & (begin < times)
            up &= log_likelihood_ratio(n, np.maximum(begin, 1e-12)) >= c
            times, counts = np.where(up, begin, times), np.where(up, n, counts)
        if tail != "upper":
            low = c if n == 0 else _rises_to(n, c)
            down = (begin <= low) & (low < end) & (low > start) & (low < times)
            times, counts = np.where(down, low, times), np.where(down, n, counts)
    is_signal = np.isfinite(times)

    found = operating_characteristics(design, ratio)

    def close(values: np.ndarray, expected: float) -> bool:
        return bool(abs(values.mean() - expected) <= 3.5 * values.std() / len(values) ** 0.5)

    assert close(is_signal.astype(float), found.power)  # 3.5 standard errors, for 18 x 4 checks
    assert close(times[is_signal], found.expected_time_to_signal)
    assert close(counts[is_signal], found.expected_events_at_signal)
    assert close(np.minimum(times, 8.0), found.expected_length)


def _rises_to(n: int, c: float) -> float:
    low, high = float(n), 1e3
    for _ in range(80):
        middle = (low + high) / 2
        if n * math.log(n / middle) - n + middle >= c:
            high = middle
        else:
            low = middle
    return high


@pytest.mark.slow
def test_every_regime_has_a_number_or_a_documented_refusal() -> None:
    horizons = [1e-4, 0.01, 0.0513, 0.3, 1.0, 6.0, 40.0, 500.0]
    for horizon, looks, tail in itertools.product(horizons, [None, 1, 5, 200], TAILS):
        if horizon == 500.0 and (looks == 5 or tail == "two_sided"):
            continue  # slow, and 40 takes the same paths
        for least in (1, 4) if tail == "upper" and horizon < 500 else (1,):
            chosen: dict[str, Any] = {"looks": looks, "tail": tail, "min_events": least}
            if tail == "lower" and horizon < 3:
                with pytest.raises(ValueError, match=r"too short for a deficit at alpha=0\.05"):
                    Design(horizon, **chosen)
                continue
            design = Design(horizon, **chosen)
            found = operating_characteristics(design, 2.0)

            assert 0 < design.boundary.attained_size <= 0.05 + 1e-15
            assert 0 < found.power <= 1
            assert 0 < found.expected_time_to_signal <= horizon
            assert 0 < found.expected_length <= horizon
            assert math.isfinite(found.expected_events_at_signal)


@pytest.mark.parametrize("tail", TAILS)
def test_one_observation_has_the_bits_of_the_array_function(tail: Tail) -> None:
    events = [0, 1, 2, 3, 7, 11]
    expected = [0.1, 1.0, 2.0, 3.3, 7.5, 7.9]
    observations = [
        Observation(events=n, expected=mu) for n, mu in zip(events, expected, strict=True)
    ]

    _, looks = recompute(Design(8.0, tail=tail), observations)

    assert [x.llr for x in looks] == log_likelihood_ratio(events, expected, tail=tail).tolist()


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=8),
    st.sampled_from(TAILS),
    st.sampled_from([None, 8]),
)
@settings(deadline=None)
def test_stepping_and_recomputing_agree_and_crossings_follow_the_definition(
    increments: list[int], tail: Tail, looks: int | None
) -> None:
    design = Design(8.0, tail=tail, looks=looks, min_expected=2.0)
    counts = np.cumsum(increments).tolist()
    observations = [Observation(events=n, expected=i + 1.0) for i, n in enumerate(counts)]
    state = init(design)
    for observation in observations:
        state = msgspec.json.decode(msgspec.json.encode(step(state, observation)[0]), type=State)

    at_once, all_looks = recompute(design, observations)

    assert state == at_once
    c = design.boundary.critical_value
    assert [look.is_crossing for look in all_looks] == [
        look.expected >= 2.0
        and bool(log_likelihood_ratio(look.events, look.expected, tail=tail) >= c)
        for look in all_looks
    ]


def test_a_look_that_was_not_planned_is_refused() -> None:
    for design in (Design(4.0, looks=4), Design(4.0, looks=(1.0, 2.0, 3.0, 4.0))):
        _, look = step(init(design), Observation(events=9, expected=2.0 * (1 + 1e-12)))
        assert look.is_crossing
        with pytest.raises(ValueError, match=r"expected is 2\.5: no look was planned there"):
            step(init(design), Observation(events=9, expected=2.5))
        _, past = step(init(design), Observation(events=90, expected=4.5))
        assert past.is_past_horizon
        assert not past.is_crossing


def test_a_state_is_small() -> None:
    design = Design(
        123.456789, alpha=0.0123456789, min_events=3, min_expected=0.123456789, looks=200
    )
    state, _ = step(init(design), Observation(events=30, expected=123.456789))

    assert len(msgspec.json.encode(state)) < 400


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"min_expected": 5.0}, r"min_expected=5\.0 must be in \[0, horizon\)"),
        ({"min_expected": -0.1}, "min_expected=-0.1 must be in"),
        ({"min_expected": math.nan}, "min_expected=nan must be in"),
        ({"looks": 0}, "looks=0 must be from 1 to 10000"),
        ({"looks": ()}, "looks must be from 1 to 10000"),
        ({"looks": (1.0, 4.0)}, r"looks\[1\] is 4\.0: must be horizon=5\.0"),
        ({"looks": (2.0, 1.0, 5.0)}, r"looks\[1\] is 1\.0: must rise from 0 to the horizon"),
        ({"looks": (0.0, 5.0)}, r"looks\[0\] is 0\.0: must rise"),
        ({"looks": (1.0, 6.0)}, r"looks\[1\] is 6\.0: must rise"),
        ({"looks": (math.nan, 5.0)}, r"looks\[0\] is nan: must rise"),
        ({"tail": "left"}, 'must be "upper", "lower" or "two_sided"'),
        ({"tail": "lower", "min_events": 2}, "min_events=2 says nothing of a deficit"),
        ({"tail": "lower", "alpha": 0.001}, r"too short for a deficit .* needs 6\.907"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(chosen: dict[str, Any], message: str) -> None:
    for make in (critical_value, boundary, Design):
        with pytest.raises(ValueError, match=message):
            make(5.0, **chosen)


def test_a_horizon_beyond_what_is_computed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"horizon=5001 must be at most 5000\.0"):
        Design(5_001)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_ratio_out_of_range_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"rate_ratio is .*: must lie between"):
        operating_characteristics(Design(1.0), ratio)
    with pytest.raises(ValueError, match=r"rate_ratio is .*: must lie between"):
        sample_size(0.8, ratio)


def test_a_power_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match=r"power is 0\.04: must lie between"):
        detectable_rate_ratio(Design(1.0), power=0.04)
    with pytest.raises(ValueError, match="power is 1: must lie between"):
        sample_size(1, 2.0)


def test_alpha_is_spent_look_by_look() -> None:
    design = Design(6.0, looks=3)
    spent = [alpha_spent(design, mu) for mu in (1.99, 2.0, 3.9, 4.0, 6.0)]

    first = poisson.sf(next(n for n in range(3, 99) if _signals(design, n, 2.0)) - 1, 2.0)
    assert spent[0] == 0.0
    assert_allclose(spent[1:3], [first, first], rtol=1e-12)
    assert spent[2] < spent[3] < spent[4] == design.boundary.attained_size


def test_alpha_is_spent_by_the_count_alone_where_it_decides() -> None:
    designs = [Design(0.03), Design(0.03, looks=3), Design(0.03, min_expected=0.015)]

    spent = [[alpha_spent(design, mu) for mu in (0.01, 0.014, 0.02)] for design in designs]

    times = [[0.01, 0.014, 0.02], [0.01, 0.01, 0.02], [0.0, 0.0, 0.02]]
    assert_allclose(spent, -np.expm1(-np.array(times)), rtol=1e-14)  # one rounding


def _signals(design: Design, n: int, mu: float) -> bool:
    return bool(log_likelihood_ratio(n, mu) >= design.boundary.critical_value)


@pytest.mark.slow
def test_the_limits_after_a_signal_are_where_an_end_so_high_has_half_of_what_is_left() -> None:
    design, n_watches = Design(5.0), 100_000
    found = interval_after_signal(design, events=4, expected=0.5)
    rng = np.random.default_rng(seed=19990901)

    for ratio, chance in (
        (found.lower, 0.025), (found.median_unbiased, 0.5), (found.upper, 0.975)
    ):  # fmt: skip
        arrivals = rng.exponential(1 / ratio, size=(n_watches, 4)).cumsum(axis=1)
        crosses = log_likelihood_ratio(np.arange(1, 5), arrivals) >= design.boundary.critical_value
        share = (crosses & (arrivals <= 0.5)).any(axis=1).mean()
        error = 3 * (chance * (1 - chance) / n_watches) ** 0.5  # three standard errors
        assert_allclose(share, chance, atol=error)


@pytest.mark.slow
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
def test_the_interval_covers_the_true_ratio_at_planned_looks(tail: Tail, ratio: float) -> None:
    design = Design(6.0, alpha=0.1, looks=(3.0, 6.0), tail=tail)
    silent, covered, low, high = np.ones(1), 0.0, 0.0, 0.0
    for mu in (3.0, 6.0):
        silent = np.convolve(silent, poisson.pmf(np.arange(40), 3.0 * ratio))
        n = np.arange(len(silent))
        crosses = log_likelihood_ratio(n, mu, tail=tail) >= design.boundary.critical_value
        for k in n[(crosses | (mu == 6.0)) & (silent > 1e-9)]:
            found = interval_after_signal(design, events=int(k), expected=mu)
            covered += silent[k] * (found.lower <= ratio <= found.upper)
            low += silent[k] * (ratio < found.lower)
            high += silent[k] * (ratio > found.upper)
            assert found.lower <= found.median_unbiased <= found.upper
        silent = np.where(crosses, 0.0, silent)

    assert covered >= 0.95 - 1e-7  # ends rarer than 1e-9 are left out
    assert max(low, high) <= 0.025 + 1e-7


def test_an_earlier_signal_leaves_higher_ratios() -> None:
    found = [
        interval_after_signal(Design(5.0), events=4, expected=mu).lower for mu in (0.45, 0.6, 0.7)
    ]

    assert found[0] > found[1] > found[2] > 0


def test_no_event_leaves_no_lower_limit() -> None:
    at_end = interval_after_signal(Design(2.0), events=0, expected=2.0)
    deficit = interval_after_signal(Design(9.0, tail="lower"), events=0, expected=5.0)

    assert at_end.lower == deficit.lower == 0.0
    assert_allclose(at_end.upper, -math.log(0.025) / 2.0, rtol=1e-8)  # N(2) = 0: exp(-2 R)
    b_0 = Design(9.0, tail="lower").boundary.critical_value
    assert_allclose(deficit.upper, -math.log(0.025) / b_0, rtol=1e-8)


@pytest.mark.parametrize(
    ("events", "expected", "message"),
    [
        (1, 1.0, "events=1 at expected=1.0 neither cross nor are at the horizon"),
        (9, 0.5, "events=9 at expected=0.5: event 4 had crossed: give its time"),
        (-1, 0.5, "events is -1: must not be negative"),
        (4, 6.0, r"expected is 6\.0: must lie between"),
        (4, math.nan, "expected is nan: must lie between"),
    ],
)
def test_an_end_that_the_watch_cannot_have_has_no_interval(
    events: int, expected: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        interval_after_signal(Design(5.0), events=events, expected=expected)
