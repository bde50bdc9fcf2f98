"""What a test of a count sees at one interim analysis, and its result."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    """

    events: int
    expected: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a sequential test saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    llr : float
        Log-likelihood ratio.
    critical_value : float
        Boundary of `llr`; 0 where the count alone decides.
    is_past_horizon : bool
        Whether it came after the end that was planned. Such a look cannot cross, except as the test
        says.
    is_crossing : bool
        Whether this look meets the boundary.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    events: int
    expected: float
    llr: float
    critical_value: float
    is_past_horizon: bool
    is_crossing: bool
    has_crossed: bool
