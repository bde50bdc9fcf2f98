"""When so many losses, or so few good events, are a signal; and how often that happens."""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import scipy  # its parts are loaded when they are used

from detectors.effectiveness.paths import (
    Paths,
    count_paths,
    lower_paths,
    lower_signals,
    silent_time,
    upper_paths,
)
from detectors.effectiveness.process import Process

Tail = Literal["losses", "good_events"]
LOWEST = 1e-6  # of a critical value: what spends less is decided by the count
ROOT_ERROR = 1e-12


@dataclass(frozen=True, kw_only=True)
class Limit:
    """When a watch signals, and how often it would do so under the null.

    Attributes
    ----------
    decided_by : {"llr", "count", "none"}
        Whether the log-likelihood ratio has to reach `critical_value`, the count alone decides, or
        nothing that can be seen by the horizon is rare enough.
    critical_value : float
        Least log-likelihood ratio that signals; 0 where the count decides or nothing can.
    min_events : int
        Least count of losses that signals; 0 for good events.
    attained_size : float
        Type I error by the horizon with continuous looks; at most alpha.
    """

    decided_by: Literal["llr", "count", "none"]
    critical_value: float
    min_events: int
    attained_size: float


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """How often and when a watch signals, in units of expected events under the null.

    Attributes
    ----------
    chance : float
        Of a signal by the horizon.
    length : float
        Expected time to the signal or the horizon.
    time_at_signal : float
        Expected time of the signal, given one; NaN if there cannot be one.
    events_at_signal : float
        Expected count at the signal, given one; NaN if there cannot be one.
    """

    chance: float
    length: float
    time_at_signal: float
    events_at_signal: float


@lru_cache(maxsize=4096)
def find_limit(
    tail: Tail, horizon: float, alpha: float, min_events: int, dispersion: float
) -> Limit:
    """Find the boundary whose type I error by the horizon is alpha, or just below.

    Parameters
    ----------
    tail : {"losses", "good_events"}
        Too many, or too few.
    horizon : float
        End, in expected events under the null.
    alpha : float
        Type I error.
    min_events : int
        Fewest losses at which a signal is allowed.
    dispersion : float
        Shape of the gamma law of the rate under the null.

    Returns
    -------
    Limit
        The boundary.
    """
    if tail == "losses":
        return _upper_limit(horizon, alpha, min_events, dispersion)
    return _lower_limit(horizon, alpha, dispersion)


def find_crossing(
    tail: Tail, limit: Limit, horizon: float, dispersion: float, rate_ratio: float
) -> Crossing:
    """Compute how often and when a watch signals at a rate ratio.

    Parameters
    ----------
    tail : {"losses", "good_events"}
        Too many, or too few.
    limit : Limit
        The boundary.
    horizon : float
        End, in expected events under the null.
    dispersion : float
        Shape of the gamma law of the rate under the null, and here too.
    rate_ratio : float
        Factor on the rate.

    Returns
    -------
    Crossing
        Chance, times and counts.
    """
    process = Process(dispersion, rate_ratio)
    if limit.decided_by == "none":
        return Crossing(
            chance=0.0, length=horizon, time_at_signal=math.nan, events_at_signal=math.nan
        )
    if tail == "good_events":
        return _lower_crossing(limit, horizon, dispersion, process)
    if limit.decided_by == "count":
        return upper_crossing(count_paths(limit.min_events, horizon, process=process), process)
    paths = upper_paths(
        limit.critical_value,
        horizon,
        first_event=limit.min_events,
        dispersion=dispersion,
        process=process,
    )
    return upper_crossing(paths, process)


def upper_crossing(paths: Paths, process: Process) -> Crossing:
    """Compute how often and when a path below the boundary crosses.

    Parameters
    ----------
    paths : Paths
        From `upper_paths`.
    process : Process
        Law of the events.

    Returns
    -------
    Crossing
        Chance, times and counts.
    """
    left, chances = 1.0, []
    for stretch in paths.stretches:
        weights = process.weights(len(stretch.after), stretch.end, paths.pace)
        still = math.fsum((stretch.after * weights).tolist())
        chances.append((stretch.event, left - still))
        left = still
    chance, length = max(0.0, 1.0 - left), silent_time(paths, process)
    at_horizon = left * paths.stretches[-1].end
    return Crossing(
        chance=chance,
        length=length,
        time_at_signal=(length - at_horizon) / chance if chance > 0 else math.nan,
        events_at_signal=math.fsum(n * p for n, p in chances) / chance if chance > 0 else math.nan,
    )


def _upper_limit(horizon: float, alpha: float, min_events: int, dispersion: float) -> Limit:
    process = Process(dispersion)

    def size(llr: float) -> float:
        found = upper_paths(
            llr, horizon, first_event=min_events, dispersion=dispersion, process=process
        )
        return max(0.0, 1.0 - found.silent(process))

    if size(LOWEST) < alpha:
        count = min_events
        while (tail := process.tail(count, horizon)) > alpha:
            count += 1
        return Limit(decided_by="count", critical_value=0.0, min_events=count, attained_size=tail)
    high = 1.0
    while size(high) > alpha:
        high *= 1.5
    root = float(
        scipy.optimize.brentq(lambda llr: size(llr) - alpha, LOWEST, high, xtol=ROOT_ERROR)
    )
    root += 2 * ROOT_ERROR  # the error of the root must not cost alpha
    return Limit(
        decided_by="llr", critical_value=root, min_events=min_events, attained_size=size(root)
    )


def _lower_limit(horizon: float, alpha: float, dispersion: float) -> Limit:
    process = Process(dispersion)
    if process.none(horizon) > alpha:
        return Limit(decided_by="none", critical_value=0.0, min_events=0, attained_size=0.0)
    size = partial(_lower_size, horizon=horizon, dispersion=dispersion)
    low, high = 0.0, 1.0
    while size(high) > alpha:
        low, high = high, 1.5 * high
    while high - low > ROOT_ERROR * high:  # the size has steps: a root need not exist
        middle = 0.5 * (low + high)
        low, high = (middle, high) if size(middle) > alpha else (low, middle)
    return Limit(decided_by="llr", critical_value=high, min_events=0, attained_size=size(high))


def _lower_size(llr: float, horizon: float, dispersion: float) -> float:
    process = Process(dispersion)
    paths = lower_paths(llr, horizon, dispersion=dispersion, process=process)
    return math.fsum(chance for _, _, chance in lower_signals(paths, process))


def _lower_crossing(limit: Limit, horizon: float, dispersion: float, process: Process) -> Crossing:
    paths = lower_paths(limit.critical_value, horizon, dispersion=dispersion, process=process)
    signals = lower_signals(paths, process)
    chance = math.fsum(p for _, _, p in signals)
    time, events = (math.fsum(p * signal[i] for *signal, p in signals) for i in (0, 1))
    return Crossing(
        chance=chance,
        length=time + (1.0 - chance) * horizon,
        time_at_signal=time / chance if chance > 0 else math.nan,
        events_at_signal=events / chance if chance > 0 else math.nan,
    )
