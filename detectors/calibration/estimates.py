"""Estimates on the log scale with their standard errors, checked."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.validation import as_numbers_within, refuse_where, require_one_index

GREATEST_LOG_RATIO = 700.0  # the ratio itself would overflow beyond 709
LEAST_SE, GREATEST_SE = 1e-6, 1e6  # squares and their quotients keep their digits
LEAST_CONTROLS = 3  # two parameters; two controls would leave nothing to judge the fit by


def as_controls(
    log_rr: ArrayLike, se: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert and check the estimates of negative controls.

    Parameters
    ----------
    log_rr, se : array_like, shape (n_controls,)
        Estimates on the log scale with their standard errors.

    Returns
    -------
    tuple of two ndarray of float64, shape (n_controls,)
        Both as arrays.

    Raises
    ------
    ValueError
        If a value is missing or out of range, if there are fewer than 3, or if shapes do not fit.
    """
    require_one_index(log_rr=log_rr, se=se)
    y, s = as_estimates(log_rr, se)
    for name, values in (("log_rr", y), ("se", s)):
        refuse_where(np.isnan(values), name, values, "must not be missing")
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"log_rr has shape {y.shape}, se {s.shape}: must be one length each")
    if y.size < LEAST_CONTROLS:
        raise ValueError(f"log_rr holds {y.size} controls: must hold at least {LEAST_CONTROLS}")
    return y, s


def as_estimates(
    log_rr: ArrayLike, se: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert and check estimates, some of which may not be known.

    Parameters
    ----------
    log_rr, se : array_like
        Estimates on the log scale with their standard errors; NaN where not known.

    Returns
    -------
    tuple of two ndarray of float64
        Both as arrays, each of its own shape.

    Raises
    ------
    ValueError
        If a value is out of range.
    """
    require_one_index(log_rr=log_rr, se=se)
    high = GREATEST_LOG_RATIO
    return (
        as_numbers_within("log_rr", log_rr, low=-high, high=high),
        as_numbers_within("se", se, low=LEAST_SE, high=GREATEST_SE),
    )
