"""The GLR watch against reference values, its definition, and simulation."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from data import reference_json
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import kl_div

from detectors.sequential.count_law import CountLaw
from detectors.sequential.glr import (
    Design,
    Observation,
    State,
    false_signal_bound,
    init,
    operating_characteristics,
    recompute,
    simulate,
    step,
)
from detectors.sequential.glr.stretch import Direction, scan

GIVEN = Design(expected_per_look=1.0, looks=17, critical_value=5.0)  # c.ARL = 5
DIRECTIONS: list[Direction] = ["increase", "decrease"]

increments = st.lists(st.tuples(st.integers(0, 4), st.floats(0.001, 2.0)), max_size=12)


def to_date(steps: Sequence[tuple[int, float]]) -> list[Observation]:
    totals = np.cumsum(np.array(steps, dtype=float).reshape(-1, 2), axis=0)
    return [Observation(events=int(events), expected=float(mu)) for events, mu in totals]


def test_statistics_and_alarms_are_those_of_the_reference() -> None:
    peer = reference_json("cusum/surveillance_glrpois.json")
    counts = peer["x"][1:]  # its range begins at the second

    _, looks = recompute(GIVEN, to_date([(count, 1.0) for count in counts]))

    assert len(looks) == 17
    found = [look.statistic for look in looks]
    assert_allclose(found, peer["glr_statistic"], atol=1e-9)  # eleven digits printed
    assert [int(look.is_crossing) for look in looks] == peer["glr_alarm"]


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(steps=increments, window=st.integers(1, 12), size=st.sampled_from([None, 0.6]))
@settings(deadline=None)  # a fit for each stretch
def test_the_statistic_is_that_of_the_window_and_says_when(
    steps: list[tuple[int, float]], window: int, size: float | None, direction: Direction
) -> None:
    design = Design(
        expected_per_look=1.0, looks=12, critical_value=3.0, window=window, direction=direction,
        dispersion=size, after_signal="none",
    )  # fmt: skip

    state, looks = recompute(design, to_date(steps))

    assert len(state.recent) == min(window, len(steps))
    for look in looks:
        here = steps[max(0, look.number - window) : look.number]
        statistic, length, ratio = scan(here, direction=direction, dispersion=size)
        assert_allclose(look.statistic, statistic, atol=1e-9)  # totals are differences of sums
        assert look.changed_at == 0 or 1 <= look.changed_at <= look.number
        if statistic > 1e-6:
            assert_allclose(look.rate_ratio, ratio, rtol=1e-4)  # another stretch may tie
            assert length == look.number - look.changed_at + 1


def test_what_a_signal_does_is_as_the_design_says() -> None:
    steps = [(6, 1.0), (1, 1.0), (6, 1.0)]
    found = {}
    for after_signal in ("reset", "stay", "none"):
        design = Design(
            expected_per_look=1.0, looks=9, critical_value=5.0, after_signal=after_signal
        )
        looks = recompute(design, to_date(steps))[1]
        assert all(look.has_crossed for look in looks)
        found[after_signal] = [(look.is_crossing, look.changed_at) for look in looks]

    assert found["reset"] == [(True, 1), (False, 0), (True, 3)]
    assert found["stay"] == [(True, 1), (False, 1), (False, 1)]
    assert found["none"] == [(True, 1), (False, 1), (True, 1)]


def test_a_look_past_the_plan_cannot_spend_alpha_again() -> None:
    spent = Design(expected_per_look=1.0, looks=1, alpha=0.05)
    endless = Design(expected_per_look=1.0, looks=1, critical_value=3.0)

    for design, crosses in ((spent, False), (endless, True)):
        _, looks = recompute(design, to_date([(0, 1.0), (30, 1.0)]))
        assert [look.is_past_horizon for look in looks] == [False, True]
        assert looks[-1].is_crossing is crosses


def path_by_path(design: Design, most: int, ratio: float = 1.0) -> tuple[float, float, float]:
    """Step along all paths of counts up to `most` a look; chance of a signal, its time, events."""
    mean, found = design.expected_per_look, np.zeros(3)
    chances = stats.poisson.pmf(np.arange(most + 1), ratio * mean)
    if design.dispersion is not None:
        r = design.dispersion
        chances = stats.nbinom.pmf(np.arange(most + 1), r, r / (r + ratio * mean))
    for path in itertools.product(range(most + 1), repeat=design.looks):
        state, _ = recompute(design, to_date([(count, mean) for count in path]))
        if state.first_crossing:
            events = sum(path[: state.first_crossing])
            chance = float(np.prod(chances[list(path)]))
            found += chance * np.array([1.0, state.first_crossing, events])
    power, time, number = found.tolist()
    return power, time, number


def exact_size(design: Design, most: int) -> float:
    return path_by_path(design, most)[0]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("window", "looks"), [(4, 4), (2, 4)])
@pytest.mark.parametrize(("size", "ratio"), [(None, 1.0), (2.0, 1.5)])
def test_characteristics_are_those_of_watches_along_every_path(
    window: int, looks: int, size: float | None, ratio: float, direction: Direction
) -> None:
    design = Design(
        expected_per_look=0.4, looks=looks, critical_value=1.1 if direction == "increase" else 0.7,
        window=window, direction=direction, dispersion=size,
    )  # fmt: skip

    found = operating_characteristics(design, ratio)

    power, time, events = path_by_path(design, most=6, ratio=ratio)
    mean = ratio * 0.4
    one = stats.poisson.sf(6, mean) if size is None else stats.nbinom.sf(6, 2, 2 / (2 + mean))
    left_out = looks * float(one)  # chance of a path with a greater count
    assert found.method == "exact"
    assert 0.05 < power < 0.95
    assert power <= found.power + 1e-12  # rounding
    assert_allclose(found.power, power, atol=left_out)
    assert_allclose(found.expected_time_to_signal * found.power, time, atol=looks * left_out)
    # A greater count has a mean below ten, and others come with it.
    assert_allclose(found.expected_events_at_signal * found.power, events, atol=15 * left_out)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("window", "size"), [(24, None), (24, 1.0), (8, None)])
def test_exact_characteristics_agree_with_simulated_ones(
    window: int, size: float | None, direction: Direction
) -> None:
    design = Design(
        expected_per_look=0.8 if direction == "increase" else 0.4, looks=24, alpha=0.2,
        window=window, direction=direction, dispersion=size,
    )  # fmt: skip
    ratio, n_paths = (1.6, 20_000) if direction == "increase" else (0.4, 20_000)

    for true in (1.0, ratio):
        found = operating_characteristics(design, true)
        drawn = simulate(design, true, rng=np.random.default_rng(20110401), n_paths=n_paths)

        assert (found.method, drawn.method) == ("exact", "simulated")
        assert found.power_error < 1e-14
        # standard errors, here and below
        assert abs(found.power - drawn.power) < 3 * drawn.power_error
        if found.power > 0:
            error = 24 / math.sqrt(12 * n_paths * found.power)  # no wider than evenly spread
            gap = found.expected_time_to_signal - drawn.expected_time_to_signal
            assert abs(gap) < 3 * error
        gap = found.expected_length - drawn.expected_length
        assert abs(gap) < 3 * 12 / math.sqrt(n_paths)  # looks lie in a range of 24


def test_a_design_too_large_to_be_exact_is_simulated_and_says_so() -> None:
    design = Design(expected_per_look=3.0, looks=100, alpha=0.05, window=50)

    found = operating_characteristics(design, 1.0, rng=np.random.default_rng(1), n_paths=400)

    assert found == simulate(design, 1.0, rng=np.random.default_rng(1), n_paths=400)
    assert found.method == "simulated"
    with pytest.raises(ValueError, match="rng is None: must be a generator"):
        operating_characteristics(design, 1.0)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("window", "looks"), [(4, 4), (2, 4), (1, 3)])
@pytest.mark.parametrize("size", [None, 1.0])
def test_the_bound_is_above_the_size_and_near_it(
    window: int, looks: int, size: float | None, direction: Direction
) -> None:
    value = 1.2 if direction == "increase" else 0.9
    design = Design(
        expected_per_look=0.5, looks=looks, critical_value=value, window=window,
        direction=direction, dispersion=size,
    )  # fmt: skip

    size_of_paths = exact_size(design, most=6)

    left_out = looks * float(
        stats.poisson.sf(6, 0.5) if size is None else stats.nbinom.sf(6, 1.0, 1.0 / 1.5)
    )
    assert size_of_paths <= design.boundary.size_bound + 1e-12  # rounding
    assert design.boundary.size_bound <= 2.5 * size_of_paths + left_out  # a union over stretches
    if window == 1 and size is None and direction == "increase":
        one = float(stats.poisson.sf(1, 0.5))  # 2 events, of which the ratio is 1.27
        assert_allclose(design.boundary.size_bound, 3 * one, rtol=1e-12)  # rounding


def reached_from_one_look(mean: float, looks: int, value: float, sign: int, most: int) -> float:
    """Add up the paths that go to the boundary without coming back to what is expected."""
    chances, chance = stats.poisson.pmf(np.arange(most + 1), mean), 0.0
    for path in itertools.product(range(most + 1), repeat=looks):
        total = 0
        for look, count in enumerate(path, start=1):
            total += count
            if sign * (total - look * mean) <= 0:
                break
            if kl_div(total, look * mean) >= value:
                chance += float(np.prod(chances[list(path)]))
                break
    return chance


@pytest.mark.parametrize(("direction", "sign"), [("increase", 1), ("decrease", -1)])
def test_the_bound_is_its_sum_over_first_looks(direction: Direction, sign: int) -> None:
    mean, value, window, looks = 0.8, 1.5 if sign > 0 else 1.7, 4, 6

    found = false_signal_bound(
        CountLaw(mean), value, looks=looks, window=window, direction=direction
    )

    reached = [reached_from_one_look(mean, n, value, sign, most=9) for n in range(1, window + 1)]
    expected = sum(reached[min(window, looks - first) - 1] for first in range(looks))
    assert_allclose(found, expected, atol=1e-6)  # counts of ten and more are left out
    assert 0.01 < found < 1


def test_one_look_has_the_size_of_its_bound() -> None:
    design = Design(expected_per_look=2.0, looks=1, alpha=0.05)

    found = design.boundary.size_bound

    assert_allclose(found, stats.poisson.sf(5, 2.0), rtol=1e-12)  # the least count below 5 %


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", [None, 0.8])
def test_simulated_size_keeps_to_alpha_and_power_exceeds_it(
    size: float | None, direction: Direction
) -> None:
    design = Design(
        expected_per_look=2.0, looks=30, alpha=0.05, window=20, direction=direction,
        dispersion=size,
    )  # fmt: skip
    rng = np.random.default_rng(seed=20080515)

    null = simulate(design, 1.0, rng=rng)
    changed = simulate(design, 3.0 if direction == "increase" else 0.1, rng=rng)

    error = math.sqrt(0.05 * 0.95 / 10_000)
    assert 0.005 < null.power < 0.05 + 3 * error  # standard errors
    assert changed.power > 5 * null.power
    assert changed.expected_time_to_signal <= changed.expected_length + 1e-9 or changed.power < 1


def test_simulation_signals_where_a_watch_that_steps_does() -> None:
    design = Design(expected_per_look=0.7, looks=15, alpha=0.3, window=6, dispersion=3.0)
    n_paths = 2_000

    found = simulate(design, 2.0, rng=np.random.default_rng(seed=1), n_paths=n_paths)

    rng = np.random.default_rng(seed=1)
    counts = rng.poisson(rng.gamma(3.0, 2.0 * 0.7 / 3.0, (n_paths, 15)))
    looks = [recompute(design, to_date([(n, 0.7) for n in path]))[1] for path in counts[:300]]
    again = simulate(design, 2.0, rng=np.random.default_rng(seed=1), n_paths=n_paths)
    first = [next((k.number for k in path if k.is_crossing), 0) for path in looks]
    assert found == again
    shares = np.array(first) > 0
    assert abs(shares.mean() - found.power) < 3 * shares.std() / math.sqrt(300)  # standard errors
    mean, spread = np.mean(np.array(first)[shares]), np.std(np.array(first)[shares])
    error = spread / math.sqrt(shares.sum())
    assert abs(mean - found.expected_time_to_signal) < 3 * error  # standard errors


def test_no_signal_has_no_time() -> None:
    rare = Design(expected_per_look=1e-4, looks=5, critical_value=50.0)
    none = Design(expected_per_look=1e-4, looks=5, critical_value=1.0, direction="decrease")

    simulated = simulate(rare, 1.0, rng=np.random.default_rng(1), n_paths=50)
    exact = [operating_characteristics(design, 1.0) for design in (rare, none)]

    assert 0 < exact[0].power < 1e-20  # five events in a look
    assert (simulated.power, exact[1].power) == (0.0, 0.0)
    assert simulated.power_error > 0.01  # none in fifty is no certainty
    for found in (simulated, *exact):
        assert found.expected_length == 5.0
        assert math.isnan(found.expected_time_to_signal)
        assert math.isnan(found.expected_events_at_signal)


@pytest.mark.campaign
@given(
    mean=st.floats(1e-4, 1.0),
    looks=st.integers(1, 8),
    window=st.integers(1, 8),
    alpha=st.floats(1e-3, 0.3),
    direction=st.sampled_from(DIRECTIONS),
    size=st.one_of(st.none(), st.floats(0.3, 20.0)),
)
@settings(max_examples=1_000, deadline=None)  # each example finds a root
@pytest.mark.slow
def test_no_design_exceeds_alpha(
    mean: float, looks: int, window: int, alpha: float, direction: Direction, size: float | None
) -> None:
    design = Design(
        expected_per_look=mean, looks=looks, alpha=alpha, window=window, direction=direction,
        dispersion=size,
    )  # fmt: skip
    law = CountLaw(mean, dispersion=math.inf if size is None else size)
    value = design.boundary.critical_value

    found = operating_characteristics(design, 1.0)
    assert found.method == "exact"
    assert found.power <= design.boundary.size_bound + 1e-13  # rounding
    assert design.boundary.size_bound <= alpha
    if value > 1e-5:
        lower = false_signal_bound(
            law, value - 3e-6, looks=looks, window=min(window, looks), direction=direction
        )
        assert lower > alpha


@given(steps=increments, size=st.sampled_from([None, 0.5]))
@settings(deadline=None)  # a fit for each stretch
def test_stepping_and_recomputing_agree(steps: list[tuple[int, float]], size: float | None) -> None:
    design = Design(expected_per_look=0.5, looks=12, critical_value=1.5, dispersion=size)
    state, looks = init(design), []
    for observation in to_date(steps):
        state, look = step(state, observation)
        looks.append(look)

    assert recompute(design, to_date(steps)) == (state, tuple(looks))


@pytest.mark.parametrize("dispersion", [None, 2.0, math.inf])
def test_a_state_survives_encoding(dispersion: float | None) -> None:
    design = Design(expected_per_look=1.0, looks=17, alpha=0.05, dispersion=dispersion)
    state, _ = recompute(design, to_date([(2, 1.0), (1, 0.4)]))

    encoded = msgspec.json.encode(state)

    assert msgspec.json.decode(encoded, type=State) == state
    assert len(encoded) < 420


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"expected_per_look": 0.0}, "expected_per_look"),
        ({"expected_per_look": math.nan}, "expected_per_look"),
        ({"looks": 0}, "looks"),
        ({"looks": 1.5}, "looks"),
        ({"window": 0}, "window"),
        ({"window": 1_001}, "window"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": None}, "set one of alpha"),
        ({"critical_value": 1.0}, "set one of alpha"),
        ({"alpha": None, "critical_value": 0.0}, "critical_value"),
        ({"alpha": None, "critical_value": math.nan}, "critical_value"),
        ({"alpha": None, "critical_value": 1_001.0}, "critical_value"),
        ({"dispersion": 0.0}, "dispersion"),
        ({"dispersion": math.nan}, "dispersion"),
        ({"direction": "up"}, "direction"),
        ({"after_signal": "restart"}, "after_signal"),
    ],
)
def test_a_design_out_of_range_is_refused(changed: dict[str, Any], name: str) -> None:
    arguments: dict[str, Any] = {"expected_per_look": 1.0, "looks": 10, "alpha": 0.05}

    with pytest.raises(ValueError, match=f"^{name}"):
        Design(**(arguments | changed))


@pytest.mark.parametrize(
    ("observation", "rule"),
    [
        (Observation(events=1, expected=2.0), "went back"),
        (Observation(events=2, expected=0.9), "went back"),
        (Observation(events=-1, expected=2.0), "events is -1"),
        (Observation(events=2.5, expected=2.0), "events is 2.5"),  # type: ignore[arg-type]  # bad
        (Observation(events=3, expected=math.nan), "expected is nan"),
        (Observation(events=3, expected=math.inf), "expected is inf"),
        (Observation(events=3, expected=1.0), "none were expected"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(observation: Observation, rule: str) -> None:
    state, _ = step(init(GIVEN), Observation(events=2, expected=1.0))

    with pytest.raises(ValueError, match=rule):
        step(state, observation)


@pytest.mark.parametrize(
    ("value", "window", "name"),
    [(0.0, 2, "critical_value is 0"), (2e3, 2, "critical_value is"), (1.0, 0, "window is 0"),
     (1.0, 4, "window is 4")],
)  # fmt: skip
def test_a_bound_of_what_cannot_be_is_refused(value: float, window: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        false_signal_bound(CountLaw(1.0), value, looks=3, window=window, direction="increase")


def test_a_simulation_of_no_paths_is_refused() -> None:
    with pytest.raises(ValueError, match="n_paths is 0"):
        operating_characteristics(GIVEN, 1.0, rng=np.random.default_rng(1), n_paths=0)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [1, 7, 200])
@pytest.mark.parametrize("horizon", [1e-4, 0.3, 500.0])
@pytest.mark.parametrize("size", [None, 0.3])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_regime_has_an_answer(
    looks: int, horizon: float, size: float | None, direction: Direction
) -> None:
    design = Design(
        expected_per_look=horizon / looks, looks=looks, alpha=0.05, window=20, dispersion=size,
        direction=direction,
    )  # fmt: skip

    found = operating_characteristics(design, 1.0, rng=np.random.default_rng(2), n_paths=500)

    assert design.boundary.size_bound <= 0.05
    assert found.power <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 500)  # standard errors
