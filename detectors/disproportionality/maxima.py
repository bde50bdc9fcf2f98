"""How often the greatest of many drawn statistics reaches each of those that were seen."""

import numpy as np
from numpy.typing import NDArray

SAME = 1.0 - 1e-12  # a drawn statistic this little below one that was seen counts as equal


class Maxima:
    """The cells of one family by rising statistic, and counts of draws that reached them.

    Parameters
    ----------
    seen : ndarray of float64, of any shape
        Statistics of a table, not negative.
    part : ndarray of bool, of the same shape
        Cells of the family, at least one.

    Notes
    -----
    Statistics of a draw that were equal on paper may differ by a rounding: one within 1e-12 of
    what was seen, relatively, has reached it. Cells with equal statistics have equal p-values: the
    step-down value of the last of them, which has all of them to be compared with, is the largest.
    """

    def __init__(self, seen: NDArray[np.float64], part: NDArray[np.bool_]) -> None:
        place = np.flatnonzero(part)
        self._place = place[np.argsort(seen.ravel()[place], kind="stable")]
        rising = seen.ravel()[self._place]
        self._limit = rising * SAME
        self._reached = np.zeros(rising.size, dtype=np.int64)
        self._reached_step_down = np.zeros(rising.size, dtype=np.int64)
        self._n_draws = 0

    def count(self, drawn: NDArray[np.float64]) -> None:
        """Add draws.

        Parameters
        ----------
        drawn : ndarray of float64, shape (n_draws, ...)
            Statistics of drawn tables, each of the shape of the one that was seen.
        """
        flat = drawn.reshape(drawn.shape[0], -1)
        greatest = np.maximum.accumulate(flat[:, self._place], axis=1)
        self._reached_step_down += (greatest >= self._limit).sum(axis=0)
        n_reached = np.searchsorted(self._limit, greatest[:, -1], side="right")
        n_cells = self._limit.size
        self._reached += np.bincount(n_reached, minlength=n_cells + 1)[:0:-1].cumsum()[::-1]
        self._n_draws += flat.shape[0]

    def write_p(self, p: NDArray[np.float64], step_down: NDArray[np.float64]) -> None:
        """Write the p-values of the family's cells.

        Parameters
        ----------
        p : ndarray of float64, of the shape of what was seen
            Where to write the probability that the maximum over the family is as high.
        step_down : ndarray of float64, of the same shape
            Where to write that for the maximum over the cells not higher, made monotone.
        """
        adjusted = (1 + self._reached_step_down) / (self._n_draws + 1)
        p.ravel()[self._place] = (1 + self._reached) / (self._n_draws + 1)
        step_down.ravel()[self._place] = np.maximum.accumulate(adjusted[::-1])[::-1]
