"""Columns of the reference that no other test compares: the peers' own, and derived ones."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import reference_json, reference_table
from numpy.testing import assert_allclose
from scipy.stats import norm, poisson

from detectors.sequential import alpha_spending
from detectors.sequential import binomial_maxsprt as binomial
from detectors.sequential.binomial_maxsprt.boundary import least_exposed
from detectors.sequential.binomial_paths import signal_chances
from detectors.sequential.poisson_band import signal_probability
from detectors.sequential.poisson_maxsprt import (
    Design,
    critical_value,
    operating_characteristics,
    sample_size,
)
from detectors.sequential.poisson_maxsprt.boundary import plan_of
from detectors.sequential.poisson_maxsprt.limits import band

ROUNDED = 1e-8  # absolute, as the README of the reference has it


def table(name: str) -> pd.DataFrame:
    return reference_table(name)


def rows_of(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def level_at(row: Any, value: float) -> float:  # noqa: ANN401 - a row of a table
    given = {"min_events": int(row.M), "min_expected": float(row.D)}
    return signal_probability(
        band(plan_of(row.T, row.alpha, looks=None, tail="upper", **given), value)  # type: ignore[arg-type]
    )


@pytest.mark.slow
def test_every_poisson_value_of_the_peers_has_the_level_that_the_file_states() -> None:
    rows = table("sequential/cv_poisson.csv")
    of_r = rows.dropna(subset="cv_R_Sequential")

    at_r = [level_at(row, row.cv_R_Sequential) for row in rows_of(of_r)]
    at_vigipy = [level_at(row, row.cv_vigipy) for row in rows_of(rows)]

    assert (len(rows), len(of_r)) == (326, 280)
    assert_allclose(at_r, of_r["alpha_true_at_R_cv"], atol=ROUNDED)
    assert_allclose(at_vigipy, rows["alpha_true_at_vigipy_cv"], atol=ROUNDED)
    both = rows.dropna(subset=["cv_exact", "alpha_at_cv_exact"])
    attained = [level_at(row, row.cv_exact + 1e-9) for row in rows_of(both)]  # it has 12 digits
    assert_allclose(attained, both["alpha_at_cv_exact"], atol=ROUNDED)


def test_the_peers_poisson_values_are_ours_but_for_one_delayed_start() -> None:
    rows = table("sequential/cv_poisson.csv").dropna(subset=["cv_R_Sequential", "cv_exact"])
    gap = rows["cv_R_Sequential"] - rows["cv_exact"]

    assert_allclose(gap, rows["diff_R"], atol=1e-10)
    other = rows[gap.abs() > 1.2e-6]  # what the peer's search leaves
    assert other[["T", "D", "M", "alpha"]].to_numpy().tolist() == [[2.5, 2.0, 1.0, 0.05]]
    assert 0.04 < other["alpha_true_at_R_cv"].iloc[0] < 0.043  # it spends too little


def test_where_the_peer_has_no_poisson_value_it_says_why_and_we_answer() -> None:
    rows = table("sequential/cv_poisson.csv")
    silent = rows[rows["cv_R_Sequential"].isna()]

    assert len(silent) == silent["R_note"].notna().sum() == 46
    for row in rows_of(silent):
        found = critical_value(
            row.T, alpha=row.alpha, min_events=int(row.M), min_expected=float(row.D)
        )
        assert 0 < found.attained_size <= row.alpha
        if row.R_note.startswith("subscript"):
            assert (found.decided_by, row.D > 0) == ("llr", True)
        else:
            least = float(row.R_note.rpartition(">=")[2].rstrip("."))
            assert least > row.T
            below, at = (float(poisson.sf(int(row.M) - 1, x)) for x in (least - 0.01, least))
            assert below < row.alpha <= at  # the shortest horizon, to two decimals


def test_the_peers_performance_was_at_our_critical_value() -> None:
    for row in rows_of(table("sequential/performance_poisson.csv")):
        found = critical_value(
            row.T, alpha=row.alpha, min_events=int(row.M), min_expected=float(row.D)
        )

        assert_allclose(row.cv, found.value, atol=1.2e-6)  # what the peer's search leaves


def test_group_rows_repeat_their_value_in_the_raw_column() -> None:
    rows = table("sequential/cv_poisson_group.csv")

    assert (rows["raw"] == rows["cv"]).all()
    sums = [math.fsum(map(float, each.split())) for each in rows["groups"]]
    assert_allclose(sums, rows["T"], rtol=1e-12)


def test_lower_values_of_the_peer_are_those_of_the_exact_file() -> None:
    lower = table("sequential/cv_poisson_lower_two_sided.csv").query("tailed == 'lower'")
    exact = table("sequential/cv_poisson_lower_exact.csv").set_index("T")

    for row in rows_of(lower):
        if math.isnan(row.cv):
            assert "elapsed time" in row.raw
        else:
            assert_allclose(row.cv, float(exact["cv_R_Sequential_M1"][row.T]), atol=1e-9)
            assert_allclose(float(row.raw), row.cv, atol=1e-9)


@pytest.mark.slow
def test_sample_sizes_have_the_peers_value_and_power_and_are_never_longer() -> None:
    rows = table("sequential/samplesize_poisson.csv")

    assert len(rows) == 18
    for row in rows_of(rows):
        ratio, power, horizon, value, alpha, attained = (
            float(each.lstrip("=")) for each in row.raw.split(";")
        )
        assert (ratio, power, alpha) == (row.RR, row.power, row.alpha)
        design = Design(horizon, alpha=alpha, min_events=row.M)
        found = operating_characteristics(design, ratio).power
        assert_allclose(design.boundary.critical_value, value, atol=1.2e-6)
        assert_allclose(found, attained, atol=1e-6)
        assert found >= power
        if ratio >= 2:  # power grows with the horizon, so the others are shorter too
            assert sample_size(power, ratio, alpha=alpha, min_events=row.M) <= horizon
        # Where ratio is 10 the peer stops far too late.
        assert (attained > power + 0.01) == (ratio == 10)


def test_the_peers_spending_has_less_power_than_the_boundary_and_takes_longer() -> None:
    rows = reference_json("sequential/alphaspend_poisson.json")

    for row in rows.values():
        ratio, power, _, length = row["result"]["Performance"]
        design = alpha_spending.Design(float(row["T"]), parameter=float(row["rho"]))
        found = alpha_spending.operating_characteristics(design, float(ratio))

        # `test_alpha_spending` has the simulation that decides.
        assert 0.0003 < found.power - power < 0.1
        assert 0.05 < length - found.expected_length < 0.4
    assert len(rows) == 9


@pytest.mark.slow
def test_binomial_rows_of_the_peer_have_our_size_power_and_times() -> None:
    rows = table("sequential/cv_binomial.csv")
    answered = rows.dropna(subset="cv_R_Sequential")

    assert (len(rows), len(answered)) == (217, 205)
    for row in rows_of(answered):
        design = binomial.Design(int(row.N), ratio=row.z, alpha=row.alpha, min_events=int(row.M))
        least = least_exposed(design.ratios, row.cv_R_Sequential, int(row.M))
        size = math.fsum(signal_chances([1 / (1 + row.z)] * int(row.N), least))
        if not math.isnan(row.type1_true_at_R_cv):
            assert_allclose(size, row.type1_true_at_R_cv, atol=ROUNDED)
        if row.R_ok_when_used_as_LLR_ge_cv == 0:
            assert row.power_RR2 == 0  # the peer uses its rounded value
            continue
        is_tie = (row.N, row.M, row.z, row.alpha) == (100, 3, 3.0, 0.05)
        assert is_tie or abs(size - design.boundary.attained_size) < 1e-12
        if row.R_ok_when_used_as_LLR_ge_cv == 1:
            found = binomial.operating_characteristics(design, 2.0)
            assert_allclose(found.power, row.power_RR2, atol=ROUNDED)
            assert_allclose(found.expected_time_to_signal, row.ESignalTime_RR2, atol=ROUNDED)
            assert_allclose(found.expected_length, row.ESampleSize_RR2, atol=ROUNDED)


def test_binomial_rows_without_an_answer_are_refused_here_too() -> None:
    rows = table("sequential/cv_binomial.csv")
    silent = rows[rows["cv_R_Sequential"].isna()]

    assert len(silent) == silent["note"].notna().sum() == 12
    for row in rows_of(silent):
        if "M" in row.note and "smaller than or equal to" in row.note:
            continue  # the peer wants room above M; `Design` answers
        with pytest.raises(ValueError, match=f"n_max is {row.N}: too few"):
            binomial.Design(int(row.N), ratio=row.z, alpha=row.alpha, min_events=int(row.M))


def test_conditional_differences_are_what_the_columns_differ_by() -> None:
    rows = table("sequential/cv_condpoisson.csv")
    gap = rows["cv_R_Sequential"] - rows["cv_exact"]

    assert_allclose(gap.dropna(), rows["diff_R"].dropna(), atol=1e-10)
    assert (rows["cv_R_Sequential"].isna() == rows["R_note"].notna()).all()


def test_stage_levels_of_rpact_are_normal_tails_of_its_boundaries() -> None:
    rows = table("group_sequential/rpact_boundaries.csv")

    assert_allclose(norm.sf(rows["z"]), rows["stage_level"], rtol=1e-9, atol=1e-15)  # digits


def test_the_single_look_rule_has_the_power_that_the_file_states() -> None:
    rows = table("small_population/poisson_min_events_rule.csv")

    assert len(rows) == 54
    for ratio in (5, 20):
        found = poisson.sf(rows["min_events_single_look"] - 1, ratio * rows["T"])
        assert_allclose(found, rows[f"power_RR{ratio}"], atol=ROUNDED)


def test_maxsprt_rows_state_the_size_that_is_attained() -> None:
    rows = table("small_population/maxsprt_vs_eprocess_exact.csv").query("method == 'MaxSPRT'")

    found = [critical_value(row.T, alpha=row.alpha).attained_size for row in rows_of(rows)]

    assert_allclose(found, rows["type1_to_T"], atol=ROUNDED)


def test_natural_history_columns_that_no_test_computes_are_inputs() -> None:
    rates = table("small_population/natural_history_gammapoisson.csv")
    proportions = table("small_population/natural_history_betabinomial.csv")

    plugged = rates["hist_events"] / rates["hist_py"] * rates["person_years"]
    assert_allclose(rates["E_plugin"], plugged, rtol=1e-10)
    assert set(proportions["treated_prior"]) == set(proportions["hist_prior"]) == {"Beta(1,1)"}


def test_the_one_monte_carlo_row_without_a_value_is_one_the_tool_cannot_reach() -> None:
    rows = table("empirical_calibration/maxsprt_cv_montecarlo.csv")
    silent = rows[~(rows["cv"] > 0)]

    assert (len(rows), len(silent)) == (28, 1)
    row = rows_of(silent)[0]
    found = critical_value(row.T, alpha=row.alpha, min_events=int(row.M), looks=int(row.looks))
    assert np.isfinite(found.value)
    assert 0 < found.attained_size <= row.alpha
