"""Stretches of looks that end now, and how far each is from the null."""

import math
from collections.abc import Sequence
from typing import Literal

from detectors.sequential.count_law import CountLaw

ALMOST_EQUAL = 1e-9  # of means: the fitted ratio is then good to as much, the maximum to its square
LARGEST_SIZE = 1e100  # of a negative binomial: beyond it the bits are those of Poisson
LAST_STEP = 1e-6  # of Newton, relative: the next would be its square
SLACK = 1e-13  # of a bound, relative: its own rounding
MOST_STEPS = 200  # each doubles the ratio at least, or is the last but few

Direction = Literal["increase", "decrease"]
OneLook = tuple[int, float]  # events and expected


def scan(
    recent: Sequence[OneLook],
    *,
    direction: Direction = "increase",
    dispersion: float | None = None,
) -> tuple[float, int, float]:
    r"""Find the stretch up to now that is least like the null.

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

    Notes
    -----
    Poisson looks, and negative binomials of equal means, have a closed form. For others a stretch
    is fitted, by Newton's steps, to a relative 1e-12; but only one that can win. First, every
    beginning of it must lie on the side that is looked for, else it says less without that. Next,
    in the ratio the score is convex and falls; so with :math:`e` its value at 1, :math:`J` its
    slope there, and :math:`s` the greatest :math:`\mu_i / (r + \mu_i)`, the maximum lies between
    :math:`K(J)` and :math:`K(J - s e)`, :math:`K(j) = (j + e) \log(1 + e / j) - e`. For a decrease
    the same holds in the inverse of the ratio, with :math:`r / (r + \mu_i)`. Last, the same bounds
    hold from any ratio on, with what is expected times it: at the ratio that fits the most
    promising stretch, those of the others are so narrow that hardly one is left.

    Examples
    --------
    >>> statistic, length, rate_ratio = scan([(0, 1.0), (2, 1.0), (6, 1.0)])
    >>> round(statistic, 4), length, rate_ratio
    (5.7506, 1, 6.0)
    """
    if dispersion is not None and not _is_even(recent):
        return _scan_uneven(recent, direction, min(dispersion, LARGEST_SIZE))
    size = math.inf if dispersion is None else dispersion
    events, expected, best = 0, 0.0, (0.0, 0, 1.0)
    for length, (count, mean) in enumerate(reversed(recent), start=1):
        events, expected = events + count, expected + mean
        excess = events - expected
        if excess == 0 or (excess > 0) != (direction == "increase"):
            continue
        if excess * excess <= best[0] * expected:
            continue  # the evidence is less than this chi-square, and a logarithm is saved
        found = evidence(events, expected, size * length)
        if found > best[0]:
            best = (found, length, events / expected)
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
    if not looks:
        return True
    low = high = looks[0][1]
    for _, mean in looks:
        if mean < low:
            low = mean
        elif mean > high:
            high = mean
        if high - low > ALMOST_EQUAL * low:
            return False
    return True


def _scan_uneven(
    recent: Sequence[OneLook], direction: Direction, size: float
) -> tuple[float, int, float]:
    best, candidates = (0.0, 0, 1.0), _candidates(recent, direction, size)
    for place, (most, length) in enumerate(candidates):
        if most < best[0]:
            break
        found, ratio = _fit(recent[-length:], direction, size)
        if (found, -length) > (best[0], -best[1]) and found > 0:
            best = (found, length, ratio)
        if place == 0 and ratio > 0:
            rest = [other for most, other in candidates[1:] if most >= best[0]]
            if len(rest) > 1:
                candidates[1:] = _nearer(recent, rest, size, ratio)
    return best


