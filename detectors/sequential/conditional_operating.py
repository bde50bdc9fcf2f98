"""How often and how soon a conditional test signals, from the stairs that its boundary makes."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

from detectors.sequential.conditional_boundary import Boundary, Plan, stairs
from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.polya_paths import (
    count_masses,
    mean_rate,
    silent_at_end,
    silent_given_count,
)

RAREST = 1e-12  # chance of a signal below which means given one are lost in rounding
NODES, WEIGHTS = special.roots_legendre(20)  # on each stair
GREATEST_RATIO = 1e6


def characteristics(plan: Plan, limit: Boundary, rate_ratio: float) -> OperatingCharacteristics:
    """Compute power and mean times, in units of the historical person-time.

    Parameters
    ----------
    plan : Plan
        The plan.
    limit : Boundary
        Its boundary.
    rate_ratio : float
        True rate over the historical one, positive.

    Returns
    -------
    OperatingCharacteristics
        Its numbers; NaN for the means given a signal where the power is below 1e-12.
    """
    times, rooms = stairs(plan, limit)
    ends = [plan.min_person_time, *times]
    grid, places = _grid(ends)
    room_at = [rooms[0], *(room for room in rooms for _ in range(NODES.size + 1))]
    at = _silence(plan, grid, room_at, rate_ratio)
    at_ends, inside = at[:: NODES.size + 1], at[places]
    power = max(0.0, 1.0 - float(at_ends[-1]))
    widths = np.repeat(np.diff(ends), NODES.size) / 2 * np.tile(WEIGHTS, len(rooms))
    length = plan.min_person_time + math.fsum(widths * inside)
    if power < RAREST:
        return _of(rate_ratio, power, length, math.nan, math.nan)
    before_signal = plan.min_person_time * power + math.fsum(widths * (inside - at_ends[-1]))
    events = _events_at_first_look(plan, rooms[0], rate_ratio) + math.fsum(
        room * (left - right) for room, (left, right) in zip(rooms, pairwise(at_ends), strict=True)
    )
    return _of(rate_ratio, power, length, before_signal / power, events / power)


def ratio_detected(plan: Plan, limit: Boundary, power: float) -> float:
    """Find the rate ratio at which a plan has a given power.

    Parameters
    ----------
    plan : Plan
        The plan.
    limit : Boundary
        Its boundary.
    power : float
        Above the attained size and below 1.

    Returns
    -------
    float
        The rate ratio; infinite if none up to 1e6 has it.
    """
    times, rooms = stairs(plan, limit)
    silent = silent_at_end(times, rooms)

    def missing(log_ratio: float) -> float:
        return power - 1.0 + _chance(plan, times[-1], silent, math.exp(log_ratio))

    if missing(math.log(GREATEST_RATIO)) > 0:
        return math.inf
    return math.exp(
        float(scipy.optimize.brentq(missing, 0.0, math.log(GREATEST_RATIO), xtol=1e-11))
    )


def _grid(ends: Sequence[float]) -> tuple[list[float], NDArray[np.bool_]]:
    """List the ends of all stairs with the nodes between them, and say which are nodes."""
    grid = [ends[0]]
    for left, right in pairwise(ends):
        grid += [*(left + (right - left) * (1 + NODES) / 2).tolist(), right]
    return grid, np.arange(len(grid)) % (NODES.size + 1) != 0


def _silence(
    plan: Plan, grid: Sequence[float], rooms: Sequence[int], rate_ratio: float
) -> NDArray[np.float64]:
    later = [place for place, time in enumerate(grid) if time > 0]
    known = silent_given_count([grid[i] for i in later], [rooms[i] for i in later])
    chances = [
        _chance(plan, grid[i], silent, rate_ratio) for i, silent in zip(later, known, strict=True)
    ]
    return np.array([1.0] * (len(grid) - len(later)) + chances)


def _chance(plan: Plan, time: float, silent: NDArray[np.float64], rate_ratio: float) -> float:
    masses = count_masses(
        time * rate_ratio, silent.size, n_historical=plan.n_historical, history=plan.history
    )
    return math.fsum(silent * masses)


def _events_at_first_look(plan: Plan, least: int, rate_ratio: float) -> float:
    """Mean count at the first look where it signals, times the chance of that."""
    time = plan.min_person_time * rate_ratio
    if time == 0:
        return 0.0
    below = count_masses(time, least, n_historical=plan.n_historical, history=plan.history)
    mean = time * mean_rate(plan.n_historical, plan.history)
    return max(0.0, mean - math.fsum(np.arange(least) * below))


def _of(
    rate_ratio: float, power: float, length: float, time: float, events: float
) -> OperatingCharacteristics:
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=time,
        expected_length=length,
        expected_events_at_signal=events,
    )
