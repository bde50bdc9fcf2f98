"""A Poisson process that goes on while its count stays within a band, and how it leaves it.

Every Poisson boundary is a series of times, with the fewest and the most events that go on. The
chance of each count among the paths that still go on is a finite recursion, and it is exact. When
a path leaves follows from the incomplete gamma function, without simulation.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.sequential.convolution import NEGLIGIBLE, walk
from detectors.sequential.operating import OperatingCharacteristics

HOPELESS = 1e-100  # what leaves below may be very rare, and is not to be lost


class Check(NamedTuple):
    """The band up to one time.

    Attributes
    ----------
    time : float
        End of the period, in expected events under the null.
    floor : int
        Fewest events at `time` that go on.
    ceiling : int
        Most events that go on.
    is_watched : bool
        Whether the event above the ceiling is seen as it comes, or at `time` alone.
    """

    time: float
    floor: int
    ceiling: int
    is_watched: bool


@dataclass(frozen=True, eq=False)
class Band:
    """Where a design does not signal.

    Attributes
    ----------
    checks : sequence of Check
        In the order of time; the last is at the end.
    is_signal_above : bool
        Whether to pass the ceiling is a signal. Else nothing can signal from there on.
    """

    checks: Sequence[Check]
    is_signal_above: bool = True


class Exit(NamedTuple):
    """How paths leave in one period.

    Attributes
    ----------
    above, below : float
        Chance to leave above the ceiling, and below the floor.
    time : float
        Sum of the time of signals, each weighted by its chance.
    events : float
        Sum of the count at signals, each weighted by its chance.
    """

    above: float
    below: float
    time: float
    events: float


def signal_probability(band: Band, rate_ratio: float = 1.0) -> float:
    """Compute the chance of a signal.

    Parameters
    ----------
    band : Band
        Where the design does not signal.
    rate_ratio : float, default: 1.0
        True rate over that of the null, positive.

    Returns
    -------
    float
        Probability, with an absolute error near 1e-14.

    Examples
    --------
    >>> round(signal_probability(Band([Check(0.05, 0, 0, True)])), 6)
    0.048771
    """
    above, below = exit_probabilities(band, rate_ratio)
    return above + below if band.is_signal_above else below


def exit_probabilities(band: Band, rate_ratio: float = 1.0) -> tuple[float, float]:
    """Compute the chance to leave above, and to leave below.

    Parameters
    ----------
    band : Band
        Where the design does not signal.
    rate_ratio : float, default: 1.0
        True rate over that of the null, positive.

    Returns
    -------
    above, below : float
        Probabilities, with an absolute error near 1e-14.
    """
    silent, gone = np.ones(1), list[float]()
    for _, _, _, low, later in _walk(_needed(band.checks), rate_ratio):
        silent = later
        gone.append(math.fsum(low))
    below = math.fsum(gone)
    return max(0.0, 1.0 - math.fsum([*silent, *gone])), below


def characteristics(band: Band, rate_ratio: float) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals.

    Parameters
    ----------
    band : Band
        Where the design does not signal.
    rate_ratio : float
        True rate over that of the null, positive.

    Returns
    -------
    OperatingCharacteristics
        Times in expected events under the null.
    """
    exits = list(_exits(band, rate_ratio))
    power = min(1.0, math.fsum(e.above + e.below for e in exits))
    time = math.fsum(e.time for e in exits)
    events = math.fsum(e.events for e in exits)
    horizon = band.checks[-1].time
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=min(horizon, time / power) if power else math.nan,
        expected_length=min(horizon, time + horizon * (1.0 - power)),
        expected_events_at_signal=events / power if power else math.nan,
    )


Walked = tuple[float, Check, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _walk(checks: Sequence[Check], rate_ratio: float) -> Iterator[Walked]:
    silent, reached = np.ones(1), 0.0  # silent[k]: k events, still within the band
    durations = np.diff([check.time for check in checks], prepend=0.0)
    floors = [check.floor for check in checks]
    later = walk(
        rate_ratio * np.maximum(0.0, durations),
        [check.ceiling + 1 for check in checks],
        floors=floors,
        least=HOPELESS if any(floors) else NEGLIGIBLE,
    )
    for check, after in zip(checks, later, strict=True):
        before, silent, low = silent, after, after[: check.floor].copy()
        silent[: check.floor] = 0.0
        yield reached, check, before, low, silent
        reached = check.time


def _needed(checks: Sequence[Check]) -> list[Check]:
    """Leave out a check that nothing leaves at, or only what would leave by the next one.

    What is above a ceiling stays above it, and what is below a floor was so before.
    """
    floors = [0, *(check.floor for check in checks)]
    return [
        check
        for check, before, after in zip(checks, floors, [*checks[1:], None], strict=False)
        if after is None or check.floor != before or check.ceiling != after.ceiling
    ]


def _exits(band: Band, rate_ratio: float) -> Iterator[Exit]:
    for begin, check, before, low, _ in _walk(band.checks, rate_ratio):
        above, time, events = 0.0, 0.0, 0.0
        if band.is_signal_above:
            leave = _leave_as_it_comes if check.is_watched else _leave_at_the_end
            above, time, events = leave(begin, check, before, rate_ratio)
        below = math.fsum(low)
        yield Exit(
            above=above,
            below=below,
            time=time + below * check.time,
            events=events + math.fsum(np.arange(len(low)) * low),
        )


def _leave_as_it_comes(
    begin: float, check: Check, before: NDArray[np.float64], rate_ratio: float
) -> tuple[float, float, float]:
    wanted = (check.ceiling + 1.0) - np.arange(len(before))  # events to go, from each count
    mean = rate_ratio * max(0.0, check.time - begin)
    chance = special.gammainc(wanted, mean)  # the last of them comes within the period
    later = special.gammainc(wanted + 1.0, mean)
    above = math.fsum(before * chance)
    time = math.fsum(before * (begin * chance + wanted / rate_ratio * later))
    return above, time, (check.ceiling + 1) * above


def _leave_at_the_end(
    begin: float, check: Check, before: NDArray[np.float64], rate_ratio: float
) -> tuple[float, float, float]:
    counts = np.arange(len(before))
    wanted = (check.ceiling + 1.0) - counts
    mean = rate_ratio * (check.time - begin)
    chance = special.gammainc(wanted, mean)
    one_less = np.where(wanted > 1, special.gammainc(np.maximum(wanted - 1.0, 1.0), mean), 1.0)
    above = math.fsum(before * chance)
    return above, above * check.time, math.fsum(before * (counts * chance + mean * one_less))
