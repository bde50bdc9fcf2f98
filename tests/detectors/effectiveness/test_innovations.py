"""The CUSUM on innovations: closed forms for one and two values, and simulation."""

import math
from functools import lru_cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.special import ndtr, roots_legendre
from scipy.stats import norm

from detectors.effectiveness.innovations import (
    Design,
    Observation,
    State,
    init,
    operating_characteristics,
    recompute,
    step,
)

nodes_of = lru_cache(roots_legendre)


def false_alarms_by_gauss(threshold: float, horizon: int, shift: float) -> float:
    """Chance that the sum reaches its threshold, with Gauss-Legendre nodes in place of Fejer's."""
    node, weight = nodes_of(16 * math.ceil((24 + 6 * threshold / shift) / 16))
    at, width = threshold * (node + 1) / 2, threshold * weight / 2
    start = np.concatenate([[0.0], at])[:, None]
    to_node = width * np.exp(-(((at - start) / shift + shift / 2) ** 2) / 2)
    stays = np.hstack([ndtr(shift / 2 - start / shift), to_node / (shift * math.sqrt(2 * math.pi))])
    signals, mass, size = (
        ndtr((start[:, 0] - threshold) / shift - shift / 2),
        np.eye(len(start))[0],
        0.0,
    )
    for _ in range(horizon):
        size += float(mass @ signals)
        mass = mass @ stays
    return size


def test_one_value_has_the_threshold_of_a_normal_quantile() -> None:
    found = Design(1, 0.0, 0.0, 1.0, shift=1.5, alpha=0.02)

    assert_allclose(found.threshold, 1.5 * norm.isf(0.02) - 1.5**2 / 2, atol=5e-9)  # of the root


def test_two_values_agree_with_direct_integration() -> None:
    design = Design(2, 0.0, 0.0, 1.0, shift=0.8, alpha=0.1)
    h, d = design.threshold, 0.8

    def crossing(z: float) -> float:
        cusum = max(0.0, d * z - d * d / 2)
        return float(1.0 if cusum >= h else norm.sf((h - cusum + d * d / 2) / d)) * norm.pdf(z)

    bends = [d / 2, (h + d * d / 2) / d]
    found, _ = integrate.quad(crossing, -12, 12, points=bends, limit=200)

    assert_allclose(found, 0.1, atol=1e-8)  # of the root


@pytest.mark.slow
@pytest.mark.parametrize("true_shift", [0.0, 1.0])
def test_a_simulation_signals_as_often_and_as_soon_as_computed(true_shift: float) -> None:
    design = Design(40, 5.0, 0.1, 2.0, rho=0.4, shift=1.0, alpha=0.1)
    found = operating_characteristics(design, true_shift)
    rng, n = np.random.default_rng(3), 400
    lengths, hits = [], []

    for _ in range(n):
        noise = rng.normal(-true_shift, 1.0, 40)
        residual, values = 0.0, []
        for t in range(40):
            residual = 2 * noise[t] + 0.4 * residual if t else 2 * noise[0] / math.sqrt(1 - 0.16)
            values.append(Observation(value=5.0 + 0.1 * t + float(residual)))
        state, _ = recompute(design, values)
        hits.append(state.first_crossing > 0)
        lengths.append(state.first_crossing or 40)

    error = math.sqrt(found.power * (1 - found.power) / n)
    assert abs(np.mean(hits) - found.power) < 3 * error + 1e-3  # standard errors
    assert abs(np.mean(lengths) - found.expected_length) < 3 * np.std(lengths) / math.sqrt(n)


