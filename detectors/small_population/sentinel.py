"""One event of a listed kind: how often the background alone would bring it.

For events so rare that a single case is taken up, such as acute liver failure, the rule is that it
is taken up; what a reader asks is how likely it was without the medicine. Every answer here names
what it assumes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special

from detectors.small_population.arguments import as_person_time
from detectors.small_population.natural_history.rates import JEFFREYS, predictive_rate
from detectors.validation import as_counts, require_between


@dataclass(frozen=True, kw_only=True)
class Sentinel:
    """A background probability, with what it stands on.

    Attributes
    ----------
    events : int
        Events asked for: so many or more.
    expected : float
        Events expected from the background; with an uncertain rate, the predictive mean.
    probability : float
        Chance that the background brings so many or more.
    log_probability : float
        Its natural logarithm.
    detectable_rate_ratio : float
        Ratio of rates at which so many or more come with a chance of 0.8.
    model : {"poisson", "predictive"}
        Whether the background rate is taken as known, or integrated out.
    assumption : str
        One plain sentence for the reader.
    """

    events: int
    expected: float
    probability: float
    log_probability: float
    detectable_rate_ratio: float
    model: Literal["poisson", "predictive"]
    assumption: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """The chance that at least one of several listed kinds is met by the background.

    Attributes
    ----------
    bound : float
        Sum of the probabilities, at most 1: holds whatever the dependence.
    if_independent : float
        The probability if the kinds come independently of each other.
    assumption : str
        One plain sentence for the reader.
    """

    bound: float
    if_independent: float
    assumption: str


_POWER = 0.8


def background(*, rate: float, person_time: float, events: int = 1) -> Sentinel:
    r"""Compute how often a known background rate brings so many events or more.

    Parameters
    ----------
    rate : float
        Events for each unit of person-time without the medicine, not negative.
    person_time : float
        Person-time over the whole follow-up to which the rule applies, above 0.
    events : int, default: 1
        Fewest events asked for, one or more.

    Returns
    -------
    Sentinel
        Exact.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    :math:`P(N \ge k)` with *N* Poisson of mean `rate` times `person_time`, the regularised
    incomplete gamma function at *k*. The count never falls, so this is also the chance that the
    rule "act on event *k*" is met at any time of the follow-up, however often one looks.

    Examples
    --------
    One acute liver failure among 900 patients followed for a year, at 5.5 in a million a year:

    >>> found = background(rate=5.5e-6, person_time=900.0)
    >>> round(found.probability, 6)
    0.004938
    """
    if not 0.0 <= rate < math.inf:
        raise ValueError(f"rate is {rate}: must be finite and not negative")
    time, k = _time_and_events(person_time, events)
    mean = rate * time
    if not math.isfinite(mean):
        raise ValueError(f"rate is {rate}: too many events are expected")
    p = float(special.gammainc(k, mean))
    needed = float(special.gammaincinv(k, _POWER))
    return Sentinel(
        events=k,
        expected=mean,
        probability=p,
        log_probability=_log_poisson_tail(k, mean, p),
        detectable_rate_ratio=_ratio(needed, mean),
        model="poisson",
        assumption=(
            f"Events come one by one, independently, at a background rate of {rate:g} a unit of "
            f"person-time that is known without error, over {time:g} units."
        ),
    )


def uncertain_background(
    *,
    historical_events: int,
    historical_person_time: float,
    person_time: float,
    events: int = 1,
    prior_shape: float = JEFFREYS,
    prior_rate: float = 0.0,
) -> Sentinel:
    r"""Compute how often a background that was itself only observed brings so many events.

    Parameters
    ----------
    historical_events : int
        Events seen without the medicine; 0 is allowed.
    historical_person_time : float
        Person-time in which they were seen, above 0.
    person_time : float
        Person-time over the whole follow-up to which the rule applies, above 0.
    events : int, default: 1
        Fewest events asked for, one or more.
    prior_shape, prior_rate : float, default: 0.5 and 0
        Gamma prior of the rate, Jeffreys' by default.

    Returns
    -------
    Sentinel
        Exact, with the rate integrated out. The detectable ratio is at the predictive mean.

    Raises
    ------
    ValueError
        If an argument is out of range, or the prior stays improper.

    Notes
    -----
    The predictive count is negative binomial, see `natural_history.predictive_rate`.

    Examples
    --------
    None in 10 person-years before, one in half a year now:

    >>> found = uncertain_background(
    ...     historical_events=0, historical_person_time=10.0, person_time=0.5
    ... )
    >>> round(found.probability, 6)
    0.0241
    """
    time, k = _time_and_events(person_time, events)
    found = predictive_rate(
        k,
        time,
        historical_events,
        historical_person_time,
        prior_shape=prior_shape,
        prior_rate=prior_rate,
    )
    mean = (prior_shape + historical_events) / (prior_rate + historical_person_time) * time
    return Sentinel(
        events=k,
        expected=mean,
        probability=float(found.p),
        log_probability=float(found.log_p),
        detectable_rate_ratio=_ratio(float(special.gammaincinv(k, _POWER)), mean),
        model="predictive",
        assumption=(
            f"Events come one by one, independently, at a rate known only from "
            f"{historical_events} events in {historical_person_time:g} units of person-time of "
            f"comparable patients (gamma prior {prior_shape:g}, {prior_rate:g}), over {time:g} "
            "units."
        ),
    )


def family(sentinels: Sequence[Sentinel]) -> Family:
    """Compute how often the background meets at least one of several listed kinds.

    Parameters
    ----------
    sentinels : sequence of Sentinel
        One for each listed kind, met or not.

    Returns
    -------
    Family
        The sum bound, and the value under independence.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> one = background(rate=1e-5, person_time=1000.0)
    >>> both = family([one, one])
    >>> round(both.bound, 6), round(both.if_independent, 6)
    (0.0199, 0.019801)
    """
    if not sentinels:
        raise ValueError("sentinels is empty: a family needs one kind at least")
    probabilities = [each.probability for each in sentinels]
    none = math.fsum(math.log1p(-p) if p < 1.0 else -math.inf for p in probabilities)
    return Family(
        bound=min(1.0, math.fsum(probabilities)),
        if_independent=-math.expm1(none),
        assumption=(
            f"The bound adds the probabilities of {len(sentinels)} kinds fixed in advance and "
            "holds whatever their dependence; the other value takes them as independent."
        ),
    )


def upper_rate(
    *, historical_events: int, historical_person_time: float, level: float = 0.95
) -> float:
    r"""Compute the exact upper confidence limit of a background rate.

    Parameters
    ----------
    historical_events : int
        Events seen, *h*; 0 is allowed.
    historical_person_time : float
        Person-time in which they were seen, above 0.
    level : float, default: 0.95
        Confidence, one-sided, in (0, 1).

    Returns
    -------
    float
        Upper limit; a sentinel at this rate is a worst case.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Garwood's limit [1]_: the rate at which so few events or fewer have chance ``1 - level``. With
    no event and 95 % it is 3.0 divided by the person-time.

    References
    ----------
    .. [1] Garwood F (1936). Fiducial limits for the Poisson distribution. Biometrika, 28(3-4),
       437-442.

    Examples
    --------
    >>> round(upper_rate(historical_events=0, historical_person_time=1.0), 6)
    2.995732
    """
    require_between("level", level, 0.0, 1.0)
    h = int(as_counts("historical_events", historical_events))
    time = float(as_person_time("historical_person_time", historical_person_time))
    return float(special.gammaincinv(h + 1.0, level)) / time


def _time_and_events(person_time: float, events: int) -> tuple[float, int]:
    k = int(as_counts("events", events))
    if k < 1:
        raise ValueError(f"events is {k}: must be 1 or more")
    return float(as_person_time("person_time", person_time)), k


def _ratio(needed: float, mean: float) -> float:
    return needed / mean if mean > needed / 1e300 else math.inf


def _log_poisson_tail(k: int, mean: float, p: float) -> float:
    if p > 1e-290:  # noqa: PLR2004 - below, the mass is summed in logarithms
        return math.log(min(p, 1.0))
    if mean == 0.0:
        return -math.inf
    term, total, n = 1.0, 1.0, k
    while term > total * 1e-17:
        n += 1
        term *= mean / n
        total += term
    return k * math.log(mean) - mean - float(special.gammaln(k + 1.0)) + math.log(total)
