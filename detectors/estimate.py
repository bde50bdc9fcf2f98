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
        "no_report": "the product was never reported with the event",
        "no_product": "the product was never reported",
        "no_event": "the event was never reported",
        "no_comparator": "no other product was reported",
        "no_other_report": "the event was never reported with another product",
        "no_other_event": "the product was never reported with another event",
        "no_background": "no report lacks both the product and the event",
        "no_variation": "every report has the event",
        "no_expected": "the expected count is not known",
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
