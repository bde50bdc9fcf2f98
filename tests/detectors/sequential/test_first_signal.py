"""First signals under a plan against the engine for equal looks, brute force, and simulation."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from detectors.sequential.count_law import CountLaw, weights
from detectors.sequential.cusum.first_signal import first_signal
from detectors.sequential.cusum.run_length import chance_of_signal
from detectors.sequential.operating import mean_events

UNEQUAL = [0.05, 0.4, 0.0001, 1.2, 0.3]


def brute_force(
    plan: list[CountLaw], ratio: float, value: float, true_ratio: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Follow every path of counts up to `most` a look."""
    chance, events = np.zeros(len(plan)), np.zeros(len(plan))
    lines = [weights(law, ratio) for law in plan]
    laws = []
    for law in plan:
        new = law.changed(true_ratio)
        counts = np.arange(most + 1)
        if new.trials:
            laws.append(stats.binom.pmf(counts, new.trials, new.mean / new.trials))
        else:
            laws.append(stats.poisson.pmf(counts, new.mean))
    for path in itertools.product(range(most + 1), repeat=len(plan)):
        now, weight, so_far = 0.0, 1.0, 0
        for look, count in enumerate(path):
            now = max(0.0, now + lines[look][0] * count - lines[look][1])
            weight, so_far = weight * laws[look][count], so_far + count
            if now >= value:
                if not any(path[look + 1 :]):  # each beginning once
                    chance[look] += weight
                    events[look] += weight * so_far
                break
    return chance, events


@pytest.mark.parametrize("true_ratio", [1.0, 0.5, 3.0])
@pytest.mark.parametrize(("ratio", "value"), [(2.0, 0.5), (3.0, 1.9), (0.5, 0.25), (0.3, 1.0)])
@pytest.mark.parametrize("trials", [0, 3])
def test_unequal_looks_are_those_of_paths_one_by_one(
    ratio: float, value: float, true_ratio: float, trials: int
) -> None:
    plan = [CountLaw(mean, trials=trials) for mean in UNEQUAL]
    most = 3 if trials else 7

    found = first_signal(plan, ratio, value, true_ratio=true_ratio)

    chance, events = brute_force(plan, ratio, value, true_ratio, most)
    left_out = 1e-12 if trials else sum(stats.poisson(true_ratio * m).sf(most) for m in UNEQUAL)
    assert_allclose(found.chance, chance, atol=left_out + 1e-12)  # paths with greater counts
    assert_allclose(found.events, events, atol=40 * left_out + 1e-12)  # times their events


@pytest.mark.parametrize(
    ("law", "ratio", "value"),
    [
        (CountLaw(0.8), 2.0, 2.5),
        (CountLaw(0.01), 2.0, 1.3),
        (CountLaw(1.5), 0.5, 2.0),
        (CountLaw(2.0, dispersion=0.3), 3.0, 1.0),
        (CountLaw(2.0, dispersion=5.0), 0.4, 2.0),
        (CountLaw(0.3, trials=1), 2.5, 2.0),
    ],
)
def test_equal_looks_are_those_of_the_renewal_equation(
    law: CountLaw, ratio: float, value: float
) -> None:
    found = first_signal([law] * 60, ratio, value)

    # Two engines; each states 1e-13.
    assert_allclose(
        math.fsum(found.chance), chance_of_signal(law, ratio, value, looks=60), atol=2e-13
    )


def test_first_signals_agree_with_simulation() -> None:
    means = np.linspace(0.05, 0.8, 30)
    plan, n_paths = [CountLaw(mean) for mean in means.tolist()], 40_000
    rng = np.random.default_rng(seed=20000101)
    counts = rng.poisson(1.5 * means, (n_paths, 30))
    value, time = np.zeros(n_paths), np.zeros(n_paths, dtype=int)
    for look, law in enumerate(plan):
        per_event, per_look = weights(law, 2.0)
        value = np.maximum(0.0, value + per_event * counts[:, look] - per_look)
        time[(value >= 2.0) & (time == 0)] = look + 1
    events = np.cumsum(counts, axis=1)[time > 0, time[time > 0] - 1]

    found = first_signal(plan, 2.0, 2.0, true_ratio=1.5)

    power, drawn = math.fsum(found.chance), (time > 0).mean()
    assert abs(power - drawn) < 3 * math.sqrt(drawn * (1 - drawn) / n_paths)  # standard errors
    error = events.std() / math.sqrt(events.size)
    assert abs(mean_events(found) - events.mean()) < 3 * error  # standard errors


def test_a_plan_in_which_an_event_weighs_unequally_is_refused() -> None:
    unequal = [CountLaw(1.0, dispersion=2.0), CountLaw(2.0, dispersion=2.0)]

    for plan in (unequal, []):
        with pytest.raises(ValueError, match="weigh the same"):
            first_signal(plan, 2.0, 1.0)
