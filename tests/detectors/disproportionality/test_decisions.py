"""What a rule compares with its threshold, for many tables at once, and the measures themselves."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.counts import Table, TableCells
from detectors.disproportionality.chi_square import chi_square, chi_square_values
from detectors.disproportionality.prr import prr, prr_log_lower, prr_moments, prr_reaches
from detectors.disproportionality.ror import ror, ror_log_lower, ror_moments
from detectors.elementary import log
from detectors.estimate import DEFINED

Floats = NDArray[np.float64]


def tables() -> Table:
    """Every table of cells from 0 to 4, random ones of all sizes, and the greatest."""
    rng = np.random.default_rng(19630201)
    every = np.array(list(itertools.product(range(5), repeat=4)))
    greatest = 10.0 ** rng.integers(0, 16, (20_000, 4))
    drawn = (rng.random((20_000, 4)) * greatest).astype(np.int64)
    huge = np.array([[2**51] * 4, [2**53, 0, 0, 0], [1, 0, 0, 2**52], [2**50, 1, 1, 1]])
    a, b, c, d = np.concatenate([every, drawn, huge]).T
    fits = a + b + c + d <= 2**53
    a, b, c, d = (cell[fits] for cell in (a, b, c, d))
    return Table(a, a + b, a + c, a + b + c + d)


TABLES = tables()
CELLS = TABLES.cells()


def bits(values: Floats) -> bytes:
    return np.where(np.isnan(values), np.nan, values).tobytes()


def written_out_prr(cells: TableCells, z: float) -> Floats:
    a, b, c, d = cells
    with np.errstate(all="ignore"):
        variance = b / (a * (a + b)) + d / (c * (c + d))
        lower = log(a * (c + d) / ((a + b) * c)) - z * np.sqrt(variance)
    return np.where(b + d > 0, lower, np.nan)


def written_out_ror(cells: TableCells, z: float) -> Floats:
    a, b, c, d = cells
    with np.errstate(all="ignore"):
        return np.asarray(log(a * d / (b * c)) - z * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_lower_limits_are_their_formulas_bit_for_bit(level: float) -> None:
    z = -float(ndtri((1 - level) / 2))

    assert bits(prr_log_lower(CELLS, confidence_level=level)) == bits(written_out_prr(CELLS, z))
    assert bits(ror_log_lower(CELLS, confidence_level=level)) == bits(written_out_ror(CELLS, z))


def test_chi_square_is_its_formula_bit_for_bit() -> None:
    a, b, c, d = CELLS
    total = a + b + c + d
    excess = np.maximum(np.abs(a * d - b * c) - total / 2, 0.0)
    with np.errstate(invalid="ignore"):
        written_out = total * excess * excess / ((a + b) * (c + d) * (a + c) * (b + d))

    assert bits(chi_square_values(CELLS)) == bits(written_out)


def test_expected_is_that_of_the_table_bit_for_bit() -> None:
    product, event, total = (
        x.astype(np.float64) for x in (TABLES.n_product, TABLES.n_event, TABLES.n_total)
    )
    with np.errstate(invalid="ignore"):
        written_out = product * event / total

    assert bits(CELLS.expected) == bits(written_out) == bits(TABLES.expected)


def test_the_measures_are_those_that_rules_compare() -> None:
    for found, point in (
        (prr(TABLES), prr_moments(CELLS)[0]),
        (ror(TABLES), ror_moments(CELLS)[0]),
    ):
        assert bits(found.point) == bits(np.where(found.state == DEFINED, point, np.nan))
    assert bits(chi_square(TABLES).value) == bits(chi_square_values(CELLS))
    plain = chi_square_values(CELLS, correction=None)
    assert bits(chi_square(TABLES, correction=None).value) == bits(plain)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_a_lower_limit_exists_where_the_measure_has_one_and_is_its_logarithm(level: float) -> None:
    for found, lower in (
        (prr(TABLES, confidence_level=level), prr_log_lower(CELLS, confidence_level=level)),
        (ror(TABLES, confidence_level=level), ror_log_lower(CELLS, confidence_level=level)),
    ):
        has_one = found.state == DEFINED
        assert_array_equal(np.isfinite(lower), has_one)
        assert not (lower == np.inf).any()  # which would exceed every threshold
        gap = np.abs(lower[has_one] - np.log(found.lower[has_one]))
        assert gap.max() < 2e-14  # a few roundings of logarithms up to 37


def test_prr_reaches_what_it_is_at_least() -> None:
    found = prr(TABLES)
    has_one = found.state == DEFINED
    for threshold in (1.0, 2.0, 3.3):
        reaches = prr_reaches(CELLS, threshold)
        is_clear = np.abs(found.point / threshold - 1) > 1e-14

        assert_array_equal(
            reaches[has_one & is_clear], found.point[has_one & is_clear] >= threshold
        )
        assert reaches[found.state == "no_other_report"].all()
        assert not reaches[found.state == "no_comparator"].any()


def test_prr_reaches_exactly_its_threshold() -> None:
    a = np.arange(1, 2_000)
    cells = Table(a, 7 * a, a + 3 * a, 7 * a + 42 * a).cells()  # a/7a against 3a/42a

    assert prr_reaches(cells, 2.0).all()
    assert not prr_reaches(cells, np.nextafter(2.0, 3.0)).any()


@pytest.mark.parametrize("tenths", range(11, 60))
def test_prr_reaches_a_threshold_of_one_decimal_exactly_where_its_ratio_of_counts_does(
    tenths: int,
) -> None:
    rng = np.random.default_rng(tenths)
    b, c, d = rng.integers(1, 60, size=(3, 20_000))
    a = np.rint(tenths * c * b / np.maximum(10 * (c + d) - tenths * c, 1)).astype(np.int64)
    cells = TableCells(*(np.asarray(x, np.float64) for x in (a, b, c, d)))

    reaches = prr_reaches(cells, tenths / 10)

    exact = (10 * a * (c + d) >= tenths * c * (a + b)) & (a > 0)
    assert_array_equal(reaches, exact)
    assert (10 * a * (c + d) == tenths * c * (a + b)).any()


@pytest.mark.parametrize("threshold", [1, 2, 4, 8, 9])
def test_chi_square_reaches_its_threshold_exactly_where_fractions_do(threshold: int) -> None:
    sizes = (range(26), range(26), range(12), range(12))
    cells = np.array(list(itertools.product(*sizes)), np.int64).T

    value = chi_square_values(TableCells(*cells.astype(np.float64)))

    near = np.flatnonzero(np.abs(value - threshold) < 1e-9)
    exact = [_yates(*cells[:, i].tolist()) >= threshold for i in near]
    assert (value[near] >= threshold).tolist() == exact
    assert len(near)


def _yates(a: int, b: int, c: int, d: int) -> Fraction:
    total = a + b + c + d
    excess = max(abs(a * d - b * c) - Fraction(total, 2), Fraction(0))
    return total * excess**2 / ((a + b) * (c + d) * (a + c) * (b + d))
