"""Run lengths of a CUSUM whose looks recur, and whose events weigh differently in each."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from detectors.sequential.count_law import CountLaw
from detectors.sequential.cusum.run_length import NEGLIGIBLE
from detectors.sequential.cusum.uneven_chart import (
    Charts,
    Move,
    followed_exactly,
    moves_of,
)

PARTS = 2**12  # of the critical value, over the hundreds of looks of an excursion
LONGEST = 20_000  # looks of one excursion


def run_length_between(
    cycle: Sequence[CountLaw], rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> tuple[float, float]:
    r"""Compute the mean number of looks to the first signal where looks recur, or bounds of it.

    Parameters
    ----------
    cycle : sequence of CountLaw
        Laws under the null of the looks that recur for ever in this order.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive.

    Returns
    -------
    lower, upper : float
        The average run length of a chart at zero before the first look of the cycle; equal where it
        is exact, with a relative error below 1e-9.

    Raises
    ------
    ValueError
        If an argument is out of range, a signal is too unlikely for double precision, or a chart
        may take more than 20,000 looks from zero to zero.

    Notes
    -----
    An excursion from zero that begins with look *j* of the cycle takes :math:`N_j` looks in the
    mean, signals with chance :math:`s_j`, and is back at zero before look *k* with chance
    :math:`q_{jk}`. The run lengths solve :math:`A_j = N_j + \sum_k q_{jk} A_k`. The system is
    reduced without a difference, as Grassmann, Taksar and Heyman (1985) do [1]_: a diagonal is the
    sum of what leaves, so that rare signals are as exact as frequent ones.

    References
    ----------
    .. [1] Grassmann WK, Taksar MI, Heyman DP (1985). Regenerative analysis and steady state
       distributions for Markov chains. Operations Research, 33(5), 1107-1116.

    Examples
    --------
    Two equal looks in turn are one look, whose chart signals at an event:

    >>> found = run_length_between([CountLaw(0.1)] * 2, 2.0, 1e-6)
    >>> [round(each, 6) for each in found]
    [10.508332, 10.508332]
    """
    follow = partial(_mean_length, moves_of(tuple(cycle), rate_ratio, critical_value, true_ratio))
    found = followed_exactly(follow, critical_value, parts=PARTS, sides=("above", "below"))
    return found[0], found[-1]


def least_run_length(cycle: Sequence[CountLaw], rate_ratio: float, critical_value: float) -> float:
    """Compute the mean number of looks to a false signal where looks recur, or a lower bound of it.

    Parameters
    ----------
    cycle : sequence of CountLaw
        Laws under the null of the looks that recur, as in `run_length_between`, in half of whose
        time this is found.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    float
        The lower run length.

    Raises
    ------
    ValueError
        As `run_length_between`.
    """
    follow = partial(_mean_length, moves_of(tuple(cycle), rate_ratio, critical_value, 1.0))
    return followed_exactly(follow, critical_value, parts=PARTS, sides=("above",))[0]


def _mean_length(moves: Sequence[Move], start: Charts) -> float:
    n = len(moves)
    returns, signals, lengths = [], [], []
    for first in range(n):
        back, signal, length = _excursion([*moves[first:], *moves[:first]], start)
        returns.append(back[-first:] + back[:-first] if first else back)
        signals.append(signal)
        lengths.append(length)
    for last in range(n - 1, 0, -1):
        leaving = signals[last] + math.fsum(returns[last][:last])
        for one in range(last):
            share = returns[one][last] / leaving
            signals[one] += share * signals[last]
            lengths[one] += share * lengths[last]
            for other in range(last):
                returns[one][other] += share * returns[last][other]
    return lengths[0] / signals[0]


def _excursion(moves: Sequence[Move], start: Charts) -> tuple[list[float], float, float]:
    """Chance of a return before each look of the cycle, chance of a signal, and mean looks."""
    n = len(moves)
    charts, returns, signal, length = start.joined(np.array([1.0, 0.0])), [0.0] * n, 0.0, 0.0
    for look in range(LONGEST):
        mass = charts.mass()
        if mass <= NEGLIGIBLE * signal or mass == 0:
            break
        passed = charts.moved(moves[look % n])
        length += mass
        signal += float(passed.signal[0])
        returns[(look + 1) % n] += float(passed.at_zero[0])
        charts = passed.alive
    else:
        raise ValueError(f"a chart may take more than {LONGEST} looks from zero to zero")
    return returns, signal, length
