"""When a patient's level changed: the exact posterior of the time, level and spread unknown."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.effectiveness.shift import Direction, Halves, log_bayes_factor
from detectors.validation import as_numbers_within, refuse_where, require_between

GREATEST = 1e60
LEAST_VALUES = 3
MOST_VALUES = 100_000


@dataclass(frozen=True, eq=False)
class ChangePoint:
    """Whether and when a level changed; NaN where `state` is not ``defined``.

    Attributes
    ----------
    state : str
        ``defined``, ``too_few`` with fewer than 3 values, or ``no_spread`` where some change would
        explain the values without remainder.
    p_change : float
        Posterior chance that the level changed at all.
    log_bayes_factor : float
        Natural logarithm of the evidence for a change at a time unknown against none.
    posterior : ndarray of float64, shape (n_values - 1,)
        Element *i* is the chance, given a change, that value ``i`` is the last one before it.
    most_likely : int
        Index of the last value before the change that is most likely, the first if several are; -1
        where there is none.
    earliest, latest : int
        Limits of that index with the chance asked for, half of the rest on each side; -1 where
        there is none.
    """

    state: str
    p_change: float
    log_bayes_factor: float
    posterior: NDArray[np.float64]
    most_likely: int
    earliest: int
    latest: int


def change_point(
    values: ArrayLike,
    *,
    direction: Direction = "fall",
    scale: float = 2.0,
    prior_change: float = 0.5,
    confidence_level: float = 0.95,
) -> ChangePoint:
    r"""Find whether and when a series changed its level.

    Parameters
    ----------
    values : array_like of float, shape (n_values,)
        Values of one patient in order of time, at most 100,000.
    direction : {"fall", "rise", "change"}, default: "fall"
        Which change is looked for.
    scale : float, default: 2
        Standard deviation of the shift before the data, in units of that of one value, in
        [0.001, 1000].
    prior_change : float, default: 0.5
        Chance of a change before the data, in (0, 1); all times are equally likely.
    confidence_level : float, default: 0.95
        Posterior chance of the interval of times, in (0, 1).

    Returns
    -------
    ChangePoint
        Posterior. States: ``too_few``, ``no_spread``.

    Raises
    ------
    ValueError
        If a value is missing or beyond 1e60, the shape is not a row, or an argument is out of
        range.

    Notes
    -----
    One change at most; values normal and independent, the same variance before and after. For a
    change after *k* values the evidence is the Bayes factor of the first *k* against the rest with
    level and spread integrated out (`shift`), which is exact; the posterior of *k* is their share,
    as in the model of Smith [1]_ but with a prior on the shift in place of two free levels. No
    draw, no approximation; the time is linear in the number of values.

    It looks once. Asked after every visit, ``p_change`` will exceed a bound more often than it says
    under no change; watch with `biomarker`, and ask here when it was.

    References
    ----------
    .. [1] Smith AFM (1975). A Bayesian approach to inference about a change-point in a sequence of
       random variables. Biometrika, 62(2), 407-416.

    Examples
    --------
    >>> found = change_point([60.0, 62.0, 59.0, 61.0, 50.0, 48.0, 51.0])
    >>> found.most_likely, round(found.p_change, 3)
    (3, 0.965)
    """
    numbers = _checked(values, direction, scale)
    require_between("prior_change", prior_change, 0.0, 1.0)
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    if len(numbers) < LEAST_VALUES:
        return _undefined("too_few", len(numbers))
    halves = _splits(numbers)
    if min(half.squares for half in halves) == 0.0:
        return _undefined("no_spread", len(numbers))
    logs = [log_bayes_factor(half, scale=scale, direction=direction) for half in halves]
    top = max(logs)
    shares = [math.exp(value - top) for value in logs]
    total = math.fsum(shares)
    log_factor = top + math.log(total) - math.log(len(logs))
    odds = log_factor + math.log(prior_change) - math.log1p(-prior_change)
    posterior = np.array([share / total for share in shares])
    tail = 0.5 - confidence_level / 2
    reached = np.cumsum(posterior)  # one after the other, so the same on every processor
    return ChangePoint(
        state="defined",
        p_change=1.0 / (1.0 + math.exp(min(-odds, 700.0))),
        log_bayes_factor=log_factor,
        posterior=posterior,
        most_likely=int(np.argmax(posterior)),
        earliest=int(np.searchsorted(reached, tail, side="right")),
        latest=min(int(np.searchsorted(reached, 1.0 - tail)), len(logs) - 1),
    )


def _checked(values: ArrayLike, direction: str, scale: float) -> list[float]:
    real = as_numbers_within("values", values, low=-GREATEST, high=GREATEST)
    refuse_where(np.isnan(real), "values", real, "must not be missing")
    if real.ndim != 1 or real.size > MOST_VALUES:
        raise ValueError(f"values has shape {real.shape}: must be a row of at most {MOST_VALUES}")
    if direction not in {"fall", "rise", "change"}:
        raise ValueError(f"direction is {direction!r}: must be fall, rise or change")
    if not 1e-3 <= scale <= 1e3:  # noqa: PLR2004 - beyond, the prior says nothing
        raise ValueError(f"scale is {scale}: must be from 0.001 to 1000")
    found: list[float] = real.tolist()
    return found


def _undefined(state: str, n_values: int) -> ChangePoint:
    return ChangePoint(
        state=state,
        p_change=math.nan,
        log_bayes_factor=math.nan,
        posterior=np.full(max(0, n_values - 1), np.nan),
        most_likely=-1,
        earliest=-1,
        latest=-1,
    )


def _splits(values: list[float]) -> list[Halves]:
    forward, backward = _moments(values), _moments(values[::-1])
    n = len(values)
    return [
        Halves(
            n_before=k,
            n_after=n - k,
            difference=backward[n - k - 1][0] - forward[k - 1][0],
            squares=forward[k - 1][1] + backward[n - k - 1][1],
        )
        for k in range(1, n)
    ]


def _moments(values: list[float]) -> list[tuple[float, float]]:
    """Give mean and squares of each beginning, by Welford's updates, which do not cancel."""
    mean, squares, found = 0.0, 0.0, []
    for number, value in enumerate(values, start=1):
        step = value - mean
        mean += step / number
        squares += step * (step * ((number - 1) / number))
        found.append((mean, squares))
    return found
