"""Operating characteristics of the conditional MaxSPRT, exact, and against simulation."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from detectors.sequential import conditional_operating
from detectors.sequential.conditional_maxsprt import (
    Design,
    detectable_rate_ratio,
    log_likelihood_ratio,
    operating_characteristics,
)
from detectors.sequential.polya_paths import History

HISTORY: dict[str, History] = {
    "liberal": "stopped_at_event",
    "conservative": "fixed_time",
    "exact": "exact",
}


@pytest.mark.parametrize("history", HISTORY.values())
@pytest.mark.parametrize("start", [0.0, 4.0])
@pytest.mark.slow
def test_operating_characteristics_agree_with_simulation(history: History, start: float) -> None:
    rng = np.random.default_rng(seed=20190225)
    n_watches, c, ratio = 100_000, 4, 2.5
    design = Design(c, 40.0, horizon=30.0, min_person_time=start, history=history)
    found = operating_characteristics(design, ratio)

    share: Any = {"stopped_at_event": 0.0, "fixed_time": 1.0, "exact": rng.random(n_watches)}[
        history
    ]
    rate = (rng.gamma(c, size=n_watches) + share * rng.exponential(size=n_watches)) / 40.0
    gaps = rng.exponential(size=(n_watches, 40)) / (ratio * rate[:, None])
    arrivals = gaps.cumsum(axis=1)
    looks = np.maximum(arrivals, start)
    events = (arrivals[:, None, :] <= start).sum(axis=2)
    counts = np.maximum(np.arange(1, 41), events)
    llr = log_likelihood_ratio(counts, looks / 40.0, n_historical=c)
    crosses = (llr >= design.boundary.critical_value) & (looks <= 30.0)
    signals, first = crosses.any(axis=1), crosses.argmax(axis=1)
    time = looks[np.arange(n_watches), first][signals]
    count = counts[np.arange(n_watches), first][signals]
    length = np.where(signals, looks[np.arange(n_watches), first], 30.0)

    for simulated, exact in [
        (signals, found.power),
        (time, found.expected_time_to_signal),
        (count, found.expected_events_at_signal),
        (length, found.expected_length),
    ]:
        error = np.std(simulated) / math.sqrt(len(simulated))
        assert abs(np.mean(simulated) - exact) < 3.5 * error  # 24 comparisons, one in 2,000 each


def test_the_mean_time_agrees_with_another_quadrature(monkeypatch: pytest.MonkeyPatch) -> None:
    designs = [Design(3, 1.0, n_max=30), Design(1, 1.0, horizon=20.0), Design(8, 1.0, horizon=2.0)]
    found = [operating_characteristics(design, 2.0).expected_length for design in designs]
    nodes, weights = np.polynomial.legendre.leggauss(40)

    monkeypatch.setattr(conditional_operating, "NODES", nodes)
    monkeypatch.setattr(conditional_operating, "WEIGHTS", weights)
    finer = [operating_characteristics(design, 2.0).expected_length for design in designs]

    assert_allclose(found, finer, rtol=1e-10)  # as documented


def test_under_the_null_the_power_is_the_size_and_it_grows_with_the_rate_ratio() -> None:
    for design in (Design(5, 10.0, n_max=20), Design(5, 10.0, horizon=8.0, min_person_time=1.0)):
        powers = [operating_characteristics(design, r).power for r in (0.01, 0.5, 1, 2, 5, 1e5)]

        assert_allclose(powers[2], design.boundary.attained_size, atol=1e-13)  # rounding
        assert np.all(np.diff(powers) >= 0)
        assert powers[-1] > 0.999


def test_a_signal_too_rare_to_tell_from_rounding_has_no_mean_time() -> None:
    found = operating_characteristics(Design(5, 1e6, horizon=1.0, min_events=4), 1e-3)

    assert found.power < 1e-12
    assert math.isnan(found.expected_time_to_signal)
    assert math.isnan(found.expected_events_at_signal)
    assert_allclose(found.expected_length, 1.0, rtol=1e-12)  # rounding


def test_the_detectable_rate_ratio_is_detected_so_often() -> None:
    design = Design(5, 100.0, horizon=20.0)

    ratio = detectable_rate_ratio(design, power=0.9)

    assert_allclose(operating_characteristics(design, ratio).power, 0.9, atol=1e-9)  # the root
    assert detectable_rate_ratio(Design(5, 1e9, horizon=1.0), power=0.8) == math.inf
    with pytest.raises(ValueError, match=r"power is 0\.01: must lie between"):
        detectable_rate_ratio(design, power=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("history", HISTORY.values())
@pytest.mark.parametrize("c", [0, 1, 5, 50])
def test_every_regime_gives_a_number_or_a_documented_refusal(c: int, history: History) -> None:
    if c == 0 and history == "stopped_at_event":
        c = 2
    refused = 0
    for expected in (1e-4, 0.01, 0.3, 3.0, 30.0, 500.0):
        for least in (1, 3):
            horizon = expected / max(c, 1)
            try:
                design = Design(c, 1.0, horizon=horizon, min_events=least, history=history)
            except ValueError as error:
                assert "counts above 700 matter" in str(error)  # noqa: PT017 - either is right
                refused += 1
                continue
            for ratio in (0.1, 1.0, 10.0):
                found = operating_characteristics(design, ratio)
                assert 0 <= found.power <= 1
                assert 0 < found.expected_length <= horizon * (1 + 1e-12)
                if found.power > 1e-6:
                    assert 0 < found.expected_time_to_signal <= horizon * (1 + 1e-6)
                    assert found.expected_events_at_signal >= least * (1 - 1e-6)
    assert refused <= 4


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, 1e6])
def test_a_rate_ratio_out_of_range_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="rate_ratio is"):
        operating_characteristics(Design(5, 1.0, n_max=3), ratio)
