"""The likelihood ratio test against pvLRT, exact enumeration, its definition, and simulation."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pvlrt import as_pvlrt, contingency, every_run
from scipy import stats

from detectors.counts import Table
from detectors.disproportionality import null_tables
from detectors.disproportionality.deviance import half_deviance
from detectors.disproportionality.lrt import (
    Family,
    LikelihoodRatioTest,
    Margin,
    Model,
    log_likelihood_ratio,
    lrt,
)
from detectors.disproportionality.null_tables import Null
from detectors.estimate import DEFINED

MARGINS: list[Margin | None] = ["product", "event", None]
NULLS: list[Null] = ["multinomial", "permutation", "poisson"]

every_margin = pytest.mark.parametrize("margin", MARGINS)
every_null = pytest.mark.parametrize("null", NULLS)

small_tables = st.integers(2, 5).flatmap(
    lambda n_products: st.lists(
        st.lists(st.integers(0, 6), min_size=n_products, max_size=n_products),
        min_size=2,
        max_size=6,
    ).filter(lambda rows: any(map(any, rows)))
)


def numbers_of(found: LikelihoodRatioTest) -> list[NDArray[Any]]:
    return [found.log_lr, found.p, found.p_standard_error, found.p_step_down, found.state]


@every_run
@pytest.mark.parametrize("model", ["poisson", "zip"])
def test_ratios_and_p_values_match_pvlrt(name: str, model: Model) -> None:
    ratios, p = (
        reference_table(f"pvlrt/{name}_{model}_{what}.csv").to_numpy()[:, 1:-1].astype(float)
        for what in ("logLR", "pvalue")
    )

    found = as_pvlrt(contingency(name), model, seed=20240101)

    assert_allclose(found.log_lr[:, :-1], ratios, rtol=1e-12)  # 15 digits are printed
    assert found.state[:, -1].tolist() == ["not_tested"] * len(ratios)
    assert np.isnan(found.p[:, -1]).all()
    pooled = (found.p[:, :-1] + p) / 2
    error = np.sqrt(2 * pooled * (1 - pooled) / 5_001)  # of the difference: both are simulated
    assert (np.abs(found.p[:, :-1] - p) <= 3 * error).all()


def test_the_table_ratios_match_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    table = Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)

    by_event, by_product, alone = (
        log_likelihood_ratio(table, margin=margin).value for margin in ("event", "product", None)
    )

    # ten digits, of which those near 0 have lost some in the reference
    assert_allclose(by_event, rows["logLR_huang"], rtol=1e-8, atol=1e-9)
    assert_allclose(by_product, rows["logLR_huang_drugmargin"], rtol=1e-8, atol=1e-9)
    assert_allclose(alone, rows["LLR_poisson"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("expected", [1e-8, 0.3, 1.0, 17.0, 1e6])
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.8, 0.83, 0.999999, 1.0, 1.2, 1.23, 1.000001, 50.0])
def test_the_half_deviance_matches_forty_digits(expected: float, factor: float) -> None:
    n = expected * factor

    found = half_deviance(np.array([n]), np.array([expected]))

    with mpmath.workdps(40):
        x, mean = mpmath.mpf(n), mpmath.mpf(expected)
        exact = (x * mpmath.log(x / mean) if n else 0) - (x - mean)
    assert_allclose(
        found, [float(exact)], rtol=3e-14
    )  # the difference of two terms at most tenfold


@every_margin
@given(
    st.tuples(
        st.integers(1, 50), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**8)
    )
)
def test_the_ratio_follows_its_definition(
    margin: Margin | None, cells: tuple[int, int, int, int]
) -> None:
    a, b, c, d = cells
    table = Table(a, a + b, a + c, a + b + c + d)

    found = log_likelihood_ratio(table, margin=margin)

    with mpmath.workdps(60):
        n, expected = mpmath.mpf(a), mpmath.mpf(a + b) * (a + c) / (a + b + c + d)
        if margin is None:
            exact = n * mpmath.log(n / expected) - (n - expected)
        else:
            m = a + b if margin == "product" else a + c
            rest = (m - n) * mpmath.log((m - n) / (m - expected)) if m > a else 0
            exact = n * mpmath.log(n / expected) + rest
        exact = float(exact) if n > expected else 0.0
    # E is rounded to 1e-16 of itself, which counts where n is near it
    assert_allclose(found.value, exact, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("counts", "states"),
    [
        ([[3], [2]], [["no_comparator"], ["no_comparator"]]),
        ([[3, 2]], [["no_variation", "no_variation"]]),
        ([[3, 0], [2, 0]], [["no_comparator", "no_product"]] * 2),
        ([[3, 1], [0, 0]], [["no_variation"] * 2, ["no_event"] * 2]),
        ([[3, 1], [0, 0], [0, 1]], [[DEFINED] * 2, ["no_event"] * 2, [DEFINED] * 2]),
    ],
)
@every_margin
@every_null
def test_what_cannot_be_tested_has_a_reason_and_no_number(
    counts: list[list[int]], states: list[list[str]], margin: Margin | None, null: Null
) -> None:
    rng = np.random.default_rng(1)

    found = lrt(counts, margin=margin, null=null, n_draws=20, rng=rng)

    assert found.state.tolist() == states
    for values in numbers_of(found)[:-1]:
        assert_array_equal(np.isfinite(values), found.state == DEFINED)
    each = np.array(counts)
    alone = Table(each, each.sum(axis=0), each.sum(axis=1)[:, np.newaxis], each.sum())
    assert log_likelihood_ratio(alone, margin=margin).state.tolist() == states


def all_tables(counts: NDArray[np.int64], null: Null) -> Iterator[tuple[NDArray[np.int64], float]]:
    """Give every table that the null hypothesis allows, and its probability."""
    n_event, n_product = counts.sum(axis=1), counts.sum(axis=0)
    columns = [
        [x for x in itertools.product(range(n + 1), repeat=len(n_event)) if sum(x) == n]
        for n in n_product
    ]
    frequencies = n_event / n_event.sum()
    for chosen in itertools.product(*columns):
        table = np.array(chosen).T
        chance = math.prod(
            stats.multinomial.pmf(x, n, frequencies) for x, n in zip(chosen, n_product, strict=True)
        )
        if null == "multinomial" or (table.sum(axis=1) == n_event).all():
            yield table, float(chance)


def ratios_by_definition(counts: NDArray[np.int64], margin: Margin | None) -> NDArray[np.float64]:
    ratios = np.zeros(counts.shape)
    for (i, j), n in np.ndenumerate(counts):
        n_event, n_product = int(counts[i].sum()), int(counts[:, j].sum())
        expected = n_event * n_product / counts.sum()
        if n > expected:
            m = {"event": n_event, "product": n_product, None: None}[margin]
            ratios[i, j] = n * math.log(n / expected)
            if m is None:
                ratios[i, j] -= n - expected
            elif m > n:
                ratios[i, j] += (m - n) * math.log((m - n) / (m - expected))
    return ratios


def p_by_enumeration(
    counts: NDArray[np.int64], null: Null, margin: Margin | None, cells: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the exact p and step-down p of each cell of a family, slowly."""
    seen = ratios_by_definition(counts, margin)
    p, step_down, total = np.zeros(seen.shape), np.zeros(seen.shape), 0.0
    for table, chance in all_tables(counts, null):
        drawn = ratios_by_definition(table, margin)
        total += chance
        for i, j in np.argwhere(cells):
            rest = cells & (seen <= seen[i, j] + 1e-9)
            p[i, j] += chance * (drawn[cells].max() >= seen[i, j] - 1e-9)
            step_down[i, j] += chance * (drawn[rest].max() >= seen[i, j] - 1e-9)
    monotone = step_down.copy()
    for i, j in np.argwhere(cells):
        monotone[i, j] = step_down[cells & (seen >= seen[i, j])].max()
    return p / total, monotone / total


