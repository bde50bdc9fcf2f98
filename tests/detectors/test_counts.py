"""The 2x2 table: what it refuses, what it keeps, and how it counts reports."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.counts import Table

SHARED = Path(__file__).parents[2] / ".." / "shared"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (([1, -1], 5, 5, 9), r"n_pair\[1\] is -1: must not be negative"),
        ((1, [5, 2.5], 5, 9), r"n_product\[1\] is 2\.5: must be whole"),
        ((1, 5, [[5.0, np.nan]], 9), r"n_event\[0, 1\] is nan: must not be missing"),
        ((1, 5, 5, np.inf), r"n_total is inf: must be at most 2\*\*53"),
        ((1, 5, 5, 2**60), r"n_total is \d+: must be at most 2\*\*53"),
        (([1, 6], 5, 7, 9), r"n_pair\[1\] is 6: must not exceed n_product"),
        (([1, 6], 7, 5, 9), r"n_pair\[1\] is 6: must not exceed n_event"),
        ((1, [5, 10], 5, 9), r"n_product\[1\] is 10: must not exceed n_total"),
        ((1, 5, [5, 10], 9), r"n_event\[1\] is 10: must not exceed n_total"),
        ((1, 5, 6, [10, 9]), r"n_total\[1\] is 9: must be at least n_product \+ n_event - n_pair"),
        (("1", 5, 5, 9), r"n_pair holds <U1: must be whole numbers"),
        ((True, 5, 5, 9), r"n_pair holds bool: must be whole numbers"),
        ((10**30, 5, 5, 9), r"n_pair holds object: must be whole numbers"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_argument_index_and_rule(
    counts: tuple[object, object, object, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Table(*counts)  # type: ignore[arg-type]


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        Table([1, 1], [5, 5, 5], 5, 9)


def test_arguments_broadcast_to_one_shape() -> None:
    table = Table([[1], [2]], [5, 6, 7], 5, 100)

    assert table.n_pair.shape == table.n_total.shape == table.expected.shape == (2, 3)
    assert all(values.dtype == np.int64 for values in (table.n_pair, table.n_total))


def test_whole_numbers_of_any_type_are_counts() -> None:
    as_floats = Table(np.float32(1), np.uint8(5), 5.0, np.int32(9))

    assert int(as_floats.n_product) == 5


def test_a_table_of_no_pairs_is_a_table() -> None:
    assert Table([], [], [], 0).expected.shape == (0,)


def test_a_table_does_not_change_with_its_arguments() -> None:
    n_pair = np.array([1, 2])
    table = Table(n_pair, 5, 5, 9)

    n_pair[0] = 4

    assert table.n_pair.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        table.n_pair[0] = 4


def test_expected_is_not_known_where_there_is_no_report() -> None:
    assert np.isnan(Table([0, 1], [0, 2], [0, 3], [0, 6]).expected).tolist() == [True, False]


@given(st.tuples(*[st.integers(0, 2**51)] * 4))
def test_cells_give_back_what_the_margins_were_made_of(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells

    assert tuple(map(int, Table(a, a + b, a + c, a + b + c + d).cells())) == cells


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from("PQR"), st.sampled_from("uvw")), min_size=1
    ),
    repeats=st.integers(1, 3),
)
@settings(max_examples=30, deadline=None)
def test_reports_are_counted_once_in_any_order(
    rows: list[tuple[int, str, str]], repeats: int
) -> None:
    frame = pd.DataFrame(rows * repeats, columns=["report", "product", "event"])

    table = Table.from_reports(frame, report="report", product="product", event="event")

    with_product = {name: {r for r, p, _ in rows if p == name} for name in "PQR"}
    with_event = {name: {r for r, _, e in rows if e == name} for name in "uvw"}
    pairs = [(p, e) for p in "PQR" for e in "uvw" if with_product[p] & with_event[e]]
    assert table.labels is not None
    assert list(table.labels) == pairs
    for i, (p, e) in enumerate(pairs):
        assert table.n_pair[i] == len(with_product[p] & with_event[e])
        assert table.n_product[i] == len(with_product[p])
        assert table.n_event[i] == len(with_event[e])
    assert set(table.n_total.tolist()) == {len({r for r, _, _ in rows})}


def test_a_missing_value_among_reports_is_refused_by_its_column() -> None:
    frame = pd.DataFrame({"report": [1, 2], "product": ["P", None], "event": ["u", "v"]})

    with pytest.raises(ValueError, match="column 'product' has missing values"):
        Table.from_reports(frame, report="report", product="product", event="event")


def test_the_caers_reports_give_the_reference_counts() -> None:
    reports = pd.read_csv(SHARED / "data/caers/caers_reports.csv")
    reference = pd.read_csv(SHARED / "reference/disproportionality/caers_2x2_reference.csv")

    table = Table.from_reports(reports, report="id", product="var1", event="var2")

    assert table.labels is not None
    a, b, c, d = (x.astype(np.int64) for x in table.cells())
    counted = pd.DataFrame({"a": a, "b": b, "c": c, "d": d}, index=table.labels)
    expected = reference.set_index(["var1", "var2"])[["a", "b", "c", "d"]].sort_index()
    pd.testing.assert_frame_equal(counted.sort_index(), expected, check_names=False)
