"""The penalised regression against another optimiser, its optimality conditions, and bystanders."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from detectors.counts import Table
from detectors.disproportionality.ror import ror
from detectors.logistic import Lasso, adjusted, lasso
from detectors.logistic.patterns import collapse
from detectors.logistic.penalised import _converged

ROOT = Path(__file__).parents[3]

Reports = tuple[NDArray[np.float64], NDArray[np.bool_]]


def simulated(n_reports: int = 600, n_products: int = 8, seed: int = 2010) -> Reports:
    rng = np.random.default_rng(seed)
    reports = (rng.random((n_reports, n_products)) < 0.2).astype(np.float64)
    effects = np.zeros(n_products)
    effects[:3] = [1.5, -1.0, 0.7]
    event = rng.random(n_reports) < special.expit(reports @ effects - 1.5)
    return reports, event


def twin(
    reports: NDArray[np.float64], event: NDArray[np.bool_], penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Minimise the same sum with positive and negative parts, which makes it smooth."""
    n_products = reports.shape[1]
    design = np.column_stack([np.ones(len(event)), reports, -reports])

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        predictor = design @ x
        value = -np.sum(special.log_expit(np.where(event, predictor, -predictor)))
        slope = design.T @ (special.expit(predictor) - event)
        slope[1:] += penalty
        return float(value + penalty * np.sum(x[1:])), slope

    found = optimize.minimize(
        loss,
        np.zeros(design.shape[1]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] + [(0.0, None)] * (2 * n_products),
        options={"ftol": 1e-16, "gtol": 1e-9, "maxiter": 5_000, "maxcor": 30},
    )
    return found.x[1 : n_products + 1] - found.x[n_products + 1 :], float(found.x[0])