@pytest.mark.slow
@every_margin
@pytest.mark.parametrize("null", ["multinomial", "permutation"])
@pytest.mark.parametrize("counts", [[[3, 0], [1, 2], [0, 3]], [[2, 1, 0], [0, 1, 3]]])
def test_the_p_values_are_those_of_all_tables_enumerated(
    margin: Margin | None, null: Null, counts: list[list[int]]
) -> None:
    table, n_draws = np.array(counts), 20_000

    by_product, by_table = (
        lrt(
            table,
            margin=margin,
            null=null,
            family=family,
            n_draws=n_draws,
            rng=np.random.default_rng(4),
        )
        for family in ("product", "table")
    )

    every_cell = np.ones(table.shape, dtype=bool)
    columns = [every_cell & (np.arange(table.shape[1]) == j) for j in range(table.shape[1])]
    families = [(by_table, every_cell), *((by_product, column) for column in columns)]
    for found, cells in families:
        p, step_down = p_by_enumeration(table, null, margin, cells)
        for values, exact in ((found.p, p), (found.p_step_down, step_down)):
            # four standard errors, and the one added
            error = 4 * np.sqrt(exact * (1 - exact) / n_draws) + 1.0 / n_draws
            assert (np.abs(values - exact)[cells] <= error[cells]).all()


