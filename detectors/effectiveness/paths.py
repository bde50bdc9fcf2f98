"""Paths of a count that stay below a rising boundary, or above one, until the horizon.

Masses are those of a plain Poisson process of a chosen pace; see `process` for the weights that
turn them into chances under any dispersion and rate ratio.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.effectiveness.process import (
    MOST_EVENTS,
    Process,
    earliest_time,
    latest_time,
    wait,
    weighted,
)
from detectors.quadrature import fejer

N_NODES = 16
LONGEST_PIECE = 2.0  # expected events within which so many nodes give full precision
MOST_PACED = 600.0  # exp(-600) is a double
GONE = 1e-25  # share of the integral below which the rest adds nothing


@dataclass(frozen=True, eq=False)
class Stretch:
    """What happens between two times of a boundary.

    Attributes
    ----------
    start, end : float
        In expected events under the null.
    before, after : ndarray of float64
        Masses of the counts that have not crossed, at the start and at the end.
    event : int
        The count that crosses: reached during the stretch, or held at its end.
    """

    start: float
    end: float
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    event: int


@dataclass(frozen=True, eq=False)
class Paths:
    """Masses of silent paths from the start to the horizon.

    Attributes
    ----------
    stretches : tuple of Stretch
        In order of time; the last ends at the horizon.
    pace : float
        Rate of the plain process, per expected event under the null.
    """

    stretches: tuple[Stretch, ...]
    pace: float

    def silent(self, process: Process) -> float:
        """Compute the chance that a path below the boundary never reaches it.

        Parameters
        ----------
        process : Process
            Law of the events.

        Returns
        -------
        float
            Probability.
        """
        last = self.stretches[-1]
        return weighted(last.after, process.weights(len(last.after), last.end, self.pace))


def pace_for(process: Process, horizon: float, n_events: int) -> float:
    """Choose the pace of the plain process so that no mass that matters underflows.

    Parameters
    ----------
    process : Process
        Law of the events.
    horizon : float
        End, in expected events under the null.
    n_events : int
        Greatest count that matters.

    Returns
    -------
    float
        Rate per expected event under the null.
    """
    if math.isinf(process.dispersion):
        return process.rate_ratio
    return min(max(horizon, n_events / 2), MOST_PACED) / horizon


def deadlines(llr: float, dispersion: float, first_event: int) -> Iterator[tuple[int, float]]:
    """Give the counts that cross, and the latest time at which each does.

    Parameters
    ----------
    llr : float
        Log-likelihood ratio of the boundary.
    dispersion : float
        Shape of the gamma law of the rate under the null.
    first_event : int
        Least count that may cross.

    Yields
    ------
    tuple of int and float
        Count and time, both rising.

    Raises
    ------
    ValueError
        If the boundary goes on beyond 700 events.
    """
    for count in range(first_event, MOST_EVENTS + 1):
        yield count, latest_time(count, llr, dispersion)
    raise ValueError(f"the boundary needs counts above {MOST_EVENTS}: shorten horizon")


def upper_paths(
    llr: float, horizon: float, *, first_event: int, dispersion: float, process: Process
) -> Paths:
    """Follow the paths that have not had too many events.

    Parameters
    ----------
    llr : float
        Log-likelihood ratio of the boundary.
    horizon : float
        End, in expected events under the null.
    first_event : int
        Least count that may cross.
    dispersion : float
        Shape of the gamma law of the rate under the null, which the boundary is made for.
    process : Process
        Law of the events that the masses are to be good for.

    Returns
    -------
    Paths
        Masses.
    """
    ends = []
    for count, time in deadlines(llr, dispersion, first_event):
        ends.append((count, min(time, horizon)))
        if time >= horizon:
            break
    pace = pace_for(process, horizon, ends[-1][0])
    stretches, silent, start = [], np.ones(1), 0.0
    for count, end in ends:
        after = wait(silent, pace * (end - start), count)
        stretches.append(Stretch(start=start, end=end, before=silent, after=after, event=count))
        silent, start = after, end
    return Paths(stretches=tuple(stretches), pace=pace)


def count_paths(count: int, horizon: float, *, process: Process) -> Paths:
    """Follow the paths that have not reached a count, which is too many at any time.

    Parameters
    ----------
    count : int
        The count that crosses.
    horizon : float
        End, in expected events under the null.
    process : Process
        Law of the events that the masses are to be good for.

    Returns
    -------
    Paths
        Masses.
    """
    pace = pace_for(process, horizon, count)
    after = wait(np.ones(1), pace * horizon, count)
    only = Stretch(start=0.0, end=horizon, before=np.ones(1), after=after, event=count)
    return Paths(stretches=(only,), pace=pace)


def lower_paths(llr: float, horizon: float, *, dispersion: float, process: Process) -> Paths:
    """Follow the paths that have not had too few events, as long as they still can.

    Parameters
    ----------
    llr : float
        Log-likelihood ratio of the boundary.
    horizon : float
        End, in expected events under the null.
    dispersion : float
        Shape of the gamma law of the rate under the null, which the boundary is made for.
    process : Process
        Law of the events that the masses are to be good for.

    Returns
    -------
    Paths
        Masses; of those at the end of a stretch, that of its count crosses there.

    Raises
    ------
    ValueError
        If the boundary goes on beyond 700 events.
    """
    ends: list[float] = []
    while (time := earliest_time(len(ends), llr, dispersion, horizon)) <= horizon:
        ends.append(time)
        if len(ends) > MOST_EVENTS:
            raise ValueError(f"the boundary needs counts above {MOST_EVENTS}: shorten horizon")
    room = len(ends)
    pace = pace_for(process, horizon, room)
    stretches, silent, start = [], np.ones(1), 0.0
    for count, end in enumerate(ends):
        after = wait(silent, pace * (end - start), room)
        stretches.append(Stretch(start=start, end=end, before=silent, after=after, event=count))
        silent, start = after.copy(), end
        silent[count] = 0.0  # crossed; what is lower has crossed before
    return Paths(stretches=tuple(stretches), pace=pace)


def lower_signals(paths: Paths, process: Process) -> list[tuple[float, int, float]]:
    """Compute when a path above the boundary meets it, and how often.

    Parameters
    ----------
    paths : Paths
        From `lower_paths`.
    process : Process
        Law of the events.

    Returns
    -------
    list of tuple of float, int and float
        Time, count and chance of each way to cross.
    """
    found = []
    for stretch in paths.stretches:
        weights = process.weights(stretch.event + 1, stretch.end, paths.pace)
        chance = float(stretch.after[stretch.event] * weights[stretch.event])
        found.append((stretch.end, stretch.event, chance))
    return found


def silent_time(paths: Paths, process: Process) -> float:
    """Integrate the chance of not having crossed over time.

    Parameters
    ----------
    paths : Paths
        From `upper_paths`.
    process : Process
        Law of the events.

    Returns
    -------
    float
        Expected time to the crossing or the horizon, in expected events under the null.

    Notes
    -----
    Between two times of the boundary the chance is smooth; Fejer's first rule with 16 nodes on
    pieces in which at most two events are expected, to about 1e-12.
    """
    total: list[float] = []
    for stretch in paths.stretches:
        length = stretch.end - stretch.start
        n_pieces = max(1, math.ceil(paths.pace * length / LONGEST_PIECE))
        for piece in range(n_pieces):
            start = stretch.start + piece * length / n_pieces
            values = _pieces(stretch, start, length / n_pieces, paths.pace, process)
            total.extend(values)
            if math.fsum(values) < GONE * math.fsum(total):  # it only falls
                return math.fsum(total)
    return math.fsum(total)


def _pieces(
    stretch: Stretch, start: float, length: float, pace: float, process: Process
) -> list[float]:
    found = []
    for node, weight in FEJER:
        time = start + node * length
        masses = wait(stretch.before, pace * (time - stretch.start), stretch.event)
        still = weighted(masses, process.weights(len(masses), time, pace))
        found.append(weight * length * still)
    return found


FEJER = fejer(N_NODES)
