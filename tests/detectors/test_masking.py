"""Masking against a recount of the reports that are left, and against a masked signal."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import sparse

from detectors.counts import Table
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.estimate import DEFINED, Estimate
from detectors.masking import margin_ratio, masking


def some_reports(seed: int, n_reports: int = 40, n_products: int = 4) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    reports = (rng.random((n_reports, n_products)) < rng.random(n_products)).astype(np.float64)
    return [reports, (rng.random(n_reports) < 0.4).astype(np.float64)]


def recount(reports: NDArray[np.float64], event: NDArray[np.float64], target: int) -> list[int]:
    with_product, with_event = reports[:, target] == 1, event == 1
    counts = (with_product & with_event, with_product, with_event, with_event | True)
    return [int(np.count_nonzero(where)) for where in counts]


@given(st.integers(0, 10**6))
@settings(max_examples=50)
def test_counts_are_those_of_the_reports_that_are_left(seed: int) -> None:
    reports, event = some_reports(seed)

    found = masking(sparse.csr_array(reports), event)

    for masker in range(4):
        kept = reports[:, masker] == 0
        for target in range(4):
            before = recount(reports, event, target)
            after = recount(reports[kept], event[kept], target)
            for name, one, other in zip(
                ("n_pair", "n_product", "n_event", "n_total"), before, after, strict=True
            ):
                assert getattr(found.before, name)[target] == one
                assert getattr(found.after, name)[masker, target] == other
            if found.ratio.state[masker, target] == DEFINED:
                a, n, m, total = before
                a_after, n_after, m_after, total_after = after
                ratio = (a_after * total_after / (n_after * m_after)) / (a * total / (n * m))
                assert_allclose(found.ratio.value[masker, target], ratio, rtol=1e-14)  # rounding
            else:
                assert before[0] == 0 or after[1] == 0 or after[2] == 0


@given(st.integers(0, 10**6))
def test_measures_are_those_of_the_tables(seed: int) -> None:
    reports, event = some_reports(seed)

    found = masking(reports, event, tail=0.05, confidence_level=0.9)

    for table, bits, ratio in (
        (found.before, found.ic_before, found.prr_before),
        (found.after, found.ic_after, found.prr_after),
    ):
        assert ic(table.n_pair, table.expected, tail=0.05).lower.tobytes() == bits.lower.tobytes()
        assert prr(table, confidence_level=0.9).upper.tobytes() == ratio.upper.tobytes()


@given(st.integers(0, 10**6))
def test_margins_are_enough_if_no_report_lists_two_products(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reports = np.eye(5)[rng.integers(0, 5, size=80)][:, :4]
    event = rng.random(80) < 0.3

    found = masking(reports, event)
    simple = margin_ratio(found.before)

    is_other = ~np.eye(4, dtype=bool) & (found.ratio.state == DEFINED)
    expected = np.broadcast_to(simple.value[:, np.newaxis], (4, 4))
    assert_allclose(found.ratio.value[is_other], expected[is_other], rtol=1e-14)  # rounding


def test_margins_are_wrong_if_products_are_reported_together() -> None:
    reports = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [40, 160, 60, 740], axis=0)
    event = np.concatenate([np.arange(n) < k for n, k in ((40, 30), (160, 120), (60, 6), (740, 7))])

    found = masking(reports, event, maskers=[0], targets=[1])

    assert found.ratio.value[0, 0] < 4
    assert margin_ratio(Table(150, 200, 163, 1000)).value > 9


def test_the_strongest_masker_is_found_and_the_signal_unmasked() -> None:
    rng = np.random.default_rng(2013)
    which = rng.choice(4, size=20_000, p=[0.2, 0.01, 0.3, 0.49])
    event = rng.random(20_000) < np.array([0.5, 0.08, 0.01, 0.01])[which]
    reports = np.eye(4)[which]

    found = masking(reports, event, targets=[1, 2])

    assert found.ic_before.lower[0] < 0
    assert found.is_unmasked[:, 0].tolist() == [True, False, False, False]
    assert found.is_unmasked[:, 1].tolist() == [False, False, False, False]
    assert masking(reports, event, targets=[0]).is_unmasked.tolist() == [[False]] * 4
    assert found.strongest.tolist() == [0, 0]
    assert found.prr_after.lower[0, 0] > 3


def test_a_limit_at_zero_is_no_signal_yet() -> None:
    found = masking(np.eye(2), [1, 0], maskers=[0])

    def limits(*lower: float) -> Estimate:
        return replace(found.ic_before, lower=np.array(lower))

    for before, after, is_unmasked in (
        (0.0, 0.1, True),
        (0.1, 0.2, False),
        (-0.5, 0.1, True),
        (-0.5, 0.0, False),
    ):
        changed = replace(found, ic_before=limits(before), ic_after=limits(after))
        assert changed.is_unmasked.tolist() == [is_unmasked]


def test_each_reason_has_its_state() -> None:
    reports = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    event = [1, 1, 0, 0]

    found = masking(reports, event)

    assert found.ratio.state.tolist() == [
        ["no_product", "no_product", "no_report", "no_report"],
        ["defined", "no_product", "no_report", "no_report"],
        ["defined", "defined", "no_report", "no_report"],
        ["defined", "defined", "no_report", "no_report"],
    ]
    assert np.isnan(found.ratio.value[0]).all()
    assert found.ratio.value[3, :2].tolist() == [1.0, 1.0]
    assert found.strongest[2:].tolist() == [-1, -1]


def test_a_masker_with_all_reports_of_the_event_leaves_no_ratio() -> None:
    reports = np.array([[1, 1], [0, 1], [0, 0]])

    found = masking(reports, [1, 0, 0], maskers=[0], targets=[1])

    assert found.ratio.state.tolist() == [["no_event"]]


def test_a_ratio_of_zero_is_real() -> None:
    reports = np.array([[1, 1], [0, 1], [0, 0]])

    found = masking(reports, [1, 0, 1], maskers=[0], targets=[1])

    assert found.ratio.value.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("table", "state"),
    [
        ((0, 5, 0, 20), "no_event"),
        ((3, 20, 3, 20), "no_comparator"),
        ((3, 5, 3, 20), "no_other_report"),
        ((0, 0, 3, 20), "defined"),
    ],
)
def test_margins_may_have_no_ratio(table: tuple[int, ...], state: str) -> None:
    found = margin_ratio(Table(*table))

    assert found.state == state
    assert np.isnan(found.value) == (state != "defined")


def test_no_masker_and_no_target_give_nothing() -> None:
    found = masking([[1, 0], [0, 1]], [1, 0], maskers=[])

    assert found.ratio.value.shape == (0, 2)
    assert found.strongest.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maskers": [2]}, r"maskers\[0\] is 2: must be a column from 0 to 1"),
        ({"targets": [0, 0]}, "targets names a column twice"),
        ({"tail": 0.5}, r"tail is 0\.5"),
        ({"confidence_level": 1.0}, r"confidence_level is 1\.0"),
    ],
)
def test_an_argument_out_of_range_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        masking([[1, 0], [0, 1]], [1, 0], **change)  # type: ignore[arg-type]


def test_an_element_has_the_same_bits_alone() -> None:
    reports, event = some_reports(5, n_reports=500, n_products=12)

    whole = masking(reports, event)

    for masker, target in ((0, 3), (7, 2), (11, 0)):
        alone = masking(reports, event, maskers=[masker], targets=[target])
        for one, other in ((alone.ratio.value, whole.ratio.value),):
            assert one.tobytes() == other[masker, target].tobytes()
        assert alone.ic_after.lower.tobytes() == whole.ic_after.lower[masker, target].tobytes()


def test_the_order_of_reports_changes_no_bit() -> None:
    reports, event = some_reports(5, n_reports=500)
    order = np.random.default_rng(1).permutation(500)

    one, other = masking(reports, event), masking(reports[order], event[order])

    assert one.ratio.value.tobytes() == other.ratio.value.tobytes()
