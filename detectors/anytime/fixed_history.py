r"""A watch against a history that was followed for a fixed time: its rate is bounded, then tested.

The evidence of `uncertain_comparator` takes the history to have ended with an event whose number
was fixed. If its length was fixed instead, the number of its events is chance; where they were too
few, the evidence grows under the null as well. So the chance of a crossing is divided: a part for
the history, the rest for the watch.
"""

import math
from typing import Literal, get_args

from scipy import special

from detectors.validation import GREATEST_COUNT, require_between

Side = Literal["upper", "lower"]
LEAST_TIME, GREATEST_TIME = 1e-12, 1e12


def rate_limit(
    history_events: int, history_time: float, *, error: float, side: Side = "upper"
) -> float:
    r"""Bound the rate of a history that was followed for a fixed time.

    Parameters
    ----------
    history_events : int
        Events of the history, *c*, 0 allowed; at most 2**53.
    history_time : float
        Person-time, fixed beforehand; from 1e-12 to 1e12.
    error : float
        Chance that the rate is beyond the limit, in (0, 1); a part of the `alpha` of the watch,
        such as a fifth.
    side : {"upper", "lower"}, default: "upper"
        ``upper`` for a watch for more events, ``lower`` for one for fewer.

    Returns
    -------
    float
        Events per unit of person-time. 0 is a lower limit without events: no watch for fewer
        events is then possible.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The exact Poisson limit [1]_: a quantile of the gamma distribution with shape *c* + 1 (lower:
    *c*). To watch: `anytime.poisson` with ``alpha - error`` for its `alpha`, and the limit times
    the person-time for `expected`. Given the history, if the limit holds, the true rate ratio is
    within the null of that watch, which crosses, ever, with a chance of at most ``alpha - error``;
    the limit fails with a chance of at most `error`. Together: at most `alpha`, whatever the rate.
    The evidence of that watch is no e-value on its own, as its mean is bounded only while the
    limit holds: do not average or multiply it.

    References
    ----------
    .. [1] Garwood F (1936). Fiducial limits for the Poisson distribution. Biometrika, 28, 437-442.

    Examples
    --------
    No event in ten years:

    >>> round(rate_limit(0, 10.0, error=0.01), 4)
    0.4605
    """
    if not (0 <= history_events <= GREATEST_COUNT and history_events % 1 == 0):
        raise ValueError(f"history_events is {history_events}: must be whole, from 0 to 2**53")
    if not LEAST_TIME <= history_time <= GREATEST_TIME:
        raise ValueError(f"history_time is {history_time}: must be from 1e-12 to 1e+12")
    require_between("error", error, 0.0, 1.0)
    if side not in get_args(Side):
        raise ValueError(f"side is {side!r}: must be 'upper' or 'lower'")
    if side == "upper":
        return float(special.gammainccinv(history_events + 1.0, error)) / history_time
    if history_events == 0:
        return 0.0
    found = float(special.gammaincinv(float(history_events), error)) / history_time
    return found if math.isfinite(found) else 0.0