def _candidates(
    recent: Sequence[OneLook], direction: Direction, size: float
) -> list[tuple[float, int]]:
    """List the stretches that can win, the most promising first: bound of evidence, and length."""
    is_upward = direction == "increase"
    score, slope, floor, is_empty = 0.0, 0.0, 0.0, True
    record, share = 0.0, 0.0
    found: list[tuple[float, float, int]] = []
    for length, (count, mean) in enumerate(reversed(recent), start=1):
        whole = size + mean
        weight = size / whole
        excess = weight * (count - mean)
        score += excess if is_upward else -excess
        slope += weight * (mean / whole) * (count + size)
        if count:
            is_empty = False
        if mean:
            share = max(share, mean / whole if is_upward else weight)
        if score <= record:  # without its beginning it says more
            continue
        record = score
        room = slope - share * score
        if score * score <= 2 * floor * room:  # K(j) is at most half of this over j
            continue
        if is_empty:
            found.clear()  # of stretches without an event the longest says most
        floor = max(floor, _poisson_evidence(score, slope))
        found.append((score, room, length))
    bounds = [
        (_poisson_evidence(score, room) if room > 0 else math.inf, length)
        for score, room, length in found
    ]
    return sorted(bounds, key=lambda bound: (-bound[0], bound[1]))


def _nearer(
    recent: Sequence[OneLook], lengths: Sequence[int], size: float, ratio: float
) -> list[tuple[float, int]]:
    """Bound the evidence of stretches from a ratio that nearly fits them, the greatest first."""
    wanted, log_ratio, change = set(lengths), math.log(ratio), ratio - 1.0
    score, slope, gain, events = 0.0, 0.0, 0.0, 0
    widest, narrowest = 0.0, math.inf
    found = []
    for length, (count, null) in enumerate(reversed(recent[-max(lengths) :]), start=1):
        mean = ratio * null
        if mean:
            whole = size + mean
            weight = size / whole
            score += weight * (count - mean)
            slope += weight * (mean / whole) * (count + size)
            gain -= (count + size) * math.log1p(change * (null / (size + null)))
            events += count
            widest, narrowest = max(widest, mean), min(narrowest, mean)
        if length in wanted:
            share = widest / (size + widest) if score > 0 else size / (size + narrowest)
            room = slope - share * abs(score)
            more = _poisson_evidence(abs(score), room) if room > 0 else math.inf
            here = gain + events * log_ratio
            found.append((here + more + SLACK * (abs(gain) + abs(here)), length))
    return sorted(found, key=lambda bound: (-bound[0], bound[1]))


def _poisson_evidence(excess: float, expected: float) -> float:
    return (expected + excess) * math.log1p(excess / expected) - excess


def _fit(looks: Sequence[OneLook], direction: Direction, size: float) -> tuple[float, float]:
    """Greatest log-likelihood ratio of a stretch of negative binomials, and its ratio."""
    known = [look for look in looks if look[1] > 0]
    if not any(count for count, _ in known):
        return math.fsum(size * math.log1p(mean / size) for _, mean in known), 0.0
    ratio = _fitted_ratio(known, direction, size)
    if ratio == 1 or (ratio > 1) != (direction == "increase"):
        return 0.0, 1.0
    change = ratio - 1.0
    terms = (
        count * math.log1p(change * (size / (size + ratio * mean)))
        - size * math.log1p(change * (mean / (size + mean)))
        for count, mean in known
    )
    return math.fsum(terms), ratio


def _fitted_ratio(known: Sequence[OneLook], direction: Direction, size: float) -> float:
    """Solve for the ratio from the side where Newton's steps do not pass the root."""
    drawn = kept = 0.0
    events = 0
    for count, mean in known:
        part = (count + size) / (size + mean)
        drawn += part * mean
        kept += part * size
        events += count
    ratio = events / drawn * (kept / (len(known) * size))
    for _ in range(MOST_STEPS):
        score = slope = 0.0
        for count, null in known:
            mean = ratio * null
            weight = size / (size + mean)
            score += weight * (count - mean)
            slope += weight * weight * (null + count * (null / size))
        change = score / (ratio * slope)
        # A rise is a step in the ratio, a fall one in its inverse: in these the score is convex.
        ratio = ratio * (1.0 + change) if direction == "increase" else ratio / (1.0 - change)
        if abs(change) <= LAST_STEP:
            break
    return ratio
