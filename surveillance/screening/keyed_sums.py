"""Sums of signed weights by key, kept sorted: small additions, quick look-ups.

Additions go to short runs; runs are merged when there are many. A key whose weights
have cancelled disappears at the next merge and counts as nothing before it.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Weights = NDArray[np.int32]  # a sum is a number of cases, or a place: half the room is enough
_Run = tuple[Ints, Weights]
N_RUNS_MAX = 12


def add_up(keys: Ints, weights: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys, ascending, and the sum of the weights of each."""
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], weights[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else order
    return keys[starts], np.add.reduceat(weights, starts) if len(keys) else weights


class KeyedSums:
    """Signed sums by 64-bit key.

    Parameters
    ----------
    keys, weights : ndarray of int64
        Sums to begin with, keys ascending and distinct.
    """

    def __init__(self, keys: Ints | None = None, weights: Ints | None = None) -> None:
        keys = np.zeros(0, np.int64) if keys is None else keys
        weights = np.zeros(len(keys), np.int64) if weights is None else weights
        self._runs: list[_Run] = [(keys, weights.astype(np.int32))]

    def add(self, keys: Ints, weights: Ints) -> None:
        """Add weights to keys, which may repeat and come in any order."""
        if len(keys):
            keys, weights = add_up(keys, weights)
            self._runs.append((keys, weights.astype(np.int32)))
            self._merge_small()

    def _merge_small(self) -> None:
        # Merge the tail while it is not much shorter than the run before it: each key is
        # copied a logarithmic number of times, and there are never many runs to search.
        while len(self._runs) > 1 and (
            len(self._runs[-1][0]) * 4 > len(self._runs[-2][0]) or len(self._runs) > N_RUNS_MAX
        ):
            self._runs[-2:] = [_merged(*self._runs[-2:])]

    def at(self, keys: Ints) -> Ints:
        """Return the sum of each of some keys; 0 where there is none."""
        sums = np.zeros(len(keys), np.int64)
        for held, weights in self._runs:
            spots, is_held = _spots(held, keys)
            sums[is_held] += weights[spots[is_held]]
        return sums

    def between(self, lows: Ints, highs: Ints) -> tuple[Ints, Ints]:
        """Return the keys in any of the ranges with a sum other than 0, and the sums.

        Parameters
        ----------
        lows, highs : ndarray of int64, shape (n_ranges,)
            Ranges [low, high), which do not overlap.

        Returns
        -------
        keys, sums : ndarray of int64
            Keys ascending.
        """
        parts = []
        for keys, weights in self._runs:
            first, last = np.searchsorted(keys, lows), np.searchsorted(keys, highs)
            n = last - first
            spots = np.repeat(first - (n.cumsum() - n), n) + np.arange(int(n.sum()))
            parts.append((keys[spots], weights[spots]))
        found, sums = add_up(*(np.concatenate(each) for each in zip(*parts, strict=True)))
        return found[sums != 0], sums[sums != 0].astype(np.int64)

    def whole(self) -> tuple[Ints, Ints]:
        """Merge everything and return it."""
        self._runs = [reduce(lambda below, above: _merged(above, below), reversed(self._runs))]
        keys, weights = _without_zeros(*self._runs[0])
        return keys, weights.astype(np.int64)


def _spots(held: Ints, keys: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return where keys belong among those held, ascending, and which of them are held."""
    spots = np.searchsorted(held, keys)
    if not len(held):
        return spots, np.zeros(len(keys), np.bool_)
    return spots, held[np.minimum(spots, len(held) - 1)] == keys


def _merged(run: _Run, other: _Run) -> _Run:
    """Merge two runs into new arrays, one at a time: a run may be most of what is held."""
    (keys, weights), (more, added) = run, other
    spots, is_held = _spots(keys, more)
    weights = weights.copy()
    weights[spots[is_held]] += added[is_held]
    spots = spots[~is_held]
    keys = np.insert(keys, spots, more[~is_held])
    return _without_zeros(keys, np.insert(weights, spots, added[~is_held]))


def _without_zeros(keys: Ints, weights: Weights) -> _Run:
    kept = weights != 0
    return (keys, weights) if kept.all() else (keys[kept], weights[kept])
