"""The search for a critical value, against plain bisection on sizes made up for it."""

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sequential.least_value import LOWEST, smallest_within

Size = Callable[[float], float]


def counted(size: Size) -> tuple[Size, list[float]]:
    values: list[float] = []

    def watched(value: float) -> float:
        values.append(value)
        return size(value)

    return watched, values


def by_halves(size: Size, alpha: float) -> float:
    low, high = 0.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if size(middle) > alpha else (low, middle)
    return high


def with_jumps(jumps: list[float], drop: float) -> Size:
    """Fall smoothly, and by a share at each jump; at the jump it is still that of below."""
    return lambda c: math.exp(-0.8 * c) * drop ** bisect_left(jumps, c)


@given(alpha=st.floats(1e-3, 0.9), slope=st.floats(0.3, 3.0), bend=st.floats(0.0, 0.9))
@settings(deadline=None)
def test_a_smooth_size_is_solved_in_a_few_steps(alpha: float, slope: float, bend: float) -> None:
    def size(c: float) -> float:
        return -math.expm1(-math.exp(-slope * c) * (1 + c) ** (bend * slope))

    watched, values = counted(size)
    found = smallest_within(watched, alpha)

    if size(LOWEST) < alpha:
        assert found is None
        return
    assert found is not None
    assert found.size == size(found.value) <= alpha
    excess = found.value - by_halves(size, alpha)  # which have the rounding of a size, too
    assert -1e-15 / alpha / slope <= excess < 2.1e-12 + 4e-15 / alpha / slope
    assert len(values) <= 12  # halves would take some forty


@given(
    alpha=st.floats(1e-3, 0.5),
    jumps=st.lists(st.floats(0.01, 9.0), max_size=12, unique=True),
    drop=st.floats(0.3, 0.99),
)
@settings(deadline=None, max_examples=300)
def test_a_size_with_jumps_is_solved_on_the_right_side_of_them(
    alpha: float, jumps: list[float], drop: float
) -> None:
    size = with_jumps(sorted(jumps), drop)

    found = smallest_within(size, alpha, jumps=sorted(jumps))

    assert found is not None
    assert found.size == size(found.value) <= alpha
    excess = found.value - by_halves(size, alpha)
    assert -1e-14 <= excess < 2.1e-12 + 4e-15 / alpha  # the margin, and the rounding of a size


@given(
    alpha=st.floats(1e-3, 0.5),
    seed=st.integers(0, 10**6),
    n_jumps=st.integers(1, 400),
)
@settings(deadline=None, max_examples=200)
def test_a_step_size_is_solved_at_a_jump(alpha: float, seed: int, n_jumps: int) -> None:
    rng = np.random.default_rng(seed)
    jumps = np.sort(rng.uniform(0.01, 9.0, n_jumps)).tolist()
    sizes = np.sort(rng.uniform(0.0, 0.9, n_jumps))[::-1].tolist()
    size, values = counted(lambda c: [0.95, *sizes][bisect_left(jumps, c)])
    first = next((c for c, s in zip(jumps, sizes, strict=True) if s <= alpha), None)

    if first is None:
        with pytest.raises(ValueError, match="no critical value up to 9"):
            smallest_within(size, alpha, jumps=jumps, is_step=True, highest=9.0)
        return
    found = smallest_within(size, alpha, jumps=jumps, is_step=True)

    assert found is not None
    assert 0 < found.value - first < 3e-12
    assert found.size <= alpha
    assert len(values) < 12 + 2 * math.log2(n_jumps + 2)


def test_a_size_that_never_comes_to_alpha_has_no_value() -> None:
    assert smallest_within(lambda c: 0.01 * math.exp(-c), 0.05) is None
    assert smallest_within(lambda c: 0.01 * (c < 1), 0.05, jumps=[1.0], is_step=True) is None
    with pytest.raises(ValueError, match=r"no critical value up to 2\.5 spends 0\.05 or less"):
        smallest_within(lambda c: math.exp(-c), 0.05, highest=2.5)


def test_a_size_that_is_alpha_at_the_lowest_value_is_solved_there() -> None:
    found = smallest_within(lambda _: 0.05, 0.05, highest=9.0)

    assert found is not None
    assert found.size == 0.05


def test_a_size_lost_in_rounding_still_ends() -> None:
    rng = np.random.default_rng(seed=20110101)
    noise = {0.0: 0.0}

    def size(c: float) -> float:
        return math.exp(-c) + noise.setdefault(c, 1e-14 * rng.uniform(-1.0, 1.0))

    for alpha in (1e-2, 1e-5, 1e-9):
        watched, values = counted(size)
        found = smallest_within(watched, alpha)

        assert found is not None
        assert abs(found.value + math.log(alpha)) < 2e-12 + 4e-14 / alpha
        assert len(values) < 100