@pytest.mark.campaign
@pytest.mark.slow
def test_a_thousand_random_designs_spend_alpha_and_simulation_agrees() -> None:
    rng, n_drawn = np.random.default_rng(seed=19541954), 200
    sizes, crossed = [], []

    @given(horizon=st.integers(1, 60), shift=st.floats(0.2, 5.0), alpha=st.floats(1e-6, 0.5))
    @settings(max_examples=1_000, deadline=None)
    def spends_alpha(horizon: int, shift: float, alpha: float) -> None:
        design = Design(horizon, 0.0, 0.0, 1.0, shift=shift, alpha=alpha)

        size = false_alarms_by_gauss(design.threshold, horizon, shift)

        assert size <= alpha + 1e-12  # roundings: the threshold is on the safe side of the root
        if design.threshold > 1.1e-6:  # at the least threshold the size can be any below alpha
            assert size >= alpha - 3e-8  # what 4e-9 of the threshold are worth, where steepest
        sizes.append(size)
        cusum, is_over = np.zeros(n_drawn), np.zeros(n_drawn, dtype=np.bool_)
        for z in rng.normal(size=(horizon, n_drawn)):
            cusum = np.maximum(0.0, cusum + shift * (z - shift / 2))
            is_over |= cusum >= design.threshold
        crossed.append(int(is_over.sum()))

    spends_alpha()

    assert len(sizes) >= 1_000
    chance = np.array(sizes)
    error = math.sqrt((chance * (1 - chance)).sum() * n_drawn)
    assert abs(sum(crossed) - n_drawn * chance.sum()) < 3 * error


@given(horizon=st.integers(1, 60), shift=st.floats(0.2, 5.0), alpha=st.floats(1e-6, 0.5))
@settings(max_examples=40, deadline=None)
def test_a_true_shift_is_found_oftener_than_none(horizon: int, shift: float, alpha: float) -> None:
    design = Design(horizon, 0.0, 0.0, 1.0, shift=shift, alpha=alpha)

    false, true = (operating_characteristics(design, each) for each in (0.0, 1.0))

    assert_allclose(false.power, false_alarms_by_gauss(design.threshold, horizon, shift), atol=1e-9)
    assert true.power > false.power
    assert 0 < false.expected_length <= horizon + 1e-9  # error of the recursion


def test_a_fall_raises_the_sum_and_a_rise_does_not() -> None:
    design = Design(20, 10.0, 0.0, 1.0, rho=0.5)

    _, falls = recompute(design, [Observation(value=x) for x in (10.0, 7.0, 5.0, 4.0)])
    _, rises = recompute(design, [Observation(value=x) for x in (10.0, 13.0, 15.0, 16.0)])

    assert [look.innovation for look in falls] == [0.0, 3.0, 3.5, 3.5]
    assert falls[-1].has_crossed
    assert [look.cusum for look in rises] == [0.0] * 4


def test_values_beyond_the_horizon_cannot_cross_and_a_crossing_stays() -> None:
    design = Design(1, 0.0, 0.0, 1.0)

    _, late = recompute(design, [Observation(value=0.0), Observation(value=-9.0)])
    _, kept = recompute(design, [Observation(value=-9.0), Observation(value=30.0)])

    assert (late[1].is_past_horizon, late[1].has_crossed) == (True, False)
    assert (kept[1].is_crossing, kept[1].has_crossed) == (False, True)


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=10), rho=st.floats(-0.9, 0.9))
@settings(deadline=None)
def test_stepping_and_recomputing_agree(values: list[float], rho: float) -> None:
    design = Design(20, 10.0, 0.5, 2.0, rho=rho)
    observations = [Observation(value=x) for x in values]

    state, looks = init(design), []
    for observation in observations:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
        state, look = step(state, observation)
        looks.append(look)

    assert (state, tuple(looks)) == recompute(design, observations)
    assert len(msgspec.json.encode(state)) < 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"horizon": 1001}, "horizon is 1001"),
        ({"level": math.nan}, "level is nan"),
        ({"slope": math.inf}, "slope is inf"),
        ({"deviation": 0.0}, "deviation is 0.0"),
        ({"rho": 1.0}, "rho is 1.0"),
        ({"shift": 0.1}, "shift is 0.1"),
        ({"alpha": 1e-7}, "alpha is 1e-07"),
        ({"direction": "change"}, "direction is 'change'"),
    ],
)
def test_a_design_out_of_range_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**{"horizon": 9, "level": 0.0, "slope": 0.0, "deviation": 1.0, **arguments})  # type: ignore[arg-type]


def test_values_and_shifts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="value is nan"):
        step(init(Design(9, 0.0, 0.0, 1.0)), Observation(value=math.nan))
    with pytest.raises(ValueError, match="shift is nan"):
        operating_characteristics(Design(9, 0.0, 0.0, 1.0), math.nan)