@pytest.mark.slow
@pytest.mark.parametrize("null", ["multinomial", "permutation"])
@pytest.mark.parametrize("family", ["product", "table"])
def test_a_true_null_is_rejected_no_more_often_than_alpha(null: Null, family: Family) -> None:
    rng, n_tables, alpha = np.random.default_rng(20110101), 300, 0.1
    chances = np.outer(1 / np.arange(1, 16), [0.2, 0.3, 0.5])
    tables = rng.multinomial(300, (chances / chances.sum()).ravel(), size=n_tables)
    n_false = 0

    for table in tables.reshape(n_tables, 15, 3):
        found = lrt(table, null=null, family=family, n_draws=99, rng=rng)
        of_interest = found.p_step_down if family == "table" else found.p_step_down[:, :1]
        n_false += bool(np.nanmin(of_interest) <= alpha)

    assert n_false / n_tables <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / n_tables)
    assert n_false / n_tables >= 0.04  # a p that never rejects would pass the line above


def test_the_mean_of_drawn_tables_is_what_is_expected() -> None:
    counts = np.array([[30, 2, 8], [0, 9, 1], [5, 5, 40]])
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()

    for null in NULLS:
        rng = np.random.default_rng(5)
        drawn = np.concatenate(
            list(null_tables.null_tables(counts, null=null, n_draws=20_000, rng=rng))
        )

        # the variance of a cell is at most that of a Poisson
        assert (np.abs(drawn.mean(axis=0) - expected) <= 4 * np.sqrt(expected / 20_000)).all()
        if null != "poisson":
            assert (drawn.sum(axis=1) == counts.sum(axis=0)).all()
        if null == "permutation":
            assert (drawn.sum(axis=2) == counts.sum(axis=1)).all()


def test_tables_are_drawn_as_many_at_a_time_as_the_cells_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = np.array([[3, 1], [2, 4]])

    def chunks(cells_at_once: int) -> list[int]:
        monkeypatch.setattr(null_tables, "CELLS_AT_ONCE", cells_at_once)
        rng = np.random.default_rng(5)
        drawn = null_tables.null_tables(counts, null="multinomial", n_draws=7, rng=rng)
        return [len(tables) for tables in drawn]

    assert chunks(12) == [3, 3, 1]
    assert chunks(2) == [1] * 7  # never less than a table
    assert chunks(2**18) == [7]


def test_a_product_that_has_one_report_or_none_is_dealt_what_it_has() -> None:
    counts, rng = np.array([[1, 5, 0], [0, 3, 0], [0, 2, 0], [0, 0, 0]]), np.random.default_rng(5)

    (drawn,) = null_tables.null_tables(counts, null="permutation", n_draws=4_000, rng=rng)

    assert (drawn.sum(axis=1) == [1, 10, 0]).all()
    assert (drawn.sum(axis=2) == [6, 3, 2, 0]).all()
    share = np.array([6, 3, 2, 0]) / 11  # of the deals in which the one report has the event
    error = 4 * np.sqrt(share * (1 - share) / 4_000)
    assert (np.abs(drawn[:, :, 0].mean(axis=0) - share) <= error).all()


