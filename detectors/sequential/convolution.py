"""Sums of independent counts, in products and sums of a fixed order.

A library's convolution adds up as suits the processor; here every processor gives the same bits.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detectors.elementary import exp

LONGEST_STEP = 16.0  # in expected events: exp(-16) times a power never underflows
NEGLIGIBLE = 1e-22  # mass of a count of arrivals from which on none is followed
BLOCK = 64  # periods whose arrivals are tabled at once


def walk(
    means: NDArray[np.float64],
    rooms: Sequence[int],
    *,
    floors: Sequence[int] | None = None,
    least: float = 0.0,
) -> Iterator[NDArray[np.float64]]:
    r"""Follow a Poisson count from 0 through periods, each with a count that it may not reach.

    Parameters
    ----------
    means : ndarray of float64, shape (n,)
        Events expected in each period, not negative.
    rooms : sequence of int, of the length of `means`
        Paths that have this count or more at the end of the period are dropped.
    floors : sequence of int, of the length of `means`, optional
        Paths that have fewer at the end of the period are yielded, and then dropped.
    least : float, default: 0.0
        Chance of a lowest count from which on it is dropped.

    Yields
    ------
    ndarray of float64, shape (at most the room,)
        Chance of each count from 0 at the end of the period.

    Notes
    -----
    Left out are arrivals in one period that are so many, *w* and more, that the chance of *w* is
    at most 1e-22; all of them together have less than 2e-22. Given the count at the end, arrivals
    in a period are binomial. If that count is at most the sum of `means`, their mean is at most
    that of the period, *m*, so that the chance of *w* and more is at most
    :math:`e^{-m} (e m / w)^w` by Chernoff's bound (for :math:`1 + x \le e^x`), and by Stirling's
    at most :math:`e \sqrt{w}` times the Poisson chance of *w*: what is left out is below 1e-20 of
    every such count too, however rare.

    A lowest count is dropped once, so `least` costs at most itself times the number of counts.

    Examples
    --------
    One event at most in a first unit of time, and two at most by the end of a second:

    >>> [at.round(4).tolist() for at in walk(np.ones(2), [2, 3])]
    [[0.3679, 0.3679], [0.1353, 0.2707, 0.203]]
    """
    paths = _Paths(max([1, *rooms]), least)
    splits = np.maximum(1.0, np.ceil(means / LONGEST_STEP))
    lows = floors or [0] * len(rooms)
    for period, (room, low, n_steps) in enumerate(zip(rooms, lows, splits.tolist(), strict=True)):
        if period % BLOCK == 0:
            block = slice(period, period + BLOCK)
            paths.expect(means[block] / splits[block])
        yield paths.after(period % BLOCK, room, int(n_steps))
        paths.drop_below(low)


class _Paths:
    """Chances of counts, in a buffer with room in front: windows on it are counts moved up."""

    def __init__(self, size: int, least: float) -> None:
        self._size, self._least = size, least
        self._low, self._top = 0, 1  # counts from low to top - 1 are held
        self._at = np.zeros(size)
        self._at[0] = 1.0

    def expect(self, means: NDArray[np.float64]) -> None:
        """Table the arrivals of some periods, the most first, and make room for as many."""
        table = _arrivals(means)
        is_kept = (table > NEGLIGIBLE) | (np.arange(table.shape[1]) < means[:, None])
        self._widths = is_kept.sum(axis=1).tolist()
        self._most = table.shape[1]
        self._arrivals = table[:, ::-1, None].copy()
        buffer = np.concatenate([np.zeros(self._most - 1), self._at])
        step = buffer.itemsize
        shape = (self._most, self._size)
        self._moved: NDArray[np.float64] = np.ndarray(shape, np.float64, buffer, 0, (step, step))
        self._at = buffer[self._most - 1 :]
        self._products = np.empty(shape)

    def after(self, period: int, room: int, n_times: int) -> NDArray[np.float64]:
        """Let a period pass as often as said."""
        for _ in range(n_times):
            end = min(room, self._top + self._widths[period] - 1)
            if self._low < end:
                first = self._most - min(self._widths[period], end - self._low)
                counts = slice(self._low, end)
                product, moved = self._products[first:, counts], self._moved[first:, counts]
                np.multiply(self._arrivals[period, first:], moved, out=product)
                np.add.reduce(product, axis=0, out=self._at[counts])  # row by row
            self._at[end : self._top] = 0.0
            self._top = end
            if self._least:
                self._drop_least()
            if self._low >= end:
                break  # at a high rate all paths are gone long before the end
        return self._at[: max(1, self._top)].copy()

    def drop_below(self, floor: int) -> None:
        self._at[self._low : floor] = 0.0
        self._low = max(self._low, floor)

    def _drop_least(self) -> None:
        while self._low < self._top and self._at[self._low] < self._least:
            self._at[self._low] = 0.0
            self._low += 1


def _arrivals(means: NDArray[np.float64]) -> NDArray[np.float64]:
    greatest = float(means.max())
    mass, most = math.exp(-greatest), 1
    while mass > NEGLIGIBLE or most < greatest:
        mass *= greatest / most
        most += 1
    factors = means[:, None] / np.arange(1, most)
    first = exp(-means)[:, None]
    return np.asarray(np.multiply.accumulate(np.concatenate([first, factors], axis=1), axis=1))


def convolved(
    one: NDArray[np.float64], other: NDArray[np.float64], room: int
) -> NDArray[np.float64]:
    """Compute the distribution of a sum of two counts, up to a count.

    Parameters
    ----------
    one : ndarray, shape (n,), n at most `room`
        Chances of 0, 1, ... of the first.
    other : ndarray, shape (room,)
        Chances of 0, 1, ... of the second.
    room : int
        How many counts of the sum, from 0 on.

    Returns
    -------
    ndarray, shape (room,)
        Chances of the sum.

    Examples
    --------
    >>> convolved(np.array([0.5, 0.5]), np.array([0.5, 0.5, 0.0]), 3)
    array([0.25, 0.5 , 0.25])
    """
    padded = np.concatenate([np.zeros(one.size - 1), other])
    shifted = sliding_window_view(padded, room)[::-1]  # row i: `other`, i places to the right
    product: NDArray[np.float64] = one[:, None] * shifted
    return np.asarray(product.sum(axis=0), dtype=np.float64)  # adds whole rows, one by one


def poisson_masses(mean: float, room: int) -> NDArray[np.float64]:
    """Compute the Poisson distribution, up to a count.

    Parameters
    ----------
    mean : float
        Mean, from 0 to 700: beyond, the chance of no event underflows.
    room : int
        How many counts, from 0 on.

    Returns
    -------
    ndarray, shape (room,)
        Chances of 0, 1, ... events.

    Examples
    --------
    >>> poisson_masses(1.0, 3).round(4)
    array([0.3679, 0.3679, 0.1839])
    """
    return multiplied(math.exp(-mean), mean / np.arange(1, room))


def multiplied(first: float, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply out a series from the ratios of its neighbours.

    Parameters
    ----------
    first : float
        First term.
    factors : ndarray, shape (n,)
        Each further term over the one before.

    Returns
    -------
    ndarray, shape (n + 1,)
        The terms.

    Examples
    --------
    >>> multiplied(1.0, np.array([0.5, 0.5]))
    array([1.  , 0.5 , 0.25])
    """
    return np.asarray(np.multiply.accumulate(np.concatenate([[first], factors])))
