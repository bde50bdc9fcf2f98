"""Chance that some window of days holds many of a number of reports, one day after another.

A walk over the days remembers how the reports of the last days fell on each of them, and leaves
when a window is full. The states stand in an order in which the oldest day changes fastest: then
a new day appends blocks, and forgetting the oldest day adds neighbours.
"""

import math

import numpy as np
from numpy.typing import NDArray

from detectors.elementary import log, log_sum
from detectors.features.tails import binomial_mass, binomial_tail, log_binomial


def work(n_reports: int, most: int, *, width_days: int, n_days: int) -> int:
    """Count the additions that the exact chance takes.

    Parameters
    ----------
    n_reports, most : int
        Reports, and how many of them make a window full.
    width_days, n_days : int
        Days of a window, and days in all.

    Returns
    -------
    int
        Additions, whatever the number; some 5e7 take a second.
    """
    return n_days * (n_reports + 1) * math.comb(width_days + most - 1, most - 1)


def exact_chance(n_reports: int, most: int, *, width_days: int, weight: NDArray[np.int64]) -> float:
    """Compute the chance that some window holds at least so many reports.

    Parameters
    ----------
    n_reports : int
        Reports, each of which falls on a day of its own choice.
    most : int
        Reports that make a window full, from 1 to `n_reports`.
    width_days : int
        Days of a window, fewer than all.
    weight : ndarray of int64, shape (n_days,)
        Chance of each day, in parts of their sum.

    Returns
    -------
    float
        Probability: a sum of positive terms, one for each day on which a window is first full.

    Examples
    --------
    Two reports on the same one of three days:

    >>> round(exact_chance(2, 2, width_days=1, weight=np.ones(3, dtype=np.int64)), 12)
    0.333333333333
    """
    held = _totals(width_days - 1, most)  # reports in the last days, for each state
    kept, joins, by_total = _layout(held, most)
    left = n_reports - np.arange(n_reports + 1)  # not yet placed, for each column
    walk = np.zeros((len(held), n_reports + 1))
    walk[0, 0] = 1.0
    full = []
    for chance in _chances(weight):
        missing = (most - np.arange(most))[:, np.newaxis]
        totals = np.array([walk[rows].sum(axis=0) for rows in by_total])
        full.append(math.fsum((totals * binomial_tail(left, missing, chance)).ravel()))
        arrivals = binomial_mass(left, np.arange(most)[:, np.newaxis], chance)
        walk = np.add.reduceat(_append(walk, kept, arrivals), joins, axis=0)
    return math.fsum(full)


def _totals(n_slots: int, most: int) -> NDArray[np.int64]:
    """Give the sum of every state of so many days, the oldest day changing fastest."""
    totals = np.zeros(1, dtype=np.int64)
    for _ in range(n_slots):
        totals = np.concatenate([totals[totals + new < most] + new for new in range(most)])
    return totals


def _layout(
    held: NDArray[np.int64], most: int
) -> tuple[list[NDArray[np.intp]], NDArray[np.int64], list[NDArray[np.intp]]]:
    kept = [np.flatnonzero(held + new < most) for new in range(most)]
    ends = np.cumsum(most - held)  # a state comes from this many, by the day that is forgotten
    joins = np.concatenate([[0], ends[:-1]])
    return kept, joins, [np.flatnonzero(held == total) for total in range(most)]


def _append(
    walk: NDArray[np.float64], kept: list[NDArray[np.intp]], arrivals: NDArray[np.float64]
) -> NDArray[np.float64]:
    columns = walk.shape[1]
    longer = np.zeros((sum(map(len, kept)), columns))
    row = 0
    for new, rows in enumerate(kept):
        moved = walk[rows, : columns - new] * arrivals[new, : columns - new]
        longer[row : row + len(rows), new:] = moved
        row += len(rows)
    return longer


def _chances(weight: NDArray[np.int64]) -> list[float]:
    """Give the chance of each day for a report that fell on no day before it."""
    later = np.cumsum(weight[::-1])[::-1]
    chances: list[float] = (weight / np.maximum(later, 1)).tolist()
    return chances


def log_bound(n_reports: int, most: int, *, width_days: int, weight: NDArray[np.int64]) -> float:
    """Compute a probability that the chance of a full window never exceeds.

    Parameters
    ----------
    n_reports : int
        Reports, each of which falls on a day of its own choice.
    most : int
        Reports that make a window full, from 1 to `n_reports`.
    width_days : int
        Days of a window, fewer than all.
    weight : ndarray of int64, shape (n_days,)
        Chance of each day, in parts of their sum.

    Returns
    -------
    float
        Natural logarithm of the bound, at most 0.

    Notes
    -----
    The chance that the first window is full, and for each later one the chance that it is full
    while the one before it is not: Hunter (1976) and Worsley (1982) for a chain. It is the exact
    chance if all reports make a window full.
    """
    up_to = np.cumsum(weight)
    both = up_to[width_days - 1 : -1] - up_to[:-width_days]  # in two windows, one day apart
    steps = np.stack([weight[:-width_days], both, weight[width_days:]], axis=1)
    distinct, times = np.unique(steps, axis=0, return_counts=True)
    total = int(up_to[-1])
    logs = [_log_full(n_reports, most, int(up_to[width_days - 1]) / total)]
    for (old, shared, new), n_times in zip(distinct.tolist(), times.tolist(), strict=True):
        newly = _log_newly_full(n_reports, most, old=old, shared=shared, new=new, total=total)
        logs.append(math.log(n_times) + newly)
    return min(0.0, log_sum(np.array(logs)))


def _log_full(n_reports: int, most: int, share: float) -> float:
    hits = np.arange(most, n_reports + 1)
    return log_sum(log_binomial(n_reports, hits, share))


def _log_newly_full(
    n_reports: int, most: int, *, old: int, shared: int, new: int, total: int
) -> float:
    """Give the log chance that shared and new days fill a window, and shared and old do not."""
    if new == 0:
        return -math.inf
    before, added = np.arange(most)[:, np.newaxis], np.arange(1, n_reports + 1)
    enough = (before + added >= most) & (before + added <= n_reports)
    in_shared, in_new = (x[enough] for x in np.broadcast_arrays(before, added))
    left = n_reports - in_shared - in_new
    not_old = 1.0 - old / max(1, total - shared - new)
    few_old = binomial_tail(left, left - (most - in_shared) + 1, not_old)
    logs = log_binomial(n_reports, in_shared, shared / total)
    logs = logs + log_binomial(n_reports - in_shared, in_new, new / (total - shared))
    return log_sum(logs + log(few_old))
