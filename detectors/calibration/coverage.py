"""Whether calibration works: each negative control judged by a null that the others give."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.calibration.calibrated import calibrate_interval, calibrate_p
from detectors.calibration.estimates import LEAST_CONTROLS, as_controls
from detectors.calibration.likelihood import maximum
from detectors.calibration.null import Null


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Negative controls, each calibrated without itself.

    Attributes
    ----------
    mean, sd : ndarray of float64, shape (n_controls,)
        The null that the other controls give.
    p : ndarray of float64, shape (n_controls,)
        Calibrated two-sided p; near uniform if calibration works.
    is_covered, is_covered_without : ndarray of bool, shape (n_controls,)
        Whether the interval holds no effect, calibrated and not.
    coverage, coverage_without : float
        The shares of the two.
    standard_error : float
        Of a share, if controls are independent and each is covered at the confidence level.
    confidence_level : float
        What the shares should be.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    p: NDArray[np.float64]
    is_covered: NDArray[np.bool_]
    is_covered_without: NDArray[np.bool_]
    coverage: float
    coverage_without: float
    standard_error: float
    confidence_level: float


def leave_one_out(
    log_rr: ArrayLike, se: ArrayLike, *, confidence_level: float = 0.95
) -> LeaveOneOut:
    """Calibrate every negative control by the null that the other controls give.

    Parameters
    ----------
    log_rr : array_like, shape (n_controls,)
        Natural logarithms of the ratios estimated, from -700 to 700; at least 4.
    se : array_like, shape (n_controls,)
        Their standard errors, from 1e-6 to 1e6.
    confidence_level : float, default: 0.95
        Coverage of the intervals, in (0, 1).

    Returns
    -------
    LeaveOneOut
        For each control, in the order given, and in total.

    Raises
    ------
    ValueError
        If an estimate is missing or out of range, if there are fewer than 4, if the two arguments
        differ in length or have more than one dimension, or if `confidence_level` is out of range.

    Notes
    -----
    A control that helps to fit the null is judged too kindly by it. Left out, it is one more
    estimate without an effect, and its interval should hold 0 as often as the level says. The null
    is taken as known, so for few controls the coverage is somewhat below the level.

    Examples
    --------
    Five controls are too few to know the spread:

    >>> found = leave_one_out([0.8, 0.9, 1.0, 1.1, 1.2], 5 * [0.1])
    >>> found.coverage_without, found.coverage
    (0.0, 0.6)
    """
    y, s = as_controls(log_rr, se)
    if y.size <= LEAST_CONTROLS:
        raise ValueError(f"log_rr holds {y.size} controls: must hold at least {LEAST_CONTROLS + 1}")
    nulls = [Null(*maximum(np.delete(y, i), np.delete(s, i))) for i in range(y.size)]
    p = np.array([calibrate_p(y[i], s[i], null).p for i, null in enumerate(nulls)])
    is_covered = np.array(
        [_holds_zero(y[i], s[i], null, confidence_level) for i, null in enumerate(nulls)]
    )
    is_covered_without = _holds_zero(y, s, Null(0.0, 0.0), confidence_level)
    return LeaveOneOut(
        mean=np.array([null.mean for null in nulls]),
        sd=np.array([null.sd for null in nulls]),
        p=p,
        is_covered=is_covered,
        is_covered_without=is_covered_without,
        coverage=float(is_covered.mean()),
        coverage_without=float(is_covered_without.mean()),
        standard_error=math.sqrt(confidence_level * (1 - confidence_level) / y.size),
        confidence_level=confidence_level,
    )


def _holds_zero(
    y: NDArray[np.float64], s: NDArray[np.float64], null: Null, confidence_level: float
) -> NDArray[np.bool_]:
    interval = calibrate_interval(y, s, null, confidence_level=confidence_level)
    return np.asarray((interval.lower <= 0) & (interval.upper >= 0))
