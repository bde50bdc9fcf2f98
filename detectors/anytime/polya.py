"""Chances that a Polya process crosses a moving limit by a horizon, and when.

The process is Poisson with a rate drawn from a gamma distribution. Time is in units in which that
distribution has rate 1, times the rate ratio.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.anytime import horizon as any_process
from detectors.anytime.horizon import Crossing
from detectors.elementary import exp, log
from detectors.sequential.polya_paths import MOST_EVENTS, silent_given_count

N_NODES: Final = 12  # between two deadlines, where the chance of silence is smooth


def cross_early(deadline: Callable[[int], float], *, shape: float, horizon: float) -> Crossing:
    """Follow a Polya process that crosses at event *n* if it comes by deadline *n*.

    Parameters
    ----------
    deadline : callable, int to float
        The latest time at which event *n* crosses, not falling with *n*; 0 where it cannot.
    shape : float
        Of the gamma distribution, above 0.
    horizon : float
        End.

    Returns
    -------
    Crossing
        Chance and means.

    Raises
    ------
    ValueError
        If it takes more than 700 events to tell.
    """
    ends, rooms = _stairs(deadline, horizon)
    times, steps, weights = _with_nodes(ends, rooms)
    silent = silent_given_count(times.tolist(), steps)
    time, events = [], []
    for at, weight, given in zip(times.tolist(), weights, silent, strict=True):
        if weight:
            chances = given * polya_masses(at, given.size, shape)
            counts = shape + np.arange(given.size)
            time.append(weight * math.fsum(chances.tolist()))
            events.append(weight * math.fsum((chances * counts).tolist()) / (1.0 + at))
    left = silent[-1] * polya_masses(horizon, silent[-1].size, shape)
    mass_left = math.fsum(left.tolist())
    events_left = math.fsum((left * np.arange(left.size)).tolist())
    return Crossing(
        probability=max(0.0, 1.0 - mass_left),
        time=math.fsum(time),
        time_crossed=max(0.0, math.fsum(time) - mass_left * horizon),
        events_crossed=max(0.0, math.fsum(events) - events_left),
    )


def cross_late(waits: Callable[[int], float], *, shape: float, horizon: float) -> Crossing:
    """Follow a Polya process that crosses once it has waited so long with only *n* events.

    Parameters
    ----------
    waits : callable, int to float
        The time from which a count of *n* or less has crossed, not falling with *n*.
    shape : float
        Of the gamma distribution, above 0.
    horizon : float
        End.

    Returns
    -------
    Crossing
        Chance and means.
    """

    def spread(paths: NDArray[np.float64], start: float, until: float) -> NDArray[np.float64]:
        later, size = np.zeros(paths.size), paths.size
        wait = (until - start) / (1.0 + start)
        held = np.flatnonzero(paths)
        masses = polya_masses(wait, size, shape + held[:, None].astype(np.float64))
        for count, row in zip(held.tolist(), masses, strict=True):
            later[count:] += paths[count] * row[: size - count]
        later[-1] = max(0.0, math.fsum(paths.tolist()) - math.fsum(later[:-1].tolist()))
        return later

    return any_process.cross_late(waits, horizon=horizon, spread=spread)


def polya_masses(time: float, room: int, shape: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the distribution of a Polya count.

    Parameters
    ----------
    time : float
        Not negative.
    room : int
        How many counts, from 0 on.
    shape : float or ndarray of float64, shape (n, 1)
        Of the gamma distribution, above 0.

    Returns
    -------
    ndarray of float64, shape (room,) or (n, room)
        Chances of 0, 1, ... events.

    Examples
    --------
    >>> polya_masses(1.0, 3, 1.0).round(6)
    array([0.5  , 0.25 , 0.125])
    """
    n = np.arange(float(room))
    choices = -log(np.asarray(shape + n)) - special.betaln(shape, n + 1.0)
    logs = choices - shape * math.log1p(time) + special.xlogy(n, time / (1.0 + time))
    return exp(np.asarray(logs, dtype=np.float64))


def _stairs(deadline: Callable[[int], float], horizon: float) -> tuple[list[float], list[int]]:
    ends: list[float] = []
    rooms: list[int] = []
    n = 1
    while not ends or ends[-1] < horizon:
        if n > MOST_EVENTS:
            raise ValueError(f"horizon takes more than {MOST_EVENTS} events to tell: too long")
        end = min(horizon, deadline(n))
        if end > (ends[-1] if ends else 0.0):
            ends.append(end)
            rooms.append(n)
        n += 1
    return ends, rooms


def _with_nodes(
    ends: list[float], rooms: list[int]
) -> tuple[NDArray[np.float64], list[int], list[float]]:
    """Put nodes between the deadlines; the deadlines themselves weigh nothing."""
    nodes, shares = np.polynomial.legendre.leggauss(N_NODES)
    times, steps, weights = [], [], []
    for start, end, room in zip([0.0, *ends[:-1]], ends, rooms, strict=True):
        half = 0.5 * (end - start)
        times += [*(start + half * (1.0 + nodes)).tolist(), end]
        steps += [room] * (N_NODES + 1)
        weights += [*(half * shares).tolist(), 0.0]
    return np.array(times), steps, weights
