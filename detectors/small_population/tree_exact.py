"""Exact probability that any node of a tree of Poisson counts reaches its limit.

From the leaves up, the chance of each count of a node with no limit reached at or below it. A
count that is at a limit above is at once counted as reaching it, so that all tables are finite.
Everything adds up positive terms, so that small probabilities keep their digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from detectors.elementary import exp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from detectors.small_population.tree import Tree

GREATEST_TABLE = 2_000  # counts kept of a node; the work grows with the square


def crossing_probability(tree: Tree, means: Sequence[float], limits: Sequence[float]) -> float:
    """Compute the probability that any node's count is at least its limit.

    Parameters
    ----------
    tree : Tree
        Nodes and leaves.
    means : sequence of float
        Poisson mean of each leaf, positive.
    limits : sequence of float
        Limit of each node, from 1 up; infinite where there is none.

    Returns
    -------
    float
        Probability in [0, 1], to 12 digits.

    Examples
    --------
    >>> from detectors.small_population.tree import Tree
    >>> round(crossing_probability(Tree({"a": None}), [0.5], [1.0]), 6)
    0.393469
    """
    caps = _caps(tree, limits)
    mean_of = dict(zip(tree.leaves, means, strict=True))
    tables: dict[int, NDArray[np.float64]] = {}
    reached: dict[int, float] = {}
    for i in tree.bottom_up:
        if not tree.children[i]:
            tables[i], reached[i] = _leaf(mean_of[tree.nodes[i]], caps[i])
            continue
        below = [tables.pop(child) for child in tree.children[i]]
        before = _any_of([reached.pop(child) for child in tree.children[i]])
        tables[i], more = _joined(below, caps[i])
        reached[i] = before + more
    return min(_any_of(list(reached.values())), 1.0)


def conditional_crossing_probability(
    tree: Tree, means: Sequence[float], limits: Sequence[float], total: int
) -> float:
    """Compute the probability that any node's count is at least its limit, given the total.

    Parameters
    ----------
    tree : Tree
        Nodes and leaves.
    means : sequence of float
        Poisson mean of each leaf, positive, with the sum `total`.
    limits : sequence of float
        Limit of each node, from 1 up; infinite where there is none.
    total : int
        Sum of the leaves' counts, at least 1.

    Returns
    -------
    float
        Probability in [0, 1], to 12 digits.

    Examples
    --------
    >>> from detectors.small_population.tree import Tree
    >>> tree = Tree({"a": None, "b": None})
    >>> round(conditional_crossing_probability(tree, [1.0, 1.0], [2.0, math.inf], 2), 6)
    0.25
    """
    mean_of = dict(zip(tree.leaves, means, strict=True))
    size = total + 1
    tables: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for i in tree.bottom_up:
        if tree.children[i]:
            joined = _join_both([tables.pop(child) for child in tree.children[i]], size)
        else:
            joined = _pmf(mean_of[tree.nodes[i]], size), np.zeros(size)
        tables[i] = _marked(joined, limits[i])
    free, crossed = _join_both(list(tables.values()), size)
    return float(crossed[total] / (free[total] + crossed[total]))


def _caps(tree: Tree, limits: Sequence[float]) -> list[float]:
    """Give each node the least limit of itself and all that is above it."""
    caps = list(limits)
    for i in reversed(tree.bottom_up):
        for child in tree.children[i]:
            caps[child] = min(caps[child], caps[i])
    return caps


def _pmf(mean: float, size: int) -> NDArray[np.float64]:
    n = np.arange(size, dtype=np.float64)
    return exp(special.xlogy(n, mean) - mean - special.gammaln(n + 1.0))


def _leaf(mean: float, cap: float) -> tuple[NDArray[np.float64], float]:
    if math.isinf(cap):
        return np.zeros(0), 0.0
    return _pmf(mean, int(cap)), float(special.gammainc(cap, mean))  # P(N >= cap)


def _any_of(probabilities: list[float]) -> float:
    """Probability that any of independent events happens."""
    return -math.expm1(
        math.fsum(math.log1p(-min(p, 1.0)) if p < 1.0 else -math.inf for p in probabilities)
    )


def _joined(below: list[NDArray[np.float64]], cap: float) -> tuple[NDArray[np.float64], float]:
    """Add up independent counts; what is at the cap or above has reached it."""
    if math.isinf(cap):
        return np.zeros(0), 0.0
    size, table = int(cap), below[0]
    over = 0.0
    for following in below[1:]:
        # A count at the cap stays there whatever the others add, if nothing below them is reached.
        both = _convolved(table, following)
        over = over * float(following.sum()) + float(both[size:].sum())
        table = both[:size]
    return table, over + float(table[size:].sum())


def _convolved(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    if second.size > first.size:
        first, second = second, first
    both = np.zeros(first.size + second.size - 1)
    for j, value in enumerate(second.tolist()):  # in this order on every processor
        both[j : j + first.size] += value * first
    return both


def _join_both(
    below: list[tuple[NDArray[np.float64], NDArray[np.float64]]], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    free, crossed = below[0]
    for other_free, other_crossed in below[1:]:
        crossed = (
            _convolved(free, other_crossed) + _convolved(crossed, other_free + other_crossed)
        )[:size]
        free = _convolved(free, other_free)[:size]
    return free, crossed


def _marked(
    tables: tuple[NDArray[np.float64], NDArray[np.float64]], limit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move what is at the limit or above to what has crossed."""
    free, crossed = tables
    if limit < free.size:
        crossed = crossed.copy()
        crossed[int(limit) :] += free[int(limit) :]
        free = np.where(np.arange(free.size) < limit, free, 0.0)
    return free, crossed
