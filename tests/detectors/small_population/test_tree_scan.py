"""The tree scan against full enumeration, its definition, and simulation."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import special, stats

from detectors.small_population.tree import Tree, from_pairs
from detectors.small_population.tree_exact import crossing_probability
from detectors.small_population.tree_scan import Null, TreeScan, scan, scan_exact

TREE = Tree({"all": None, "p": "all", "q": "all", "p1": "p", "p2": "p", "q1": "q"})
MEMBERS = {"all": (0, 1, 2), "p": (0, 1), "p1": (0,), "p2": (1,), "q": (2,), "q1": (2,)}
EXPECTED = {"p1": 0.3, "p2": 0.1, "q1": 0.5}
MEANS = list(EXPECTED.values())
NULLS: list[Null] = ["poisson", "conditional"]
SHAPES: list[dict[str, str | None]] = [
    {"all": None, "a": "all", "b": "all"},
    {"all": None, "p": "all", "a": "p", "b": "p", "c": "all"},
    {"all": None, "a": "all", "b": "all", "c": "all"},
    {"p": None, "a": "p", "b": None},
]
MOST = 14  # of each leaf, in the enumeration: more have 1e-16 together


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("counts", [(1, 0, 0), (2, 1, 0), (0, 0, 3), (1, 1, 1), (4, 0, 2)])
def test_exact_probability_is_that_of_full_enumeration(
    counts: tuple[int, int, int], null: Null
) -> None:
    found = scan_exact(TREE, dict(zip(EXPECTED, counts, strict=True)), EXPECTED, null=null)

    log_lr, p, step_down = _enumerated(counts, null)
    assert_allclose(found.log_lr, log_lr, rtol=1e-12, atol=1e-14)  # roundings
    assert_allclose(found.p, p, rtol=1e-11)  # roundings of 3,000 terms
    assert_allclose(found.p_step_down, step_down, rtol=1e-11)


@pytest.mark.parametrize("null", NULLS)
def test_monte_carlo_agrees_with_the_exact_probability(null: Null) -> None:
    events = {"p1": 2, "p2": 1, "q1": 0}

    drawn = scan(TREE, events, EXPECTED, null=null, n_draws=40_000, rng=np.random.default_rng(3))
    exact = scan_exact(TREE, events, EXPECTED, null=null)

    error = np.sqrt(exact.p * (1.0 - exact.p) / 40_000)
    assert (np.abs(drawn.p - exact.p) <= 3.0 * error + 1 / 40_000).all()  # and the one added
    error = np.sqrt(exact.p_step_down * (1.0 - exact.p_step_down) / 40_000)
    assert (np.abs(drawn.p_step_down - exact.p_step_down) <= 3.0 * error + 1 / 40_000).all()
    assert_array_equal(drawn.log_lr, exact.log_lr)


@pytest.mark.campaign
@pytest.mark.slow
@given(
    shape=st.sampled_from(SHAPES),
    means=st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3),
    alpha=st.floats(0.001, 0.3),
    null=st.sampled_from(NULLS),
    total=st.integers(1, 8),
)
@settings(max_examples=1_000)
def test_no_random_tree_signals_oftener_than_alpha_and_none_could_more_often(
    shape: dict[str, str | None], means: list[float], alpha: float, null: Null, total: int
) -> None:
    tree = Tree(shape)
    expected = dict(zip(tree.leaves, means, strict=False))
    counts, chance, greatest = _greatest_ratios(tree, list(expected.values()), null, total)
    order = np.argsort(greatest)
    counts, ratios, below = counts[order], greatest[order], chance[order].cumsum()
    is_step = ratios[1:] > ratios[:-1] * (1 + 1e-12) + 1e-14  # equal but for roundings
    first = 1 + np.flatnonzero(is_step)  # the first outcome of every positive ratio
    size = 1.0 - below[first - 1]  # of signalling there and beyond
    place = int(np.searchsorted(-size, -alpha))  # the least ratio whose size holds alpha

    beside = [first[i] for i in (place - 1, place) if 0 <= i < len(first)]
    found = [
        scan_exact(tree, dict(zip(tree.leaves, row, strict=True)), expected, null=null).p.min()
        for row in counts[beside].tolist()
    ]

    assert_allclose(found, 1.0 - below[np.array(beside, dtype=int) - 1], rtol=0, atol=1e-13)
    assert [p <= alpha for p in found] == [
        i >= place for i in (place - 1, place) if 0 <= i < len(first)
    ]


@pytest.mark.slow
def test_step_down_errs_rarely_beside_a_true_excess() -> None:
    expected, alpha = {"p1": 0.3, "p2": 0.3, "q1": 0.3}, 0.1
    true = [4.0, 0.3, 0.3]
    nulls = [TREE.nodes.index(each) for each in ("p2", "q", "q1")]

    error = 0.0
    for counts in itertools.product(range(12), range(4), range(4)):
        found = scan_exact(TREE, dict(zip(expected, counts, strict=True)), expected)
        if (found.p_step_down[nulls] <= alpha).any():
            error += float(np.prod(stats.poisson.pmf(counts, true)))

    assert 0.0 < error <= alpha


def test_small_probabilities_keep_their_digits() -> None:
    found = scan_exact(Tree({"a": None}), {"a": 4}, {"a": 1e-4})

    assert_allclose(found.p, [special.gammainc(4.0, 1e-4)], rtol=1e-12)  # roundings


@given(
    means=st.lists(st.floats(0.01, 3.0), min_size=3, max_size=3),
    limits=st.lists(
        st.one_of(st.integers(1, 6).map(float), st.just(math.inf)), min_size=6, max_size=6
    ),
)
@settings(max_examples=60)
def test_recursion_is_full_enumeration_for_any_limits(
    means: list[float], limits: list[float]
) -> None:
    found = crossing_probability(TREE, means, limits)

    total = 0.0
    grid = np.stack(np.meshgrid(*[np.arange(7.0)] * 3, indexing="ij"))  # 6 stands for 6 and more
    chance = np.ones(grid.shape[1:])
    for n, mean in zip(grid, means, strict=True):
        chance = chance * np.where(n < 6, stats.poisson.pmf(n, mean), stats.poisson.sf(5, mean))
    is_reached = np.zeros(grid.shape[1:], dtype=np.bool_)
    for node, limit in zip(TREE.nodes, limits, strict=True):
        is_reached |= grid[list(MEMBERS[node])].sum(axis=0) >= limit
    total = float(chance[is_reached].sum())
    assert_allclose(found, total, rtol=1e-11, atol=1e-14)  # roundings of 343 terms


def test_recursion_adds_up_any_number_of_children() -> None:
    tree = Tree({"0": None, "a": "0", "b": "0", "c": "0", "d": "0"})

    found = crossing_probability(tree, [0.2, 0.3, 0.4, 0.5], [math.inf, 3.0, math.inf, 2.0, 2.0])
    at_top = crossing_probability(tree, [0.2, 0.3, 0.4, 0.5], [math.inf, 2.0, *[math.inf] * 3])
    nested = crossing_probability(tree, [0.2, 0.3, 0.4, 0.5], [2.0, *[math.inf] * 4])

    none = stats.poisson.cdf(2, 0.2) * stats.poisson.cdf(1, 0.4) * stats.poisson.cdf(1, 0.5)
    assert_allclose(found, 1.0 - none, rtol=1e-12)  # roundings
    assert_allclose(at_top, stats.poisson.sf(1, 0.2), rtol=1e-12)
    assert_allclose(nested, stats.poisson.sf(1, 1.4), rtol=1e-12)


@given(events=st.lists(st.integers(0, 4), min_size=3, max_size=3))
@settings(max_examples=20)
def test_one_more_event_lowers_no_ratio_above_it(events: list[int]) -> None:
    before = scan_exact(TREE, dict(zip(EXPECTED, events, strict=True)), EXPECTED)
    more = {**dict(zip(EXPECTED, events, strict=True)), "p1": events[0] + 1}
    after = scan_exact(TREE, more, EXPECTED)

    above = [TREE.nodes.index(each) for each in ("p1", "p", "all")]
    assert (after.log_lr[above] >= before.log_lr[above]).all()
    assert (after.p[above] <= before.p[above]).all()


def test_order_of_names_changes_no_bit() -> None:
    events = {"p1": 2, "p2": 1, "q1": 0}
    turned = Tree(dict(reversed(list(TREE.parents.items()))))
    runs = [
        (TREE, events, EXPECTED),
        (turned, dict(reversed(events.items())), dict(reversed(EXPECTED.items()))),
    ]

    one, two = (scan(*run, n_draws=500, rng=np.random.default_rng(1)) for run in runs)
    three, four = (scan_exact(*run) for run in runs)

    for name in ("events", "expected", "log_lr", "p", "p_step_down"):
        assert_array_equal(getattr(one, name), getattr(two, name))
        assert_array_equal(getattr(three, name), getattr(four, name))


@pytest.mark.parametrize("expected", [1e-4, 0.02, 5.0, 300.0])
@pytest.mark.parametrize("n_leaves", [1, 4, 20])
@pytest.mark.parametrize("null", NULLS)
def test_every_regime_gives_numbers(expected: float, n_leaves: int, null: Null) -> None:
    leaves = [f"c{j:02}" for j in range(n_leaves)]
    tree = Tree({"all": None, "p": "all", **dict.fromkeys(leaves, "p")})
    events = {leaf: 3 if j == 0 else round(expected) for j, leaf in enumerate(leaves)}
    means = dict.fromkeys(leaves, expected)

    drawn = scan(tree, events, means, null=null, n_draws=99, rng=np.random.default_rng(1))

    assert np.isfinite([drawn.log_lr, drawn.p, drawn.p_step_down]).all()
    if expected < 10.0:
        exact = scan_exact(tree, events, means, null=null)
        assert ((exact.p > 0) & (exact.p <= 1)).all()
        assert (exact.p_step_down <= exact.p + 1e-15).all()  # one rounding


def test_exact_scan_refuses_what_is_too_large() -> None:
    tree = Tree({"a": None, "b": None})

    with pytest.raises(ValueError, match="or draw"):
        scan_exact(tree, {"a": 4_000, "b": 1}, {"a": 3_000.0, "b": 1.0})
    with pytest.raises(ValueError, match="or draw"):
        scan_exact(tree, {"a": 4_000, "b": 1}, {"a": 3_000.0, "b": 1.0}, null="conditional")


def test_no_event_is_no_excess() -> None:
    nothing = dict.fromkeys(EXPECTED, 0)

    found = scan_exact(TREE, nothing, EXPECTED)

    assert_array_equal(found.log_lr, np.zeros(6))
    assert_array_equal(found.p, np.ones(6))
    with pytest.raises(ValueError, match="at least one to condition on"):
        scan_exact(TREE, nothing, EXPECTED, null="conditional")


@pytest.mark.parametrize(
    ("parents", "words"),
    [
        ({}, "0 nodes"),
        ({"a": "b"}, r"parents\['a'\] is 'b': must be a node"),
        ({"a": "b", "b": "a"}, "'a' is above itself"),
        ({"a": "a"}, "'a' is above itself"),
        ({"top": None, "a": "b", "b": "c", "c": "b"}, "'b' is above itself"),
    ],
)
def test_tree_refuses_what_is_no_tree(parents: dict[str, str | None], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Tree(parents)


def test_tree_refuses_two_parents() -> None:
    with pytest.raises(ValueError, match="'a' has two parents, 'p' and 'q'"):
        from_pairs([("p", None), ("q", None), ("a", "p"), ("a", "q")])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": {"a": 1}}, "events has no 'b'"),
        ({"events": {"a": 1, "b": 0, "c": 1}}, r"events\['c'\]: must be a leaf"),
        ({"events": {"a": 1, "b": 0, "all": 1}}, r"events\['all'\]: must be a leaf"),
        ({"events": {"a": 1, "b": -1}}, r"events\['b'\] is -1"),
        ({"events": {"a": 1, "b": 0.5}}, r"events\['b'\] is 0.5"),
        ({"events": {"a": 1, "b": 10**7}}, r"events\['b'\] is 10000000"),
        ({"expected": {"a": 1.0, "b": -0.1}}, r"expected\['b'\] is -0.1"),
        ({"expected": {"a": 1.0, "b": 0.0}}, r"expected\['b'\] is 0"),
        ({"expected": {"a": 1.0, "b": math.nan}}, r"expected\['b'\] is nan"),
        ({"expected": {"a": 1.0}}, "expected has no 'b'"),
        ({"null": "binomial"}, "null is 'binomial'"),
        ({"n_draws": 0}, "n_draws is 0"),
    ],
)
def test_scan_refuses_arguments_out_of_range(change: dict[str, Any], words: str) -> None:
    tree = Tree({"all": None, "a": "all", "b": "all"})
    arguments: dict[str, Any] = {
        "events": {"a": 1, "b": 0},
        "expected": {"a": 0.5, "b": 0.5},
        "n_draws": 9,
        "rng": np.random.default_rng(1),
    } | change

    with pytest.raises(ValueError, match=words):
        scan(tree, **arguments)


def _greatest_ratios(
    tree: Tree, means: list[float], null: Null, total: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Every outcome of a few leaves, its chance, and the greatest ratio of any node."""
    n = np.indices((MOST - 2,) * len(means)).reshape(len(means), -1).T
    chance = np.prod(stats.poisson.pmf(n, means), axis=1)
    mean = np.array(means)
    if null == "conditional":
        n, chance = (each[n.sum(axis=1) == total] for each in (n, chance))
        chance, mean = chance / chance.sum(), mean * (total / mean.sum())
    greatest = np.zeros(len(n))
    for members in tree.membership:
        c, e = n[:, members].sum(axis=1), float(mean[members].sum())
        ratio = special.kl_div(c, e)
        if null == "conditional" and not members.all():
            ratio = ratio + special.kl_div(total - c, total - e)
        greatest = np.where((c > e * (1 + 1e-12)) & (ratio > greatest), ratio, greatest)
    return n, chance, greatest


