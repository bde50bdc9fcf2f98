"""Adjusted odds ratios against tables, another optimiser, real reports, and separated designs."""

import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import public
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from detectors.counts import Table
from detectors.disproportionality.ror import ror
from detectors.estimate import DEFINED
from detectors.logistic import adjusted, design, firth, lasso
from detectors.logistic.patterns import Patterns
from detectors.logistic.refit import _fit

minimize: Any = optimize.minimize  # the stubs want a type for each method

cells = st.integers(1, 60)


@given(cells, cells, cells, cells, st.sampled_from([0.9, 0.95]))
@settings(max_examples=40)
def test_with_one_product_it_is_the_reporting_odds_ratio(
    a: int, b: int, c: int, d: int, level: float
) -> None:
    reports = np.repeat([[1], [1], [0], [0]], [a, b, c, d], axis=0)
    event = np.repeat([1, 0, 1, 0], [a, b, c, d])

    found = adjusted(reports, event, products=[0], confidence_level=level).odds_ratio

    crude = ror(Table([a], [a + b], [a + c], [a + b + c + d]), confidence_level=level)
    for name in ("point", "lower", "upper"):
        # Newton's last step leaves about the square root of the rounding of the score.
        assert_allclose(getattr(found, name), getattr(crude, name), rtol=1e-10)


def negative_log_likelihood(
    x: NDArray[np.float64], reports: NDArray[np.float64], event: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    full = np.column_stack([np.ones(len(event)), reports])
    predictor = full @ x
    value = -np.sum(special.log_expit(np.where(event, predictor, -predictor)))
    slope = full.T @ (special.expit(predictor) - event)
    return float(value), slope


def supremum(
    columns: NDArray[np.float64], event: NDArray[np.bool_], offset: NDArray[np.float64]
) -> float:
    """Maximise with a ridge too slight to see, by dense Newton steps: it exists for any design."""
    x = np.zeros(columns.shape[1])
    for _ in range(60):
        p = special.expit(columns @ x + offset)
        slope = columns.T @ (p - event) + 1e-7 * x
        curvature = (columns.T * (p * (1 - p))) @ columns + 1e-7 * np.eye(len(x))
        step = np.linalg.solve(curvature, slope)
        x -= step / max(1.0, float(np.abs(step).max()))
    predictor = columns @ x + offset
    return float(np.sum(special.log_expit(np.where(event, predictor, -predictor))))


@pytest.mark.parametrize("seed", range(4))
def test_estimates_agree_with_another_optimiser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reports = (rng.random((400, 4)) < 0.3).astype(np.float64)
    event = rng.random(400) < special.expit(reports @ [1.0, 0.5, 0.0, -0.7] - 0.5)

    found = adjusted(reports, event, products=[0, 1, 2, 3])

    twin = minimize(
        lambda x: negative_log_likelihood(x, reports, event),
        np.zeros(5),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-7},
    )
    assert_allclose(found.coefficient.value, twin.x[1:], atol=1e-7)  # the twin's gradient
    assert_allclose(found.log_likelihood, -twin.fun, rtol=1e-12)
    full = np.column_stack([np.ones(400), reports])
    p = special.expit(full @ twin.x)
    covariance = np.linalg.inv((full.T * (p * (1 - p))) @ full)
    assert_allclose(found.standard_error, np.sqrt(np.diag(covariance))[1:], rtol=1e-6)
    assert found.gradient < 1e-9


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_a_coefficient_has_an_estimate_if_the_likelihood_falls_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_reports = int(rng.integers(5, 14))
    reports = (rng.random((n_reports, 3)) < 0.5).astype(np.float64)
    event = rng.random(n_reports) < 0.5
    event[:2] = [True, False]

    found = adjusted(reports, event, products=[0, 1, 2])

    full = np.column_stack([np.ones(n_reports), reports])
    top = supremum(full, event, np.zeros(n_reports))
    for j, state in enumerate(found.coefficient.state, start=1):
        others = np.delete(full, j, axis=1)
        far = [supremum(others, event, at * full[:, j]) for at in (-20.0, 20.0)]
        assert (state == DEFINED) == (max(far) < top - 0.5)  # one misfitted report costs more
        if state == DEFINED:
            here = supremum(others, event, found.coefficient.value[j - 1] * full[:, j])
            assert_allclose(here, top, atol=1e-4)  # the ridge


