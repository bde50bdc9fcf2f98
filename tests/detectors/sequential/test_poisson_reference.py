"""Group looks, delayed start, deficits, power and sample size against the reference."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import reference_rows, reference_table
from numpy.testing import assert_allclose

from detectors.sequential.poisson_band import signal_probability
from detectors.sequential.poisson_maxsprt import (
    Design,
    critical_value,
    detectable_rate_ratio,
    log_likelihood_ratio,
    operating_characteristics,
    sample_size,
)
from detectors.sequential.poisson_maxsprt.boundary import plan_of
from detectors.sequential.poisson_maxsprt.limits import band

GROUP_STEP = 1.02e-6  # the peer adds a millionth to the LLR that must not signal


def rows_of(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def looks_of(groups: str) -> list[float]:
    return [float(x) for x in np.cumsum([float(x) for x in groups.split()])]


@pytest.mark.slow
def test_a_delayed_start_matches_the_exact_column_and_its_attained_size() -> None:
    rows = reference_table("sequential/cv_poisson.csv", "D > 0").dropna(subset="cv_exact")
    columns = ["T", "alpha", "M", "D"]

    found = [
        critical_value(horizon, alpha=alpha, min_events=int(least), min_expected=start)
        for horizon, alpha, least, start in rows[columns].to_numpy().tolist()
    ]

    assert len(rows) == 130
    assert_allclose([x.value for x in found], rows["cv_exact"], atol=1e-8)
    assert_allclose([x.attained_size for x in found], rows["alpha_at_cv_exact"], atol=1e-8)


def test_group_looks_give_the_rule_of_the_peer() -> None:
    for row in reference_rows("sequential/cv_poisson_group.csv"):
        looks = looks_of(row.groups)
        found = critical_value(row.T, alpha=row.alpha, min_events=row.M, looks=looks)
        plan = plan_of(
            row.T, row.alpha, min_events=row.M, min_expected=0.0, looks=looks, tail="upper"
        )

        assert 0 <= row.cv - found.value < GROUP_STEP
        assert signal_probability(band(plan, row.cv)) == found.attained_size <= row.alpha
        assert signal_probability(band(plan, found.value - 1e-9)) > row.alpha


def test_a_deficit_matches_the_exact_column() -> None:
    for row in reference_rows("sequential/cv_poisson_lower_exact.csv"):
        found = critical_value(row.T, alpha=row.alpha, tail="lower")

        assert_allclose(found.value, row.cv_exact_conservative, atol=1e-8)
        assert_allclose(found.attained_size, row.alpha_attained, atol=1e-8)


def test_the_peers_value_for_a_deficit_spends_what_the_exact_recursion_says() -> None:
    rows = reference_table("sequential/cv_poisson_lower_exact.csv").dropna(
        subset="cv_R_Sequential_M1"
    )

    for row in rows_of(rows):
        plan = plan_of(row.T, 0.05, min_events=1, min_expected=0.0, looks=None, tail="lower")
        true_size = signal_probability(band(plan, row.cv_R_Sequential_M1))

        assert_allclose(true_size, row.alpha_true_at_R_cv, atol=1e-8)
        assert true_size > 6 * row.alpha


def test_the_peers_two_sided_value_does_not_hold_its_level() -> None:
    for row in rows_of(
        reference_table("sequential/cv_poisson_lower_two_sided.csv", "tailed == 'two'").dropna(
            subset="cv"
        )
    ):
        plan = plan_of(row.T, 0.05, min_events=1, min_expected=0.0, looks=None, tail="two_sided")

        assert signal_probability(band(plan, row.cv)) > 0.09
        assert critical_value(row.T, tail="two_sided").attained_size <= 0.05


def test_power_and_times_match_the_peer_where_it_is_right() -> None:
    for row in reference_rows("sequential/performance_poisson.csv"):
        design = Design(row.T, alpha=row.alpha, min_events=row.M, min_expected=row.D)
        found = operating_characteristics(design, row.RR)

        assert_allclose(found.power, row.power, atol=1e-6)  # the peer's boundary has 1e-6
        if row.D == 0:
            assert_allclose(found.expected_time_to_signal, row.ESignalTime, atol=1e-5)
            assert_allclose(found.expected_length, row.ESampleSize, atol=1e-5)


def test_the_exact_file_of_power_and_time_is_reproduced() -> None:
    rows = reference_table("small_population/maxsprt_vs_eprocess_exact.csv", "method == 'MaxSPRT'")

    assert len(rows) == 33
    for row in rows_of(rows):
        found = operating_characteristics(Design(row.T, alpha=row.alpha), row.RR)
        assert_allclose(found.power, row.power, atol=1e-8)
        assert_allclose(found.expected_time_to_signal, row.E_time_to_signal, atol=1e-8)


@pytest.mark.slow
def test_simulation_finds_the_peers_times_of_a_delayed_start_too_long() -> None:
    design, ratio, n_watches = Design(3.0, min_expected=1.0), 3.0, 200_000
    row = reference_table(
        "sequential/performance_poisson.csv",
        "T == 3 and D == 1 and M == 1 and RR == 3 and alpha == 0.05",
    ).iloc[0]
    rng = np.random.default_rng(seed=20150301)
    arrivals = rng.exponential(1 / ratio, size=(n_watches, 60)).cumsum(axis=1)
    at_start = (arrivals <= 1.0).sum(axis=1)
    c = design.boundary.critical_value
    crosses = (log_likelihood_ratio(np.arange(1, 61), arrivals) >= c) & (arrivals > 1.0)
    times = np.where(crosses & (arrivals <= 3.0), arrivals, np.inf).min(axis=1)
    times = np.where(log_likelihood_ratio(at_start, np.ones(n_watches)) >= c, 1.0, times)
    signals = times[np.isfinite(times)]

    found = operating_characteristics(design, ratio)

    error = 3 * signals.std() / len(signals) ** 0.5  # three standard errors
    assert abs(signals.mean() - found.expected_time_to_signal) < error
    assert row["ESignalTime"] - signals.mean() > 3 * error
    assert_allclose(len(signals) / n_watches, found.power, atol=3 * (0.25 / n_watches) ** 0.5)


def test_the_horizon_for_a_power_is_never_longer_than_the_peers() -> None:
    for row in reference_rows("sequential/samplesize_poisson.csv", "RR == 3 or RR == 4"):
        ratio, horizon = row.RR, float(row.raw.split(";")[2].lstrip("="))
        found = sample_size(row.power, ratio, alpha=row.alpha, min_events=row.M)
        design = Design(found, alpha=row.alpha, min_events=row.M)
        said = float(row.raw.split(";")[5].lstrip("="))
        of_peer = Design(horizon, alpha=row.alpha, min_events=row.M)

        assert found <= horizon
        assert_allclose(operating_characteristics(design, ratio).power, row.power, atol=1e-8)
        assert_allclose(operating_characteristics(of_peer, ratio).power, said, atol=1e-5)


def test_a_detectable_ratio_has_the_power_that_was_asked_for() -> None:
    for design in (
        Design(0.03),
        Design(3.0),
        Design(3.0, looks=4),
        Design(2.0, min_expected=0.5, min_events=3),
        Design(12.0, tail="lower"),
    ):
        ratio = detectable_rate_ratio(design, power=0.7)
        assert_allclose(operating_characteristics(design, ratio).power, 0.7, atol=1e-8)
        assert (ratio < 1) == (design.tail == "lower")


@pytest.mark.slow
def test_the_monte_carlo_values_of_another_tool_spend_alpha() -> None:
    rows = reference_table(
        "empirical_calibration/maxsprt_cv_montecarlo.csv", "fn == 'computeCvPoisson' and cv > 0"
    )
    n_draws = 200_000

    assert len(rows) == 11
    for row in rows_of(rows):
        plan = plan_of(
            row.T, row.alpha, min_events=row.M, min_expected=0.0, looks=100, tail="upper"
        )
        above = signal_probability(band(plan, row.cv + 1e-9))
        at = signal_probability(band(plan, row.cv - 1e-9))
        error = 3 * (row.alpha * (1 - row.alpha) / n_draws) ** 0.5  # three standard errors
        assert above - error <= row.alpha_attr <= at + error
        assert above <= row.alpha + error
