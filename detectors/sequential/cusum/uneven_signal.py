"""First signals of a CUSUM whose events weigh differently from look to look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from detectors.sequential.count_law import CountLaw
from detectors.sequential.cusum.first_signal import first_signal, weighs_alike
from detectors.sequential.cusum.uneven_chart import (
    Charts,
    Move,
    Side,
    followed_exactly,
    moves_of,
)
from detectors.sequential.operating import FirstSignal

FINEST, COARSEST = 2**15, 2**11  # parts of the critical value, over a plan
MOST_MOVES = 2**21  # values times counts of a look on a lattice


@dataclass(frozen=True, eq=False)
class Between:
    """Two bounds of the chance of the first signal at each look.

    Attributes
    ----------
    lower, upper : FirstSignal
        The chance of a signal up to any look lies between their sums up to it. One object where the
        chances are exact.
    """

    lower: FirstSignal
    upper: FirstSignal

    @property
    def is_exact(self) -> bool:
        """Whether the two are one."""
        return self.lower is self.upper

    @property
    def middle(self) -> FirstSignal:
        """Half way between the two."""
        return FirstSignal(
            chance=0.5 * (self.lower.chance + self.upper.chance),
            events=0.5 * (self.lower.events + self.upper.events),
        )


def first_signal_between(
    plan: Sequence[CountLaw], rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> Between:
    """Compute the chance of a first signal at each planned look, or bounds of it.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null; an event may weigh differently from look to look.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive, from the first look on.

    Returns
    -------
    Between
        Exact, with an absolute error below 1e-13, where an event weighs the same at every look or
        charts have at most 4,000 values. Else bounds, between which the chance lies.

    Raises
    ------
    ValueError
        If the plan is empty, or an argument is out of range.

    Notes
    -----
    Bounds round each look by at most a 32,768th of the critical value, or a 2,048th where an event
    weighs so little that hundreds lie below it. Their distance is mostly below a hundredth of the
    chance.

    Examples
    --------
    Events that vary between patients, who become more:

    >>> plan = [CountLaw(0.2 * month, dispersion=2.0) for month in range(1, 5)]
    >>> found = first_signal_between(plan, 2.0, 1.5)
    >>> found.is_exact, found.upper.chance.round(4).tolist()
    (True, [0.0028, 0.0067, 0.0172, 0.0214])
    """
    found = _found(plan, rate_ratio, critical_value, true_ratio, ("below", "above"))
    return Between(found[0], found[-1])


def greatest_chance(plan: Sequence[CountLaw], rate_ratio: float, critical_value: float) -> float:
    """Compute the chance of a false signal within a plan, or an upper bound of it.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null, as in `first_signal_between`, in half of whose time this is
        found.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    float
        Sum of the upper chances.

    Raises
    ------
    ValueError
        If the plan is empty, or an argument is out of range.
    """
    return math.fsum(_found(plan, rate_ratio, critical_value, 1.0, ("above",))[0].chance)


def _found(
    plan: Sequence[CountLaw],
    rate_ratio: float,
    critical_value: float,
    true_ratio: float,
    sides: Sequence[Side],
) -> list[FirstSignal]:
    """One that is exact, or a bound for each side to which charts are rounded."""
    if weighs_alike(plan, rate_ratio, critical_value):
        return [first_signal(plan, rate_ratio, critical_value, true_ratio=true_ratio)]
    moves = moves_of(tuple(plan), rate_ratio, critical_value, true_ratio)
    follow = partial(_followed, moves)
    return followed_exactly(follow, critical_value, parts=_parts(moves), sides=sides)


def _parts(moves: Sequence[Move]) -> int:
    counts = max(len(move.added) for move in moves)
    return min(FINEST, max(COARSEST, MOST_MOVES // counts))


def _followed(moves: Sequence[Move], start: Charts) -> FirstSignal:
    charts, signals = start.joined(np.array([1.0, 0.0])), []
    for move in moves:
        passed = charts.moved(move)
        signals.append(passed.signal)
        charts = passed.alive.joined(passed.at_zero)
    chance, events = np.array(signals).T
    return FirstSignal(chance=chance, events=events)
