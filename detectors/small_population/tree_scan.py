"""Scan over a tree: at which level, if any, are there more events than expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from detectors.disproportionality.deviance import half_deviance
from detectors.disproportionality.maxima import SAME, Maxima
from detectors.small_population.tree_exact import (
    GREATEST_TABLE,
    conditional_crossing_probability,
    crossing_probability,
)
from detectors.validation import as_counts, as_numbers_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from detectors.small_population.tree import Tree

Null = Literal["poisson", "conditional"]
LEAST_EXPECTED, GREATEST_EXPECTED = 1e-9, 1e6
GREATEST_EVENTS = 10**6
_N_AT_ONCE = 1_000  # draws held in memory


@dataclass(frozen=True, eq=False)
class TreeScan:
    """Every node's excess, and how often chance alone makes one as great somewhere.

    Attributes
    ----------
    nodes : tuple of str
        Names in alphabetical order; what follows is in this order.
    events : ndarray of int64, shape (n_nodes,)
        Events at and below each node.
    expected : ndarray of float64, of the same shape
        Events expected there under the null.
    log_lr : ndarray of float64, of the same shape
        Log likelihood ratios, 0 where there are no more events than expected.
    p : ndarray of float64, of the same shape
        Probability under the null that any node's ratio is as great.
    p_step_down : ndarray of float64, of the same shape
        The same over the nodes alone whose ratio is not greater, and no less than that of any
        greater ratio.
    p_standard_error : ndarray of float64, of the same shape
        Monte Carlo standard errors of `p`; 0 where it is exact.
    n_draws : int
        Number of trees drawn; 0 where the probability is exact.
    """

    nodes: tuple[str, ...]
    events: NDArray[np.int64]
    expected: NDArray[np.float64]
    log_lr: NDArray[np.float64]
    p: NDArray[np.float64]
    p_step_down: NDArray[np.float64]
    p_standard_error: NDArray[np.float64]
    n_draws: int


@dataclass(frozen=True, eq=False)
class _Counts:
    leaf_expected: NDArray[np.float64]
    events: NDArray[np.int64]
    expected: NDArray[np.float64]
    total: int
    null: Null

    def log_lr(self, events: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the ratios of counts of shape (..., n_nodes)."""
        n, expected = np.broadcast_arrays(events, self.expected)
        ratio = half_deviance(n, expected)
        if self.null == "conditional":
            rest = np.maximum(self.total - expected, 0.0)
            # A node that holds every leaf has all events, however the roundings fell.
            is_all = rest <= 1e-12 * self.total  # far below any leaf's share
            outside = np.where(is_all, 0.0, self.total - n)
            outside = half_deviance(outside, np.where(is_all, 0.0, rest))
            ratio = np.where(is_all, 0.0, ratio + outside)
        return np.where(n * SAME > expected, ratio, 0.0)  # a rounding is no excess


