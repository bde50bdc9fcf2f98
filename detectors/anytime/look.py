"""One look at an e-process, and how it follows the look before."""

import math
from dataclasses import dataclass
from typing import Final

from detectors.validation import require_between

_GREATEST_LOG: Final = 709.78  # the exponential of more is above the greatest double


@dataclass(frozen=True, kw_only=True)
class Look:
    """What an e-process was when it was looked at once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    log_e : float
        Natural logarithm of the evidence now; always finite.
    e : float
        The evidence now: with mean at most 1 under the null at any time, also one that the data
        choose. Infinite only where above the greatest double.
    greatest_log_e : float
        Greatest `log_e` of all looks, and of the start, where it is 0. For the record: its
        exponential is not an e-value, and must not be averaged, multiplied or compared as one.
    log_threshold : float
        Logarithm of 1 / alpha.
    is_crossing : bool
        Whether `log_e` is now at `log_threshold` or above.
    has_crossed : bool
        Whether this look or an earlier one was.
    """

    number: int
    log_e: float
    e: float
    greatest_log_e: float
    log_threshold: float
    is_crossing: bool
    has_crossed: bool


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is kept of the looks so far: plain numbers.

    Attributes
    ----------
    looks : int
        Looks so far.
    greatest_log_e : float
        Greatest logarithm of the evidence so far, 0 at the start.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    looks: int = 0
    greatest_log_e: float = 0.0
    first_crossing: int = 0


NO_LOOKS: Final = Record()


def record_look(record: Record, log_e: float, *, alpha: float) -> tuple[Record, Look]:
    """Add a look to the record.

    Parameters
    ----------
    record : Record
        The looks so far.
    log_e : float
        Natural logarithm of the evidence now.
    alpha : float
        Chance of a false crossing at any time, in (0, 1).

    Returns
    -------
    Record
        The looks so far, with this one.
    Look
        What was seen.
    """
    log_threshold = -math.log(alpha)
    is_crossing = log_e >= log_threshold
    number = record.looks + 1
    first_crossing = record.first_crossing or (number if is_crossing else 0)
    greatest = max(record.greatest_log_e, log_e)
    look = Look(
        number=number,
        log_e=log_e,
        e=math.exp(log_e) if log_e < _GREATEST_LOG else math.inf,
        greatest_log_e=greatest,
        log_threshold=log_threshold,
        is_crossing=is_crossing,
        has_crossed=first_crossing > 0,
    )
    kept = Record(looks=number, greatest_log_e=greatest, first_crossing=first_crossing)
    return kept, look


def require_alpha(alpha: float) -> None:
    """Raise unless a chance of a false crossing is one.

    Parameters
    ----------
    alpha : float
        In (0, 1).

    Raises
    ------
    ValueError
        If it is not.
    """
    require_between("alpha", alpha, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A confidence set that is an interval, at one time of a confidence sequence.

    Attributes
    ----------
    lower, upper : float
        Ends of the interval; `upper` is infinite, and `lower` minus infinity where the parameter
        can be negative, as long as the data set no bound.
    """

    lower: float
    upper: float
