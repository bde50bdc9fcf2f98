"""The design of reports by products: what it holds, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from detectors.logistic import design
from detectors.logistic.reports import as_columns, as_flags, as_incidence

rows = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcde")), min_size=1, max_size=40)


@given(rows)
def test_a_design_is_one_where_a_row_names_report_and_product(
    named: list[tuple[int, str]],
) -> None:
    frame = pd.DataFrame(named, columns=["report", "product"])

    found = design(frame, report="report", product="product")

    assert found.reports.tolist() == sorted({report for report, _ in named})
    assert found.products.tolist() == sorted({product for _, product in named})
    marked = {
        (found.reports[i], found.products[j])
        for i, j in zip(*np.nonzero(found.matrix.toarray()), strict=True)
    }
    assert marked == set(named)
    assert set(found.matrix.data.tolist()) == {1.0}


@pytest.mark.parametrize("column", ["report", "product"])
def test_a_design_refuses_a_missing_name(column: str) -> None:
    frame = pd.DataFrame({"report": [1, 2], "product": ["a", "b"]}).astype(object)
    frame.loc[1, column] = None

    with pytest.raises(ValueError, match=f"column '{column}' has missing values"):
        design(frame, report="report", product="product")


def test_a_matrix_that_is_given_is_not_changed() -> None:
    given_matrix = sparse.csr_array((np.ones(2), ([0, 1], [1, 0])), shape=(2, 2))
    given_matrix.data[0] = 0.0

    found = as_incidence(given_matrix)

    assert found.nnz == 1
    assert given_matrix.nnz == 2


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1], [2, 1]], r"reports\[1, 0\] is 2\.0: must be 0 or 1"),
        ([[0, 1], [1, 2], [3, 0]], r"reports\[1, 1\] is 2\.0: must be 0 or 1"),  # the first
        ([[0.5]], r"reports\[0, 0\] is 0\.5: must be 0 or 1"),
        ([[np.nan]], r"reports\[0, 0\] is nan: must be 0 or 1"),
        ([[-1]], r"reports\[0, 0\] is -1\.0: must be 0 or 1"),
        ([1, 0], r"reports has shape \(2,\): must be reports by products"),
        (np.zeros((0, 3)), r"reports has shape \(0, 3\): must be reports by products"),
        ([["a"]], r"reports holds <U1: must be 0 or 1"),
    ],
)
def test_a_matrix_holds_zeros_and_ones(matrix: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_incidence(matrix)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "twice",
    [
        sparse.coo_array((np.ones(2), ([0, 0], [0, 0])), shape=(1, 1)),
        sparse.csr_array((np.ones(2), [0, 0], [0, 2]), shape=(1, 1)),
    ],
)
def test_a_report_that_is_counted_twice_is_refused(twice: sparse.sparray) -> None:
    with pytest.raises(ValueError, match=r"reports\[0, 0\] is 2\.0"):
        as_incidence(twice)


def test_a_zero_that_is_stored_is_no_reason_to_refuse() -> None:
    stored = sparse.csr_array(([1.0, 0.0, 3.0], [0, 1, 1], [0, 2, 3]), shape=(2, 2))

    with pytest.raises(ValueError, match=r"reports\[1, 1\] is 3\.0"):
        as_incidence(stored)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([1, 0, 2], r"event\[2\] is 2: must be 0 or 1"),
        ([1.0, np.nan, 0.0], r"event\[1\] is nan: must be 0 or 1"),
        ([1, 0], r"event has shape \(2,\): must be one flag for each report"),
        (["a", "b", "c"], "event holds <U1"),
    ],
)
def test_an_event_is_a_flag_for_each_report(flags: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_flags("event", flags, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([0, 3], r"products\[1\] is 3: must be a column from 0 to 2"),
        ([-1], r"products\[0\] is -1"),
        ([1, 1], "products names a column twice"),
        ([0.5], "products must be a list of whole numbers"),
        ([[0]], "products must be a list of whole numbers"),
    ],
)
def test_a_column_is_a_place_in_the_matrix(columns: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_columns("products", columns, 3)  # type: ignore[arg-type]


def test_all_columns_are_meant_if_none_is_named() -> None:
    assert as_columns("products", None, 3).tolist() == [0, 1, 2]
    assert as_columns("first", [1, 1], 3, unique=False).tolist() == [1, 1]