def scan(
    tree: Tree,
    events: Mapping[str, int],
    expected: Mapping[str, float],
    *,
    null: Null = "poisson",
    n_draws: int,
    rng: np.random.Generator,
) -> TreeScan:
    r"""Test every node of a tree, with the Monte Carlo distribution of the greatest ratio.

    Parameters
    ----------
    tree : Tree
        Levels, as construct within programme within platform.
    events : mapping of str to int
        Events of every leaf, at most 1e6.
    expected : mapping of str to float
        Events expected of every leaf under the null, in [1e-9, 1e6].
    null : {"poisson", "conditional"}, default: "poisson"
        Whether each leaf is Poisson with its expected count; or the total is given, and what is
        expected says only how it is shared, so that an excess of the whole tree is not seen.
    n_draws : int
        Number of trees to draw, positive. The least p possible is ``1 / (n_draws + 1)``.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same bits.

    Returns
    -------
    TreeScan
        Ratios and p-values of all nodes.

    Raises
    ------
    ValueError
        If a leaf has no count or no expected count, a name is not a leaf, a number is out of
        range, or `null` is "conditional" without any event.

    Notes
    -----
    With *c* events at and below a node, *n* expected, and *C* in all, for :math:`c > n`,
    :math:`c \ln(c / n) - (c - n)`, or given the total
    :math:`c \ln(c / n) + (C - c) \ln((C - c) / (C - n))` with *n* scaled to the sum *C* [1]_.

    :math:`p = (1 + \#\{\text{drawn maximum} \ge \text{ratio}\}) / (1 + B)` is a valid p-value for
    every *B* [2]_. Rejecting where it is at most alpha errs anywhere with a chance of at most
    alpha if all nulls are true. With ``null="poisson"`` `p_step_down` holds that for the nodes
    without an excess whatever the others have, since what is below one says nothing of a leaf that
    is not; nodes above an excess are no such nodes. Given the total the step-down is approximate.

    `scan_exact` has the probability without draws.

    References
    ----------
    .. [1] Kulldorff M, Fang Z, Walsh SJ (2003). A tree-based scan statistic for database disease
       surveillance. Biometrics, 59(2), 323-331.
    .. [2] Dwass M (1957). Modified randomization tests for nonparametric hypotheses. Annals of
       Mathematical Statistics, 28(1), 181-187.

    Examples
    --------
    >>> from detectors.small_population.tree import Tree
    >>> tree = Tree({"platform": None, "a": "platform", "b": "platform"})
    >>> rng = np.random.default_rng(1)
    >>> found = scan(tree, {"a": 4, "b": 0}, {"a": 0.5, "b": 0.5}, n_draws=999, rng=rng)
    >>> found.log_lr.round(4)
    array([4.8178, 0.    , 2.5452])
    """
    counts = _counts(tree, events, expected, null)
    if as_counts("n_draws", n_draws).ndim or n_draws < 1:
        raise ValueError(f"n_draws is {n_draws}: must be a whole number from 1 up")
    log_lr = counts.log_lr(counts.events.astype(np.float64))
    maxima = Maxima(log_lr, np.ones(log_lr.shape, dtype=np.bool_))
    for drawn in _draws(counts, n_draws, rng):
        maxima.count(counts.log_lr(_sums(tree, drawn).astype(np.float64)))
    p, step_down = np.full((2, *log_lr.shape), np.nan)
    maxima.write_p(p, step_down)
    error = np.sqrt(p * (1.0 - p) / (n_draws + 1))
    return _found(tree, counts, (log_lr, p, step_down, error), n_draws)


def scan_exact(
    tree: Tree,
    events: Mapping[str, int],
    expected: Mapping[str, float],
    *,
    null: Null = "poisson",
) -> TreeScan:
    """Test every node of a tree, with the exact distribution of the greatest ratio.

    Parameters
    ----------
    tree : Tree
        Levels, as construct within programme within platform.
    events : mapping of str to int
        Events of every leaf; given the total, at most 2,000 of them in all.
    expected : mapping of str to float
        Events expected of every leaf under the null, in [1e-9, 1e6].
    null : {"poisson", "conditional"}, default: "poisson"
        As for `scan`.

    Returns
    -------
    TreeScan
        Ratios and p-values of all nodes, to 12 digits.

    Raises
    ------
    ValueError
        As for `scan`, and if a node would need over 2,000 events: draw instead.

    Notes
    -----
    "Any ratio is at least *x*" is "any node has at least its limit of events", and nodes are
    nested, so that the chance follows from the leaves up, see `tree_exact`. The work is one
    recursion for each distinct ratio, twice for the step-down; on small trees with few events it
    takes milliseconds.

    Examples
    --------
    One liver failure each of two constructs of one programme, where 0.02 are expected in all.

    >>> from detectors.small_population.tree import Tree
    >>> tree = Tree({"all": None, "p": "all", "q": "all", "p1": "p", "p2": "p", "q1": "q"})
    >>> few = {"p1": 0.005, "p2": 0.005, "q1": 0.01}
    >>> found = scan_exact(tree, {"p1": 1, "p2": 1, "q1": 0}, few)
    >>> dict(zip(found.nodes, found.p.round(6).tolist()))["p"]
    9.9e-05
    """
    counts = _counts(tree, events, expected, null)
    log_lr = counts.log_lr(counts.events.astype(np.float64))
    if null == "conditional" and counts.total > GREATEST_TABLE:
        raise ValueError(f"events has {counts.total} in all: at most {GREATEST_TABLE}, or draw")
    means = counts.leaf_expected.tolist()
    chance: Callable[[list[float]], float] = partial(crossing_probability, tree, means)
    if null == "conditional":
        chance = partial(_given_total, tree, means, counts.total)
    p, step_down = np.ones(log_lr.shape), np.ones(log_lr.shape)
    least = 0.0
    for level in np.unique(log_lr)[::-1].tolist():
        if level == 0.0:
            break
        limits = _limits(counts, level)
        is_here = log_lr == level
        p[is_here] = chance(limits.tolist())
        least = max(least, chance(np.where(log_lr <= level, limits, math.inf).tolist()))
        step_down[is_here] = least
    return _found(tree, counts, (log_lr, p, step_down, np.zeros(log_lr.shape)), 0)


