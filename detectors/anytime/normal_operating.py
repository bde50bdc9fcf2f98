"""How often and how soon evidence about a mean crosses, by recursions over the looks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import scipy  # its parts are loaded when they are used

from detectors.sequential.normal_paths import START, Density, advanced, chance_above

GREATEST_EFFECT = 5.0  # in standard deviations of a value
MOST_LOOKS = 200
MOST_VALUES = 200  # the recursion takes a step for each


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """What a design does at one effect.

    Attributes
    ----------
    effect : float
        True difference from the null, in standard deviations of a value.
    power : float
        Chance of a crossing by the last look; at 0 the attained size.
    expected_values_to_signal : float
        Mean number of values at the crossing, given one; NaN if there cannot be one.
    expected_values : float
        Mean number of values at the crossing or the last look.
    """

    effect: float
    power: float
    expected_values_to_signal: float
    expected_values: float


def characteristics(found: tuple[float, float], *, effect: float, n_values: int) -> Characteristics:
    """Say what a design does.

    Parameters
    ----------
    found : tuple of float
        Chance of a crossing, and the mean number of values where it crosses and 0 elsewhere.
    effect : float
        Where they hold.
    n_values : int
        Values at the last look.

    Returns
    -------
    Characteristics
        The mean given a crossing is NaN where there cannot be one.
    """
    power = min(1.0, max(0.0, found[0]))
    return Characteristics(
        effect=effect,
        power=power,
        expected_values_to_signal=found[1] / found[0] if found[0] > 0.0 else math.nan,
        expected_values=found[1] + n_values * (1.0 - power),
    )


def require_effect(name: str, effect: float) -> None:
    """Raise unless an effect is one that the recursions take.

    Parameters
    ----------
    name : str
        The argument.
    effect : float
        Its value.

    Raises
    ------
    ValueError
        If it is not from -5 to 5.
    """
    if not -GREATEST_EFFECT <= effect <= GREATEST_EFFECT:
        raise ValueError(f"{name} is {effect}: must be from -5 to 5")


def require_looks(looks: Sequence[int]) -> None:
    """Raise unless looks are numbers of values that rise.

    Parameters
    ----------
    looks : sequence of int
        Values at each look.

    Raises
    ------
    ValueError
        If there is none or more than 200, one is not a whole number above the one before, or the
        last is above 200.
    """
    if not 1 <= len(looks) <= MOST_LOOKS:
        raise ValueError(f"looks has {len(looks)} elements: must have 1 to 200")
    before = 0
    for i, values in enumerate(looks):
        if not before < values <= MOST_VALUES or values % 1:
            raise ValueError(f"looks[{i}] is {values}: must be whole, rise, and be at most 200")
        before = values


def limit_of(log_e: Callable[[float], float], *, log_threshold: float) -> float:
    """Find where evidence crosses, on a scale from 0 to 1.

    Parameters
    ----------
    log_e : callable, float to float
        Rising, and below the threshold at 0.
    log_threshold : float
        Logarithm of 1 / alpha.

    Returns
    -------
    float
        Where; infinite if nowhere below 1 - 1e-12.
    """
    greatest = 1.0 - 1e-12
    if log_e(greatest) < log_threshold:
        return math.inf
    return float(
        scipy.optimize.brentq(lambda x: log_e(x) - log_threshold, 0.0, greatest, xtol=1e-14)
    )


def crossing_of_sums(
    looks: Sequence[int], limits: Sequence[float], effect: float, *, is_two_sided: bool
) -> tuple[float, float]:
    """Follow a sum of standard normal values with a drift.

    Parameters
    ----------
    looks : sequence of int
        Values at each look.
    limits : sequence of float
        The sum crosses here and above, and if two-sided at minus that and below.
    effect : float
        Mean of a value.
    is_two_sided : bool
        Whether there is a limit on either side.

    Returns
    -------
    tuple of float
        Chance of a crossing, with an error below 1e-9, and the mean number of values where it
        crosses and 0 elsewhere.
    """
    density, chances = START, []
    for i, (n, limit) in enumerate(zip(looks, limits, strict=True)):
        chance = chance_above(density, n, limit, drift=effect)
        if is_two_sided:
            mirrored = Density(
                information=density.information, at=-density.at[::-1], mass=density.mass[::-1]
            )
            chance += chance_above(mirrored, n, limit, drift=-effect)
        chances.append(chance)
        if i + 1 < len(looks):
            finest = min(n - density.information, looks[i + 1] - n)
            low = -limit if is_two_sided else -math.inf
            density = advanced(density, n, low=low, high=limit, drift=effect, finest=finest)
    counts = [n * chance for n, chance in zip(looks, chances, strict=True)]
    return math.fsum(chances), math.fsum(counts)
