"""Distribution of the number of events in a few patients, exact.

Three models: events that recur independently (Poisson), at most one event a patient
(Poisson-binomial), and hazards that vary between patients by a gamma factor (negative binomial).
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.small_population.expected_events.dispersion import Dispersion
from detectors.validation import as_counts, as_reals, refuse_where, require_between

Reals = NDArray[np.float64]
Variation = Literal["patient", "cohort"]
LEAST_DISPERSION = 1e-3
GREATEST_EXPECTED = 1e4
MOST_COUNTS = 40_000
MOST_SINGLE = 4_000_000  # where all patients are alike
SMALLEST = 5e-324  # not 0: there is no end to the counts
_NEGLIGIBLE = 1e-18  # of the mass so far; the rest beyond is stated
_RESCALE = 1e200


@dataclass(frozen=True, eq=False)
class CountDistribution:
    """Probabilities of 0, 1, 2, ... events.

    Attributes
    ----------
    mean : float
        Events expected.
    masses : ndarray of float64
        Probability of each count from 0 on.
    beyond : float
        Estimate of the probability of greater counts, by the ratio of the last masses; 0 where
        there is none.
    """

    mean: float
    masses: Reals
    beyond: float


def poisson(hazards: ArrayLike, *, least_reach: int = 0) -> CountDistribution:
    """Distribute events that can recur and come independently.

    Parameters
    ----------
    hazards : array_like, shape (n_patients,)
        Cumulative hazard of each patient.
    least_reach : int, default: 0
        Give masses at least to this count, and on until the rest is negligible beside its mass.

    Returns
    -------
    CountDistribution
        Exact, relative 1e-12.

    Raises
    ------
    ValueError
        If a hazard is missing, negative or infinite, or more than 10,000 events are expected.

    Examples
    --------
    >>> poisson([0.1, 0.4]).masses[0].round(9).tolist()
    0.60653066
    """
    return negative_binomial(hazards, dispersion=math.inf, least_reach=least_reach)


def poisson_binomial(hazards: ArrayLike) -> CountDistribution:
    r"""Distribute patients with an event where each has one at most.

    Parameters
    ----------
    hazards : array_like, shape (n_patients,)
        Cumulative hazard of each patient, at most 5,000 patients.

    Returns
    -------
    CountDistribution
        Exact; the order of patients changes no bit.

    Raises
    ------
    ValueError
        If a hazard is missing, negative or infinite, or there are more patients.

    Notes
    -----
    Patient *i* has an event with chance :math:`1 - e^{-H_i}`; the patients are added one by one.

    Examples
    --------
    >>> poisson_binomial([np.log(2.0), np.log(2.0)]).masses.round(12).tolist()
    [0.25, 0.5, 0.25]
    """
    each = _hazards(hazards)
    if each.size > 5_000:  # noqa: PLR2004 - stated
        raise ValueError(f"hazards has {each.size} patients: at most 5000 are added one by one")
    masses, chances = np.ones(1), []
    for hazard in np.sort(each).tolist():
        chance = -math.expm1(-hazard)
        chances.append(chance)
        later = np.zeros(masses.size + 1)
        with np.errstate(under="ignore"):  # a mass below the smallest double is 0
            later[:-1] = masses * math.exp(-hazard)
            later[1:] += masses * chance
        masses = later
    return CountDistribution(mean=math.fsum(chances), masses=masses, beyond=0.0)


def negative_binomial(
    hazards: ArrayLike,
    *,
    dispersion: float | Dispersion,
    variation: Variation = "patient",
    least_reach: int = 0,
) -> CountDistribution:
    r"""Distribute events whose hazard varies by a gamma factor with mean 1.

    Parameters
    ----------
    hazards : array_like, shape (n_patients,)
        Cumulative hazard of each patient, before the factor.
    dispersion : float or Dispersion
        Shape *k* of the factor, from 0.001 to infinity; its variance is 1 / *k*, so infinity is
        no variation. A `Dispersion` is averaged over.
    variation : {"patient", "cohort"}, default: "patient"
        Whether each patient has a factor, or all share one.
    least_reach : int, default: 0
        Give masses at least to this count, and on until the rest is negligible beside its mass.

    Returns
    -------
    CountDistribution
        Exact, relative 1e-12; the order of patients changes no bit.

    Raises
    ------
    ValueError
        If a hazard or `dispersion` is out of range, more than 10,000 events are expected, or more
        than 40,000 counts would be needed.

    Notes
    -----
    Patient *i* has a negative binomial count of mean :math:`H_i` and variance
    :math:`H_i + H_i^2 / k`. With :math:`q_i = H_i / (H_i + k)` the masses of the sum follow from
    :math:`n p_n = \sum_{j=1}^{n} p_{n-j} \sum_i k q_i^j`, a recursion of positive terms (the
    logarithm of the generating function, differentiated) [1]_. Its first term goes to 0 for many
    events, so it starts at 1 and the masses are scaled to add up to 1 at the end.

    References
    ----------
    .. [1] Panjer HH (1981). Recursive evaluation of a family of compound distributions. ASTIN
       Bulletin, 12(1), 22-26.

    Examples
    --------
    One patient, k = 1: geometric.

    >>> negative_binomial([1.0], dispersion=1.0).masses[:3].round(9).tolist()
    [0.5, 0.25, 0.125]
    """
    each = np.sort(_hazards(hazards))
    if variation not in {"patient", "cohort"}:
        raise ValueError(f"variation is {variation!r}: must be 'patient' or 'cohort'")
    mean = math.fsum(each.tolist())
    if mean > GREATEST_EXPECTED:
        raise ValueError(f"hazards add up to {mean}: must be at most {GREATEST_EXPECTED:g}")
    reach = int(as_counts("least_reach", least_reach))
    parts = np.array([mean]) if variation == "cohort" else each
    if isinstance(dispersion, Dispersion):
        values, weights = dispersion.values, dispersion.weights
    else:
        values, weights = (dispersion,), (1.0,)
    found = [_masses(parts[parts > 0.0], mean, k, reach) for k in values]
    longest = max(masses.size for masses, _ in found)
    total = np.zeros(longest)
    for (masses, _), weight in zip(found, weights, strict=True):
        total[: masses.size] += weight * masses
    beyond = math.fsum(weight * rest for (_, rest), weight in zip(found, weights, strict=True))
    return CountDistribution(mean=mean, masses=total, beyond=beyond)


def tail_probability(
    distribution: CountDistribution,
    events: int,
    *,
    alternative: Literal["greater", "less"] = "greater",
) -> float:
    """Compute the chance of so many events or more, or so many or fewer.

    Parameters
    ----------
    distribution : CountDistribution
        Of the number of events, reaching to `events`.
    events : int
        Events observed.
    alternative : {"greater", "less"}, default: "greater"
        Which tail.

    Returns
    -------
    float
        Probability.

    Raises
    ------
    ValueError
        If `events` is no count, or lies beyond the masses of a distribution without an end: make
        it with `least_reach`.

    Examples
    --------
    >>> round(tail_probability(poisson([0.2, 0.3]), 2), 9)
    0.09020401
    """
    n = int(as_counts("events", events))
    if alternative not in {"greater", "less"}:
        raise ValueError(f"alternative is {alternative!r}: must be 'greater' or 'less'")
    if n >= distribution.masses.size and distribution.beyond > 0.0:
        raise ValueError(f"events is {n}: beyond the masses; make them with least_reach={n}")
    masses = distribution.masses[n:] if alternative == "greater" else distribution.masses[: n + 1]
    return min(1.0, math.fsum(masses.tolist()))


def count_quantile(distribution: CountDistribution, probability: float) -> int:
    """Find the least count with so much probability at or below it.

    Parameters
    ----------
    distribution : CountDistribution
        Of the number of events.
    probability : float
        In (0, 1).

    Returns
    -------
    int
        Quantile.

    Raises
    ------
    ValueError
        If `probability` is out of range, or nearer to 1 than the masses reach.

    Examples
    --------
    >>> count_quantile(poisson([2.0, 3.0]), 0.975)
    10
    """
    require_between("probability", probability, 0.0, 1.0)
    masses = distribution.masses.tolist()
    if probability <= 0.5:  # noqa: PLR2004 - from the nearer end
        total = 0.0
        for count, mass in enumerate(masses):
            total += mass
            if total >= probability:
                return count
    above = distribution.beyond
    if above > 1.0 - probability:
        raise ValueError(f"probability is {probability}: nearer to 1 than the masses reach")
    for count in range(len(masses) - 1, 0, -1):
        above += masses[count]
        if above > 1.0 - probability:
            return count
    return 0


def _hazards(hazards: ArrayLike) -> Reals:
    each = as_reals("hazards", hazards)
    if each.ndim != 1:
        raise ValueError(f"hazards has shape {each.shape}: must have one axis")
    refuse_where(np.isnan(each), "hazards", each, "must not be missing")
    return each


def _masses(parts: Reals, mean: float, k: float, reach: int) -> tuple[Reals, float]:
    if math.isnan(k) or k < LEAST_DISPERSION:
        raise ValueError(f"dispersion is {k}: must be at least {LEAST_DISPERSION}")
    if not parts.size:
        return np.concatenate([[1.0], np.zeros(reach)]), 0.0
    if not math.isinf(k) and parts[0] == parts[-1]:
        return _equal(float(parts[0]), k, k * parts.size, reach)
    # q**j * k, summed over patients; without variation only the first power is left
    shares = np.zeros(1) if math.isinf(k) else parts / (parts + k)
    slowest = float(shares.max())
    length = _length(mean, parts, k, slowest, reach)
    powers = np.ones(parts.size)
    rates = np.zeros(length + 1)
    if math.isinf(k):
        rates[1] = mean
    else:
        with np.errstate(under="ignore"):  # high powers vanish
            for j in range(1, length + 1):
                powers = powers * shares
                rates[j] = k * math.fsum(powers.tolist())
    return _recursion(rates, mean, slowest, reach)


def _length(mean: float, parts: Reals, k: float, slowest: float, reach: int) -> int:
    """Bound the counts needed: past the bulk the masses fall as powers of the greatest share."""
    variance = mean if math.isinf(k) else mean + math.fsum((parts**2 / k).tolist())
    bulk = max(mean + 12.0 * math.sqrt(variance), float(reach))
    fall = max(-math.log(slowest), 1e-4) if slowest > 0.0 else 1.0
    length = math.ceil(bulk + 60.0 / min(fall, 1.0) + 60.0)
    if length > MOST_COUNTS:
        rule = f"more than {MOST_COUNTS} counts are likely; the dispersion is too strong"
        raise ValueError(f"hazards: {rule}")
    return length


def _recursion(rates: Reals, mean: float, slowest: float, reach: int) -> tuple[Reals, float]:
    size, width = rates.size, int(np.count_nonzero(rates))
    with np.errstate(under="ignore"):
        masses, pushed = np.zeros(size), np.zeros(size)
        masses[0], total = 1.0, 1.0
        last = size - 1
        for n in range(size - 1):
            if n:
                masses[n] = pushed[n] / n
                total += masses[n]
            if masses[n] > _RESCALE:
                factor = masses[n]
                masses[: n + 1] /= factor
                pushed /= factor
                total /= factor
            until = min(size, n + 1 + width)
            pushed[n + 1 : until] += masses[n] * rates[1 : until - n]
            is_past = n > mean and n >= reach
            near = masses[reach] if n >= reach > 0 else total
            if is_past and masses[n] <= _NEGLIGIBLE * min(near, total) * (1.0 - slowest):
                last = n
                break
        found = masses[: last + 1]
        found = found / math.fsum(found.tolist())
    return _with_rest(found, slowest)


def _equal(hazard: float, k: float, shape: float, reach: int) -> tuple[Reals, float]:
    """One negative binomial distribution: ratios multiplied out from the likeliest count."""
    share, mean = hazard / (hazard + k), shape * hazard / k
    variance = mean * (1.0 + hazard / k)
    length = max(mean + 12.0 * math.sqrt(variance), float(reach)) + 60.0 * (1.0 + hazard / k)
    if length > MOST_SINGLE:
        raise ValueError(
            f"hazards: more than {MOST_SINGLE} counts are likely; too strong dispersion"
        )
    n = np.arange(math.ceil(length), dtype=np.float64)
    ratios = (n + shape) / (n + 1.0) * share  # of count n + 1 to count n
    mode = int(np.count_nonzero(ratios[: math.ceil(mean) + 1] >= 1.0))
    with np.errstate(under="ignore"):  # masses below the smallest double are 0
        above = np.cumprod(ratios[mode:])
        below = np.cumprod(1.0 / ratios[:mode][::-1])[::-1]
    found = np.concatenate([below, [1.0], above])
    return _with_rest(found / math.fsum(found.tolist()), share)


def _with_rest(masses: Reals, slowest: float) -> tuple[Reals, float]:
    last, before = float(masses[-1]), float(masses[-2])
    ratio = max(slowest, last / before if before > 0.0 else 0.0)
    return masses, max(last * ratio / (1.0 - ratio) if ratio < 1.0 else 1.0, SMALLEST)
