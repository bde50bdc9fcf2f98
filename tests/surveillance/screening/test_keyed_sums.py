from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surveillance.screening.keyed_sums import N_RUNS_MAX, Ints, KeyedSums, add_up

entries = st.lists(st.tuples(st.integers(0, 40), st.integers(-2, 2)), max_size=30)


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


@given(st.lists(entries, max_size=20), st.integers(0, 40), st.integers(0, 20))
def test_sums_are_those_of_a_counter(batches: list[list[tuple[int, int]]], a: int, n: int) -> None:
    tally, should = KeyedSums(), Counter[int]()
    for batch in batches:
        tally.add(ints([k for k, _ in batch]), ints([w for _, w in batch]))
        for key, weight in batch:
            should[key] += weight
    kept = {key: total for key, total in sorted(should.items()) if total}

    sums = tally.at(np.arange(42, dtype=np.int64)).tolist()
    between = tally.between(ints([a, a + n + 3]), ints([a + n, a + n + 5]))
    whole = tally.whole()

    assert sums == [kept.get(key, 0) for key in range(42)]
    assert dict(zip(*(part.tolist() for part in whole), strict=True)) == kept
    assert list(dict(zip(*(part.tolist() for part in between), strict=True)).items()) == [
        (k, w) for k, w in kept.items() if a <= k < a + n or a + n + 3 <= k < a + n + 5
    ]


def test_runs_stay_few() -> None:
    tally = KeyedSums()
    for size in range(200, 0, -1):
        tally.add(np.arange(size, dtype=np.int64), np.ones(size, np.int64))
    assert len(tally._runs) <= N_RUNS_MAX + 1


def test_nothing_adds_up_to_nothing() -> None:
    keys, sums = add_up(ints([]), ints([]))

    assert len(keys) == len(sums) == 0
