"""Weibull shape of the times to onset, by the likelihood of whole days.

A report with onset on day *d* says that the time lies in [d, d + 1). Taking this literally keeps
the onsets of the first day, at which a density would be infinite or zero.

For a given shape the logarithm of the likelihood is concave in the rate of the times raised to the
shape, so the best rate is the root of a falling function. What is left is one equation in the
shape, and its root is found to the last digits: nothing depends on a start or on a tolerance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.estimate import Estimate, Statistic, first_reason
from detectors.features.axis import as_rows, places
from detectors.validation import require_between

Observation = Literal["complete", "right_truncated"]
PRECISION = 1e-13  # of the logarithm of a root
LARGEST_LOG = 700.0  # the exponential of more is near the greatest double


@dataclass(frozen=True, eq=False)
class Shape:
    """Weibull distributions fitted to the onsets of pairs.

    Attributes
    ----------
    shape : Estimate
        Shapes with profile-likelihood limits. States: ``no_report``, ``too_few``, ``one_burst``.
    scale_days : Statistic, of the same shape
        Scales in days. State also ``no_scale``, for truncated onsets.
    log_likelihood : Statistic, of the same shape
        Its greatest value.
    slope : Statistic, of the same shape
        Derivative of the profile log-likelihood by the logarithm of the shape at the estimate, a
        report: 0 but for rounding, which is the evidence that the fit has converged.
    """

    shape: Estimate
    scale_days: Statistic
    log_likelihood: Statistic
    slope: Statistic


def onset_shape(
    by_day: ArrayLike,
    *,
    observation: Observation = "complete",
    confidence_level: float = 0.95,
) -> Shape:
    r"""Estimate whether the hazard of an event falls, stays or grows after the first dose.

    Parameters
    ----------
    by_day : array_like of whole numbers, shape (..., n_days)
        Reports of each pair by whole days to onset.
    observation : {"complete", "right_truncated"}, default: "complete"
        Whether later onsets would have been seen too, or only those within the `n_days` are known.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Shape
        The fits.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, or an argument is out of range.

    Notes
    -----
    With shape :math:`\beta` and scale :math:`\eta` the chance of an onset on day *d* is
    :math:`e^{-(d/\eta)^\beta} - e^{-((d+1)/\eta)^\beta}`; for truncated onsets it is divided by
    :math:`1 - e^{-(D/\eta)^\beta}`, with *D* the number of days. A shape below 1 is a falling
    hazard (early onset), 1 a constant one, above 1 a growing one. The usual reading, as of
    Cornelius and others [1]_, takes the limits: see `hazard`.

    The limits are the shapes at which the profile log-likelihood is half a chi-square quantile
    (one degree of freedom) below its greatest value. They are large-sample limits.

    If all onsets fall on one day, or on two days in a row, a greater shape always fits better:
    state ``one_burst``. Else the likelihood falls to 0 at both ends of the shape. Truncated onsets
    may fit best with an infinite scale; the shape is then that of a power law, and the scale has
    the state ``no_scale``. Treating truncated onsets as complete makes times too short [2]_.

    References
    ----------
    .. [1] Cornelius VR, Sauzet O, Evans SJW (2012). A signal detection method to detect adverse
       drug reactions using a parametric time-to-event model in simulated cohort data. Drug Safety,
       35(7), 599-610.
    .. [2] Leroy F, Dauxois JY, Theophile H, Haramburu F, Tubert-Bitter P (2014). Estimating
       time-to-onset of adverse drug reactions from spontaneous reporting databases. BMC Medical
       Research Methodology, 14, 17.

    Examples
    --------
    >>> found = onset_shape([9, 4, 3, 2, 1, 1, 1, 0, 0, 1])
    >>> round(float(found.shape.point), 3), round(float(found.scale_days.value), 3)
    (0.902, 2.162)
    """
    if observation not in get_args(Observation):
        raise ValueError(f"observation is {observation!r}: must be one of {get_args(Observation)}")
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    counts = as_rows("by_day", by_day)
    state = _state(counts)
    drop = float(special.chdtri(1.0, 1.0 - confidence_level)) / 2
    rows = np.full((*state.shape, 6), np.nan)
    for i in places(state == "defined"):
        rows[i] = _fit(counts[i], observation, drop)
    point, lower, upper, scale, height, slope = (rows[..., j] for j in range(6))
    unscaled = (state == "defined") & np.isinf(scale)
    return Shape(
        shape=Estimate(point=point, lower=lower, upper=upper, state=state),
        scale_days=Statistic(
            value=np.where(unscaled, np.nan, scale), state=np.where(unscaled, "no_scale", state)
        ),
        log_likelihood=Statistic(value=height, state=state),
        slope=Statistic(value=slope, state=state),
    )


def hazard(shape: Estimate) -> NDArray[np.str_]:
    """Read the course of the hazard from the limits of a shape.

    Parameters
    ----------
    shape : Estimate
        Weibull shapes with limits.

    Returns
    -------
    ndarray of str
        ``decreasing`` where the upper limit is below 1, ``increasing`` where the lower one is above
        1, ``not_told`` where 1 lies between them (which is no evidence of a constant hazard), and
        ``undefined`` where there is no shape.

    Examples
    --------
    >>> found = onset_shape([[90, 10, 5, 2, 1, 1, 1, 1, 1, 1], [0, 0, 0, 5, 9, 5, 0, 0, 0, 0]])
    >>> hazard(found.shape)
    array(['decreasing', 'increasing'], dtype='<U10')
    """
    course = np.where(shape.upper < 1, "decreasing", "not_told")
    course = np.where(shape.lower > 1, "increasing", course)
    return np.where(shape.state == "defined", course, "undefined")


def _state(counts: NDArray[np.int64]) -> NDArray[np.str_]:
    n = np.asarray(counts.sum(axis=-1))
    pairs_of_days = np.concatenate([counts[..., :1], counts[..., 1:] + counts[..., :-1]], axis=-1)
    return first_reason(
        ("no_report", n == 0),
        ("too_few", n == 1),
        ("one_burst", np.asarray(pairs_of_days.max(axis=-1)) == n),
    )


def _fit(by_day: NDArray[np.int64], observation: Observation, drop: float) -> list[float]:
    likelihood = _Likelihood(by_day, is_truncated=observation == "right_truncated")
    best = _root(likelihood.slope, 0.0)
    height = likelihood.profile(best)

    def above(log_shape: float) -> float:
        return likelihood.profile(log_shape) - height + drop

    lower = scipy.optimize.brentq(above, _step_out(above, best, -0.5), best, xtol=PRECISION)
    upper = scipy.optimize.brentq(above, best, _step_out(above, best, 0.5), xtol=PRECISION)
    shapes = [math.exp(x) for x in (best, lower, upper)]
    slope = likelihood.slope(best) / likelihood.n_reports
    return [*shapes, likelihood.scale_days(best), height, slope]


def _root(falling: Callable[[float], float], start: float) -> float:
    low, high = start, start
    while falling(low) <= 0:
        low -= 0.5
    while falling(high) >= 0:
        high += 0.5
    return float(scipy.optimize.brentq(falling, low, high, xtol=PRECISION))


def _step_out(above: Callable[[float], float], start: float, step: float) -> float:
    end = start + step
    while above(end) > 0:
        end += step
    return end


class _Likelihood:
    """The likelihood of one pair's onsets, with times in units of the last day's end.

    `gap` is the difference of the two ends of a day raised to the shape, and `first` the lower end.
    Differences are computed from ratios, so that no day is lost beside a much later one.
    """

    def __init__(self, by_day: NDArray[np.int64], *, is_truncated: bool) -> None:
        days = np.flatnonzero(by_day)
        self.counts = by_day[days].astype(np.float64)
        self.n_reports = math.fsum(self.counts)
        self.unit = float(days[-1] + 1)
        self.log_last = log(np.asarray((days + 1.0) / self.unit, dtype=np.float64))
        self.log_first = log(np.asarray(days / self.unit))  # minus infinity for the first day
        self.log_span = self.log_last - self.log_first
        self.log_end = math.log(len(by_day) / self.unit) if is_truncated else math.inf

    def slope(self, log_shape: float) -> float:
        shape = math.exp(log_shape)
        rate = self._rate(shape)
        first, _, gap = self._powers(shape)
        grows = shape * self.log_last + 1.0 / special.exprel(shape * self.log_span)
        moves = first * shape * np.maximum(self.log_first, -1e300)  # 0 for the first day
        each = grows / special.exprel(rate * gap) - rate * moves
        whole = math.fsum(self.counts * each)
        if math.isinf(self.log_end):
            return whole
        end = rate * self._end(shape)
        return whole - self.n_reports * shape * self.log_end / float(special.exprel(end))

    def profile(self, log_shape: float) -> float:
        shape = math.exp(log_shape)
        rate = self._rate(shape)
        first, log_gap, gap = self._powers(shape)
        each = (
            log_gap + log(np.asarray(special.exprel(-rate * gap), dtype=np.float64)) - rate * first
        )
        whole = math.fsum(self.counts * each)
        if math.isinf(self.log_end):
            return whole + self.n_reports * math.log(rate)
        end = self._end(shape)
        return whole - self.n_reports * math.log(end * float(special.exprel(-rate * end)))

    def scale_days(self, log_shape: float) -> float:
        shape = math.exp(log_shape)
        rate = self._rate(shape)
        log_scale = -math.log(rate) / shape if rate > 0 else math.inf
        return self.unit * math.exp(log_scale) if log_scale < LARGEST_LOG else math.inf

    def _powers(self, shape: float) -> tuple[NDArray[np.float64], ...]:
        log_gap = shape * self.log_last + log(-special.expm1(-shape * self.log_span))
        return exp(shape * self.log_first), log_gap, exp(log_gap)

    def _end(self, shape: float) -> float:
        return math.exp(min(shape * self.log_end, LARGEST_LOG))  # beyond, it cuts nothing off

    def _rate(self, shape: float) -> float:
        """Find the best rate, 0 where truncated onsets ask for an infinite scale."""
        first, _, gap = self._powers(shape)
        begun = math.fsum(self.counts * first)

        def falling(log_rate: float) -> float:
            rate = math.exp(log_rate)
            whole = math.fsum(self.counts * _excess(rate, gap)) - begun
            if math.isinf(self.log_end):
                return whole + self.n_reports / rate
            return whole - self.n_reports * float(_excess(rate, np.array(self._end(shape))))

        start = -math.log(math.fsum(self.counts * (first + gap / 2)) / self.n_reports)
        if falling(start - 30.0) <= 0:  # a scale greater than any that the days could tell
            return 0.0
        return math.exp(_root(falling, start))


def _excess(rate: float, gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute gap / expm1(rate * gap) - 1 / rate without its cancellation."""
    x = rate * gap
    is_near = x < 0.05  # noqa: PLR2004 - where the series is better
    near, far = np.where(is_near, x, 0.0), np.where(is_near, 1.0, x)
    series = -0.5 + near / 12 - near**3 / 720 + near**5 / 30240  # the next term is below 1e-15
    return np.where(is_near, gap * series, gap / special.expm1(far) - 1.0 / rate)
