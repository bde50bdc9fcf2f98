"""A count of exposed events that goes on while it stays below a least count at every event.

Each event is exposed or not, independently, with a chance of its own. The chance of each count
among the paths that have not signalled is convolved event by event, and it is exact.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.operating import OperatingCharacteristics


def signal_chances(chances: Sequence[float], least: Sequence[int]) -> list[float]:
    """Compute the chance to signal at each event.

    Parameters
    ----------
    chances : sequence of float
        Chance that the event is exposed, for each event.
    least : sequence of int
        Fewest exposed events that signal at each event.

    Returns
    -------
    list of float
        Probabilities of a first signal, with a relative error near 1e-14.

    Examples
    --------
    >>> signal_chances([0.5, 0.5], [2, 2])
    [0.0, 0.25]
    """
    return [math.fsum(gone) for _, gone in _walk(chances, least)]


def characteristics(
    chances: Sequence[float], least: Sequence[int], rate_ratio: float
) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals.

    Parameters
    ----------
    chances : sequence of float
        Chance that the event is exposed, for each event, at the rate ratio.
    least : sequence of int
        Fewest exposed events that signal at each event.
    rate_ratio : float
        True rate over that of the null.

    Returns
    -------
    OperatingCharacteristics
        Times in events, exposed or not; counts of exposed events.
    """
    power, time, exposed = list[float](), list[float](), list[float]()
    for n, ((first, gone), _) in enumerate(zip(_walk(chances, least), least, strict=True), 1):
        chance = math.fsum(gone)
        power.append(chance)
        time.append(n * chance)
        exposed.append(math.fsum((first + np.arange(len(gone))) * gone))
    total = min(1.0, math.fsum(power))
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=total,
        expected_time_to_signal=math.fsum(time) / total if total else math.nan,
        expected_length=math.fsum(time) + len(least) * (1.0 - total),
        expected_events_at_signal=math.fsum(exposed) / total if total else math.nan,
    )


def one_more(silent: NDArray[np.float64], chance: float) -> NDArray[np.float64]:
    """Let one event come.

    Parameters
    ----------
    silent : ndarray of float64
        Chance of each count from 0 among the paths that go on.
    chance : float
        Chance that the event is exposed.

    Returns
    -------
    ndarray of float64, longer by one
        Chance of each count afterwards.
    """
    later = np.zeros(len(silent) + 1)
    later[:-1] = silent * (1.0 - chance)
    later[1:] += silent * chance
    return later


def _walk(
    chances: Sequence[float], least: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    silent = np.ones(1)
    for chance, first in zip(chances, least, strict=True):
        silent = one_more(silent, chance)
        yield first, silent[first:]
        silent = silent[:first]
