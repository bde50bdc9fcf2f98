"""How long an effect will last: a line for each patient, drawn towards that of all patients."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.effectiveness.lines import (
    Components,
    Line,
    Patients,
    as_patients,
    fit_lines,
    require_components,
)
from detectors.effectiveness.normal_pair import both_above
from detectors.estimate import Estimate, Statistic
from detectors.validation import require_between
from detectors.wald import two_sided_z

GREATEST_AHEAD = 1e6


@dataclass(frozen=True, eq=False)
class Durability:
    """Each patient's line and where it goes; patients in the order of their numbers.

    Attributes
    ----------
    patient : ndarray of int64, shape (n_patients,)
        Their numbers.
    slope : Estimate, of the same shape
        Change of the level per unit of time.
    level : Estimate, of the same shape
        Level at the end of the window.
    p_below_at_end : Statistic, of the same shape
        Chance that the level is under the threshold at the end of the window.
    p_below_within : Statistic, of the same shape
        Chance that it is under the threshold at any time in the window.
    mean_intercept, mean_slope : float
        Line of the mean over patients.
    """

    patient: NDArray[np.int64]
    slope: Estimate
    level: Estimate
    p_below_at_end: Statistic
    p_below_within: Statistic
    mean_intercept: float
    mean_slope: float


def durability(
    patient: ArrayLike,
    time: ArrayLike,
    level: ArrayLike,
    *,
    components: Components,
    threshold: float,
    now: ArrayLike,
    ahead: float,
    confidence_level: float = 0.95,
) -> Durability:
    r"""Predict for each patient whether the level falls under a threshold soon.

    Parameters
    ----------
    patient : array_like of whole numbers, shape (n_values,)
        Whose value it is. The order of the values does not matter.
    time : array_like of float, of the same shape
        When, since the therapy or any other start.
    level : array_like of float, of the same shape
        The biomarker.
    components : Components
        Variances between patients and within; from earlier patients, or from
        `lines.variance_components`.
    threshold : float
        Level under which the effect is lost.
    now : float, or array_like of float, shape (n_patients,)
        Start of the window: one for all, or each patient's, in the order of their numbers.
    ahead : float
        Length of the window, in units of `time`, in [0, 1e6]; 12 where time is in months and the
        question is of a year.
    confidence_level : float, default: 0.95
        Coverage of the intervals, in (0, 1).

    Returns
    -------
    Durability
        Lines and chances. State ``one_time`` where all values are of one time.

    Raises
    ------
    ValueError
        If a value is missing or out of range, shapes differ, or components are no variances.

    Notes
    -----
    The model is that of Laird and Ware [1]_ with a line for each patient: intercept and slope are
    normal over patients, values normal about the line. With the variances known everything is in
    closed form: the mean line by generalised least squares, each patient's line by best linear
    unbiased prediction [2]_, with the error of the mean line in its variance. ``level`` is that of
    the line, without the error of a measurement. A line is lowest at an end of the window, so
    ``p_below_within`` is one minus the chance that both ends are at or above the threshold, from
    the bivariate normal law by Owen's function [3]_, to about 1e-15 absolute.

    Variances are taken as known: give more than one set and compare. With few patients the spread
    of their slopes is the least known number and decides most.

    References
    ----------
    .. [1] Laird NM, Ware JH (1982). Random-effects models for longitudinal data. Biometrics,
       38(4), 963-974.
    .. [2] Robinson GK (1991). That BLUP is a good thing: the estimation of random effects.
       Statistical Science, 6(1), 15-32.
    .. [3] Owen DB (1956). Tables for computing bivariate normal probabilities. Annals of
       Mathematical Statistics, 27(4), 1075-1090.

    Examples
    --------
    Factor levels of two patients at 0, 6 and 12 months, of which the second falls:

    >>> found = durability(
    ...     [1, 1, 1, 2, 2, 2], [0, 6, 12, 0, 6, 12], [60, 61, 58, 55, 44, 37],
    ...     components=Components(100.0, 0.5, 0.0, 9.0), threshold=30.0, now=12, ahead=12)
    >>> found.p_below_within.value.round(3).tolist()
    [0.0, 0.937]
    """
    given = as_patients(patient, time, level)
    require_components(components)
    starts = _starts(now, len(given.numbers))
    for name, value in (("threshold", threshold), *(("now", start) for start in starts)):
        require_between(name, value, -1e60, 1e60)
    if not 0 <= ahead <= GREATEST_AHEAD:
        raise ValueError(f"ahead is {ahead}: must be from 0 to {GREATEST_AHEAD:g}")
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    if given.is_at_one_time:
        return _undefined(given)
    mean, lines = fit_lines(given, components)
    z = two_sided_z(confidence_level)
    windows = [(line, start, start + ahead) for line, start in zip(lines, starts, strict=True)]
    ends = [(line.at(start), line.at(end)) for line, start, end in windows]
    at_end = [_below(end, threshold) for _, end in ends]
    within = [_below_within(line, start, end, threshold) for line, start, end in windows]
    return Durability(
        patient=np.array(given.numbers, dtype=np.int64),
        slope=_estimate([(line.slope, line.covariance.slope) for line in lines], z),
        level=_estimate([end for _, end in ends], z),
        p_below_at_end=_statistic(at_end),
        p_below_within=_statistic(within),
        mean_intercept=mean[0],
        mean_slope=mean[1],
    )


def _starts(now: ArrayLike, n_patients: int) -> list[float]:
    given = np.asarray(now, np.float64)
    if given.shape not in {(), (n_patients,)}:
        raise ValueError(
            f"now has shape {given.shape}: must be one number, or one for each patient"
        )
    return [float(one) for one in np.broadcast_to(given, (n_patients,))]


def _below(level: tuple[float, float], threshold: float) -> float:
    mean, variance = level
    return float(special.ndtr((threshold - mean) / math.sqrt(variance)))


def _below_within(line: Line, start: float, end: float, threshold: float) -> float:
    (first, first_variance), (last, last_variance) = line.at(start), line.at(end)
    scale = math.sqrt(first_variance) * math.sqrt(last_variance)
    correlation = line.shared(start, end) / scale
    above = both_above(
        (first - threshold) / math.sqrt(first_variance),
        (last - threshold) / math.sqrt(last_variance),
        min(1.0, max(-1.0, correlation)),
    )
    return max(_below((last, last_variance), threshold), min(1.0, 1.0 - above))


def _estimate(values: list[tuple[float, float]], z: float) -> Estimate:
    point = np.array([mean for mean, _ in values])
    reach = np.array([z * math.sqrt(variance) for _, variance in values])
    state = np.full(point.shape, "defined")
    return Estimate(point=point, lower=point - reach, upper=point + reach, state=state)


def _statistic(values: list[float]) -> Statistic:
    return Statistic(value=np.array(values), state=np.full(len(values), "defined"))


def _undefined(given: Patients) -> Durability:
    blank, state = np.full(len(given.numbers), np.nan), np.full(len(given.numbers), "one_time")
    nothing = Estimate(point=blank, lower=blank, upper=blank, state=state)
    chance = Statistic(value=blank, state=state)
    return Durability(
        patient=np.array(given.numbers, dtype=np.int64),
        slope=nothing,
        level=nothing,
        p_below_at_end=chance,
        p_below_within=chance,
        mean_intercept=math.nan,
        mean_slope=math.nan,
    )
