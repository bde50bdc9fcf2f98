"""Exact chances that a count crosses a moving limit by a horizon, and when.

An e-process crosses at the first event that comes early enough ("more"), or after long enough with
few events ("fewer"). Both limits grow with the count, so that the paths which have not crossed
obey a finite recursion of products and sums in a fixed order.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

from detectors.sequential.operating import OperatingCharacteristics

Spread = Callable[[NDArray[np.float64], float, float], NDArray[np.float64]]

_ROOT_ERROR: Final = 1e-14  # of the horizon
_LONGEST_STEP: Final = 16.0  # in expected events: exp(-16) times a power never underflows
_NEGLIGIBLE: Final = 1e-22  # mass of a count left out; all of them come to less than 1e-18


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """When and how often a process crosses, on the scale of the expected count.

    Attributes
    ----------
    probability : float
        Chance of a crossing by the horizon.
    time : float
        Mean time to the crossing or the horizon.
    time_crossed : float
        Mean of the time where it crosses, and 0 elsewhere.
    events_crossed : float
        Mean of the count where it crosses, and 0 elsewhere.
    """

    probability: float
    time: float
    time_crossed: float
    events_crossed: float


def characteristics(
    found: Crossing, *, rate_ratio: float, per_time: float
) -> OperatingCharacteristics:
    """Say what a design does in the terms that all sequential tests share.

    Parameters
    ----------
    found : Crossing
        Chance and means.
    rate_ratio : float
        The rate ratio at which they hold.
    per_time : float
        What to divide times by.

    Returns
    -------
    OperatingCharacteristics
        Means given a crossing are NaN where there cannot be one.
    """
    power = found.probability
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=found.time_crossed / power / per_time if power else math.nan,
        expected_length=found.time / per_time,
        expected_events_at_signal=found.events_crossed / power if power else math.nan,
    )


def limit_of(
    log_e: Callable[[float], float], *, alpha: float, is_early: bool, horizon: float
) -> float:
    """Find when a number of events ceases, or begins, to cross.

    Parameters
    ----------
    log_e : callable, float to float
        Evidence of so many events by a time, on the log scale; falls with the time if `is_early`,
        else rises.
    alpha : float
        Chance of a crossing that is allowed: evidence of its inverse crosses.
    is_early : bool
        Whether the events cross where they come early.
    horizon : float
        Time looked ahead to.

    Returns
    -------
    float
        Time; past the horizon it does not matter when, and is infinite.

    Examples
    --------
    >>> round(limit_of(lambda time: 5.0 - time, alpha=0.05, is_early=True, horizon=9.0), 4)
    2.0043
    """
    threshold = -math.log(alpha)

    def excess(time: float) -> float:
        return log_e(time) - threshold

    if (excess(0.0) < 0) == is_early:
        return 0.0
    if (excess(horizon) > 0) == is_early:
        return math.inf
    return float(scipy.optimize.brentq(excess, 0.0, horizon, xtol=_ROOT_ERROR * horizon))


def cross_early(deadline: Callable[[int], float], *, horizon: float) -> Crossing:
    """Follow a Poisson process that crosses at event *n* if it comes by deadline *n*.

    Parameters
    ----------
    deadline : callable, int to float
        The latest time at which event *n* crosses, not falling with *n*; 0 where it cannot.
    horizon : float
        End.

    Returns
    -------
    Crossing
        Chance and means, with an absolute error near 1e-13 of the horizon.
    """
    silent, reached, n = np.ones(1), 0.0, 1  # silent[k]: k events, none has crossed
    chances, times, times_crossed, events = [0.0], [0.0], [0.0], [0.0]
    while reached < horizon and silent.sum() > _NEGLIGIBLE:
        until = min(horizon, deadline(n))
        steps = max(1, math.ceil((until - reached) / _LONGEST_STEP))
        for i in range(steps if until > reached else 0):
            start, length = reached + i * ((until - reached) / steps), (until - reached) / steps
            chance, wait, wait_crossed = _crossing(silent, length, n)
            chances.append(chance)
            times.append(wait)
            times_crossed.append(start * chance + wait_crossed)
            events.append(n * chance)
            silent = _wait(silent, length, n)
        reached, n = max(reached, until), n + 1
    return Crossing(
        probability=min(1.0, math.fsum(chances)),
        time=math.fsum(times),
        time_crossed=math.fsum(times_crossed),
        events_crossed=math.fsum(events),
    )


def cross_late(
    waits: Callable[[int], float], *, horizon: float, spread: Spread | None = None
) -> Crossing:
    """Follow a process that crosses once it has waited so long with only *n* events.

    Parameters
    ----------
    waits : callable, int to float
        The time from which a count of *n* or less has crossed, not falling with *n*.
    horizon : float
        End.
    spread : callable, optional
        Lets chances of counts change from one time to another, the last of them that of its count
        and all above. Without it, events come at rate 1.

    Returns
    -------
    Crossing
        Chance and means, with an absolute error near 1e-13 of the horizon.
    """
    spread = spread or _spread
    times: list[float] = []
    while not times or times[-1] <= horizon:
        times.append(waits(len(times)))
    most = len(times) - 1  # from this count on there is no crossing by the horizon
    paths = np.zeros(most + 1)
    paths[0] = 1.0
    reached, probability, time_crossed, events_crossed = 0.0, 0.0, 0.0, 0.0
    for n, until in enumerate(times[:-1]):
        paths = spread(paths, reached, until)
        reached, mass = until, float(paths[n])
        paths[n] = 0.0
        probability += mass
        time_crossed += mass * until
        events_crossed += mass * n
    return Crossing(
        probability=probability,
        time=time_crossed + (1.0 - probability) * horizon,
        time_crossed=time_crossed,
        events_crossed=events_crossed,
    )


def cross_in_trials(
    is_crossed: Callable[[int], tuple[int, int]], *, chance: float, n_trials: int
) -> Crossing:
    """Follow trials that cross at the first of them whose hits are outside a range.

    Parameters
    ----------
    is_crossed : callable, int to tuple of int
        Fewest and most hits in so many trials that have not crossed.
    chance : float
        Of a hit, in [0, 1].
    n_trials : int
        End.

    Returns
    -------
    Crossing
        Chance and means; time is a number of trials.
    """
    silent = np.ones(1)
    time, time_crossed, events_crossed = 0.0, 0.0, 0.0
    crossed: list[float] = []
    for n in range(1, n_trials + 1):
        time += float(silent.sum())
        later = np.zeros(n + 1)
        later[:-1] += (1.0 - chance) * silent
        later[1:] += chance * silent
        least, most = is_crossed(n)
        hits = np.arange(n + 1)
        out = np.where((hits < least) | (hits > most), later, 0.0)
        now = math.fsum(out.tolist())
        crossed.append(now)
        time_crossed += n * now
        events_crossed += math.fsum((hits * out).tolist())
        silent = later - out
    return Crossing(
        probability=math.fsum(crossed),
        time=time,
        time_crossed=time_crossed,
        events_crossed=events_crossed,
    )


def _crossing(silent: NDArray[np.float64], length: float, room: int) -> tuple[float, float, float]:
    """Chance that the count reaches `room`; mean wait for it or the end; and where it does."""
    more = room - np.arange(silent.size)  # events that are missing
    tails = np.asarray(special.gammainc(np.arange(1.0, room + 2.0), length))  # P(N > i)
    wait = silent * np.cumsum(tails)[more - 1]
    wait_crossed = silent * more * tails[more]  # the wait is gamma, and so is what it weighs
    chance = silent * tails[more - 1]
    return math.fsum(chance.tolist()), math.fsum(wait.tolist()), math.fsum(wait_crossed.tolist())


def _wait(silent: NDArray[np.float64], length: float, room: int) -> NDArray[np.float64]:
    masses = _poisson_masses(length, room)
    later = np.zeros(min(room, silent.size + len(masses) - 1))
    for arrivals, mass in enumerate(masses):
        kept = silent[: max(0, room - arrivals)]
        later[arrivals : arrivals + kept.size] += mass * kept
    return later


def _spread(paths: NDArray[np.float64], start: float, until: float) -> NDArray[np.float64]:
    """Let time pass; the last place holds its count and all above."""
    steps = max(1, math.ceil((until - start) / _LONGEST_STEP))
    length, size = (until - start) / steps, paths.size
    for _ in range(steps):
        later = np.zeros(size)
        for arrivals, mass in enumerate(_poisson_masses(length, size)):
            later[arrivals:] += mass * paths[: size - arrivals]
        later[-1] = max(0.0, math.fsum(paths.tolist()) - math.fsum(later[:-1].tolist()))
        paths = later
    return paths


def _poisson_masses(mean: float, room: int) -> list[float]:
    masses = [math.exp(-mean)]
    while len(masses) < room and (masses[-1] > _NEGLIGIBLE or len(masses) < mean):
        masses.append(masses[-1] * mean / len(masses))
    return masses