def test_what_is_separated_leaves_the_others_their_limits() -> None:
    rows = [[1, 0], [0, 1], [0, 0]]
    reports = np.repeat(rows, [5, 40, 60], axis=0)
    event = np.concatenate([np.ones(5), np.arange(40) < 10, np.arange(60) < 12]).astype(bool)

    found = adjusted(reports, event, products=[0, 1])

    assert found.coefficient.state.tolist() == ["no_other_event", "defined"]
    alone = adjusted(reports[5:], event[5:], products=[1])
    assert_allclose(found.odds_ratio.upper[1], alone.odds_ratio.upper[0], rtol=1e-12)
    assert_allclose(found.log_likelihood, alone.log_likelihood, rtol=1e-12)


def test_a_combination_can_separate_where_no_single_cell_is_empty() -> None:
    rows = [[1, 1], [1, 0], [0, 1], [0, 0]]  # the event if and only if just one of them... or both
    reports = np.repeat(rows, [6, 6, 6, 6], axis=0)
    event = np.concatenate([np.ones(6), np.arange(6) < 3, np.arange(6) < 3, np.zeros(6)])

    found = adjusted(reports, event, products=[0, 1])

    assert found.coefficient.state.tolist() == ["separated", "separated"]
    assert np.isnan(found.odds_ratio.upper).all()
    assert (firth(reports, event, products=[0, 1]).odds_ratio.point > 1).all()


def test_each_reason_has_its_state() -> None:
    rows = [[1, 0, 0, 1, 0, 1, 1], [0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0]]
    rows += [[0, 0, 0, 1, 0, 0, 0]]
    reports = np.repeat(rows, [8, 4, 3, 20], axis=0)
    event = np.concatenate([np.arange(8) < 3, np.zeros(4), np.ones(3), np.arange(20) < 5])

    found = adjusted(reports, event, products=range(7))

    assert found.coefficient.state.tolist() == [
        "not_identified",
        "no_report",
        "no_product",
        "no_comparator",
        "no_other_event",
        "not_identified",
        "not_identified",
    ]
    for values in (found.odds_ratio.point, found.odds_ratio.lower, found.standard_error):
        assert np.isnan(values).all()


@pytest.mark.parametrize(("flag", "state"), [(0, "no_event"), (1, "no_variation")])
def test_an_event_on_no_report_or_on_all_is_a_state(flag: int, state: str) -> None:
    reports = np.repeat([[1, 0], [0, 1]], 5, axis=0)

    for found in (f(reports, np.full(10, flag), products=[0, 1]) for f in (adjusted, firth)):
        assert found.coefficient.state.tolist() == [state, state]
        assert np.isnan(found.odds_ratio.point).all()
    assert np.isnan(adjusted(reports, np.full(10, flag), products=[0]).log_likelihood)
    assert np.isnan(adjusted(reports, np.full(10, flag), products=[0]).gradient)
    assert np.isnan(firth(reports, np.full(10, flag), products=[0]).penalised_log_likelihood)


def test_one_event_is_enough_for_an_estimate() -> None:
    reports = np.repeat([[1], [0]], [4, 16], axis=0)
    event = np.arange(20) == 0

    assert_allclose(
        firth(reports, event, products=[0]).odds_ratio.point, [1.5 * 16.5 / (3.5 * 0.5)]
    )
    found = adjusted(reports, event, products=[0])
    assert found.odds_ratio.state.tolist() == ["separated"]  # the others have none
    assert_allclose(found.log_likelihood, np.log(0.25) + 3 * np.log(0.75))


def test_the_likelihood_of_reports_that_are_all_told_rises_to_one() -> None:
    reports = np.repeat([[1], [0]], [5, 7], axis=0)

    found = adjusted(reports, reports[:, 0], products=[0])

    assert found.odds_ratio.state.tolist() == ["no_other_event"]
    assert (found.log_likelihood, found.gradient) == (0.0, 0.0)


