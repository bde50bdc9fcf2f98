"""How often and how soon the test signals, and what it takes to find a rate ratio."""

import math

import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.poisson_band import (
    Band,
    Check,
    characteristics,
    exit_probabilities,
    signal_probability,
)
from detectors.sequential.poisson_maxsprt.watch import Design
from detectors.validation import require_between

GREATEST_RATIO = 1e6
LONGEST_SEARCH = 1_024.0  # expected events; a longer horizon is no plan for a rare event


def operating_characteristics(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals, exactly.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate over that of the null, constant, in (0, 1e6). At 1 the power is the size.

    Returns
    -------
    OperatingCharacteristics
        Times in expected events under the null, and counts.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range.

    Notes
    -----
    Looks are continuous, or those of the design. Events of a Poisson process of rate *R* that has
    *j* events at time *s* reach *k* after a gamma distributed time, so that the mean of the time,
    where it is before the *k*-th deadline, is an incomplete gamma function.

    Examples
    --------
    >>> found = operating_characteristics(Design(1.0), 2.0)
    >>> round(found.power, 6), round(found.expected_time_to_signal, 6)
    (0.185485, 0.348344)
    """
    require_between("rate_ratio", rate_ratio, 0.0, GREATEST_RATIO)
    return characteristics(design.band, float(rate_ratio))


def alpha_spent(design: Design, expected: float) -> float:
    """Compute the chance under the null that a watch has crossed by now.

    Parameters
    ----------
    design : Design
        What was fixed before the first look.
    expected : float
        Events expected under the null to date; past the horizon no more is spent.

    Returns
    -------
    float
        Type I error used so far, at most that of the boundary.

    Raises
    ------
    ValueError
        If `expected` is negative, infinite or NaN.

    Examples
    --------
    >>> round(alpha_spent(Design(20.0), 1.0), 4), round(alpha_spent(Design(20.0), 20.0), 4)
    (0.0253, 0.05)
    """
    if not 0 <= expected < math.inf:
        raise ValueError(f"expected is {expected}: must be a number, not negative")
    if expected >= design.horizon:
        return design.boundary.attained_size
    if design.boundary.decided_by == "count":
        return float(special.gammainc(design.boundary.min_events, _last_look(design, expected)))
    return signal_probability(until(design.band, expected))


def _last_look(design: Design, expected: float) -> float:
    times = design.plan.looks
    if times is None:
        return expected if expected >= design.min_expected else 0.0
    return max((mu for mu in times if mu <= expected), default=0.0)


def detectable_rate_ratio(design: Design, *, power: float = 0.8) -> float:
    """Find the rate ratio that a design finds with a given power by its horizon.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    power : float, default: 0.8
        Chance of a signal, above the attained size and below 1.

    Returns
    -------
    float
        The rate ratio: above 1 for an excess, below 1 for a deficit. A two-sided design is asked
        of an excess. To 1e-9, relative.

    Raises
    ------
    ValueError
        If `power` is not between the attained size and 1, or no ratio from 1e-6 to 1e6 has it.

    Examples
    --------
    >>> round(detectable_rate_ratio(Design(1.0)), 4)
    5.6027
    """
    require_between("power", power, design.boundary.attained_size, 1.0)
    limit = design.boundary
    if limit.decided_by == "count":
        return float(special.gammaincinv(limit.min_events, power)) / design.horizon
    band, sign = design.band, -1.0 if design.tail == "lower" else 1.0

    def lack(log_ratio: float) -> float:
        above, below = exit_probabilities(band, math.exp(sign * log_ratio))
        return power - (below if design.tail == "lower" else above)

    most = math.log(GREATEST_RATIO)
    if lack(most) > 0:
        raise ValueError(f"power is {power}: no rate ratio up to {GREATEST_RATIO} has it")
    return math.exp(sign * float(scipy.optimize.brentq(lack, 0.0, most, xtol=1e-10)))


def sample_size(
    power: float, rate_ratio: float, *, alpha: float = 0.05, min_events: int = 1
) -> float:
    """Find the horizon at which continuous looks find an excess with a given power.

    Parameters
    ----------
    power : float
        Chance of a signal, in (`alpha`, 1).
    rate_ratio : float
        True rate over that of the null, above 1 and below 1e6.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events at which a signal is allowed.

    Returns
    -------
    float
        The least horizon, in expected events under the null, to 1e-9, relative.

    Raises
    ------
    ValueError
        If an argument is out of range, or more than 1,024 expected events are needed.

    Notes
    -----
    The horizon may be so short that alpha cannot be spent: then it is that of a count, see
    `critical_value`, and the size is below alpha.

    Examples
    --------
    >>> round(sample_size(0.9, 3.0), 2)
    5.51
    """
    require_between("rate_ratio", rate_ratio, 1.0, GREATEST_RATIO)
    require_between("power", power, alpha, 1.0)

    def lack(log_horizon: float) -> float:
        design = Design(math.exp(log_horizon), alpha=alpha, min_events=min_events)
        return power - signal_probability(design.band, rate_ratio)

    longest = 1.0
    while lack(math.log(longest)) > 0:
        longest *= 2.0
        if longest > LONGEST_SEARCH:
            raise ValueError(f"{power=} at {rate_ratio=} needs more than {LONGEST_SEARCH} expected")
    shortest = longest / 2.0
    while lack(math.log(shortest)) <= 0:
        shortest /= 2.0
    return math.exp(
        float(scipy.optimize.brentq(lack, math.log(shortest), math.log(longest), xtol=1e-10))
    )


def until(band: Band, time: float) -> Band:
    """Cut a band at a time.

    Parameters
    ----------
    band : Band
        Where a design does not signal.
    time : float
        The new end, from 0 to that of the band.

    Returns
    -------
    Band
        The band up to `time`; what is only looked at later is not seen.
    """
    past = [check for check in band.checks if check.time <= time]
    floor = past[-1].floor if past else 0
    following = next((check for check in band.checks if check.time > time), None)
    if following is not None and following.is_watched and (not past or past[-1].time < time):
        past.append(Check(time, floor, following.ceiling, is_watched=True))
    return Band(checks=past, is_signal_above=band.is_signal_above)