def test_a_billion_reports_can_be_dealt_and_no_more() -> None:
    half = 500_000_000
    counts, rng = [[half - 20_000, 20_000], [20_000, half - 20_000]], np.random.default_rng(5)

    found = lrt(counts, null="permutation", n_draws=3, rng=rng)

    assert found.p[0, 0] == 0.25  # a half of each is dealt to either
    with pytest.raises(ValueError, match="counts has 1000000001 reports: must be at most"):
        lrt([[half, half], [0, 1]], null="permutation", n_draws=3, rng=rng)


def test_what_is_expected_of_one_report_is_one_and_of_none_nothing() -> None:
    n_event, n_product, n_total = np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0])

    found = null_tables.expected_counts(n_event, n_product, n_total)

    assert found.tolist() == [1.0, 0.0]


@given(rows=small_tables)
@settings(max_examples=60)
def test_a_dealt_table_has_both_totals(rows: list[list[int]]) -> None:
    counts, rng = np.array(rows), np.random.default_rng(5)

    (drawn,) = null_tables.null_tables(counts, null="permutation", n_draws=20, rng=rng)

    assert (drawn >= 0).all()
    assert (drawn.sum(axis=1) == counts.sum(axis=0)).all()
    assert (drawn.sum(axis=2) == counts.sum(axis=1)).all()


@pytest.mark.parametrize(
    ("null", "model"), [*((null, "poisson") for null in NULLS), ("poisson", "zip")]
)
def test_the_bits_do_not_depend_on_how_many_are_drawn_at_a_time(
    monkeypatch: pytest.MonkeyPatch, null: Null, model: Model
) -> None:
    counts = contingency("statin46")

    def bits_with(cells_at_once: int) -> list[bytes]:
        monkeypatch.setattr(null_tables, "CELLS_AT_ONCE", cells_at_once)
        rng = np.random.default_rng(7)
        found = lrt(counts, null=null, model=model, n_draws=50, rng=rng)
        return [values.tobytes() for values in numbers_of(found)]

    assert bits_with(1) == bits_with(7 * counts.size) == bits_with(2**20)


