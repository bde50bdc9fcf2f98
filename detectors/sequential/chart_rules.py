"""What the designs of CUSUM and GLR have in common: a law of counts, and what a signal does."""

import math
from typing import Literal, get_args

from detectors.sequential.count_law import CountLaw

LEAST_ALPHA = 1e-9  # far above the rounding error of the chance of a signal
MOST_LOOKS = 10_000
LEAST_DISPERSION = 0.01

AfterSignal = Literal["reset", "stay", "none"]


def finite_or_none(dispersion: float | None) -> float | None:
    """Say in one way that counts are Poisson: JSON has no infinity.

    Parameters
    ----------
    dispersion : float or None
        Size of a negative binomial; None or infinite is Poisson.

    Returns
    -------
    float or None
        None where it is infinite, else what was given.
    """
    return None if dispersion == math.inf else dispersion


def law_of_look(mean: float, dispersion: float | None, trials: int = 0) -> CountLaw:
    """Give the law under the null of the events of a look.

    Parameters
    ----------
    mean : float
        Events expected in it, above 0.
    dispersion : float or None
        Size of a negative binomial; None is none.
    trials : int, default: 0
        Trials in it; 0 where none are counted.

    Returns
    -------
    CountLaw
        Poisson, negative binomial or binomial.
    """
    size = math.inf if dispersion is None else dispersion
    return CountLaw(mean, dispersion=size, trials=trials)


def require_looks(name: str, count: int, most: int) -> None:
    """Refuse a number of looks that is none, or too many.

    Parameters
    ----------
    name : str
        Name of the argument.
    count : int
        Looks.
    most : int
        Most looks.

    Raises
    ------
    ValueError
        If it is not whole, or not from 1 to `most`.
    """
    if not (1 <= count <= most and count % 1 == 0):
        raise ValueError(f"{name} is {count}: must be whole, from 1 to {most}")


def require_alpha(alpha: float) -> None:
    """Refuse a chance of a false signal that is out of range.

    Parameters
    ----------
    alpha : float
        Chance of a false signal within the planned looks.

    Raises
    ------
    ValueError
        If it is not in [1e-9, 1).
    """
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"alpha is {alpha}: must be at least {LEAST_ALPHA:g} and below 1")


def require_rules(dispersion: float | None, after_signal: str) -> None:
    """Refuse a dispersion that is too small, and an unknown rule for signals.

    Parameters
    ----------
    dispersion : float or None
        Size of a negative binomial; None is none.
    after_signal : {"reset", "stay", "none"}
        What a signal does.

    Raises
    ------
    ValueError
        If `dispersion` is below 0.01, or `after_signal` is none of the three.
    """
    if dispersion is not None and not dispersion >= LEAST_DISPERSION:
        raise ValueError(f"dispersion is {dispersion}: must be at least {LEAST_DISPERSION}")
    if after_signal not in get_args(AfterSignal):
        raise ValueError(f"after_signal is {after_signal}: must be reset, stay or none")