def _outcomes(null: Null, total: int) -> Iterator[tuple[tuple[int, ...], float]]:
    for counts in itertools.product(range(MOST), repeat=3):
        if null == "poisson":
            yield counts, float(np.prod(stats.poisson.pmf(counts, MEANS)))
        elif sum(counts) == total:
            shares = np.array(MEANS) / sum(MEANS)
            yield counts, float(stats.multinomial.pmf(counts, total, shares))


def _ratios(null: Null, total: int) -> Callable[[tuple[int, ...]], NDArray[np.float64]]:
    scale = total / sum(MEANS) if null == "conditional" else 1.0

    def ratios(counts: tuple[int, ...]) -> NDArray[np.float64]:
        values = []
        for node in TREE.nodes:
            c = sum(counts[j] for j in MEMBERS[node])
            n = scale * sum(MEANS[j] for j in MEMBERS[node])
            value = 0.0
            if c > n * (1 + 1e-12):  # a rounding is no excess
                value = c * math.log(c / n) - (c - n)
                if null == "conditional":
                    value += float(special.kl_div(total - c, total - n))
            values.append(value)
        return np.array(values)

    return ratios


def _enumerated(counts: tuple[int, ...], null: Null) -> tuple[NDArray[np.float64], ...]:
    ratios = _ratios(null, sum(counts))
    seen = ratios(counts)
    p, step = np.zeros(6), np.zeros(6)
    for outcome, chance in _outcomes(null, sum(counts)):
        drawn = ratios(outcome)
        p += chance * (drawn.max() >= seen * (1 - 1e-12))
        for i, level in enumerate(seen):
            not_greater = seen <= level * (1 + 1e-12)
            step[i] += chance * (drawn[not_greater].max() >= level * (1 - 1e-12))
    monotone = [
        max(step[j] for j in range(6) if seen[j] >= seen[i] * (1 - 1e-12)) for i in range(6)
    ]
    return seen, p, np.array(monotone)


def test_result_names_every_node() -> None:
    found: TreeScan = scan_exact(TREE, {"p1": 1, "p2": 2, "q1": 4}, EXPECTED)

    assert found.nodes == ("all", "p", "p1", "p2", "q", "q1")
    assert_array_equal(found.events, [7, 3, 1, 2, 4, 4])
    assert_allclose(found.expected, [0.9, 0.4, 0.3, 0.1, 0.5, 0.5], rtol=1e-15)  # one rounding
    assert found.n_draws == 0
