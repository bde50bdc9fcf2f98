"""Stretches of looks that end now, and how far each is from the null."""

import math
from collections.abc import Sequence
from typing import Literal

from scipy.optimize import brentq

from detectors.sequential.count_law import CountLaw, weights

ALMOST_EQUAL = 1e-9  # of means: the fitted ratio is then good to as much, the maximum to its square

Direction = Literal["increase", "decrease"]
OneLook = tuple[int, float]  # events and expected


def scan(
    recent: Sequence[OneLook],
    *,
    direction: Direction = "increase",
    dispersion: float | None = None,
) -> tuple[float, int, float]:
    """Find the stretch up to now that is least like the null.

    Parameters
    ----------
    recent : sequence of (int, float)
        Events and expected of each look, the newest last.
    direction : {"increase", "decrease"}, default: "increase"
        The change that is looked for.
    dispersion : float or None, default: None
        Size of a negative binomial; None is Poisson.

    Returns
    -------
    statistic : float
        Greatest log-likelihood ratio; 0 if no stretch lies on the side that is looked for.
    length : int
        Looks in that stretch, the shortest of several; 0 if there is none.
    rate_ratio : float
        Ratio fitted to it; 1 if there is none.

    Examples
    --------
    >>> statistic, length, rate_ratio = scan([(0, 1.0), (2, 1.0), (6, 1.0)])
    >>> round(statistic, 4), length, rate_ratio
    (5.7506, 1, 6.0)
    """
    is_fitted = dispersion is not None and not _is_even(recent)
    size = math.inf if dispersion is None else dispersion
    events, expected, best = 0, 0.0, (0.0, 0, 1.0)
    for length, (count, mean) in enumerate(reversed(recent), start=1):
        events, expected = events + count, expected + mean
        excess = events - expected
        if is_fitted:
            found, ratio = _fit(recent[-length:], direction, size)
        elif excess == 0 or (excess > 0) != (direction == "increase"):
            continue
        elif excess * excess <= best[0] * expected:
            continue  # the evidence is less than this chi-square, and a logarithm is saved
        else:
            found, ratio = evidence(events, expected, size * length), events / expected
        if found > best[0]:
            best = (found, length, ratio)
    return best


def evidence(events: int, expected: float, size: float) -> float:
    """Compute the log-likelihood ratio of a total at the ratio fitted to it.

    Parameters
    ----------
    events : int
        Events, not negative.
    expected : float
        Expected under the null, above 0.
    size : float
        Size of the total as a negative binomial, above 0; infinite is Poisson.

    Returns
    -------
    float
        Log-likelihood ratio, 0 where the total is what is expected.

    Examples
    --------
    >>> round(evidence(6, 1.0, math.inf), 4), round(evidence(6, 1.0, 2.0), 4)
    (5.7506, 2.9039)
    """
    gain = events * math.log(events / expected) if events else 0.0
    excess = events - expected
    if math.isinf(size):
        return gain - excess
    return gain - (events + size) * math.log1p(excess / (size + expected))


def farthest_count(
    law: CountLaw, looks: int, critical_value: float, start: int, *, is_upward: bool
) -> int:
    """Find the total of equal looks, nearest to the expected one, that signals.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null; not binomial.
    looks : int
        Looks of the stretch.
    critical_value : float
        Value that signals, above 0.
    start : int
        Where to begin: what was found for fewer looks, or 0.
    is_upward : bool
        Whether an excess signals.

    Returns
    -------
    int
        Least count that signals, or greatest if it is a shortfall that signals; -1 if none does.
    """
    mean, size = law.mean * looks, law.dispersion * looks

    def signals(count: int) -> bool:
        return evidence(count, mean, size) >= critical_value

    if is_upward:
        count = max(start, math.floor(mean) + 1)
        while not signals(count):
            count += 1
        return count
    count = max(start, 0) if signals(0) else -1
    while 0 <= count < math.ceil(mean) - 1 and signals(count + 1):
        count += 1
    return count


def _is_even(looks: Sequence[OneLook]) -> bool:
    means = [mean for _, mean in looks]
    return not means or max(means) - min(means) <= ALMOST_EQUAL * min(means)


def _fit(looks: Sequence[OneLook], direction: Direction, size: float) -> tuple[float, float]:
    """Greatest log-likelihood ratio of a stretch of negative binomials, and its ratio."""
    known = [(count, mean) for count, mean in looks if mean > 0]

    def score(ratio: float) -> float:
        return math.fsum(size * (x - ratio * mu) / (size + ratio * mu) for x, mu in known)

    here = score(1.0)
    if here == 0 or (here > 0) != (direction == "increase"):
        return 0.0, 1.0
    ratios = [x / mu for x, mu in known]
    if not any(ratios):
        return math.fsum(size * math.log1p(mu / size) for _, mu in known), 0.0
    low, high = min(ratios), max(ratios)
    ratio = float(brentq(score, low, high, xtol=1e-12)) if low < high else low
    lines = [(x, weights(CountLaw(mu, dispersion=size), ratio)) for x, mu in known]
    return math.fsum(x * slope - drift for x, (slope, drift) in lines), ratio
