r"""Run length of a CUSUM, exactly, on the lattice of its values.

A chart that has just been at zero is a sum of so many events, weighed, less a drift: until it is at
zero again or signals, its value is told by the number of events. That number lies in a corridor
whose width never grows, so a finite vector of chances is carried along. No value is rounded to a
grid.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.between_edges import Alive, advance
from detectors.sequential.count_law import CountLaw, Masses, masses, total, weights

NEGLIGIBLE = 1e-15  # of the chance of a signal: when an excursion counts as over
WIDEST = 4096  # counts between zero and the critical value
LONGEST = 1_000_000  # steps of one excursion


@dataclass(frozen=True, kw_only=True)
class Corridor:
    """Where a chart that left zero goes on: between two edges, in numbers of events.

    Attributes
    ----------
    per_event, per_look : float
        Sizes of the weight of an event and of the drift of a look, above 0.
    under, over : float
        Room below and above, in units of the statistic: the critical value for one, 0 for the
        other.
    """

    per_event: float
    per_look: float
    under: float
    over: float

    def edges(self, drift: float) -> tuple[int, int]:
        """Find the greatest count that is too low, and the least that is too high.

        Parameters
        ----------
        drift : float
            Drift since zero, in units of the statistic.

        Returns
        -------
        bottom, top : int
            A chart goes on where the events since zero lie between them, both outside.
        """
        bottom = math.floor((drift - self.under) / self.per_event)
        return max(-1, bottom), math.ceil((drift + self.over) / self.per_event)

    def looks_alike(self, look: int) -> int:
        """Find the last look with the same edges as this one.

        Parameters
        ----------
        look : int
            Looks since zero.

        Returns
        -------
        int
            A look, never before `look`.
        """
        here = self.edges(look * self.per_look)
        bottom, top = here
        lower = math.ceil(((bottom + 1) * self.per_event + self.under) / self.per_look) - 1
        upper = math.floor((top * self.per_event - self.over) / self.per_look)
        last = max(look, min(lower, upper))
        while self.edges(last * self.per_look) != here:
            last -= 1  # a quotient that rounding put one too high
        return last


def corridor(law: CountLaw, rate_ratio: float, critical_value: float) -> Corridor:
    """Describe the way of a chart from zero to zero or to the critical value.

    Parameters
    ----------
    law : CountLaw
        Law of a look under the null.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    Corridor
        For a ratio above 1 the upper edge signals, for one below 1 the lower edge.

    Raises
    ------
    ValueError
        If the ratio or the critical value is out of range, or more than 4,096 counts lie between
        zero and the critical value.
    """
    if not 0 < rate_ratio < math.inf or rate_ratio == 1:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be above 0, finite, and not 1")
    if not 0 < critical_value < math.inf:
        raise ValueError(f"critical_value is {critical_value}: must be above 0, and finite")
    per_event, per_look = weights(law, rate_ratio)
    if critical_value / abs(per_event) > WIDEST:
        raise ValueError(
            f"critical_value is {critical_value}: must be at most {WIDEST} times the weight "
            f"of an event, {per_event}"
        )
    under, over = (0.0, critical_value) if per_event > 0 else (critical_value, 0.0)
    return Corridor(per_event=abs(per_event), per_look=abs(per_look), under=under, over=over)


@lru_cache(maxsize=4096)
def average_run_length(
    law: CountLaw, rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> float:
    r"""Compute the mean number of looks to the first signal of a CUSUM that starts at zero.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null, the same for every look.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive.

    Returns
    -------
    float
        Average run length, in looks, with a relative error below 1e-9 while it is below 1e15.

    Raises
    ------
    ValueError
        If an argument is out of range, or a signal is too unlikely for double precision.

    Notes
    -----
    Each return to zero begins anew, so by Page (1954) the average is
    :math:`E[N] / P(\text{signal})`, with *N* the looks of one excursion from zero and the chance
    that it ends in a signal. Both are sums over the corridor. As long as no edge moves, looks are
    taken together: a sum of their counts has a law of the same family, and the looks spent under
    the upper edge solve a triangular system of positive terms. Rare events cost no more than
    frequent ones.

    References
    ----------
    .. [1] Page ES (1954). Continuous inspection schemes. Biometrika, 41(1/2), 100-115.
    .. [2] Brook D, Evans DA (1972). An approach to the probability distribution of CUSUM run
       length. Biometrika, 59(3), 539-549.
    .. [3] Lucas JM (1985). Counted data CUSUM's. Technometrics, 27(2), 129-144.

    Examples
    --------
    Lucas (1985), tables 2 and 4: counts of mean 0.25, reference value 0.25 and decision interval
    10, in events, give 438 looks upward and 437 downward. In units of the log-likelihood ratio:

    >>> weight, enough = math.log(2), 10 - 1e-9  # less rounding: 10 itself signals
    >>> upward = CountLaw(0.25 * weight)
    >>> round(average_run_length(upward, 2.0, enough * weight, true_ratio=1 / weight), 3)
    438.125
    >>> downward = CountLaw(0.5 * weight)
    >>> round(average_run_length(downward, 0.5, enough * weight, true_ratio=0.5 / weight), 3)
    436.764
    """
    way = corridor(law, rate_ratio, critical_value)
    arrivals = law.changed(true_ratio)
    return _mean_over_chance(way, arrivals, is_upward=rate_ratio > 1)


def _mean_over_chance(way: Corridor, law: CountLaw, *, is_upward: bool) -> float:
    one, many = masses(law), dict[int, Masses]()
    waits = _waits(one, math.ceil((way.under + way.over) / way.per_event) + 2)
    alive, look, length, signal = Alive(np.ones(1), 0, 0.0, 0.0), 0, 0.0, 0.0
    for _ in range(LONGEST):
        mass = total(alive.chance)
        if mass <= NEGLIGIBLE * signal:
            if signal == 0:
                raise ValueError("a signal is too unlikely for double precision")
            return length / signal
        look, length = look + 1, length + mass
        bottom, top = way.edges(look * way.per_look)
        alive = advance(alive, one, bottom, top)
        signal += alive.high if is_upward else alive.low
        rest = way.looks_alike(look) - look
        if rest and alive.chance.any():
            if rest not in many:
                many[rest] = masses(law.over(rest))
            before = alive
            alive = advance(before, many[rest], bottom, top)
            signal += alive.high if is_upward else 0.0
            room = waits[: len(before.chance)][::-1]
            length += total((before.chance - alive.chance) * room)
            look += rest
    raise ValueError("the chart neither signals nor returns to zero within a million steps")


def _waits(one: Masses, widest: int) -> NDArray[np.float64]:
    """Mean looks spent under an edge that is 1, 2, ... counts above."""
    reciprocal = 1.0 / float(one.tail[1])
    waits = np.zeros(widest)
    for room in range(widest):
        reach = min(room, len(one.at) - 1)
        earlier = total(one.at[1 : reach + 1] * waits[room - reach : room][::-1])
        waits[room] = (1.0 + earlier) * reciprocal
    return waits


def chance_of_signal(
    law: CountLaw, rate_ratio: float, critical_value: float, *, looks: int
) -> float:
    """Compute the chance under the null that a chart signals within so many equal looks.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null, the same for every look.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    looks : int
        Looks, at least 1.

    Returns
    -------
    float
        Probability, with an absolute error below 1e-13.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    One excursion from zero is followed look by look; a renewal equation puts excursions together.
    `first_signal` finds the same, and more, for looks that differ.

    Examples
    --------
    Signal at the first event:

    >>> round(chance_of_signal(CountLaw(0.1), 2.0, 1e-6, looks=2), 6)
    0.181269
    """
    if not (looks >= 1 and looks % 1 == 0):
        raise ValueError(f"looks is {looks}: must be whole, and at least 1")
    way = corridor(law, rate_ratio, critical_value)
    signals, returns = _excursion(way, masses(law), looks, is_upward=rate_ratio > 1)
    at_zero = np.zeros(looks)  # chance of a return at a look without a signal before
    at_zero[0] = 1.0
    for look in range(1, looks):
        at_zero[look] = total(at_zero[:look] * returns[:look][::-1])
    ends = np.add.accumulate(signals)[::-1]  # chance of a signal in what is left of the plan
    return total(at_zero * ends)


def _excursion(
    way: Corridor, one: Masses, looks: int, *, is_upward: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    alive, signals, returns = Alive(np.ones(1), 0, 0.0, 0.0), np.zeros(looks), np.zeros(looks)
    for look in range(looks):
        alive = advance(alive, one, *way.edges((look + 1) * way.per_look))
        over = (alive.high, alive.low)
        signals[look], returns[look] = over if is_upward else over[::-1]
        if total(alive.chance) <= NEGLIGIBLE * NEGLIGIBLE:
            break
    return signals, returns
