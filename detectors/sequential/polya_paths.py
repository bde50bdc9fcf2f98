"""Chance that a count stays below a staircase while its rate is known only by its distribution.

Given how many events came by a time, their times are independent and uniform, whatever the rate
was. So the chance of having stayed below the stairs, given the last count, is one recursion for
every law of the rate; the law enters only by the distribution of that last count.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.sequential.convolution import convolved, multiplied, poisson_masses, walk

History = Literal["stopped_at_event", "fixed_time", "exact"]

MOST_EVENTS = 700  # exp(-700) is a normal number; below it the recursion would lose small counts
SMALL_SHARE = 0.5  # up to here a tail of the logarithmic series is summed, above it subtracted


def silent_given_count(times: Sequence[float], rooms: Sequence[int]) -> list[NDArray[np.float64]]:
    r"""Compute the chance of never having reached the stairs, given the count.

    Parameters
    ----------
    times : sequence of float
        Ends of the stairs, positive, none before the one in front of it.
    rooms : sequence of int, of the length of `times`
        Counts allowed: up to ``times[i]`` the count must stay below ``rooms[i]``. Positive, none
        below the one in front of it, the last at most 700.

    Returns
    -------
    list of ndarray, one of shape (rooms[i],) for each time
        Element *j*: the chance that the count stayed below the stairs up to ``times[i]``, given
        that it is *j* then.

    Notes
    -----
    With :math:`u_j` the chance wanted at time *t* and *s* the time before,
    :math:`u_j(t) = \sum_i u_i(s) {j \choose i} (s / t)^i (1 - s / t)^{j - i}`: of *j* uniform times
    before *t*, *i* fall before *s*. Times :math:`e^{-m} m^j / j!`, this is a convolution with a
    Poisson distribution. All terms are positive. The arithmetic is products and sums in a fixed
    order, so that every processor gives the same bits. What is left out, see `walk`, is below
    1e-20 of each chance at each stair. Time grows with the square of the number of stairs: 0.6 ms
    for 50, 8 ms for 500.

    Examples
    --------
    Two events at two different places of a unit of time, the first not in the first half:

    >>> silent_given_count([0.5, 1.0], [1, 3])[-1]
    array([1.  , 0.5 , 0.25])
    """
    means = _means(times, rooms)
    silent = walk(np.diff(means, prepend=0.0), rooms)
    return [
        _over_all(at, mean, room)
        for at, mean, room in zip(silent, means.tolist(), rooms, strict=True)
    ]


def silent_at_end(times: Sequence[float], rooms: Sequence[int]) -> NDArray[np.float64]:
    """Compute the last of the arrays of `silent_given_count`.

    Parameters
    ----------
    times : sequence of float
        Ends of the stairs, positive, none before the one in front of it.
    rooms : sequence of int, of the length of `times`
        Counts allowed, as in `silent_given_count`.

    Returns
    -------
    ndarray of float64, shape (rooms[-1],)
        Element *j*: the chance that the count stayed below the stairs, given that it is *j* at the
        end.

    Examples
    --------
    >>> silent_at_end([0.5, 1.0], [1, 3])
    array([1.  , 0.5 , 0.25])
    """
    means = _means(times, rooms)
    silent = deque(walk(np.diff(means, prepend=0.0), rooms), maxlen=1).pop()
    return _over_all(silent, float(means[-1]), rooms[-1])


def _means(times: Sequence[float], rooms: Sequence[int]) -> NDArray[np.float64]:
    """Give the Poisson means by each time, such that at the end it is the last room.

    Near numbers subtract without error, so that the means between add up to those by each time.
    """
    return np.append(np.array(times[:-1]) * (rooms[-1] / times[-1]), rooms[-1])


def _over_all(silent: NDArray[np.float64], mean: float, room: int) -> NDArray[np.float64]:
    total = poisson_masses(mean, room)
    weighted = np.concatenate([silent, np.zeros(room - silent.size)])
    # Where the weight underflows the chance of the count does so for every rate near it.
    return np.asarray(np.divide(weighted, total, out=np.zeros(room), where=total > 0))


def count_masses(
    time: float, room: int, *, n_historical: int, history: History
) -> NDArray[np.float64]:
    r"""Compute the distribution of the count, the rate known from history alone.

    Parameters
    ----------
    time : float
        Person-time as a share of the historical, times the rate ratio; positive.
    room : int
        How many counts, from 0 on.
    n_historical : int
        Historical events, *c*; positive where `history` is ``stopped_at_event``.
    history : {"stopped_at_event", "fixed_time", "exact"}
        Law of the historical person-time in units of the mean time between events.

    Returns
    -------
    ndarray, shape (room,)
        Chances of 0, 1, ... events.

    Notes
    -----
    The count is Poisson with mean `time` times *V*. With *V* Gamma(*c*) or Gamma(*c* + 1) it is
    negative binomial. With *V* the sum of a Gamma(*c*) and of *U* times a unit exponential, *U*
    uniform, it is the sum of a negative binomial and of a mixed geometric count, whose masses are
    tails of the logarithmic series: with :math:`q = t / (1 + t)`,
    :math:`P(n) = t^{-1} \sum_{m > n} q^m / m`.

    Examples
    --------
    >>> count_masses(1.0, 3, n_historical=1, history="stopped_at_event")
    array([0.5  , 0.25 , 0.125])
    """
    if history == "exact":
        since_last = _logarithmic_tails(time, room)
        return convolved(since_last, _polya_masses(time, room, n_historical), room)
    return _polya_masses(time, room, n_historical + (history == "fixed_time"))


def chance_to_reach(time: float, count: int, *, n_historical: int, history: History) -> float:
    r"""Compute the chance of so many events or more, the rate known from history alone.

    Parameters
    ----------
    time : float
        Person-time as a share of the historical, times the rate ratio; positive.
    count : int
        Events, positive.
    n_historical : int
        Historical events, *c*; positive where `history` is ``stopped_at_event``.
    history : {"stopped_at_event", "fixed_time", "exact"}
        Law of the historical person-time in units of the mean time between events.

    Returns
    -------
    float
        Its probability, with a small relative error, also where `count_masses` sum to near one.

    Notes
    -----
    A tail of the negative binomial distribution is an incomplete beta function. That of the mixed
    geometric count is :math:`q^n - n P(n)`, in the notation of `count_masses`.

    Examples
    --------
    >>> chance_to_reach(1.0, 3, n_historical=1, history="stopped_at_event")
    0.125
    """
    share = time / (1 + time)
    shape = n_historical + (history == "fixed_time")
    reached = float(special.betainc(count, shape, share)) if shape else 0.0
    if history != "exact":
        return reached
    wanted = np.arange(count, 0, -1)  # since the last historical event, of each count before it
    powers = np.multiply.accumulate(np.full(count, share))[::-1]
    tails = np.maximum(0.0, powers - wanted * _logarithmic_tails(time, count + 1)[wanted])
    return reached + math.fsum(_polya_masses(time, count, shape) * tails)


def mean_rate(n_historical: int, history: History) -> float:
    """Compute the mean of the law of the historical person-time.

    Parameters
    ----------
    n_historical : int
        Historical events.
    history : {"stopped_at_event", "fixed_time", "exact"}
        Law of the historical person-time in units of the mean time between events.

    Returns
    -------
    float
        Its mean: events expected in a person-time as long as the historical.
    """
    return n_historical + {"stopped_at_event": 0.0, "fixed_time": 1.0, "exact": 0.5}[history]


def _polya_masses(time: float, room: int, shape: int) -> NDArray[np.float64]:
    steps = np.arange(1, room)
    growth = (shape - 1 + steps) / steps * (time / (1 + time))
    return multiplied(math.exp(-shape * math.log1p(time)), growth)


def _logarithmic_tails(time: float, room: int) -> NDArray[np.float64]:
    share = time / (1 + time)
    if share > SMALL_SHARE:
        terms = _logarithmic_terms(share, room - 1)
        tails = np.subtract.accumulate(np.concatenate([[math.log1p(time)], terms]))
        return np.maximum(tails, 0.0) / time
    terms = _logarithmic_terms(share, room + 60)  # half to the 60th is nothing beside the first
    return np.asarray(np.add.accumulate(terms[::-1])[::-1][:room] / time)


def _logarithmic_terms(share: float, room: int) -> NDArray[np.float64]:
    if room == 0:
        return np.zeros(0)
    return multiplied(share, np.full(room - 1, share)) / np.arange(1, room + 1)
