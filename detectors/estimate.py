"""What a detector returns: numbers, and for each number that does not exist the reason.

An undefined element is NaN with a state that says why. It is never 0 or infinite without a word,
and no half is added to a cell to make it finite.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

DEFINED = "defined"

STATES = MappingProxyType(
    {
        DEFINED: "the numbers exist",
        "empty": "there is no report at all",
        "no_report": "the product was never reported with the event",
        "no_product": "the product was never reported",
        "no_event": "the event was never reported",
        "no_comparator": "no other product was reported",
        "no_other_report": "the event was never reported with another product",
        "no_other_event": "the product was never reported with another event",
        "no_background": "no report lacks both the product and the event",
        "no_variation": "every report has the event",
        "no_expected": "the expected count is not known",
        "not_tested": "it was left out of the test",
        "too_few": "there are fewer observations than the statistic needs",
        "no_estimate": "there is no estimate to calibrate",
        "same_reports": "another product stands on exactly the same reports",
        "not_identified": "the reports do not tell the coefficient from those of the others",
        "separated": "the products tell the event without exception: no finite estimate",
        "no_informative_stratum": "no stratum has reports with and without product and event",
        "zero_odds_ratio": "the pooled odds ratio would be 0",
        "infinite_odds_ratio": "the pooled odds ratio would be infinite",
        "too_few_strata": "fewer than two strata say anything of the odds ratio",
        "too_many_tables": "the exact distribution has more tables than are enumerated",
        "no_joint_report": "the two products were never reported together",
        "no_single_report": "one of the two products was never reported without the other",
        "beyond_exact": "the exact probability would take more work than allowed",
        "one_period": "all reports fall in one period: there is no other to compare it with",
        "no_period": "nothing at all was reported in the period",
        "one_source": "all reports come from one source: there is no other to compare it with",
        "no_repeat": "no source sent two reports",
        "one_burst": "all onsets fall on one day, or on two days in a row",
        "no_scale": "the window is too short to tell the scale: it may be infinite",
        "no_spread": "all values, or all residuals, are equal: there is no spread to measure by",
        "one_time": "all values are of one time: there is no slope",
        "not_reached": "no observation, however long, has the power",
        "no_historical_event": "the history has no event: a rate of 0 is no rate to compare with",
        "beyond_double": "the number is above the greatest double",
    }
)
_STATE_TYPE = np.dtype(f"U{max(map(len, STATES))}")


@dataclass(frozen=True, eq=False)
class Estimate:
    """Point estimates with their limits.

    Attributes
    ----------
    point, lower, upper : ndarray of float64, all of one shape
        Estimates and limits; all three NaN where `state` is not ``defined``.
    state : ndarray of str, of the same shape
        A key of `STATES` for each element.
    """

    point: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    state: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Statistic:
    """Test statistics, which have no limits.

    Attributes
    ----------
    value : ndarray of float64
        Statistics; NaN where `state` is not ``defined``.
    state : ndarray of str, of the same shape
        A key of `STATES` for each element.
    """

    value: NDArray[np.float64]
    state: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class PValue:
    """Probabilities under a null hypothesis, also as logarithms.

    Attributes
    ----------
    p : ndarray of float64
        Probabilities in [0, 1], 0 only where they are below the smallest double; NaN where `state`
        is not ``defined``.
    log_p : ndarray of float64, of the same shape
        Their natural logarithms, which exist where `p` underflows.
    state : ndarray of str, of the same shape
        A key of `STATES` for each element.
    """

    p: NDArray[np.float64]
    log_p: NDArray[np.float64]
    state: NDArray[np.str_]


def first_reason(*reasons: tuple[str, NDArray[np.bool_]]) -> NDArray[np.str_]:
    """Say for each element the first reason that holds for it.

    Parameters
    ----------
    *reasons : tuple of str and ndarray of bool, of shapes that broadcast
        Keys of `STATES`, and where each of them holds; the earlier goes before the later.

    Returns
    -------
    ndarray of str, of the broadcast shape
        The reason, or ``defined`` where none holds.
    """
    shape = np.broadcast_shapes(*(where.shape for _, where in reasons))
    state = np.full(shape, DEFINED, dtype=_STATE_TYPE)
    for reason, where in reversed(reasons):
        state[np.broadcast_to(where, shape)] = reason
    return state


def where_defined(values: NDArray[np.float64], state: NDArray[np.str_]) -> NDArray[np.float64]:
    """Blank the elements that do not exist.

    Parameters
    ----------
    values : ndarray of float64
        Numbers, of any value where they do not exist.
    state : ndarray of str, of the same shape
        A key of `STATES` for each element.

    Returns
    -------
    ndarray of float64, of the same shape
        `values` where `state` is ``defined``, NaN elsewhere.
    """
    return np.where(state == DEFINED, values, np.nan)
