"""How often and how soon a sequential test signals."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class OperatingCharacteristics:
    """What a design does at one rate ratio, computed by the engine that finds its boundary.

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
    """

    rate_ratio: float
    power: float
    expected_time_to_signal: float
    expected_length: float
    expected_events_at_signal: float