def test_a_million_million_reports_have_the_reporting_odds_ratio() -> None:
    """Their score is not known better than to some thousandths of an event."""
    patterns = Patterns(
        matrix=sparse.csc_array([[1.0, 0.0], [1.0, 1.0]]),
        n_covariates=1,
        n_reports=np.array([1e12, 1e12]),
        n_events=np.array([1e11, 3e11]),
    )

    coefficients, variance, *_ = _fit(patterns)

    assert_allclose(coefficients, np.log([1 / 9, 27 / 7]), rtol=1e-12)
    assert_allclose(variance[1], 1 / 1e11 + 1 / 9e11 + 1 / 3e11 + 1 / 7e11, rtol=1e-12)


@pytest.mark.parametrize("column", [1, 2])
def test_a_product_that_is_no_column_is_refused(column: int) -> None:
    for function in (adjusted, firth):
        with pytest.raises(ValueError, match="must be a column from 0 to 0"):
            function([[1], [0], [0]], [1, 0, 1], products=[column])


def test_strata_are_adjusted_for() -> None:
    rng = np.random.default_rng(3)
    stratum = np.repeat([0, 1], 3_000)
    reports = (rng.random((6_000, 1)) < np.where(stratum, 0.5, 0.05)[:, np.newaxis]).astype(float)
    event = rng.random(6_000) < np.where(stratum, 0.4, 0.04)

    crude = adjusted(reports, event, products=[0]).odds_ratio
    found = adjusted(reports, event, products=[0], strata=stratum).odds_ratio

    assert crude.lower > 2
    assert found.lower < 1 < found.upper


def test_the_order_of_reports_changes_no_bit() -> None:
    rng = np.random.default_rng(5)
    reports = (rng.random((300, 4)) < 0.3).astype(np.float64)
    event = rng.random(300) < 0.3
    order = rng.permutation(300)

    one = adjusted(reports, event, products=[2, 0])
    other = adjusted(reports[order], event[order], products=[2, 0])

    assert one.odds_ratio.lower.tobytes() == other.odds_ratio.lower.tobytes()
    assert one.products.tolist() == [2, 0]


@pytest.mark.parametrize("level", [0.0, 1.0, np.nan])
def test_a_confidence_level_out_of_range_is_refused(level: float) -> None:
    for function in (adjusted, firth):
        with pytest.raises(ValueError, match="confidence_level is"):
            function([[1], [0]], [1, 0], products=[0], confidence_level=level)


@pytest.mark.slow
def test_polio_vaccine_is_acquitted_of_what_rotavirus_vaccine_did() -> None:
    """RotaShield of 1998-1999, withdrawn for intussusception, was given with other vaccines."""
    vaccines, symptoms = (
        pd.concat([read_vaers(year, table) for year in (1998, 1999)])
        for table in ("VAX", "SYMPTOMS")
    )
    found = design(vaccines.dropna(subset="VAX_TYPE"), report="VAERS_ID", product="VAX_TYPE")
    named = symptoms.melt("VAERS_ID", [f"SYMPTOM{i}" for i in range(1, 6)]).dropna()
    of_event = named["VAERS_ID"][named["value"].str.upper() == "INTUSSUSCEPTION"]
    event = found.reports.isin(of_event)
    chosen = found.products.get_indexer(pd.Index(["RV", "IPV", "HIBV"]))
    crude = ror(
        Table(
            found.matrix[event].sum(axis=0)[chosen],
            found.matrix.sum(axis=0)[chosen],
            int(event.sum()),
            event.size,
        )
    )

    fit = adjusted(found.matrix, event, products=chosen)

    assert np.all(crude.lower > 3)
    assert fit.odds_ratio.lower[0] > 100
    assert np.all(fit.odds_ratio.lower[1:] < 1)
    selected = lasso(found.matrix, event).coefficient.value[chosen]
    assert selected[0] > 4
    assert selected[1] == 0


def read_vaers(year: int, table: str) -> pd.DataFrame:
    with (
        zipfile.ZipFile(public(f"vaers/{year}VAERSData.zip")) as archive,
        archive.open(f"{year}VAERS{table}.csv") as lines,
    ):
        return pd.read_csv(lines, encoding="latin1", low_memory=False)
