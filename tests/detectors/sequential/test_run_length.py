"""Run lengths against published values, a chain on a lattice, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from detectors.sequential.chart_value import LOWEST, least_critical_value, log_over
from detectors.sequential.count_law import CountLaw, weights
from detectors.sequential.cusum.first_signal import first_signal
from detectors.sequential.cusum.run_length import average_run_length, chance_of_signal, corridor

# Lucas (1985), Counted data CUSUM's, Technometrics 27:129-144, tables 2 and 4, first block, row
# h = 10, k = 0.25, mean at k: printed without decimals.
LUCAS_UPWARD, LUCAS_DOWNWARD = 438, 437
WEIGHT = math.log(2)
JUST_BELOW = 1e-9  # a value on the lattice signals; rounding must not decide

LAWS = [
    (CountLaw(1.0), 2.0, 3.0, 1.0),
    (CountLaw(1.0), 2.0, 3.0, 2.0),
    (CountLaw(0.1), 4.0, 2.0, 1.0),
    (CountLaw(0.3), 0.5, 1.0, 0.5),
    (CountLaw(50.0), 1.25, 2.0, 1.0),
    (CountLaw(1.0, dispersion=0.5), 2.0, 1.0, 1.0),
    (CountLaw(3.0, dispersion=2.0), 0.4, 1.5, 1.0),
    (CountLaw(0.2, trials=1), 3.0, 1.5, 1.0),
    (CountLaw(1.0, trials=4), 0.4, 1.5, 1.5),
]


def lattice_run_length(
    chances: np.ndarray, reference: int, interval: int, *, sign: int
) -> np.ndarray:
    """Solve Brook and Evans's chain, whose states are the values below the interval."""
    transition = np.zeros((interval, interval))
    for state in range(interval):
        for count, chance in enumerate(chances):
            value = max(0, state + sign * (4 * count - reference))
            if value < interval:
                transition[state, value] += chance
    return np.linalg.solve(np.eye(interval) - transition, np.ones(interval))


def simulated_run_lengths(
    law: CountLaw, ratio: float, critical_value: float, true_ratio: float, n_paths: int
) -> np.ndarray:
    rng = np.random.default_rng(seed=19540601)
    changed, (per_event, per_look) = law.changed(true_ratio), weights(law, ratio)
    value, length = np.zeros(n_paths), np.zeros(n_paths)
    waiting, look = np.arange(n_paths), 0
    while waiting.size:
        look += 1
        if changed.trials:
            count = rng.binomial(changed.trials, changed.mean / changed.trials, waiting.size)
        elif math.isinf(changed.dispersion):
            count = rng.poisson(changed.mean, waiting.size)
        else:
            rate = rng.gamma(changed.dispersion, changed.mean / changed.dispersion, waiting.size)
            count = rng.poisson(rate)
        value = np.maximum(0.0, value + per_event * count - per_look)
        length[waiting] = look
        waiting, value = waiting[value < critical_value], value[value < critical_value]
    return length


def test_run_lengths_are_those_that_lucas_published() -> None:
    value = 10 * WEIGHT - JUST_BELOW

    upward = average_run_length(CountLaw(0.25 * WEIGHT), 2.0, value, true_ratio=1 / WEIGHT)
    downward = average_run_length(CountLaw(0.5 * WEIGHT), 0.5, value, true_ratio=0.5 / WEIGHT)

    assert (round(upward), round(downward)) == (LUCAS_UPWARD, LUCAS_DOWNWARD)


@pytest.mark.parametrize("interval", [1, 7, 16])
@pytest.mark.parametrize("mean", [0.05, 0.25, 0.6])
def test_run_lengths_are_those_of_a_chain_where_values_lie_on_a_lattice(
    mean: float, interval: int
) -> None:
    chances = stats.poisson(mean).pmf(np.arange(60))
    value = interval / 4 * WEIGHT - JUST_BELOW  # reference value 1/4, lattice of quarters

    upward = average_run_length(CountLaw(0.25 * WEIGHT), 2.0, value, true_ratio=4 * mean / WEIGHT)
    downward = average_run_length(CountLaw(0.5 * WEIGHT), 0.5, value, true_ratio=2 * mean / WEIGHT)

    for found, sign in ((upward, 1), (downward, -1)):
        expected = lattice_run_length(chances, 1, interval, sign=sign)[0]
        assert_allclose(found, expected, rtol=1e-7)  # the chain's matrix is ill-conditioned


@pytest.mark.slow
@pytest.mark.parametrize(("law", "ratio", "value", "true_ratio"), LAWS)
def test_run_lengths_agree_with_simulation(
    law: CountLaw, ratio: float, value: float, true_ratio: float
) -> None:
    lengths = simulated_run_lengths(law, ratio, value, true_ratio, n_paths=10_000)

    found = average_run_length(law, ratio, value, true_ratio=true_ratio)

    error = lengths.std(ddof=1) / math.sqrt(lengths.size)
    assert abs(found - lengths.mean()) < 3 * error  # 3 standard errors


