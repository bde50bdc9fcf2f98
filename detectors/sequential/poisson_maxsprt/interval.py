"""Interval of the rate ratio when a watch ends, exact under the design's looks."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import scipy  # its parts are loaded when they are used

from detectors.sequential.poisson_band import Band, Check, exit_probabilities
from detectors.sequential.poisson_maxsprt.likelihood import llr_of_one
from detectors.sequential.poisson_maxsprt.limits import low_time
from detectors.sequential.poisson_maxsprt.performance import GREATEST_RATIO, until
from detectors.sequential.poisson_maxsprt.watch import Design
from detectors.validation import as_counts, require_between

LEAST_RATIO = 1e-9


@dataclass(frozen=True, kw_only=True)
class RateRatioInterval:
    """What rate ratios a finished watch leaves.

    Attributes
    ----------
    lower, upper : float
        Limits; 0 where no ratio is too small, infinite where none up to 1e6 is too large.
    median_unbiased : float
        The ratio at which more and less extreme ends are equally likely; 0 or infinite likewise.
    level : float
        Least chance that the limits hold the true ratio.
    """

    lower: float
    upper: float
    median_unbiased: float
    level: float


def interval_after_signal(
    design: Design, *, events: int, expected: float, level: float = 0.95
) -> RateRatioInterval:
    r"""Compute an interval of the rate ratio when a watch has signalled, or has come to its end.

    Parameters
    ----------
    design : Design
        What was fixed before the first look.
    events : int
        Events to date, the one that crossed included.
    expected : float
        Events expected under the null to date: when the event that crossed came or, with planned
        looks, at the look; the horizon where nothing crossed.
    level : float, default: 0.95
        Least chance that the limits hold the true ratio, in (0, 1).

    Returns
    -------
    RateRatioInterval
        Limits, and the median unbiased estimate.

    Raises
    ------
    ValueError
        If the watch could not have ended so: no crossing before the horizon, or one that an
        earlier event would have made.

    Notes
    -----
    The naive :math:`n / \mu` at a signal is biased: a watch stops when the ratio happens to be
    high. Ends are ordered stage by stage [1]_: an excess the higher the earlier it signals (at one
    look, the higher the count), then ends without a signal by their count, then a deficit the
    lower the earlier it signals. The limits are the ratios at which an end so high, or so low, has
    a chance of half of `1 - level`. The chance to end so high grows with the ratio, so the limits
    are exact where ends have a density and conservative where they have atoms.

    With continuous looks a deficit signals at the fixed time at which its count has become too
    low, whenever it was looked at.

    References
    ----------
    .. [1] Jennison C, Turnbull BW (1999). Group Sequential Methods with Applications to Clinical
       Trials. Chapman and Hall/CRC, chapter 8.

    Examples
    --------
    Four events of which the last came at 0.5 expected; the naive ratio is 8:

    >>> found = interval_after_signal(Design(5.0), events=4, expected=0.5)
    >>> round(found.lower, 2), round(found.median_unbiased, 2), round(found.upper, 2)
    (0.92, 5.67, 15.62)
    """
    require_between("level", level, 0.0, 1.0)
    as_counts("events", events)
    require_between("expected", expected, 0.0, math.nextafter(design.horizon, math.inf))
    at_least, above = _chances(design, int(events), float(expected))
    tail = (1.0 - level) / 2.0
    return RateRatioInterval(
        lower=_ratio(at_least, tail),
        upper=_ratio(above, 1.0 - tail),
        median_unbiased=_ratio(lambda r: (at_least(r) + above(r)) / 2.0, 0.5),
        level=level,
    )


Chance = Callable[[float], float]


def _chances(design: Design, events: int, expected: float) -> tuple[Chance, Chance]:
    """Find the chances of an end at least as high, and of a higher one, at each rate ratio."""
    if _signals_low(design, events, expected):
        return _low(design, events, expected)
    if _signals_high(design, events, expected):
        return _high(design, events, expected)
    if expected < design.horizon:
        raise ValueError(f"{events=} at {expected=} neither cross nor are at the horizon")
    band = _counting_to(events, design.band)
    last = band.checks[-1]._replace(is_watched=False)
    return (
        _leaving_above(band, last._replace(ceiling=events - 1)),
        _leaving_above(band, last._replace(ceiling=events)),
    )


def _counting_to(events: int, band: Band) -> Band:
    if band.is_signal_above:
        return band
    checks = [check._replace(ceiling=max(check.ceiling, events)) for check in band.checks]
    return Band(checks=checks, is_signal_above=False)


def _signals_high(design: Design, events: int, expected: float) -> bool:
    limit = design.boundary
    if design.tail == "lower" or events < limit.min_events or expected < design.min_expected:
        return False
    llr = llr_of_one(events, expected, "upper")
    return limit.decided_by == "count" or (events > expected and llr >= limit.critical_value)


def _signals_low(design: Design, events: int, expected: float) -> bool:
    if design.tail == "upper" or events >= expected or expected < design.min_expected:
        return False
    return llr_of_one(events, expected, "lower") >= design.boundary.critical_value


def _high(design: Design, events: int, expected: float) -> tuple[Chance, Chance]:
    cut = until(design.band, expected)
    last = cut.checks[-1]
    if last.is_watched:
        if events != last.ceiling + 1:
            raise ValueError(
                f"{events=} at {expected=}: event {last.ceiling + 1} had crossed: give its time"
            )
        chance = _leaving_above(cut, last)
        return chance, chance
    if last.time != expected:
        raise ValueError(f"expected is {expected}: no look was planned there")
    return (
        _leaving_above(cut, last._replace(ceiling=events - 1)),
        _leaving_above(cut, last._replace(ceiling=events)),
    )


def _low(design: Design, events: int, expected: float) -> tuple[Chance, Chance]:
    time = expected
    if design.looks is None:
        time = max(design.min_expected, min(time, low_time(events, design.boundary.critical_value)))
    cut = until(design.band, time)
    last = cut.checks[-1]
    return (
        _not_leaving_below(cut, last._replace(floor=events)),
        _not_leaving_below(cut, last._replace(floor=events + 1)),
    )


def _leaving_above(band: Band, last: Check) -> Chance:
    changed = _with_last(band, last)
    return lambda ratio: exit_probabilities(changed, ratio)[0]


def _not_leaving_below(band: Band, last: Check) -> Chance:
    changed = _with_last(band, last)
    return lambda ratio: 1.0 - exit_probabilities(changed, ratio)[1]


def _with_last(band: Band, last: Check) -> Band:
    return Band(checks=[*band.checks[:-1], last], is_signal_above=band.is_signal_above)


def _ratio(chance: Chance, wanted: float) -> float:
    """Find the ratio at which a chance that rises with it is as wanted."""
    if chance(LEAST_RATIO) >= wanted:
        return 0.0
    most = GREATEST_RATIO / 2.0
    if chance(most) <= wanted:
        return math.inf
    ends = math.log(LEAST_RATIO), math.log(most)
    return math.exp(
        float(scipy.optimize.brentq(lambda x: chance(math.exp(x)) - wanted, *ends, xtol=1e-10))
    )
