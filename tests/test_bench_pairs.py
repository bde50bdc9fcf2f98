"""The pairs on which the bench of the detectors is run: simulated, counted, written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.detectors import data
from detectors.counts import Table

CAERS_PAIRS, CAERS_REPORTS = 17_189, 3_356  # shared/data/README.md and reference/README.md


def _sums(key: np.ndarray[Any, Any], n_pair: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the margin of each pair must be, where each report has one product and one event."""
    of_each = pd.Series(n_pair).groupby(key).sum()
    return np.asarray(of_each.loc[key])


# the pairs


@pytest.mark.parametrize("n_pairs", [1, 37, 3_000])
def test_a_simulation_has_as_many_pairs_as_wanted_and_the_margins_of_its_reports(
    n_pairs: int,
) -> None:
    pairs = data.simulated(n_pairs)

    table_ = pairs.table
    assert table_.n_pair.size == n_pairs
    assert table_.n_pair.min() >= 1
    assert len(set(zip(pairs.product.tolist(), pairs.event.tolist(), strict=True))) == n_pairs
    assert np.array_equal(table_.n_product, _sums(pairs.product, table_.n_pair))
    assert np.array_equal(table_.n_event, _sums(pairs.event, table_.n_pair))
    assert np.all(table_.n_total == table_.n_pair.sum())


def test_a_simulation_stops_at_the_report_that_makes_its_last_pair() -> None:
    counts = [data.simulated(1, seed).table.n_pair.tolist() for seed in range(30)]

    assert counts == [[1]] * 30  # of one pair, it is the first report


def test_the_same_seed_gives_the_same_pairs_and_another_seed_others() -> None:
    first, again, other = data.simulated(500, 3), data.simulated(500, 3), data.simulated(500, 4)

    assert np.array_equal(first.table.n_pair, again.table.n_pair)
    assert np.array_equal(first.event, again.event)
    assert not np.array_equal(first.table.n_pair, other.table.n_pair)


def test_simulated_margins_are_skewed_and_two_pairs_in_five_have_three_reports() -> None:
    pairs = data.simulated(20_000)

    found = data.describe(pairs)
    of_products = pd.Series(pairs.table.n_pair).groupby(pairs.product).sum()
    # PhViD's table of this form has 46 %, and a few products with much of all reports.
    assert 0.35 < found["share_at_least_3"] < 0.5
    assert of_products.max() > 20 * of_products.median()


@pytest.mark.parametrize(
    ("n_pairs", "n_products", "n_events"), [(102_483, 634, 756), (25_621, 317, 378)]
)
def test_products_and_events_grow_with_the_root_of_the_number_of_pairs(
    n_pairs: int, n_products: int, n_events: int
) -> None:
    pairs = data.simulated(n_pairs)

    assert (pairs.product.max() + 1, pairs.event.max() + 1) == (n_products, n_events)


def test_pairs_are_described_by_their_counts() -> None:
    pairs = data.Pairs(
        Table([3, 2, 4, 1], 9, 9, 50), np.array([0, 0, 1, 1]), np.array([0, 2, 2, 1])
    )

    assert data.describe(pairs) == {
        "n_pairs": 4, "n_products": 2, "n_events": 3, "n_reports": 50, "largest": 4,
        "share_at_least_3": 0.5,
    }  # fmt: skip


def test_counts_grow_with_the_rate_of_their_cell() -> None:
    """Products and events are numbered from the most to the least reported."""
    pairs = data.simulated(20_000)

    of_products = pd.Series(pairs.table.n_pair).groupby(pairs.product).sum().sort_index()
    quarter = len(of_products) // 4
    assert of_products.iloc[:quarter].sum() > 5 * of_products.iloc[-2 * quarter :].sum()


def test_pairs_of_caers_are_those_of_the_reference() -> None:
    found = data.describe(data.caers())

    assert (found["n_pairs"], found["n_reports"]) == (CAERS_PAIRS, CAERS_REPORTS)


def test_pairs_counted_from_reports_come_in_the_order_of_product_and_event() -> None:
    pairs = data.caers()

    order = np.lexsort((pairs.event, pairs.product))
    assert np.array_equal(order, np.arange(order.size))  # of_vigipy sorts its results back to it


def test_statins_have_47_events_and_7_products() -> None:
    assert data.statin().shape == (47, 7)


def test_what_is_written_is_read_again_by_python_and_by_r(tmp_path: Path) -> None:
    pairs = data.simulated(300)
    path = tmp_path / "pairs.npz"

    data.write(path, pairs)
    data.write_for_r(path.with_suffix(".csv"), pairs)

    again, frame = data.read(path), pd.read_csv(path.with_suffix(".csv"))
    assert np.array_equal(again.product, pairs.product)
    assert np.array_equal(again.table.expected, pairs.table.expected)
    expected = frame["n_product"].astype(float) * frame["n_event"] / frame["n_total"]  # as peer.R
    assert np.array_equal(expected, pairs.table.expected)
