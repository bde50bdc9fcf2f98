"""How many cases may be expected for a count, computed once for each count that occurs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from surveillance.screening.keyed_sums import Ints
from surveillance.screening.rules.rule import Floats

N_AT_ONCE = 512  # small counts whose limits are computed together, since most pairs have one
N_WHOLE = 8_192  # up to here all counts up to twice the largest: a call costs more than a count
N_AHEAD = 64  # and of larger ones the next, since counts grow
N_TABULATED_MAX = 100_000  # counts; beyond, limits are computed for those that occur


class LimitsByCount:
    """A table of limits that grows with the counts that are asked for.

    Parameters
    ----------
    compute : callable
        Gives the limit of each of some counts.
    """

    def __init__(self, compute: Callable[[Ints], Floats]) -> None:
        self._compute = compute
        self._known = np.full(N_AT_ONCE, np.nan)

    def __call__(self, n: Floats) -> Floats:
        """Return the limit of each count."""
        counts = n.astype(np.int64)
        most = int(counts.max(initial=0))
        if most > N_TABULATED_MAX:
            distinct, place = np.unique(counts, return_inverse=True)
            return np.asarray(self._compute(distinct)[place])
        if most >= len(self._known):
            wider = np.full(2 * most + N_AHEAD, np.nan)
            wider[: len(self._known)] = self._known
            self._known = wider
        limits = self._known[counts]
        if np.isnan(limits).any():
            self._learn(counts[np.isnan(limits)])
            limits = self._known[counts]
        return np.asarray(limits)

    def _learn(self, counts: Ints) -> None:
        """Compute the limits of some counts, of those that come next, and of the usual ones."""
        small = min(2 * int(counts[counts < N_WHOLE].max(initial=N_AT_ONCE // 2)), N_WHOLE)
        ahead = np.add.outer(counts[counts >= small], np.arange(N_AHEAD)).ravel()
        new = np.unique(np.concatenate((ahead, np.arange(small))))
        new = new[new < len(self._known)]
        new = new[np.isnan(self._known[new])]
        self._known[new] = self._compute(new)
