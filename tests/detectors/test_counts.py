"""The 2x2 table: what it refuses, what it keeps, and how it counts reports."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import public, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality import ebgm
from detectors.disproportionality.ic import ic


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


def test_a_table_is_shown_by_its_counts() -> None:
    shown = repr(Table(1, 5, 6, 99, expected=0.5))

    assert shown.startswith("Table(n_pair=array(1), n_product=array(5), n_event=array(6)")
    assert "expected" not in shown


def test_whole_numbers_of_any_type_are_counts() -> None:
    as_floats = Table(np.float32(1), np.uint8(5), 5.0, np.int32(9))

    assert int(as_floats.n_product) == 5


def test_a_table_of_no_pairs_is_a_table() -> None:
    assert Table([], [], [], 0).expected.shape == (0,)
    assert Table(np.array([], dtype=object), [], [], 0).n_pair.dtype == np.int64


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
    reports = pd.read_csv(public("caers/caers_reports.csv"))
    reference = reference_table("disproportionality/caers_2x2_reference.csv.xz")

    table = Table.from_reports(reports, report="id", product="var1", event="var2")

    assert table.labels is not None
    a, b, c, d = (x.astype(np.int64) for x in table.cells())
    counted = pd.DataFrame({"a": a, "b": b, "c": c, "d": d}, index=table.labels)
    expected = reference.set_index(["var1", "var2"])[["a", "b", "c", "d"]].sort_index()
    pd.testing.assert_frame_equal(counted.sort_index(), expected, check_names=False)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ([0.5, -1.0], r"expected\[1\] is -1.0: must not be negative"),
        ([0.5, np.inf], r"expected\[1\] is inf: must be finite"),
        ([np.nan, 0.5], r"expected\[0\] is nan: must not be missing"),
        (0.5, r"expected has shape \(\): must be \(2,\)"),
        ([0.5, 0.5, 0.5], r"expected has shape \(3,\): must be \(2,\)"),
        (["a", "b"], "expected holds <U1: must be numbers"),
    ],
)
def test_an_expected_number_that_cannot_be_is_refused(expected: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Table([1, 2], 5, 5, 9, expected=expected)  # type: ignore[arg-type]


def test_an_expected_number_that_is_given_is_kept_as_a_copy() -> None:
    given_numbers = np.array([0.5, 3.0])
    table = Table([1, 0], [5, 0], [5, 0], [9, 0], expected=given_numbers)

    given_numbers[0] = 7.0

    assert table.expected[0] == 0.5
    assert np.isnan(table.expected[1])  # there is no report
    with pytest.raises(ValueError, match="read-only"):
        table.expected[0] = 4


def test_the_stratified_caers_reports_give_the_expected_numbers_of_openebgm() -> None:
    reports = pd.read_csv(public("caers/caers_reports.csv"))
    reference = reference_table("openebgm/caers_ebgm_stratified.csv.xz")

    table = Table.from_reports(reports, report="id", product="var1", event="var2", strata="strat1")

    assert table.labels is not None
    theirs = reference.set_index(["var1", "var2"]).loc[list(table.labels)]
    assert (table.n_pair == theirs["N"]).all()
    assert_allclose(table.expected, theirs["E"], rtol=1e-14)  # fifteen digits


REPORTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from("PQR"), min_size=1, max_size=3),
        st.lists(st.sampled_from("uvw"), min_size=1, max_size=3),
        st.sampled_from([None, "f", "m"]),
        st.sampled_from([None, 1.0, 2.0]),
    ),
    min_size=1,
    max_size=12,
)


def rows_of(reports: list[tuple[list[str], list[str], str | None, float | None]]) -> pd.DataFrame:
    rows = [
        (f"r{i}", product, event, sex, age)
        for i, (products, events, sex, age) in enumerate(reports)
        for product in products
        for event in events
    ]
    return pd.DataFrame(rows, columns=["report", "product", "event", "sex", "age"])


@given(reports=REPORTS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_expected_number_is_summed_over_strata_in_any_order_of_rows(
    reports: list[tuple[list[str], list[str], str | None, float | None]], seed: int
) -> None:
    rows = rows_of(reports)
    by_definition: dict[tuple[str, str], float] = {}
    for stratum in {(sex, age) for _, _, sex, age in reports}:
        inside = [report for report in reports if report[2:] == stratum]
        for p in "PQR":
            for e in "uvw":
                with_p = sum(p in products for products, *_ in inside)
                with_e = sum(e in events for _, events, *_ in inside)
                part = with_p * with_e / len(inside)
                by_definition[p, e] = by_definition.get((p, e), 0.0) + part

    names = {"report": "report", "product": "product", "event": "event"}
    table, mixed = (
        Table.from_reports(frame, **names, strata=["sex", "age"])
        for frame in (rows, rows.sample(frac=1, random_state=seed))
    )

    assert table.labels is not None
    assert_allclose(table.expected, [by_definition[pair] for pair in table.labels], rtol=1e-14)
    assert table.expected.tobytes() == mixed.expected.tobytes()
    assert table.n_pair.tobytes() == mixed.n_pair.tobytes()
    crude = Table.from_reports(rows, **names)
    assert table.n_product.tobytes() == crude.n_product.tobytes()


def test_a_report_in_two_strata_is_refused_by_its_name() -> None:
    frame = rows_of([(["P"], ["u"], "f", 1.0), (["P"], ["u", "v"], "m", 1.0)])
    frame.loc[2, "sex"] = None

    with pytest.raises(ValueError, match="report 'r1' lies in more than one stratum"):
        Table.from_reports(frame, report="report", product="product", event="event", strata="sex")


NAMES = {"report": "report", "product": "product", "event": "event"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"report": [1, "1"]}, r"column 'report' holds 1 and '1': must be of one kind"),
        ({"report": ["1", 1]}, r"column 'report' holds '1' and 1: must be of one kind"),
        ({"product": ["a", 2.0]}, r"column 'product' holds 'a' and 2\.0: must be of one kind"),
        ({"event": [True, "a"]}, r"column 'event' holds True and 'a': must be of one kind"),
        ({"event": [date(2024, 1, 1), "a"]}, r"column 'event' holds .* and 'a': must be of one"),
        ({"sex": [1, "f"]}, r"column 'sex' holds 1 and 'f': must be of one kind"),
        ({"report": [["a"], ["b"]]}, r"column 'report' holds list: must hold values that have an"),
        ({"product": [{}, {}]}, r"column 'product' holds dict: must hold values that have an"),
        ({"product": [1j, 2j]}, r"column 'product' holds complex: must hold values that have an"),
        ({"event": ["a", None]}, r"column 'event' has missing values: name them first"),
        (
            {"report": None},
            r"frame has no column 'report': must have one; its columns are 'product'",
        ),
        ({"sex": None}, r"frame has no column 'sex': must have one"),
    ],
)
def test_a_frame_that_cannot_be_counted_is_refused_with_a_sentence(
    changes: dict[str, Any], message: str
) -> None:
    columns: dict[str, Any] = {
        "report": ["r1", "r2"], "product": ["a", "b"], "event": ["x", "y"], "sex": ["f", "m"],
    }  # fmt: skip
    columns |= {name: pd.Series(v, dtype=object) for name, v in changes.items() if v is not None}
    frame = pd.DataFrame({k: v for k, v in columns.items() if changes.get(k, v) is not None})

    with pytest.raises(ValueError, match=message):
        Table.from_reports(frame, **NAMES, strata="sex")


def test_categories_of_two_kinds_are_refused_and_a_name_for_two_columns() -> None:
    frame = pd.DataFrame({"report": pd.Categorical([1, "1"]), "product": "a", "event": "x"})
    with pytest.raises(ValueError, match="column 'report' holds 1 and '1'"):
        Table.from_reports(frame, **NAMES)

    twice = pd.DataFrame([["r", "a", "x", "y"]], columns=["report", "product", "event", "event"])
    with pytest.raises(ValueError, match="frame has 2 columns 'event': must have one"):
        Table.from_reports(twice, **NAMES)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"frame is a dict: must be a pandas\.DataFrame"):
        Table.from_reports({"report": []}, **NAMES)  # type: ignore[arg-type] # as a caller might


def test_whole_numbers_and_floats_are_one_kind() -> None:
    ids = pd.Series([1, 1.0, np.int64(2)], dtype=object)
    frame = pd.DataFrame({"report": ids, "product": "a", "event": ["x", "y", "x"]})

    assert Table.from_reports(frame, **NAMES).n_total.tolist() == [2, 2]


def test_no_reports_give_no_pairs() -> None:
    frame = rows_of([])

    table = Table.from_reports(
        frame, report="report", product="product", event="event", strata=("sex",)
    )

    assert table.expected.shape == (0,)


def test_strata_add_up_in_any_order() -> None:
    rng = np.random.default_rng(seed=19990801)
    cells = rng.integers(0, 9, size=(5, 4, 30))
    tables = [Table(a, a + b, a + c, a + b + c + d) for a, b, c, d in cells]

    one, other = Table.from_strata(tables), Table.from_strata(tables[::-1])

    assert one.n_pair.tolist() == cells[:, 0].sum(axis=0).tolist()
    assert one.n_total.tolist() == cells.sum(axis=(0, 1)).tolist()
    by_definition = [np.nan_to_num(table.expected) for table in tables]
    assert_allclose(one.expected, np.sum(by_definition, axis=0), rtol=1e-14)
    assert one.expected.tobytes() == other.expected.tobytes()


def test_a_stratum_without_reports_adds_nothing() -> None:
    some, nothing = Table(4, 8, 50, 100), Table(0, 0, 0, 0)

    assert Table.from_strata([nothing, some]).expected == some.expected
    assert np.isnan(Table.from_strata([nothing, nothing]).expected)


def test_one_stratum_is_its_own_sum() -> None:
    one = Table.from_strata([Table([1, 2], 5, 6, 20)])

    assert one.n_pair.tolist() == [1, 2]
    assert_allclose(one.expected, [1.5, 1.5], rtol=1e-15)


def test_equal_labels_fit_and_missing_ones_do_not() -> None:
    names = ["product", "event"]
    labels, equal = (pd.MultiIndex.from_tuples([("P", "u")], names=names) for _ in range(2))
    table, again, bare = (Table([1], 5, 5, 9, labels=each) for each in (labels, equal, None))

    assert Table.from_strata([table, again]).labels is labels
    assert Table.from_strata([bare, bare]).labels is None
    for one, other in ((table, bare), (bare, table)):
        with pytest.raises(ValueError, match=r"tables\[1\] has other labels"):
            Table.from_strata([one, other])


def test_strata_that_do_not_fit_are_refused() -> None:
    labels = [pd.MultiIndex.from_tuples([(p, "u")], names=["product", "event"]) for p in "PQ"]
    of_p, of_q = (Table([1], 5, 5, 9, labels=each) for each in labels)

    assert Table.from_strata([of_p, of_p]).labels is of_p.labels
    with pytest.raises(ValueError, match=r"tables\[1\] has other labels"):
        Table.from_strata([of_p, of_q])
    with pytest.raises(ValueError, match=r"tables\[1\] has shape \(2,\): must be \(1,\)"):
        Table.from_strata([of_p, Table([1, 1], 5, 5, 9)])
    with pytest.raises(ValueError, match="tables is empty"):
        Table.from_strata([])
    with pytest.raises(ValueError, match="must be at most"):
        Table.from_strata([Table(2**53, 2**53, 2**53, 2**53)] * 1_025)


@pytest.mark.slow
def test_the_faers_reports_are_counted_as_a_plain_count_does() -> None:
    rows = pd.read_csv(public("faers/faers_2022q3_primary_suspect_pairs.csv.gz"))

    table = Table.from_reports(rows, report="CASEID", product="DRUG", event="AE")

    assert table.labels is not None
    assert (table.n_pair.size, int(table.n_total[0])) == (111_118, 215_867)
    for i in (0, 17_000, 80_000, int(table.n_pair.argmax())):
        drug, reaction = table.labels[i]
        with_drug, with_reaction = (
            set(rows["CASEID"][rows[column] == name])
            for column, name in (("DRUG", drug), ("AE", reaction))
        )
        counts = (len(with_drug & with_reaction), len(with_drug), len(with_reaction))
        assert (table.n_pair[i], table.n_product[i], table.n_event[i]) == counts


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: Table([1, 2, 3], [4, 5], [9], 100),
            r"n_pair \(3,\), n_product \(2,\), n_event \(1,\), n_total \(\)",
        ),
        (lambda: ic([1, 2, 3], [4.0, 5.0]), r"n \(3,\), expected \(2,\)"),
        (
            lambda: ebgm.score([1, 2, 3], [4.0, 5.0], ebgm.Prior(0.2, 0.1, 2.0, 4.0, 1 / 3)),
            r"n \(3,\), expected \(2,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=f"shapes must broadcast to one: {said}"):
        call()
