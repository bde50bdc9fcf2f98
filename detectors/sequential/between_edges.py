"""Chances of a count that goes on only while it lies between two edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import Masses, total


@dataclass(frozen=True, eq=False)
class Alive:
    """Chances of the counts between the edges, and what has just gone over them.

    Attributes
    ----------
    chance : ndarray of float64
        Chance of each count.
    first : int
        The count of the first element.
    low, high : float
        Chance of having gone over the bottom and the top in the last advance.
    """

    chance: NDArray[np.float64]
    first: int
    low: float
    high: float


def advance(alive: Alive, arrivals: Masses, bottom: int, top: int) -> Alive:
    """Let events arrive, then take out what is at an edge or beyond.

    Parameters
    ----------
    alive : Alive
        Before.
    arrivals : Masses
        Law of the events that arrive.
    bottom, top : int
        Edges after they have arrived; `bottom` at least -1 and below `top`.

    Returns
    -------
    Alive
        After.
    """
    at, n = arrivals.at, len(arrivals.at)
    after = np.zeros(max(0, top - bottom - 1))
    count = alive.first
    for chance in alive.chance.tolist():
        start, stop = max(0, bottom + 1 - count), max(0, min(n, top - count))
        if start < stop:
            offset = count + start - bottom - 1
            after[offset : offset + stop - start] += chance * at[start:stop]
        count += 1
    low = high = 0.0
    if alive.first <= bottom:
        reach = np.arange(bottom - alive.first, max(-1, bottom - count), -1)
        low = total(alive.chance[: len(reach)] * arrivals.below[np.minimum(reach, n - 1)])
    if top - count < n:
        reach = np.clip(np.arange(top - alive.first, top - count, -1), 0, n)
        high = total(alive.chance * arrivals.tail[reach])
    return Alive(after, bottom + 1, low, high)