def _given_total(tree: Tree, means: list[float], total: int, limits: list[float]) -> float:
    return conditional_crossing_probability(tree, means, limits, total)


def _found(
    tree: Tree, counts: _Counts, numbers: tuple[NDArray[np.float64], ...], n_draws: int
) -> TreeScan:
    log_lr, p, step_down, error = numbers
    return TreeScan(
        nodes=tree.nodes,
        events=counts.events,
        expected=counts.expected,
        log_lr=log_lr,
        p=p,
        p_step_down=step_down,
        p_standard_error=error,
        n_draws=n_draws,
    )


def _counts(
    tree: Tree, events: Mapping[str, int], expected: Mapping[str, float], null: Null
) -> _Counts:
    if null not in get_args(Null):
        raise ValueError(f"null is {null!r}: must be one of {', '.join(map(repr, get_args(Null)))}")
    for name, given in (("events", events), ("expected", expected)):
        _require_leaves(tree, name, given)
    n = np.array([_event(leaf, events[leaf]) for leaf in tree.leaves])
    mean = np.array([_mean(leaf, expected[leaf]) for leaf in tree.leaves])
    total = int(n.sum())
    if null == "conditional":
        if total == 0:
            raise ValueError("events are all 0: must be at least one to condition on")
        mean = mean * (total / math.fsum(mean.tolist()))
    sums = np.where(tree.membership, mean, 0.0).cumsum(axis=1)[:, -1]  # in alphabetical order
    return _Counts(mean, _sums(tree, n[np.newaxis])[0], sums, total, null)


def _require_leaves(tree: Tree, name: str, given: Mapping[str, int] | Mapping[str, float]) -> None:
    unknown, missing = sorted(set(given) - set(tree.leaves)), sorted(set(tree.leaves) - set(given))
    if unknown:
        raise ValueError(f"{name}[{unknown[0]!r}]: must be a leaf of the tree")
    if missing:
        raise ValueError(f"{name} has no {missing[0]!r}: must have every leaf of the tree")


def _event(leaf: str, value: int) -> int:
    count = as_counts(f"events[{leaf!r}]", value)
    if count.ndim or count > GREATEST_EVENTS:
        raise ValueError(f"events[{leaf!r}] is {value}: must be at most {GREATEST_EVENTS}")
    return int(count)


def _mean(leaf: str, value: float) -> float:
    name = f"expected[{leaf!r}]"
    mean = as_numbers_within(name, value, low=LEAST_EXPECTED, high=GREATEST_EXPECTED)
    if mean.ndim or math.isnan(float(mean)):
        raise ValueError(f"{name} is {value}: must be a number")
    return float(mean)


def _sums(tree: Tree, leaves: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add up the leaves of every node, for each row."""
    return np.asarray(leaves @ tree.membership.T.astype(np.int64))  # whole numbers: no BLAS


def _draws(counts: _Counts, n_draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    mean = counts.leaf_expected
    for start in range(0, n_draws, _N_AT_ONCE):
        size = min(_N_AT_ONCE, n_draws - start)
        if counts.null == "poisson":
            yield rng.poisson(mean, size=(size, mean.size))
        else:
            yield rng.multinomial(counts.total, mean / math.fsum(mean.tolist()), size=size)


def _limits(counts: _Counts, level: float) -> NDArray[np.float64]:
    """Find the least count of each node whose ratio is at least the level."""
    low = np.floor(counts.expected)
    high, level = low + 1.0, level * SAME
    most = counts.total if counts.null == "conditional" else math.inf
    while True:
        is_short = (counts.log_lr(np.minimum(high, most)) < level) & (high < most)
        if not is_short.any():
            break
        low, high = np.where(is_short, high, low), np.where(is_short, 2.0 * high, high)
    high = np.minimum(high, most)
    never = counts.log_lr(high) < level
    while (high - low > 1.0).any():
        middle = np.where(high - low > 1.0, np.floor(0.5 * (low + high)), high)
        is_high = counts.log_lr(middle) >= level
        low, high = np.where(is_high, low, middle), np.where(is_high, middle, high)
    limits = np.where(never, math.inf, high)
    if counts.null == "poisson" and limits.max() > GREATEST_TABLE:
        raise ValueError(f"a node needs {limits.max():g} events: at most {GREATEST_TABLE}, or draw")
    return limits
