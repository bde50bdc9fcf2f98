"""P-values, ratios and intervals that are calibrated by an empirical null."""

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from data import reference_json, reference_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import integrate, stats

from detectors.calibration import (
    Null,
    calibrate_interval,
    calibrate_llr,
    calibrate_p,
    fit_null,
    leave_one_out,
)

Floats = NDArray[np.float64]

estimates = st.floats(-5, 5)
errors = st.floats(0.01, 3)
nulls = st.builds(Null, st.floats(-2, 2), st.floats(0, 2))


def r_package() -> dict[str, Any]:
    document: dict[str, Any] = reference_json("empirical_calibration/calibration_sccs.json")
    return document


def r_null() -> Null:
    return Null(r_package()["null"]["mean"], r_package()["null"]["sd"])


def controls_of(truth: int) -> pd.DataFrame:
    rows = reference_table("empirical_calibration/ohdsi_sccs_negative_controls.csv")
    return rows[rows["groundTruth"] == truth]


def sccs() -> tuple[Floats, Floats]:
    return controls_of(0)["logRr"].to_numpy(), controls_of(0)["seLogRr"].to_numpy()


def test_calibrated_p_matches_r_at_the_null_of_r() -> None:
    rows = pd.DataFrame(r_package()["calibratedP_negatives"])

    found = calibrate_p(rows["logRr"], rows["se"], r_null())

    assert len(rows) == 45
    assert_allclose(found.p, rows["p"], rtol=1e-11)  # the file holds 13 digits of its arguments
    own = calibrate_p(rows["logRr"], rows["se"], fit_null(*sccs()))
    assert_allclose(own.p, rows["p"], atol=5e-4)  # the optimiser of R again


def test_the_positive_control_matches_r() -> None:
    row = r_package()["positive_control"]
    arguments = (row["logRr"], row["seLogRr"])

    p = calibrate_p(*arguments, r_null())
    llr = calibrate_llr(*arguments, r_null())
    usual = calibrate_p(*arguments, Null(0.0, 0.0))

    assert row["logRr"] == controls_of(1)["logRr"].iloc[0]
    assert float(p.p) == pytest.approx(row["calibratedP"], rel=1e-11)  # 13 digits
    assert float(llr.value) == r_package()["calibratedLlr"]
    assert float(usual.p) < 1e-15
    assert r_package()["traditionalP"] == 0.0  # R subtracts from 1: below 1e-16 nothing is left
    assert float(usual.log_p) == pytest.approx(float(mpmath.log(_two_sided(*arguments))), rel=1e-12)


def _two_sided(y: float, s: float) -> mpmath.mpf:
    with mpmath.workdps(30):
        return mpmath.erfc(mpmath.mpf(y) / mpmath.mpf(s) / mpmath.sqrt(2))


@given(estimates, errors, nulls)
def test_calibrated_p_is_the_tail_of_the_sum_of_bias_and_chance(
    y: float, s: float, null: Null
) -> None:
    greater, less, both = (
        calibrate_p(y, s, null, alternative=way) for way in ("greater", "less", "two-sided")
    )

    def tail(bias: float) -> float:
        return float(stats.norm.sf(y, bias, s))

    if null.sd > 0.05:  # else the quadrature would have to find a spike
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        exact = sum(
            w * tail(null.mean + null.sd * x) for x, w in zip(nodes, weights, strict=True)
        ) / math.sqrt(2 * math.pi)
        # 120 nodes do not resolve a step that is much narrower than the null.
        assert float(greater.p) == pytest.approx(exact, abs=1e-9 if s > null.sd / 3 else 0.1)
    assert float(greater.p + less.p) == pytest.approx(1.0, abs=1e-15)
    assert float(both.p) == pytest.approx(2 * float(min(greater.p, less.p)), rel=1e-14)
    for found in (greater, less, both):
        if found.p > 1e-300:  # below that digits are lost, and then all
            assert float(found.log_p) == pytest.approx(math.log(found.p), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("y", [-0.5, 0.3, 0.9, 2.0, 4.0])
def test_calibrated_llr_is_the_ratio_with_the_average_p(y: float) -> None:
    null, s = Null(0.3, 0.4), 0.2

    found = float(calibrate_llr(y, s, null).value)

    def p_at(bias: float) -> float:
        llr = (y - bias) ** 2 / (2 * s * s)
        half = stats.chi2.sf(2 * llr, 1) / 2
        return float((1 - half if y < bias else half) * stats.norm.pdf(bias, 0.3, 0.4))

    average, _ = integrate.quad(p_at, -3.7, 4.3, points=[0.3, y], epsabs=0, epsrel=1e-9)
    expected = 0.0 if average >= 0.5 else stats.chi2.isf(2 * average, 1) / 2
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-12)  # quadrature


def test_calibrated_llr_without_bias_is_the_llr() -> None:
    y, s = np.array([-1.0, 0.0, 0.5, 3.0]), 0.25

    found = calibrate_llr(y, s, Null(0.0, 0.0))

    assert_allclose(found.value, np.maximum(y, 0) ** 2 / (2 * s * s), rtol=1e-15)


