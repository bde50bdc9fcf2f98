"""How often and how soon a sequential test signals."""

from dataclasses import dataclass
from typing import Literal


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
