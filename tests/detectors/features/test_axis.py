"""Rows of counts: how short and how great they may be."""

import pytest
from numpy.testing import assert_allclose

from detectors.features.axis import as_rows
from detectors.features.onset import scan


def test_each_row_may_sum_to_the_greatest_whole_number_that_doubles_hold() -> None:
    rows = [[2**53], [2**53]]

    assert as_rows("by_day", rows).tolist() == rows
    assert as_rows("by_day", [[2**53 - 1, 1]], least=2).tolist() == [[2**53 - 1, 1]]
    with pytest.raises(ValueError, match=r"the sum of by_day\[0\] is .*: must be at most"):
        as_rows("by_day", [[2**53, 2**53]])


def test_the_days_of_a_row_are_counted_and_not_the_rows() -> None:
    assert scan([[1, 1, 0]], width_days=1).n_reports.tolist() == [2]
    with pytest.raises(ValueError, match=r"by_day has shape \(2, 1\): its last axis must have 2"):
        scan([[3], [2]], width_days=1)


def test_no_work_at_all_may_be_allowed() -> None:
    found = scan([2, 1, 0], width_days=1, most_work=0)

    assert found.p.state.item() == "beyond_exact"
    assert found.p_bound.state.item() == "defined"


def test_a_day_without_weight_may_have_no_report() -> None:
    found = scan([0, 2, 0, 0], width_days=1, background=[0, 3, 1, 0])

    assert_allclose(found.p.p, (9 + 1) / 16, rtol=1e-12)  # both on the second day or on the third
