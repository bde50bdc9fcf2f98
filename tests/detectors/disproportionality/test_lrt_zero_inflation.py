"""Zero inflation in the likelihood ratio test: its fit, and the tables that are drawn under it."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from data import reference_json
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pvlrt import as_pvlrt, contingency, every_run

from detectors.disproportionality import null_tables
from detectors.disproportionality.lrt import (
    lrt,
)
from detectors.disproportionality.zero_inflation import fit_zero_inflation


@every_run
def test_the_zero_inflation_is_that_of_pvlrt_or_likelier(name: str) -> None:
    counts = contingency(name)
    theirs = np.array(list(reference_json("pvlrt/meta.json")["runs"][f"{name}_zip"]["zi"].values()))

    found = as_pvlrt(counts, "zip", seed=1).zero_inflation

    assert_allclose(found, theirs, atol=3e-5)  # their optimiser stops early
    for n, ours, other in zip(counts.to_numpy().T, found, theirs, strict=True):
        expected = counts.sum(axis=1).to_numpy() * float(n.sum()) / counts.to_numpy().sum()
        assert zip_log_likelihood(ours, n, expected) >= zip_log_likelihood(other, n, expected)
    assert (found[theirs < 1e-8] == 0.0).all()


def zip_log_likelihood(
    omega: float, n: NDArray[np.int64], expected: NDArray[np.float64]
) -> mpmath.mpf:
    with mpmath.workdps(40):
        omega = mpmath.mpf(float(omega))
        zeros = [omega + (1 - omega) * mpmath.exp(-float(mean)) for mean in expected[n == 0]]
        return mpmath.log(mpmath.fprod(zeros)) + int((n > 0).sum()) * mpmath.log(1 - omega)


def test_structural_zeros_follow_the_generator() -> None:
    counts = np.array([[0] * 40 + [4_000], [4_000] * 41])
    expected = counts.sum(axis=1)[:, np.newaxis] * counts.sum(axis=0) / counts.sum()
    omega = np.exp(-expected[0])  # as probable as a zero by chance: a half, and each is structural

    zeros = []
    for seed in (1, 1, 2):
        rng = np.random.default_rng(seed)
        drawn = null_tables.null_tables(
            counts, null="poisson", zero_inflation=omega, n_draws=25, rng=rng
        )
        zeros.append(next(drawn)[:, 0, :40] == 0)

    assert expected[0, :40].min() > 90
    assert abs(zeros[0].mean() - 0.5) <= 4 * math.sqrt(0.25 / 1_000)
    assert (zeros[0] == zeros[1]).all()
    assert abs((zeros[0] == zeros[2]).mean() - 0.5) <= 4 * math.sqrt(0.25 / 1_000)


def test_zeros_are_drawn_with_their_posterior_probability() -> None:
    counts, omega = np.array([[0, 4], [2, 3], [1, 6]]), np.array([0.3, 0.0])
    rng = np.random.default_rng(6)

    drawn = np.concatenate(
        list(
            null_tables.null_tables(
                counts, null="poisson", zero_inflation=omega, n_draws=50_000, rng=rng
            )
        )
    )

    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    by_chance = np.exp(-expected)
    structural = 0.3 / (0.3 + 0.7 * by_chance[0, 0])
    share = by_chance.copy()
    share[0, 0] = structural + (1 - structural) * by_chance[0, 0]
    error = np.sqrt(share * (1 - share) / 50_000)
    assert (np.abs((drawn == 0).mean(axis=0) - share) <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("zeros", [1, 3, 8])
def test_zero_inflation_is_found_where_zeros_are_too_many(zeros: int) -> None:
    counts = np.array([0] * zeros + [30] * 8)[:, np.newaxis]
    expected = np.full(counts.shape, 12.0)

    omega = float(fit_zero_inflation(counts, expected)[0])

    # omega + (1 - omega) e^-12 is the share of zeros: solved by hand
    share = zeros / (zeros + 8)
    assert omega == pytest.approx((share - math.exp(-12)) / (1 - math.exp(-12)), rel=1e-13)


@pytest.mark.parametrize(("odds", "is_inflated"), [(8.5, False), (9.5, True)])
def test_one_zero_is_inflation_only_where_a_report_was_likelier_than_that(
    odds: float, *, is_inflated: bool
) -> None:
    counts = np.array([0] + [5] * 9)[:, np.newaxis]
    expected = np.full(counts.shape, math.log1p(odds))

    omega = fit_zero_inflation(counts, expected)[0]

    assert (omega > 0.0) == is_inflated  # the derivative at 0 is odds - 9


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 20.0)), min_size=1, max_size=15).filter(
        lambda cells: any(n for n, _ in cells)
    )
)
@settings(max_examples=40)
def test_no_other_zero_inflation_is_likelier(cells: list[tuple[int, float]]) -> None:
    n, expected = np.array([n for n, _ in cells]), np.array([mean for _, mean in cells])

    omega = float(fit_zero_inflation(n[:, np.newaxis], expected[:, np.newaxis])[0])

    best = zip_log_likelihood(omega, n, expected)
    step = 1e-9 * (1 + omega)
    for other in (omega - step, omega + step, 0.0, 0.5, 0.999):
        if 0 <= other < 1:
            with mpmath.workdps(40):  # a step of 1e-9 changes it by 1e-18 or so
                assert zip_log_likelihood(other, n, expected) <= best + mpmath.mpf("1e-25")


def test_a_fit_on_simulated_zeros_finds_their_fraction() -> None:
    rng = np.random.default_rng(11)
    expected = rng.uniform(0.5, 6.0, size=(4_000, 1))
    counts = rng.poisson(expected) * (rng.random(expected.shape) >= 0.25)

    omega = float(fit_zero_inflation(counts, expected)[0])

    # the counts with a report count for omega as if they were Bernoulli: information per cell
    none = np.exp(-expected)
    information = ((1 - none) ** 2 * (1 / (0.25 + 0.75 * none) + 1 / (1 - none) / 0.75)).sum()
    assert abs(omega - 0.25) <= 4 / math.sqrt(information)


def test_zeros_that_cannot_be_by_chance_are_all_structural() -> None:
    counts = np.array([[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 9], [0, 9, 9], [0, 9, 9]])
    counts = np.concatenate([counts, np.full((3, 3), 9)])
    expected = np.full(counts.shape, 40.0)  # e^-40 is no share of a zero

    omega = fit_zero_inflation(counts, expected)

    assert_allclose(omega, (counts == 0).mean(axis=0), rtol=1e-14)


def test_of_no_report_there_is_no_fraction_to_fit() -> None:
    counts, expected = np.zeros((3, 1), dtype=np.int64), np.zeros((3, 1))

    assert np.isnan(fit_zero_inflation(counts, expected)).tolist() == [True]


def test_without_zero_inflation_its_fraction_is_zero_for_each_product_with_a_report() -> None:
    counts = [[0, 1, 20], [0, 0, 30]]

    found = lrt(counts, n_draws=2, rng=np.random.default_rng(12))

    assert_array_equal(found.zero_inflation, [np.nan, 0.0, 0.0])


def test_a_product_without_a_report_has_no_zero_inflation() -> None:
    counts = [[0, 9, 20], [0, 0, 30], [0, 12, 8]]

    found = lrt(counts, model="zip", n_draws=10, rng=np.random.default_rng(12))

    assert np.isnan(found.zero_inflation).tolist() == [True, False, False]
    assert found.state[:, 0].tolist() == ["no_product"] * 3