@pytest.mark.parametrize("penalty", [0.5, 3.0, 10.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coefficients_agree_with_another_optimiser(penalty: float, seed: int) -> None:
    reports, event = simulated(seed=seed)

    found = lasso(reports, event, penalty=penalty)

    coefficients, intercept = twin(reports, event, penalty)
    assert_allclose(found.coefficient.value, coefficients, atol=1e-6)  # the twin's line search
    assert_allclose(found.intercept, intercept, atol=1e-6)  # as above


@given(st.integers(0, 10**6), st.floats(0.05, 20.0))
@settings(max_examples=60)
def test_the_optimality_conditions_hold_on_the_single_reports(seed: int, penalty: float) -> None:
    rng = np.random.default_rng(seed)
    reports = (rng.random((60, 6)) < 0.3).astype(np.float64)
    event = rng.random(60) < 0.4
    event[:2] = [True, False]

    found = lasso(reports, event, penalty=penalty)

    assert found.kkt_violation <= 1e-8
    beta = found.joint
    slope = reports.T @ (event - special.expit(found.intercept + reports @ np.nan_to_num(beta)))
    assert (
        abs(np.sum(event - special.expit(found.intercept + reports @ np.nan_to_num(beta)))) < 1e-6
    )
    is_fitted = ~np.isnan(beta)
    nonzero = is_fitted & (beta != 0)
    slack = 1e-6  # sums of 60 terms, and the tolerance
    if np.all(found.coefficient.state != "same_reports"):
        assert_allclose(slope[nonzero], penalty * np.sign(beta[nonzero]), atol=slack)
    assert np.all(np.abs(slope[is_fitted & (beta == 0)]) <= penalty + slack)


def test_the_order_of_reports_changes_no_bit() -> None:
    reports, event = simulated()
    strata = np.arange(len(event)) % 3
    order = np.random.default_rng(7).permutation(len(event))

    one = lasso(reports, event, strata=strata)
    other = lasso(sparse.coo_array(reports[order]), event[order], strata=strata[order])

    assert bits(one) == bits(other)


def test_the_order_of_products_changes_the_order_of_coefficients() -> None:
    reports, event = simulated()
    order = np.random.default_rng(7).permutation(reports.shape[1])

    one = lasso(reports, event, penalty=3.0, tolerance=1e-11)
    other = lasso(reports[:, order], event, penalty=3.0, tolerance=1e-11)

    assert_allclose(other.coefficient.value, one.coefficient.value[order], atol=1e-10)  # tolerance


def test_a_report_that_is_there_twice_counts_twice() -> None:
    reports, event = simulated(n_reports=200)

    doubled = lasso(np.vstack([reports, reports]), np.tile(event, 2), penalty=6.0)
    single = lasso(reports, event, penalty=3.0)

    assert_allclose(doubled.joint, single.joint, atol=1e-7)  # tolerance over the curvature
    assert doubled.n_patterns == single.n_patterns


def test_the_arguments_are_not_changed() -> None:
    reports, event = simulated()
    matrix = sparse.csr_array(reports)
    before = (matrix.data.tobytes(), matrix.indices.tobytes(), event.tobytes())

    lasso(matrix, event, penalty=3.0)

    assert (matrix.data.tobytes(), matrix.indices.tobytes(), event.tobytes()) == before


def test_strata_are_adjusted_for_without_penalty() -> None:
    reports, event = simulated()
    strata = np.array(["adult", "child", "elderly"])[np.arange(len(event)) % 3]
    event = event | ((strata == "child") & (np.arange(len(event)) % 2 == 0))

    found = lasso(reports, event, penalty=4.0, strata=strata)

    predictor = found.intercept + reports @ found.joint
    predictor += np.select([strata == "child", strata == "elderly"], found.strata.tolist())
    for level in ("adult", "child", "elderly"):
        where = strata == level
        # The score of a free coefficient is 0: each stratum has as many events as are expected.
        assert_allclose(special.expit(predictor[where]).sum(), event[where].sum(), rtol=1e-9)
    assert found.strata[0] > 0.5


def test_two_factors_have_main_effects() -> None:
    reports, event = simulated()
    factors = np.column_stack([np.arange(600) % 2, np.arange(600) % 3])

    found = lasso(reports, event, penalty=4.0, strata=factors)

    assert found.strata.shape == (3,)


def test_a_great_penalty_selects_nothing_and_less_of_it_selects_more() -> None:
    reports, event = simulated()

    path = lasso(reports, event).path

    assert path is not None
    assert path.n_selected[0] == 0
    assert path.n_selected[1] == 1
    assert np.all(np.diff(path.penalty) < 0)
    assert np.all(np.diff(path.log_likelihood) > -1e-9)  # a smaller penalty fits no worse


def test_the_criterion_is_the_least_on_the_path() -> None:
    reports, event = simulated()

    found = lasso(reports, event)

    assert found.path is not None
    selected = found.coefficient.value != 0
    predictor = found.intercept + reports @ found.coefficient.value
    fit = np.sum(special.log_expit(np.where(event, predictor, -predictor)))
    bic = -2 * fit + (1 + selected.sum()) * np.log(600)
    assert_allclose(found.bic, bic, rtol=1e-12)  # sums of 600 terms
    assert found.bic == found.path.bic.min()
    assert found.penalty == found.path.penalty[found.path.bic.argmin()]
    assert_allclose(lasso(reports, event, penalty=found.penalty).joint, found.joint, atol=1e-7)


def test_products_on_the_same_reports_share_a_coefficient() -> None:
    reports, event = simulated()
    again = np.column_stack([reports, reports[:, 0]])

    one, both = lasso(reports, event, penalty=3.0), lasso(again, event, penalty=3.0)

    assert both.coefficient.state[[0, 8]].tolist() == ["same_reports", "same_reports"]
    assert np.isnan(both.coefficient.value[[0, 8]]).all()
    assert both.joint[8] == both.joint[0]
    assert_allclose(both.joint[:8], one.joint, atol=1e-8)


def test_a_product_on_no_report_or_on_all_has_no_coefficient() -> None:
    reports, event = simulated()
    more = np.column_stack([reports, np.zeros(600), np.ones(600)])

    found = lasso(more, event, penalty=3.0)

    assert found.coefficient.state[8:].tolist() == ["no_product", "no_comparator"]
    assert np.isnan(found.coefficient.value[8:]).all()
    assert np.isnan(found.joint[8:]).all()
    assert_allclose(found.joint[:8], lasso(reports, event, penalty=3.0).joint, atol=1e-8)


def test_columns_that_depend_on_each_other_have_a_minimum_all_the_same() -> None:
    reports, event = simulated()
    either = np.maximum(reports[:, 0], reports[:, 1])
    both = reports[:, 0] * reports[:, 1]  # either + both = first + second

    found = lasso(np.column_stack([reports, either, both]), event, penalty=0.01)

    assert found.kkt_violation <= 1e-8


def test_a_fit_that_has_not_converged_is_refused() -> None:
    reports, event = simulated()

    with pytest.raises(ArithmeticError, match=r"the optimality conditions are violated"):
        lasso(reports, event, penalty=0.3, tolerance=1e-300)


def test_a_fit_that_is_off_by_just_the_tolerance_is_given() -> None:
    """At log odds of 0 two events are expected of four reports, and one is there."""
    patterns = collapse(np.zeros((4, 0)), [1, 0, 0, 0])

    found = _converged(patterns, 2.0, np.zeros(1), 0.5)

    assert found.violation == 1.0
    assert found.coefficients.tolist() == [0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalty": 0.0}, "penalty is 0.0: must be above 0"),
        ({"penalty": -1.0}, "penalty is -1.0: must be above 0"),
        ({"penalty": np.nan}, "penalty is nan: must be above 0"),
        ({"penalty": np.inf}, "penalty is inf: must be above 0"),
        ({"penalty": "aic"}, "penalty is 'aic': must be above 0"),
        ({"tolerance": 0.0}, "tolerance is 0.0: must lie between 0 and 1"),
        ({"tolerance": 1.0}, "tolerance is 1.0: must lie between 0 and 1"),
        ({"strata": [0, 1]}, r"strata has shape \(2,\): must have a row for each report"),
        ({"strata": np.full(600, 0.5)}, "strata holds float64: levels must be"),
        ({"strata": np.array([None, "a"] * 300)}, "strata has a level that is missing"),
        ({"strata": np.array([np.nan, "a"] * 300, dtype=object)}, "a level that is missing"),
        ({"strata": np.tile([[0, 5], [1, 6]], (300, 1))}, "the other factors determine"),
    ],
)
def test_an_argument_out_of_range_is_refused(change: dict[str, object], message: str) -> None:
    reports, event = simulated()

    with pytest.raises(ValueError, match=message):
        lasso(reports, event, **change)  # type: ignore[arg-type]


def test_an_event_on_no_report_or_on_all_is_refused() -> None:
    reports, event = simulated()

    for flags, some in ((event & False, "no report"), (event | True, "only reports")):
        with pytest.raises(ValueError, match=f"event has {some} with the event"):
            lasso(reports, flags)
    with pytest.raises(ValueError, match="a level of strata has no report with the event"):
        lasso(reports, event, strata=np.where(event, 0, np.arange(600) % 2))


def of_tables(cells: list[list[int]], events: list[list[int]]) -> tuple[NDArray[np.int_], Reports]:
    """Make two strata of a factor in rows by two of another, without a product that matters."""
    rows = [(i, j, n, events[i][j]) for i, row in enumerate(cells) for j, n in enumerate(row)]
    strata = np.array([(i, j) for i, j, n, _ in rows for _ in range(n)])
    event = np.concatenate([np.arange(n) < k for _, _, n, k in rows])
    return strata, ((np.arange(event.size) % 3 == 0).astype(float)[:, np.newaxis], event)


@pytest.mark.parametrize(
    "events",
    [
        [[0, 0], [3, 4]],  # the first level has none
        [[9, 9], [3, 4]],  # or nothing else
        [[0, 5], [3, 9]],  # a level of both has none, and the other nothing else
    ],
)
def test_strata_that_tell_the_event_are_refused(events: list[list[int]]) -> None:
    strata, (reports, event) = of_tables([[9, 9], [9, 9]], events)

    with pytest.raises(ValueError, match="strata tell on some reports without exception"):
        lasso(reports, event, strata=strata)


def test_a_cell_without_the_event_is_no_reason_to_refuse() -> None:
    strata, (reports, event) = of_tables([[9, 9], [9, 9]], [[0, 5], [3, 4]])

    found = lasso(reports, event, strata=strata, penalty=50.0)

    chance = special.expit(found.intercept + strata @ found.strata)
    for factor in strata.T:
        for level in (0, 1):
            where = factor == level
            assert_allclose(chance[where].sum(), event[where].sum(), rtol=1e-6)  # the tolerance


def test_a_product_is_let_in_that_another_has_hidden() -> None:
    """Once the commoner one is in, the other is farther from optimal than it was before."""
    reports = np.repeat([[0, 0], [1, 0], [0, 1]], [12, 3, 25], axis=0)
    event = np.concatenate([np.arange(n) < k for n, k in ((12, 2), (3, 2), (25, 8))])

    found = lasso(reports, event, penalty=0.55)

    assert found.kkt_violation <= 1e-8
    assert np.all(found.coefficient.value > 0)


def test_a_path_begins_where_the_first_product_enters_or_at_one() -> None:
    reports = np.repeat([[1], [0]], [6, 6], axis=0)
    event = np.concatenate([np.arange(6) < 4, np.arange(6) < 1])

    found, of_nothing = lasso(reports, event).path, lasso(reports[:, :0], event).path

    assert found is not None
    assert of_nothing is not None
    assert_allclose(found.penalty[0], 4 - 6 * 5 / 12, rtol=1e-7)  # excess over what is expected
    assert of_nothing.penalty[0] == 1.0


def test_a_path_falls_evenly_to_a_thousandth_and_ends_after_ten_without_improvement() -> None:
    reports, event = simulated()

    path = lasso(reports, event).path

    assert path is not None
    places = np.arange(path.penalty.size)
    assert_allclose(path.penalty, path.penalty[0] * 0.001 ** (places / 89), rtol=1e-12)  # of 90
    assert path.penalty.size < 90
    assert path.penalty.size - 1 - path.bic.argmin() == 10


def with_bystander(n_reports: int, seed: int) -> Reports:
    """Report a culprit, a bystander that mostly comes along with it, and an unrelated product."""
    rng = np.random.default_rng(seed)
    culprit = rng.random(n_reports) < 0.05
    bystander = rng.random(n_reports) < np.where(culprit, 0.6, 0.02)
    other = rng.random(n_reports) < 0.1
    event = rng.random(n_reports) < np.where(culprit, 0.3, 0.02)
    return np.column_stack([culprit, bystander, other]).astype(np.float64), event


def crude(reports: NDArray[np.float64], event: NDArray[np.bool_]) -> Table:
    n_pair = reports[event].sum(axis=0)
    return Table(n_pair, reports.sum(axis=0), int(event.sum()), event.size)


@pytest.mark.slow
def test_a_bystander_is_acquitted() -> None:
    logs, errors = [], []

    for seed in range(40):
        reports, event = with_bystander(10_000, seed)
        assert ror(crude(reports, event)).lower[1] > 2
        found = adjusted(reports, event, products=[0, 1, 2])
        logs.append(found.coefficient.value - np.log([21.0, 1.0, 1.0]))  # 0.3/0.7 over 0.02/0.98
        errors.append(found.standard_error)

    mean = np.mean(logs, axis=0)
    standard_error = np.sqrt(np.mean(np.square(errors), axis=0) / 40)
    assert np.all(np.abs(mean) < 3 * standard_error)  # three standard errors of the mean
    spread = np.std(logs, axis=0) / np.sqrt(np.mean(np.square(errors), axis=0))
    assert np.all(np.abs(spread - 1) < 0.35)  # three standard errors of a spread from 40


def test_a_bystander_is_not_selected_where_its_crude_ratio_is_high() -> None:
    reports, event = with_bystander(20_000, seed=1)

    found = lasso(reports, event)

    assert ror(crude(reports, event)).point[1] > 4
    assert found.coefficient.value[0] > 2
    assert abs(found.coefficient.value[1]) < 0.1
    assert abs(found.coefficient.value[2]) < 0.1


def test_a_culprit_no_longer_masks_another() -> None:
    rng = np.random.default_rng(11)
    reports = (rng.random((40_000, 2)) < [0.3, 0.02]).astype(np.float64)
    event = rng.random(40_000) < special.expit(reports @ [5.0, np.log(5.0)] - 5.0)

    masked = ror(crude(reports, event))
    found = lasso(reports, event, penalty=2.0)

    assert masked.point[1] < 2.2
    assert np.exp(found.coefficient.value[1]) > 3.5


def bits(found: Lasso) -> str:
    summary = hashlib.sha256(found.joint.tobytes() + found.strata.tobytes())
    assert found.path is not None
    for values in (found.path.penalty, found.path.log_likelihood, found.path.bic):
        summary.update(values.tobytes())
    summary.update(repr((found.intercept, found.penalty, found.kkt_violation)).encode())
    return summary.hexdigest()


def digest() -> str:
    reports, event = simulated(n_reports=3_000, n_products=30)
    found = adjusted(reports, event, products=[0, 1, 2, 5])
    return bits(lasso(reports, event)) + found.odds_ratio.lower.tobytes().hex()


def test_another_processor_gives_the_same_bits() -> None:
    chosen_here = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['digest']())"
    plain = subprocess.run(
        [sys.executable, "-c", code, __file__],
        cwd=ROOT,
        env=os.environ
        | {
            "NPY_DISABLE_CPU_FEATURES": " ".join(chosen_here),
            "OPENBLAS_CORETYPE": "Prescott",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert plain.stdout.strip() == digest()
