"""Sums of signed weights by key, kept sorted: small additions, quick look-ups.

Additions go to short runs; runs are merged when there are many. A key whose weights
have cancelled disappears at the next merge and counts as nothing before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
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
        empty = np.zeros(0, np.int64)
        self._runs: list[tuple[Ints, Ints]] = [
            (empty if keys is None else keys, empty if weights is None else weights)
        ]

    def add(self, keys: Ints, weights: Ints) -> None:
        """Add weights to keys, which may repeat and come in any order."""
        if len(keys):
            self._runs.append(add_up(keys, weights))
            self._merge_small()

    def _merge_small(self) -> None:
        # Merge the tail while it is not much shorter than the run before it: each key is
        # copied a logarithmic number of times, and there are never many runs to search.
        while len(self._runs) > 1 and (
            len(self._runs[-1][0]) * 4 > len(self._runs[-2][0]) or len(self._runs) > N_RUNS_MAX
        ):
            self._runs[-2:] = [_merge(self._runs[-2:])]

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
        return _merge(parts)

    def whole(self) -> tuple[Ints, Ints]:
        """Merge everything and return it."""
        self._runs = [_merge(self._runs)]
        return self._runs[0]


def _merge(runs: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    keys, weights = add_up(
        np.concatenate([keys for keys, _ in runs]), np.concatenate([sums for _, sums in runs])
    )
    return keys[weights != 0], weights[weights != 0]
