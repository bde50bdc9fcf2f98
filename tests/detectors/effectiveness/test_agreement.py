"""Biomarker and outcome: the exact law against every permutation and against other tests."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import fisher_exact, kendalltau, mannwhitneyu

from detectors.effectiveness.agreement import agreement


def score(change: list[float], events: list[int]) -> int:
    pairs = itertools.combinations(range(len(change)), 2)
    return int(
        sum(np.sign(change[j] - change[i]) * np.sign(events[i] - events[j]) for i, j in pairs)
    )


@given(data=st.lists(st.tuples(st.integers(-3, 1), st.integers(0, 3)), min_size=2, max_size=6))
@settings(max_examples=80, deadline=None)
def test_the_law_is_that_of_all_permutations(data: list[tuple[int, int]]) -> None:
    change, events = [float(a) for a, _ in data], [b for _, b in data]

    found = agreement(change, events)

    if found.state != "defined":
        assert len(set(change)) == 1 or len(set(events)) == 1
        return
    scores = [score(list(order), events) for order in itertools.permutations(change)]
    seen = score(change, events)
    assert_allclose(found.p, np.mean([s >= seen for s in scores]), rtol=1e-12)
    assert_allclose(found.least_p, np.mean([s == max(scores) for s in scores]), rtol=1e-12)
    assert_allclose(found.concordance, 0.5 + seen / found.n_comparable / 2, rtol=1e-12)


def test_a_table_of_patients_gives_fishers_test() -> None:
    change, events = [-1.0] * 4 + [0.0] * 9, [1, 1, 1, 0] + [0] * 7 + [1, 1]

    found = agreement(change, events)

    assert_allclose(found.p, fisher_exact(np.array([[3, 1], [2, 7]]), "greater").pvalue, rtol=1e-12)


def test_events_of_yes_and_no_give_wilcoxons_test_and_no_ties_kendalls() -> None:
    rng = np.random.default_rng(2)
    change = rng.normal(size=14)
    events = np.array([1] * 5 + [0] * 9)

    found = agreement(change, events)

    twin = mannwhitneyu(-change[:5], -change[5:], alternative="greater", method="exact")
    assert_allclose(found.p, twin.pvalue, rtol=1e-12)
    assert_allclose(found.concordance, twin.statistic / 45, rtol=1e-12)
    ranks = rng.permutation(14)
    tau = kendalltau(-change, ranks, alternative="greater", method="exact")
    assert_allclose(agreement(change, ranks).p, tau.pvalue, rtol=1e-12)


@given(
    data=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=2, max_size=12),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_the_order_of_patients_changes_nothing_and_a_rise_mirrors_a_fall(
    data: list[tuple[int, int]], order: object
) -> None:
    first = agreement([a for a, _ in data], [b for _, b in data])
    mixed = list(data)
    order.shuffle(mixed)  # type: ignore[attr-defined]

    second = agreement([-a for a, _ in mixed], [b for _, b in mixed], worse="rise")

    assert repr(first) == repr(second)


def test_perfect_agreement_of_few_patients_says_how_little_it_can_show() -> None:
    found = agreement([-9.0, 0.0, 1.0], [1, 0, 0])

    assert (found.concordance, found.p) == (1.0, 1 / 3)
    assert found.least_p == found.p


def test_what_cannot_be_compared_has_a_state() -> None:
    assert agreement([], []).state == "too_few"
    assert agreement([1.0], [1]).state == "too_few"
    assert agreement([1.0, 1.0], [1, 0]).state == "no_spread"
    assert agreement([1.0, 2.0], [1, 1]).state == "no_spread"
    many = np.arange(60) // 2
    assert agreement(many, many).state == "beyond_exact"
    assert math.isnan(agreement(many, many).p)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"change\[0\] is nan"):
        agreement([math.nan], [1])
    with pytest.raises(ValueError, match=r"events\[0\] is -1"):
        agreement([1.0], [-1])
    with pytest.raises(ValueError, match="must be one row"):
        agreement([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="worse is 'up'"):
        agreement([1.0], [1], worse="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most 100"):
        agreement(np.zeros(101), np.zeros(101))
