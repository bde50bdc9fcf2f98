"""Events of patients who differ: a Poisson process whose rate is drawn once, from a gamma law.

Given their number, the events of such a process are scattered over its time as those of a plain
Poisson process are. So the chance of a path that stays inside a boundary, given its end, is found
once, for a plain process, and serves every dispersion and every rate ratio by weights.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp

MOST_EVENTS = 700  # at which a boundary ends: masses of doubles underflow soon after
LONGEST_HORIZON = 500.0  # in expected events, for the same reason
NEGLIGIBLE = 1e-60  # so small because a weight may be large
NEAR, N_TERMS = 0.1, 8  # a series where the closed form cancels: next term below 1e-17
LEAST_DISPERSION, GREATEST_DISPERSION = 1e-3, 1e12  # beyond, the latter is a plain Poisson process


@dataclass(frozen=True)
class Process:
    """A process of events with a mean, a spread of its rate, and a factor on both.

    Attributes
    ----------
    dispersion : float
        Shape *c* of the gamma law of the rate, which has mean 1; infinite for a Poisson process.
    rate_ratio : float
        Factor on the rate, positive.
    """

    dispersion: float = math.inf
    rate_ratio: float = 1.0

    def weights(self, n_counts: int, time: float, pace: float) -> NDArray[np.float64]:
        """Compute how much more often each count happens than in a plain process.

        Parameters
        ----------
        n_counts : int
            Counts from 0 to ``n_counts - 1``.
        time : float
            Time in expected events under the null.
        pace : float
            Rate of the plain process per unit of `time`.

        Returns
        -------
        ndarray of float64, shape (n_counts,)
            Quotients of the two chances.
        """
        mean = self.rate_ratio * time
        if math.isinf(self.dispersion):
            start, slope = pace * time - mean, math.log(self.rate_ratio / pace)
        else:
            spread = math.log1p(mean / self.dispersion)
            start = pace * time - self.dispersion * spread
            slope = math.log(self.rate_ratio / pace) - spread
        logs = start + slope * np.arange(n_counts) + _rising(self.dispersion)[:n_counts]
        return exp(np.minimum(logs, 700.0))  # what is above belongs to no mass

    def tail(self, count: int, time: float) -> float:
        """Compute the chance of at least so many events.

        Parameters
        ----------
        count : int
            Events, at least 1.
        time : float
            Time in expected events under the null.

        Returns
        -------
        float
            Probability.
        """
        mean = self.rate_ratio * time
        if math.isinf(self.dispersion):
            return float(special.gammainc(count, mean))
        return float(special.betainc(count, self.dispersion, mean / (self.dispersion + mean)))

    def none(self, time: float) -> float:
        """Compute the chance of no event.

        Parameters
        ----------
        time : float
            Time in expected events under the null.

        Returns
        -------
        float
            Probability.
        """
        mean = self.rate_ratio * time
        if math.isinf(self.dispersion):
            return math.exp(-mean)
        return math.exp(-self.dispersion * math.log1p(mean / self.dispersion))


@lru_cache(maxsize=64)
def _rising(dispersion: float) -> NDArray[np.float64]:
    """Add up log(1 + i / c) over the counts below each count."""
    found = [0.0]
    for count in range(MOST_EVENTS + 1):
        found.append(found[-1] + math.log1p(count / dispersion))
    return np.array(found)


def log_likelihood_ratio(events: float, expected: float, dispersion: float) -> float:
    r"""Compute the log-likelihood ratio of the rate ratio that fits best against 1.

    Parameters
    ----------
    events : float
        Events, *k*.
    expected : float
        Events expected under the null, :math:`\mu`, positive.
    dispersion : float
        Shape *c* of the gamma law of the rate; infinite for a Poisson process.

    Returns
    -------
    float
        Not negative, on either side of the expectation.

    Notes
    -----
    With :math:`D(x, y) = x \log(x / y) - x + y` the negative binomial ratio
    :math:`k \log(k / \mu) - (k + c) \log((k + c) / (\mu + c))` is
    :math:`D(k, \mu) - D(k + c, \mu + c)`, which keeps its digits for large *c*.
    """
    plain = float(special.kl_div(events, expected))
    if math.isinf(dispersion):
        return plain
    return max(0.0, plain - _divergence(expected + dispersion, events - expected))


def _divergence(y: float, difference: float) -> float:
    """Compute D(y + difference, y), also where the difference is small."""
    x = y + difference
    if x <= 0.0:  # nothing is left of it beside y
        return y
    v = difference / (x + y)
    if abs(v) > NEAR:
        return x * math.log(x / y) - difference
    square = v * v
    series = 0.0
    for j in range(N_TERMS, 0, -1):
        series = square * (series + 1 / (2 * j + 1))
    return v * (difference + 2 * x * series)


def latest_time(events: int, llr: float, dispersion: float) -> float:
    """Find the latest time at which so many events are too many.

    Parameters
    ----------
    events : int
        Events, at least 1.
    llr : float
        Log-likelihood ratio that is too much, positive.
    dispersion : float
        Shape of the gamma law of the rate; infinite for a Poisson process.

    Returns
    -------
    float
        Time in expected events under the null, below `events`.
    """
    if math.isinf(dispersion):
        return -events * float(special.lambertw(-math.exp(-1 - llr / events)).real)

    def missing(log_share: float) -> float:
        return log_likelihood_ratio(events, events * math.exp(log_share), dispersion) - llr

    # A spread only lowers the ratio, so that of Poisson bounds the root from above.
    low, high = -1.0, math.log(latest_time(events, llr, math.inf) / events)
    low = min(low, high)
    while missing(low) < 0:
        low *= 2.0
    if missing(high) >= 0:
        return events * math.exp(high)
    return events * math.exp(float(scipy.optimize.brentq(missing, low, high, xtol=1e-13)))


def earliest_time(events: int, llr: float, dispersion: float, horizon: float) -> float:
    """Find the earliest time at which so many events are too few.

    Parameters
    ----------
    events : int
        Events, 0 or more.
    llr : float
        Log-likelihood ratio that is too much, positive.
    dispersion : float
        Shape of the gamma law of the rate; infinite for a Poisson process.
    horizon : float
        Time after which nothing is asked.

    Returns
    -------
    float
        Time in expected events under the null; infinite if past the horizon.
    """
    if events >= horizon or log_likelihood_ratio(events, horizon, dispersion) < llr:
        return math.inf
    if events == 0:
        return llr if math.isinf(dispersion) else dispersion * math.expm1(llr / dispersion)

    def missing(time: float) -> float:
        return log_likelihood_ratio(events, time, dispersion) - llr

    return float(scipy.optimize.brentq(missing, events, horizon, xtol=1e-13))


def wait(silent: NDArray[np.float64], mean: float, room: int) -> NDArray[np.float64]:
    """Let a plain Poisson process run on, and drop what reaches a count.

    Parameters
    ----------
    silent : ndarray of float64
        Chance of each count before.
    mean : float
        Events expected while it runs.
    room : int
        Counts kept, from 0.

    Returns
    -------
    ndarray of float64
        Chance of each count after, below `room`.

    Notes
    -----
    Products and sums in a fixed order: every processor gives the same bits.
    """
    masses = [math.exp(-mean)]
    while len(masses) < room and (masses[-1] > NEGLIGIBLE or len(masses) < mean):
        masses.append(masses[-1] * mean / len(masses))
    later = np.zeros(min(room, len(silent) + len(masses) - 1))
    for arrivals, mass in enumerate(masses):
        kept = silent[: max(0, room - arrivals)]
        later[arrivals : arrivals + len(kept)] += mass * kept
    return later


def weighted(masses: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Add up products, rounded once.

    Parameters
    ----------
    masses, weights : ndarray of float64, of one shape
        Factors.

    Returns
    -------
    float
        Their sum of products.
    """
    return math.fsum((masses * weights).tolist())
