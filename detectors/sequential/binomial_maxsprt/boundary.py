"""The exact boundary of the binomial MaxSPRT."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.equality import TIE
from detectors.sequential.binomial_maxsprt.likelihood import (
    GREATEST_RATIO,
    LEAST_RATIO,
    log_likelihood_ratio,
    varying_log_likelihood_ratio,
)
from detectors.sequential.binomial_paths import signal_chances

LEAST_ALPHA = 1e-9
GREATEST_EVENTS, GREATEST_VARYING = 2_000, 300  # events; the work grows with the square, or more
MARGIN = 1e-11  # ratios that are equal by algebra differ by rounding, far less than this


@dataclass(frozen=True, kw_only=True)
class CriticalValue:
    """The least LLR at which to signal.

    Attributes
    ----------
    value : float
        Signal once ``llr >= value``. It lies 1e-11 below the LLR of the count that attains it, so
        that rounding decides nothing.
    attained_size : float
        Type I error by the last event, at most alpha.
    """

    value: float
    attained_size: float


def critical_value(
    n_max: int, *, ratio: float | Sequence[float], alpha: float = 0.05, min_events: int = 1
) -> CriticalValue:
    r"""Find the LLR at which to signal so that the total type I error is at most `alpha`.

    Parameters
    ----------
    n_max : int
        Events, exposed or not, at which surveillance ends, *N*, from 1 to 2,000; to 300 where the
        ratio varies.
    ratio : float or sequence of float
        Unexposed over exposed time, *z*; one number, or one for each event to come.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest exposed events, *M*, at which a signal is allowed.

    Returns
    -------
    CriticalValue
        Critical value on the LLR scale, and the size that it attains.

    Raises
    ------
    ValueError
        If an argument is out of range, or if even `n_max` exposed events of `n_max` are likelier
        than `alpha`.

    Notes
    -----
    A look after every event. The LLR takes finitely many values; the result is the smallest of
    them at which the size, a sum over all paths, is at most `alpha`. Another value between two of
    them gives the same rule.

    References
    ----------
    .. [1] Kulldorff M et al. (2011). A maximized sequential probability ratio test for
       drug and vaccine safety surveillance. Sequential Analysis, 30(1), 58-78.

    Examples
    --------
    >>> found = critical_value(10, ratio=1.0)
    >>> round(found.value, 6), found.attained_size
    (3.098836, 0.041015625)
    """
    ratios = ratios_of(n_max, ratio, alpha, min_events)
    return critical_value_of(ratios, alpha, int(min_events))


def ratios_of(
    n_max: int, ratio: float | Sequence[float], alpha: float, min_events: int
) -> tuple[float, ...]:
    """Check the arguments of a design.

    Parameters
    ----------
    n_max, ratio, alpha, min_events
        As `critical_value`.

    Returns
    -------
    tuple of float
        The ratio of every event.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    most = GREATEST_EVENTS if isinstance(ratio, int | float) else GREATEST_VARYING
    if not (1 <= n_max <= most and n_max % 1 == 0):
        raise ValueError(f"out of range: {n_max=} must be whole, from 1 to {most}")
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"out of range: {alpha=} must be in [{LEAST_ALPHA}, 1)")
    if not (min_events >= 1 and min_events % 1 == 0):
        raise ValueError(f"out of range: {min_events=} must be whole and positive")
    given = (ratio,) * int(n_max) if isinstance(ratio, int | float) else tuple(ratio)
    if len(given) != n_max:
        raise ValueError(f"ratio has {len(given)} elements: must have n_max, {n_max}")
    for i, z in enumerate(given):
        if not LEAST_RATIO <= z <= GREATEST_RATIO:
            raise ValueError(f"ratio[{i}] is {z}: must be from {LEAST_RATIO} to {GREATEST_RATIO}")
    return tuple(float(z) for z in given)


@lru_cache(maxsize=1024)
def critical_value_of(ratios: tuple[float, ...], alpha: float, min_events: int) -> CriticalValue:
    """Find the critical value of a design whose arguments were checked.

    Parameters
    ----------
    ratios : tuple of float
        The ratio of every event.
    alpha : float
        Type I error.
    min_events : int
        Fewest exposed events that signal.

    Returns
    -------
    CriticalValue
        Critical value on the LLR scale.

    Raises
    ------
    ValueError
        If no count is rare enough.
    """
    table = _llrs(ratios)
    chances = [1.0 / (1.0 + z) for z in ratios]

    def size(value: float) -> float:
        return math.fsum(signal_chances(chances, _least(table, value, min_events)))

    levels = np.unique(np.concatenate([row[min_events:] for row in table])) - MARGIN
    levels = levels[levels > 0.0]
    i = bisect_left(levels, x=True, key=lambda value: size(float(value)) <= alpha * TIE)
    if i == len(levels):
        raise ValueError(
            f"n_max is {len(ratios)}: too few, as even if all were exposed, with a chance of "
            f"{math.prod(chances)}, no signal is possible at {alpha=} with {min_events=}"
        )
    value = float(levels[i])
    return CriticalValue(value=value, attained_size=min(size(value), alpha))


def least_exposed(ratios: tuple[float, ...], value: float, min_events: int) -> list[int]:
    """Find the fewest exposed events that signal at each event.

    Parameters
    ----------
    ratios : tuple of float
        The ratio of every event.
    value : float
        Critical value.
    min_events : int
        Fewest exposed events that signal.

    Returns
    -------
    list of int
        Counts; one more than the events where no count signals.
    """
    return _least(_llrs(ratios), value, min_events)


def _least(table: Sequence[NDArray[np.float64]], value: float, min_events: int) -> list[int]:
    return [
        min(n + 1, max(min_events, int(np.searchsorted(row, value))))
        for n, row in enumerate(table, 1)
    ]


@lru_cache(maxsize=4)  # a table of 2,000 events has 16 MB
def _llrs(ratios: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    numbers = range(1, len(ratios) + 1)
    if len(set(ratios)) == 1:
        return tuple(log_likelihood_ratio(n, np.arange(n + 1), ratio=ratios[0]) for n in numbers)
    return tuple(varying_log_likelihood_ratio(np.arange(n + 1), ratios[:n]) for n in numbers)
