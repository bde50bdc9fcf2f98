"""How often and how soon a sequential test signals."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class OperatingCharacteristics:
    """What a design does at one rate ratio, by the engine of its boundary or as `method` says.

    Attributes
    ----------
    rate_ratio : float
        True rate over that of the null.
    power : float
        Chance of a signal; under the null the attained size.
    expected_time_to_signal : float
        Mean time of the signal, given one, in the unit of the horizon; NaN if there cannot be one.
    expected_length : float
        Mean time to the signal or the end.
    expected_events_at_signal : float
        Mean count at the signal, given one; NaN if there cannot be one.
    method : {"exact", "bounded", "simulated"}, default: "exact"
        ``exact``: but for rounding. ``bounded``: the middle between two bounds. ``simulated``: a
        share of simulated watches.
    power_error : float, default: 0.0
        Beside rounding: the power is no further off than this where it is exact or bounded; its
        standard error where it is simulated.
    """

    rate_ratio: float
    power: float
    expected_time_to_signal: float
    expected_length: float
    expected_events_at_signal: float
    method: Literal["exact", "bounded", "simulated"] = "exact"
    power_error: float = 0.0


@dataclass(frozen=True, eq=False)
class FirstSignal:
    """Chance of the first signal at each look.

    Attributes
    ----------
    chance : ndarray of float64, shape (n_looks,)
        Chance that the first signal comes at this look.
    events : ndarray of float64, shape (n_looks,)
        That chance times the mean number of events to date, given that it does.
    left_out : float, default: 0.0
        Chance of the histories that were left out: no sum of chances is further off.
    """

    chance: NDArray[np.float64]
    events: NDArray[np.float64]
    left_out: float = 0.0


def mean_events(found: FirstSignal) -> float:
    """Compute the mean number of events to date at the first signal, given one.

    Parameters
    ----------
    found : FirstSignal
        Chances at each look, not all 0.

    Returns
    -------
    float
        Mean number of events.
    """
    return math.fsum(found.events) / math.fsum(found.chance)