@given(estimates, errors, nulls, st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_the_interval_holds_zero_when_p_is_above_the_rest_of_the_level(
    y: float, s: float, null: Null, level: float
) -> None:
    interval = calibrate_interval(y, s, null, confidence_level=level)
    p = float(calibrate_p(y, s, null).p)

    assert float(interval.lower) < float(interval.point) < float(interval.upper)
    assert float(interval.point) == y - null.mean
    if abs(p - (1 - level)) > 1e-9:  # at the limit itself rounding decides
        assert (float(interval.lower) <= 0 <= float(interval.upper)) == (p > 1 - level)


def test_the_interval_is_wide_by_bias_and_chance_together() -> None:
    found = calibrate_interval([1.0, 1.0], [0.3, 0.0001], Null(0.25, 0.4))

    half = (found.upper - found.lower) / 2
    assert_allclose(half, 1.959963984540054 * np.array([0.5, 0.4]), rtol=1e-7)  # 1e-4 of chance


def test_what_is_not_known_has_no_number_but_a_reason() -> None:
    y, s = [np.nan, 1.0, 1.0], [0.1, np.nan, 0.1]
    null = Null(0.0, 0.1)

    for found in (calibrate_p(y, s, null), calibrate_llr(y, s, null)):
        assert found.state.tolist() == ["no_estimate", "no_estimate", "defined"]
    interval = calibrate_interval(y, s, null)
    p = calibrate_p(y, s, null)
    values = (interval.point, interval.lower, interval.upper, p.p, p.log_p)
    for numbers in (*values, calibrate_llr(y, s, null).value):
        assert np.isfinite(numbers).tolist() == [False, False, True]


def test_an_element_has_the_same_bits_alone_and_anywhere() -> None:
    rng = np.random.default_rng(seed=3)
    y, s = rng.normal(0, 2, 300), rng.uniform(0.01, 2, 300)
    null = Null(0.3, 0.2)

    def numbers(y: Floats, s: Floats) -> list[Floats]:
        p, interval = calibrate_p(y, s, null), calibrate_interval(y, s, null)
        return [p.p, p.log_p, calibrate_llr(y, s, null).value, interval.lower, interval.upper]

    for whole, reverse in zip(numbers(y, s), numbers(y[::-1], s[::-1]), strict=True):
        assert_array_equal(whole, reverse[::-1])
    for i in range(0, 300, 7):
        for whole, alone in zip(numbers(y, s), numbers(y[i : i + 1], s[i : i + 1]), strict=True):
            assert whole[i] == alone[0]


def test_a_tail_that_underflows_has_a_logarithm() -> None:
    found = calibrate_p(100.0, 1.0, Null(0.0, 0.0), alternative="greater")

    with mpmath.workdps(40):
        exact = mpmath.log(mpmath.erfc(100 / mpmath.sqrt(2)) / 2)
    assert float(found.p) == 0.0
    assert float(found.log_p) == pytest.approx(float(exact), rel=1e-14)


def test_leave_one_out_judges_each_control_by_the_others() -> None:
    y, s = sccs()

    found = leave_one_out(y, s)

    for i in (0, 7, 44):
        null = fit_null(np.delete(y, i), np.delete(s, i))
        assert (found.mean[i], found.sd[i]) == (null.mean, null.sd)
        assert found.p[i] == float(calibrate_p(y[i], s[i], null).p)
    assert_array_equal(found.is_covered, found.p >= 0.05)
    assert found.coverage == found.is_covered.mean()
    usual = np.abs(y / s) <= 1.959963984540054
    assert_array_equal(found.is_covered_without, usual)
    assert found.coverage_without == pytest.approx(12 / 45)
    # Two standard errors around the level: calibration works on R's example.
    assert abs(found.coverage - 0.95) < 2 * found.standard_error
    assert found.standard_error == pytest.approx(math.sqrt(0.05 * 0.95 / 45))


def test_an_interval_that_ends_at_zero_holds_it() -> None:
    half = 1.959963984540054 * 0.5  # of an error whose square is exact

    found = leave_one_out([half, -half, half + 1e-9, 0.2, 0.1], np.full(5, 0.5))

    assert calibrate_interval(half, 0.5, Null(0.0, 0.0)).lower == 0.0
    assert found.is_covered_without.tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan, -0.5, 1.5])
def test_a_confidence_level_that_is_none_is_refused(level: float) -> None:
    y, s = [0.1, 0.2, 0.4, 0.5], [0.1, 0.1, 0.1, 0.1]

    for call in (
        lambda: fit_null(y, s, confidence_level=level),
        lambda: leave_one_out(y, s, confidence_level=level),
        lambda: calibrate_interval(y, s, Null(0.0, 0.1), confidence_level=level),
    ):
        with pytest.raises(ValueError, match=r"confidence_level is .*: must lie between"):
            call()
