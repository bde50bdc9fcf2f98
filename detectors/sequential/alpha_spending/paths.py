"""Boundaries of a Poisson count that spend the type I error as a function of time says.

Kept are the chances of each count that has not crossed. What crosses at a look is added up from
tails, not subtracted from one, so that the smallest amounts are spent exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np
from numpy.typing import NDArray
from scipy import special

LEAST_TARGET = 1e-30  # an amount that may always be spent: it keeps every boundary finite
GREATEST_COUNT = 10_000
RISING = np.arange(1.0, GREATEST_COUNT + 1.0)


@dataclass(frozen=True, eq=False)
class Paths:
    """Counts that have not crossed.

    Attributes
    ----------
    expected : float
        Events expected to date, under the null.
    silent : ndarray of float64, shape (n_counts,)
        Chance of each count, from 0 on, without a crossing until now.
    spent : float
        Chance of a crossing until now.
    """

    expected: float
    silent: NDArray[np.float64]
    spent: float


START = Paths(expected=0.0, silent=np.ones(1), spent=0.0)


def chance_to_reach(paths: Paths, mean: float, count: int) -> float:
    """Compute the chance not to have crossed, and to reach a count after some more time.

    Parameters
    ----------
    paths : Paths
        Counts that have not crossed.
    mean : float
        Events expected in the time to come.
    count : int
        Count to reach; it may lie below counts that did not cross before.

    Returns
    -------
    float
        Its probability.

    Examples
    --------
    >>> round(chance_to_reach(START, 1.0, 2), 6)
    0.264241
    """
    return _Reach(paths, mean, greatest=count)(count)


class _Reach:
    """Chances to reach counts after some more time; the tails that they share are computed once."""

    def __init__(self, paths: Paths, mean: float, *, greatest: int) -> None:
        self._silent = paths.silent[::-1].tolist()
        self._mean = mean
        self._most = _most_events(mean)
        self._grow(greatest)

    def __call__(self, count: int) -> float:
        if count > self._greatest:
            self._grow(2 * count)
        n = len(self._silent)  # against the greatest count without a crossing stands count + 1 - n
        return math.fsum(map(mul, self._silent, self._tails[count : count + n]))

    def _grow(self, greatest: int) -> None:
        lacking = RISING[: min(greatest, self._most)]
        sure = [1.0] * len(self._silent)  # where none is lacking
        self._greatest = greatest
        self._tails = sure + special.gammainc(lacking, self._mean).tolist()


def _most_events(mean: float) -> int:
    """Give a number of events of which more have a chance below 1e-45."""
    return min(len(RISING), int(mean + 16.0 * math.sqrt(mean)) + 45)


def advanced(paths: Paths, mean: float, count: int) -> Paths:
    """Let time pass, and let every path cross that has reached a count then.

    Parameters
    ----------
    paths : Paths
        Counts that have not crossed.
    mean : float
        Events expected in the time to come, under the null.
    count : int
        Least count that crosses; it may lie below counts that did not cross before.

    Returns
    -------
    Paths
        Counts that have still not crossed.
    """
    return _onward(paths, mean, count, chance_to_reach(paths, mean, count))


def _onward(paths: Paths, mean: float, count: int, chance: float) -> Paths:
    """Let time pass in which a crossing has a known chance."""
    masses = _masses(mean, min(count, _most_events(mean)))
    most, n = masses.size, min(count, paths.silent.size)
    before = np.zeros(most - 1 + count)
    before[most - 1 : most - 1 + n] = paths.silent[:n]
    # Row by row from the most arrivals to none: for each count from the fewest events before.
    shifted = np.ndarray((most, count), np.float64, before, strides=(8, 8))
    silent = np.add.reduce(masses[::-1, None] * shifted, axis=0)
    return Paths(expected=paths.expected + mean, silent=silent, spent=paths.spent + chance)


def _masses(mean: float, room: int) -> NDArray[np.float64]:
    """Compute the Poisson distribution up to a count, from the ratios of its neighbours."""
    masses = np.empty(room)
    masses[0] = math.exp(-mean)
    np.divide(mean, RISING[: room - 1], out=masses[1:])
    return np.multiply.accumulate(masses)


def next_boundary(
    paths: Paths, mean: float, target: float, *, min_events: int
) -> tuple[int, Paths]:
    """Find the smallest count that may cross after some more time, and what it leaves.

    Parameters
    ----------
    paths : Paths
        Counts that have not crossed.
    mean : float
        Events expected in the time to come.
    target : float
        Type I error that may be spent until then.
    min_events : int
        Fewest events that may cross.

    Returns
    -------
    count : int
        The smallest count with which no more than `target` is spent in all; also one with which no
        more than 1e-30 is spent at this look, whatever the target.
    following : Paths
        As `advanced` makes it; what the two share is computed once.

    Notes
    -----
    The boundary may fall from one look to the next where much may be spent between them; what
    stood at the higher one then crosses.

    Examples
    --------
    The first look of a published example: two events are expected, and 0.0071 may be spent.

    >>> count, following = next_boundary(START, 2.0, 0.0071, min_events=1)
    >>> count, round(following.spent, 4)
    (7, 0.0045)
    """
    nearest = max(min_events, paths.silent.size)  # the count that crossed before
    reach = _Reach(paths, mean, greatest=nearest + 4)
    count, chance = _least(reach, max(target - paths.spent, LEAST_TARGET), min_events, nearest)
    return count, _onward(paths, mean, count, chance)


def _least(reach: _Reach, allowed: float, lowest: int, nearest: int) -> tuple[int, float]:
    """Search from where the count was last: the least that is reached seldom enough, and how."""
    low, high, chance, width = lowest - 1, nearest, reach(nearest), 1
    if chance > allowed:
        while chance > allowed:
            low, high, width = high, high + width, 2 * width
            chance = reach(high)
    else:
        while high > lowest:
            count, width = max(lowest, high - width), 2 * width
            tried = reach(count)
            if tried > allowed:
                low = count
                break
            high, chance = count, tried
    while high - low > 1:
        middle = (low + high) // 2
        tried = reach(middle)
        if tried <= allowed:
            high, chance = middle, tried
        else:
            low = middle
    return high, chance


def group_of(looks: Sequence[tuple[float, int]], rate_ratio: float) -> list[tuple[float, float]]:
    """Compute when paths cross at looks whose boundary is known.

    Parameters
    ----------
    looks : sequence of tuple of float and int
        For each look the events expected to date under the null, and the least count that crosses.
    rate_ratio : float
        True rate over that of the null.

    Returns
    -------
    list of tuple of float and float
        For each look the chance that the first crossing is then, and that chance times the mean
        count.
    """
    paths, before, found = START, 0.0, []
    for expected, count in looks:
        mean = (expected - before) * rate_ratio
        chance = chance_to_reach(paths, mean, count)
        found.append((chance, _events_reached(paths, mean, count)))
        paths, before = advanced(paths, mean, count), expected
    return found


def _events_reached(paths: Paths, mean: float, count: int) -> float:
    """Mean count at a look where it crosses, times the chance of that."""
    already = np.arange(paths.silent.size)
    lacking = count - already
    reached = already * _tails(lacking, mean) + mean * _tails(lacking - 1, mean)
    return math.fsum(paths.silent * reached)


def _tails(counts: NDArray[np.int64], mean: float) -> NDArray[np.float64]:
    """Chances of at least so many events; 1 where none is lacking."""
    return np.where(counts > 0, special.gammainc(np.maximum(counts, 1), mean), 1.0)
