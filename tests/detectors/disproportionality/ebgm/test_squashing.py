"""Squashed counts against openEBGM's, and what squashing must leave as it was."""

from random import Random
from typing import Any

import numpy as np
import pytest
from data import reference_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from detectors.disproportionality.ebgm import Squashed, squash

Data = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]

pairs = st.lists(st.tuples(st.integers(0, 3), st.floats(1e-3, 10.0)), min_size=1, max_size=60)
sizes = st.integers(2, 7)


def assert_like(found: Squashed, name: str) -> None:
    rows = reference_table(f"openebgm/{name}").sort_values(["N", "E"], kind="stable")
    assert_array_equal(found.n, rows["N"])
    assert_array_equal(found.weights, rows["weight"])
    assert_allclose(found.expected, rows["E"], rtol=1e-14)  # fifteen digits are given


def test_squashed_twice_it_is_openebgms_file(data: Data) -> None:
    once = squash(*data["unstratified"])

    twice = squash(once, count=2, bin_size=10, keep=20)

    assert_like(twice, "caers_squashed_twice.csv")


def test_squashed_count_by_count_it_is_openebgms_automatic_file(data: Data) -> None:
    # autoSquash, with its defaults, makes 50, 75, 150 or 500 points of a count, and keeps 100, 75,
    # 50 or 25 as they are: the bin size follows from that.
    n, expected = data["unstratified"]
    found = squash(n, expected, count=1, bin_size=_bin_size(n, 1, 100), keep=100)

    for count, keep in ((2, 75), (3, 50)):
        found = squash(found, count=count, bin_size=_bin_size(n, count, keep), keep=keep)

    assert_like(found, "caers_autosquash.csv")


def _bin_size(n: NDArray[np.int64], count: int, keep: int) -> int:
    to_squash = int((n == count).sum()) - keep
    ends = ((500, 50), (1_000, 75), (10_000, 150), (100_000, 500))
    n_points = next(points for limit, points in ends if to_squash < limit)
    return max(to_squash // n_points, 2)


@given(pairs, st.integers(0, 3), sizes, st.integers(1, 5))
def test_weights_and_weighted_sums_stay(
    rows: list[tuple[int, float]], count: int, bin_size: int, keep: int
) -> None:
    n, expected = (np.array(part) for part in zip(*rows, strict=True))

    found = squash(n, expected, count=count, bin_size=bin_size, keep=keep)

    for value in range(4):
        mine = found.n == value
        assert found.weights[mine].sum() == (n == value).sum()
        total = (found.weights * found.expected)[mine].sum()
        assert_allclose(total, expected[n == value].sum(), rtol=1e-13)  # rounding of the means


@given(pairs, sizes, st.integers(1, 5))
def test_the_largest_expectations_and_other_counts_stay_alone(
    rows: list[tuple[int, float]], bin_size: int, keep: int
) -> None:
    n, expected = (np.array(part) for part in zip(*rows, strict=True))

    found = squash(n, expected, bin_size=bin_size, keep=keep)

    is_one = found.n == 1
    assert (found.weights[~is_one] == 1).all()
    assert_array_equal(found.expected[~is_one & (found.n == 2)], np.sort(expected[n == 2]))
    assert_array_equal(found.expected[is_one][-keep:], np.sort(expected[n == 1])[-keep:])
    assert found.weights.max() <= bin_size


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(rows: list[tuple[int, float]], random: Random) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)

    found, same = (
        squash(*zip(*some, strict=True), bin_size=3, keep=1) for some in (rows, shuffled)
    )

    for name in ("n", "expected", "weights"):
        assert getattr(found, name).tobytes() == getattr(same, name).tobytes()


def test_squashing_again_weighs_the_means() -> None:
    once = squash([1] * 5, [0.1, 0.3, 0.4, 0.5, 9.0], bin_size=3, keep=1)

    twice = squash(once, bin_size=2, keep=1)

    assert_allclose(twice.expected, [1.3 / 4, 9.0], rtol=1e-15)
    assert twice.weights.tolist() == [4, 1]
    assert twice.full is once.full


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bin_size": 1}, r"bin_size is 1: must be a whole number of at least 2"),
        ({"bin_size": 2.5}, r"bin_size is 2\.5: must be a whole number"),
        ({"keep": 0}, r"keep is 0: must be a whole number of at least 1"),
        ({"count": -1}, r"count is -1: must be a whole number of at least 0"),
        ({"expected": None}, r"expected is missing: must be given unless n is Squashed"),
        ({"expected": [0.1, np.nan]}, r"expected\[1\] is nan: must be known"),
        ({"n": [], "expected": []}, r"n is empty"),
        ({"n": squash([1], [0.1])}, r"expected is given: must be left out where n is Squashed"),
    ],
)
def test_it_refuses_what_cannot_be_squashed(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"n": [1, 2], "expected": [0.1, 0.2]}

    with pytest.raises(ValueError, match=message):
        squash(**(usual | arguments))


def test_a_count_that_no_pair_has_leaves_points_and_weights_as_they_are() -> None:
    once = squash([1, 1, 1, 1, 2], [0.1, 0.4, 0.2, 0.3, 0.5], bin_size=2, keep=1)

    again = squash(once, count=7, bin_size=2, keep=1)

    assert again.n.tolist() == once.n.tolist() == [1, 1, 1, 2]
    assert again.expected.tolist() == once.expected.tolist()
    assert again.weights.tolist() == once.weights.tolist() == [2, 1, 1, 1]