@pytest.mark.parametrize("law", [CountLaw(1e-7), CountLaw(1e-7, trials=1)])
def test_rare_events_are_counted_in_no_more_steps(law: CountLaw) -> None:
    # Two events that come so near one another that the first is not forgotten: in continuous time
    # an excursion that begins with an event lasts log(2) / 1e-7 looks without another.
    found = average_run_length(law, 2.0, 2 * WEIGHT - 1e-5)

    first = 1 / 1e-7
    chance = -math.expm1(-1e-5)  # another event before the value has fallen by 1e-5
    kept = 1e-5 / 1e-7  # looks in which a second event signals at once
    assert kept == pytest.approx(100)
    assert found > first
    assert found < 2 * first / chance


@given(
    mean=st.floats(0.01, 3.0),
    ratio=st.sampled_from([0.4, 0.8, 1.5, 3.0]),
    value=st.floats(0.01, 3.0),
    looks=st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)  # an excursion is followed look by look
def test_signals_within_looks_are_those_of_paths_one_by_one(
    mean: float, ratio: float, value: float, looks: int
) -> None:
    law = CountLaw(mean)
    per_event, per_look = weights(law, ratio)
    chances = stats.poisson(mean).pmf(np.arange(40))
    silent = {0.0: 1.0}
    for _ in range(min(looks, 4)):
        later: dict[float, float] = {}
        for before, weight in silent.items():
            for count, chance in enumerate(chances[:30]):
                now = max(0.0, before + per_event * count - per_look)
                if now < value:
                    later[now] = later.get(now, 0.0) + weight * chance
        silent = later

    found = chance_of_signal(law, ratio, value, looks=min(looks, 4))

    assert_allclose(found, 1 - sum(silent.values()), atol=1e-9)  # counts of 30 and more left out


@pytest.mark.parametrize(("law", "ratio", "value", "true_ratio"), LAWS[1:5])
def test_the_mean_is_that_of_the_first_signals(
    law: CountLaw, ratio: float, value: float, true_ratio: float
) -> None:
    looks = 2_000  # beyond which the chance of no signal is below 1e-15

    found = first_signal([law] * looks, ratio, value, true_ratio=true_ratio)

    mean = math.fsum(found.chance * np.arange(1, looks + 1))
    expected = average_run_length(law, ratio, value, true_ratio=true_ratio)
    assert_allclose(mean, expected, rtol=1e-9)  # the relative error that is stated


@given(value=st.floats(0.1, 6.0), more=st.floats(0.0, 1.0))
@settings(deadline=None)  # two excursions an example
def test_a_higher_critical_value_never_signals_sooner(value: float, more: float) -> None:
    law = CountLaw(0.7, dispersion=1.5)

    low, high = (average_run_length(law, 2.0, v) for v in (value, value + more))

    assert high >= low * (1 - 1e-9)  # the relative error that is stated


def test_a_chart_that_cannot_signal_in_double_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="too unlikely"):
        average_run_length(CountLaw(5_000.0), 2.0, 100.0)
    with pytest.raises(ValueError, match="critical_value is 5000"):
        corridor(CountLaw(1.0), 2.0, 5_000.0)


@given(step_at=st.floats(2e-6, 40.0))
def test_the_least_critical_value_lies_a_little_beyond_its_step(step_at: float) -> None:
    found = least_critical_value(lambda value: 1.0 if value < step_at else -0.5)

    assert step_at + 2e-7 < found < step_at + 2e-6


def test_any_value_will_do_where_nothing_errs() -> None:
    assert least_critical_value(lambda _: 0.0) == LOWEST
    assert log_over(0.0, 0.05) < -600


@pytest.mark.parametrize(
    ("ratio", "value", "looks", "name"),
    [
        (1.0, 1.0, 3, "rate_ratio is 1"),
        (0.0, 1.0, 3, "rate_ratio is 0"),
        (math.nan, 1.0, 3, "rate_ratio is nan"),
        (2.0, 0.0, 3, "critical_value is 0"),
        (2.0, -1.0, 3, "critical_value is -1"),
        (2.0, math.nan, 3, "critical_value is nan"),
        (2.0, 1.0, 0, "looks is 0"),
        (2.0, 1.0, 2.5, "looks is 2.5"),
    ],
)
def test_a_chart_out_of_range_is_refused(ratio: float, value: float, looks: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        chance_of_signal(CountLaw(1.0), ratio, value, looks=looks)
    if name.startswith("looks"):
        with pytest.raises(ValueError, match=f"^{name}"):
            CountLaw(1.0).over(looks)
    else:
        with pytest.raises(ValueError, match=f"^{name}"):
            average_run_length(CountLaw(1.0), ratio, value)
