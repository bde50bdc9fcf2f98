"""Arguments of comparisons with a history: counts, person-time and proper priors."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.validation import as_counts, as_reals, refuse_where

GREATEST_PERSON_TIME = 1e15
LEAST_PERSON_TIME = 1e-12
GREATEST_PATIENTS = 100_000  # masses of counts are summed one by one


def as_person_time(
    name: str, values: ArrayLike, *, is_zero_allowed: bool = False
) -> NDArray[np.float64]:
    """Convert to person-time.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like
        Person-time of any unit, from 1e-12 to 1e15.
    is_zero_allowed : bool, default: False
        Whether 0 is allowed as well.

    Returns
    -------
    ndarray of float64, of the shape of `values`
        The values.

    Raises
    ------
    ValueError
        If a value is missing, negative, infinite or out of range; or 0 where that is not allowed.
    """
    time = as_reals(name, values)
    refuse_where(np.isnan(time), name, time, "must not be missing")
    if not is_zero_allowed:
        refuse_where(time == 0, name, time, "must be above 0: no time, no rate")
    refuse_where((time > 0) & (time < LEAST_PERSON_TIME), name, time, "must be 0 or at least 1e-12")
    refuse_where(time > GREATEST_PERSON_TIME, name, time, "must be at most 1e15")
    return time


def as_patients(name: str, values: ArrayLike, *, least: int = 0) -> NDArray[np.int64]:
    """Convert to numbers of patients.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like of whole numbers
        From `least` to 100,000.
    least : int, default: 0
        Fewest allowed.

    Returns
    -------
    ndarray of int64, of the shape of `values`
        A copy.

    Raises
    ------
    ValueError
        If a value is no count or out of range.
    """
    patients = as_counts(name, values)
    refuse_where(patients < least, name, patients, f"must be at least {least}")
    refuse_where(
        patients > GREATEST_PATIENTS, name, patients, f"must be at most {GREATEST_PATIENTS}"
    )
    return patients


def require_proper(name: str, value: float) -> None:
    """Raise unless a parameter of a prior is positive and finite.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    value : float
        Its value.

    Raises
    ------
    ValueError
        If `value` is not between 0 and infinity: the prior would be improper.
    """
    if not 0.0 < value < math.inf:
        raise ValueError(
            f"{name} is {value}: must be above 0 and finite, else the prior is improper"
        )


def require_weight(name: str, value: float) -> None:
    """Raise unless a number is a weight.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    value : float
        Its value.

    Raises
    ------
    ValueError
        If `value` is outside [0, 1] or NaN.
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value}: must lie in [0, 1]")