@every_null
@given(rows=small_tables, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_order_of_the_events_changes_no_bit(
    null: Null, rows: list[list[int]], seed: int
) -> None:
    counts = np.array(rows)
    shuffled = np.random.default_rng(seed).permutation(len(counts))

    found, again = (
        lrt(each, null=null, n_draws=20, rng=np.random.default_rng(8))
        for each in (counts, counts[shuffled])
    )

    for left, right in zip(numbers_of(found), numbers_of(again), strict=True):
        assert left[shuffled].tobytes() == right.tobytes()


@every_margin
@given(rows=small_tables)
@settings(max_examples=40)
def test_the_ratios_of_the_test_are_those_of_the_table(
    margin: Margin | None, rows: list[list[int]]
) -> None:
    counts = np.array(rows)
    table = Table(counts, counts.sum(axis=0), counts.sum(axis=1)[:, np.newaxis], counts.sum())

    found = lrt(counts, margin=margin, n_draws=1, rng=np.random.default_rng(9))

    alone = log_likelihood_ratio(table, margin=margin)
    assert found.log_lr.tobytes() == alone.value.tobytes()
    assert_array_equal(found.state, alone.state)


@every_null
@given(rows=small_tables, family=st.sampled_from(["product", "table"]))
@settings(max_examples=40)
def test_p_values_keep_their_order_and_their_bounds(
    null: Null, rows: list[list[int]], family: Family
) -> None:
    rng = np.random.default_rng(10)

    found = lrt(rows, null=null, family=family, n_draws=20, rng=rng)

    is_defined = found.state == DEFINED
    p, step_down, ratio = (
        np.where(is_defined, x, np.nan) for x in (found.p, found.p_step_down, found.log_lr)
    )
    assert (step_down[is_defined] <= p[is_defined]).all()
    assert (step_down[is_defined] >= 1 / 21).all()
    assert (p[is_defined & (ratio == 0)] == 1.0).all()
    assert_allclose(  # as the docstring says
        found.p_standard_error[is_defined], np.sqrt(p * (1 - p) / 21)[is_defined], rtol=1e-15
    )
    groups = ratio.T if family == "product" else [ratio.ravel()]
    for each, its_p, its_step in zip(
        groups,
        p.T if family == "product" else [p.ravel()],
        step_down.T if family == "product" else [step_down.ravel()],
        strict=True,
    ):
        order = np.argsort(each)
        for values in (its_p[order], its_step[order]):
            defined = values[~np.isnan(values)]
            assert (np.diff(defined) <= 0).all()
        if np.isfinite(each).any():
            assert np.nanmin(its_p) == np.nanmin(its_step)


@pytest.mark.parametrize(("model", "null"), [("poisson", "multinomial"), ("zip", "poisson")])
def test_the_null_that_is_taken_if_none_is_given(model: Model, null: Null) -> None:
    counts = [[0, 9, 20], [4, 7, 3], [2, 12, 8]]

    taken, given_ = (
        lrt(counts, model=model, null=each, n_draws=50, rng=np.random.default_rng(12))
        for each in (None, null)
    )

    assert taken.p.tobytes() == given_.p.tobytes()


def test_the_arguments_are_not_changed_and_the_draws_follow_the_generator() -> None:
    counts, tested = np.array([[9, 7], [2, 8], [5, 3]]), np.array([True, False])

    found = [
        lrt(counts, tested=tested, n_draws=50, rng=np.random.default_rng(seed))
        for seed in (13, 13, 14)
    ]

    assert counts.tolist() == [[9, 7], [2, 8], [5, 3]]
    assert tested.tolist() == [True, False]
    assert found[0].p.tobytes() == found[1].p.tobytes() != found[2].p.tobytes()
    assert found[0].n_draws == 50


def test_huge_counts_give_finite_numbers() -> None:
    counts = np.full((2, 2), 2**51)

    found = lrt(counts, n_draws=5, rng=np.random.default_rng(15))

    assert (found.log_lr == 0.0).all()
    assert (found.p == 1.0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"counts": [[1, -1], [0, 2]]}, r"counts\[0, 1\] is -1: must not be negative"),
        ({"counts": [[1, 0.5], [0, 2]]}, r"counts\[0, 1\] is 0\.5: must be whole"),
        ({"counts": [[1, math.nan]]}, r"counts\[0, 1\] is nan: must not be missing"),
        ({"counts": [[0, 0], [0, 0]]}, "counts holds no report: must have at least one"),
        ({"counts": []}, r"counts has shape \(0,\): must be \(n_events, n_products\)"),
        ({"counts": [[], []]}, r"counts has shape \(2, 0\): must be"),
        ({"counts": [1, 2]}, r"counts has shape \(2,\): must be"),
        ({"counts": [[2**53, 2]]}, r"counts has \d+ reports: must be at most 9007199254740992"),
        (
            {"counts": [[10**9, 2]], "null": "permutation"},
            r"counts has 1000000002 reports: must be at most 1000000000",
        ),
        ({"margin": "row"}, r"margin is 'row': must be one of 'event', 'product', None"),
        ({"model": "nb"}, r"model is 'nb': must be one of 'poisson', 'zip'"),
        ({"null": "normal"}, r"null is 'normal': must be one of 'multinomial', 'permutation'"),
        ({"family": "all"}, r"family is 'all': must be one of 'product', 'table'"),
        ({"model": "zip", "null": "permutation"}, "must be 'poisson' if model is 'zip'"),
        ({"tested": [True]}, r"tested holds bool of shape \(1,\): must be one bool for each of 2"),
        ({"tested": [0, 1]}, r"tested holds int64 of shape \(2,\)"),
        ({"n_draws": 0}, r"n_draws is 0: must be a whole number from 1 up"),
        ({"n_draws": 1.5}, r"n_draws is 1\.5: must be whole"),
        ({"n_draws": [5]}, r"n_draws is \[5\]: must be a whole number"),
    ],
)
def test_lrt_refuses_what_is_out_of_range(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {
        "counts": [[1, 2], [3, 4]],
        "n_draws": 5,
        "rng": np.random.default_rng(1),
    }

    with pytest.raises(ValueError, match=message):
        lrt(**(usual | arguments))


def test_log_likelihood_ratio_refuses_an_unknown_margin() -> None:
    with pytest.raises(ValueError, match="margin is 'drug': must be one of"):
        log_likelihood_ratio(Table(1, 2, 3, 9), margin="drug")  # type: ignore[arg-type]
