"""Conditional MaxSPRT: a watch against a historical comparator that is itself uncertain.

Where the background rate comes from a few historical events, a boundary that takes it as known is
crossed too often. Here the count is judged given the historical count, exactly.
"""

import math
from dataclasses import KW_ONLY, dataclass, field

from scipy import special

from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.sequential.conditional_boundary import (
    Boundary,
    CriticalValue,
    Plan,
    boundary,
)
from detectors.sequential.conditional_likelihood import log_likelihood_ratio
from detectors.sequential.conditional_operating import characteristics, ratio_detected
from detectors.sequential.look import Look
from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.polya_paths import History
from detectors.validation import GREATEST_COUNT, require_between

__all__ = [
    "Boundary",
    "CriticalValue",
    "Design",
    "Look",
    "Observation",
    "State",
    "critical_value",
    "detectable_rate_ratio",
    "init",
    "log_likelihood_ratio",
    "operating_characteristics",
    "recompute",
    "step",
]

USUAL_POWER = 0.8


def critical_value(
    n_max: int | None = None,
    *,
    n_historical: int,
    horizon: float | None = None,
    alpha: float = 0.05,
    min_events: int = 1,
    min_person_time: float = 0.0,
    history: History = "stopped_at_event",
) -> CriticalValue:
    r"""Find the LLR at which to signal, the comparator being a historical count.

    Parameters
    ----------
    n_max : int, optional
        Event at which surveillance ends, *K*, up to 700. Give this or `horizon`.
    n_historical : int
        Historical events, *c*; at least 1 where `history` is ``stopped_at_event``.
    horizon : float, optional
        Person-time at which surveillance ends, *T*, over the historical person-time.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest events, *M*, at which a signal is allowed.
    min_person_time : float, default: 0.0
        Person-time, *D*, before which no look is taken, over the historical; with `horizon` only.
    history : {"stopped_at_event", "fixed_time", "exact"}
        Law of the historical person-time *V*, in units of the mean time between events.
        ``stopped_at_event`` is Gamma(*c*): the history ended at its last event. ``fixed_time`` is
        Gamma(*c* + 1): it ended just before the next. ``exact`` is between: Gamma(*c*) plus a
        uniform share of the time from the last event to the next.

    Returns
    -------
    CriticalValue
        The smallest critical value whose exact size is at most `alpha`, and that size. Where the
        horizon is too short for any to spend `alpha`, the smallest count instead.

    Raises
    ------
    ValueError
        If an argument is out of range; if surveillance ends by events, and `alpha` is so loose
        that no critical value spends it; if counts above 700 matter.

    Notes
    -----
    Exact for continuous looks, to 2e-12, but for the rounding of a size, near 4e-15, which an
    `alpha` below 0.002 makes the greater of the two; fewer looks spend less. The size is the mean
    over *V* of the chance to signal when the true rate is the historical one. The conditional count
    is a Polya process for the first two histories, and all three have closed forms (`polya_paths`).

    Called liberal, conservative and exact by the peer, Sequential 4.5.1 for R, whose last
    increment follows Gamma(*c*) for all three, so that its values for the last two spend up to
    0.0605 where 0.05 is asked, and whose delayed start spends 0.016 to 0.057.

    First-event regime: where *M* events by the horizon are rarer than `alpha`, the boundary is the
    smallest count *k*, not below *M*, with :math:`P(N(T) \ge k) \le \alpha`, whenever it is
    reached, and *N* the count given the history. One event is a signal at 5 % where a history
    that stopped at its event has :math:`(1 + T)^{-c} \ge 0.95`.

    No historical event: with ``fixed_time`` the size is that of an unknown rate whose expected
    number of events in the historical time is exponential with mean 1.

    References
    ----------
    .. [1] Li L, Kulldorff M (2010). A conditional maximized sequential probability ratio test for
       pharmacovigilance. Statistics in Medicine, 29(2), 284-295.
    .. [2] Silva IR, Li L, Kulldorff M (2019). Exact conditional maximized sequential probability
       ratio test adjusted for covariates. Sequential Analysis, 38(1), 115-133.

    Examples
    --------
    >>> found = critical_value(10, n_historical=20)
    >>> round(found.value, 6), round(found.attained_size, 10)
    (3.138156, 0.05)
    >>> few = critical_value(n_historical=20, horizon=1e-4)
    >>> few.decided_by, few.min_events, round(few.attained_size, 6)
    ('count', 1, 0.001998)
    """
    plan = Plan(
        n_historical=n_historical,
        n_max=n_max,
        horizon=horizon,
        alpha=alpha,
        min_events=min_events,
        min_person_time=min_person_time,
        history=history,
    )
    found = boundary(plan)
    is_rare = found.decided_by == "count" and found.attained_size < USUAL_POWER
    return CriticalValue(
        value=found.critical_value,
        attained_size=found.attained_size,
        decided_by=found.decided_by,
        min_events=found.min_events,
        detectable_rate_ratio=ratio_detected(plan, found, USUAL_POWER) if is_rare else None,
    )


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look; times in any unit, the same for all of them.

    Attributes
    ----------
    n_historical : int
        Historical events, *c*; at least 1 where `history` is ``stopped_at_event``.
    historical_time : float
        Person-time in which they were seen, positive.
    n_max : int, optional
        Event at which surveillance ends, up to 700. Give this or `horizon`.
    horizon : float, optional
        Person-time at which surveillance ends.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest events at which a signal is allowed.
    min_person_time : float, default: 0.0
        Person-time before which a look cannot cross; with `horizon` only.
    history : {"stopped_at_event", "fixed_time", "exact"}
        How the historical period was ended; see `critical_value`.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range. A horizon too short to spend `alpha` is not an error: a
        count then decides.
    """

    n_historical: int
    historical_time: float
    _: KW_ONLY
    n_max: int | None = None
    horizon: float | None = None
    alpha: float = 0.05
    min_events: int = 1
    min_person_time: float = 0.0
    history: History = "stopped_at_event"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        require_between("historical_time", self.historical_time, 0.0, math.inf)
        object.__setattr__(self, "boundary", boundary(_plan(self)))


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        Events observed to date.
    person_time : float
        Person-time to date, in the unit of the design.
    """

    events: int
    person_time: float


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks : int
        Looks so far.
    events : int
        Events at the last look.
    person_time : float
        Person-time at the last look.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    person_time: float = 0.0
    first_crossing: int = 0


def init(design: Design) -> State:
    """Begin a watch.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.

    Returns
    -------
    State
        A watch that has not looked.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    """Look once.

    Parameters
    ----------
    state : State
        The watch so far.
    observation : Observation
        Totals to date, never below those of the look before.

    Returns
    -------
    State
        The watch after this look. A crossing once made stays.
    Look
        What was seen.

    Raises
    ------
    ValueError
        If a total decreased (use `recompute` for a correction), or is invalid.

    Notes
    -----
    Type I error is at most alpha: equal with continuous looks, less with fewer. Events after the
    `n_max`-th are not counted: the LLR is that of the first `n_max` by the time of the look, and
    no higher than it was when the last of them came. A look past `horizon` cannot cross, as its
    events cannot be told from later ones: end the observation at the horizon. Without a horizon, a
    look with more events than `n_max` is past the end, and can still cross.
    """
    if observation.events < state.events or observation.person_time < state.person_time:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.person_time} of person-time after {state.person_time}"
        )
    design, number = state.design, state.looks + 1
    ratio = observation.person_time / design.historical_time
    counted = min(observation.events, design.n_max or observation.events)
    llr = _llr(counted, ratio, design.n_historical)
    is_crossing = _is_crossing(design, observation, llr)
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        person_time=observation.person_time,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        events=observation.events,
        expected=ratio * design.n_historical,
        llr=llr,
        critical_value=design.boundary.critical_value,
        is_past_horizon=_is_past(design, observation),
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals, with continuous looks.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate over the historical one, in (0, 1e6).

    Returns
    -------
    OperatingCharacteristics
        Means over the law of the historical person-time; times in the unit of the design. At a
        rate ratio of 1 the power is the attained size. Where the power is below 1e-12, the means
        given a signal are NaN.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range.

    Notes
    -----
    A design with `n_max` ends at its last deadline, after which no event can signal. The mean
    time is the integral of the chance to be silent, between deadlines by Gauss-Legendre with 20
    nodes, exact to 1e-10 of the length.

    Examples
    --------
    >>> found = operating_characteristics(Design(20, 400.0, horizon=200.0), 2.5)
    >>> round(found.power, 4)
    0.7412
    """
    require_between("rate_ratio", rate_ratio, 0.0, 1e6)
    found = characteristics(_plan(design), design.boundary, rate_ratio)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=found.power,
        expected_time_to_signal=found.expected_time_to_signal * design.historical_time,
        expected_length=found.expected_length * design.historical_time,
        expected_events_at_signal=found.expected_events_at_signal,
    )


def detectable_rate_ratio(design: Design, *, power: float = 0.8) -> float:
    """Find the rate ratio that a design detects with a given power.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    power : float, default: 0.8
        Chance of a signal, above the attained size and below 1.

    Returns
    -------
    float
        The rate ratio, to a relative 1e-10; infinite if none below 1e6 is detected so often.

    Raises
    ------
    ValueError
        If `power` is out of range.
    """
    require_between("power", power, design.boundary.attained_size, 1.0)
    return ratio_detected(_plan(design), design.boundary, power)


def _llr(events: int, ratio: float, n_historical: int) -> float:
    if not (type(events) is int and 0 < events <= GREATEST_COUNT and 0 < ratio < math.inf):
        return float(log_likelihood_ratio(events, ratio, n_historical=n_historical))
    # The same arithmetic as for arrays, without their cost.
    total = n_historical + events
    expected = total * (ratio / (1 + ratio))
    if events <= expected:
        return 0.0
    return float(
        special.kl_div(events, expected) + special.kl_div(n_historical, total / (1 + ratio))
    )


def _plan(design: Design) -> Plan:
    unit = design.historical_time
    return Plan(
        n_historical=design.n_historical,
        n_max=design.n_max,
        horizon=None if design.horizon is None else design.horizon / unit,
        alpha=design.alpha,
        min_events=design.min_events,
        min_person_time=design.min_person_time / unit,
        history=design.history,
    )


def _is_past(design: Design, observation: Observation) -> bool:
    if design.horizon is None:
        return observation.events > (design.n_max or 0)
    return observation.person_time > design.horizon


def _is_crossing(design: Design, observation: Observation, llr: float) -> bool:
    limit = design.boundary
    is_late = design.horizon is not None and observation.person_time > design.horizon
    is_early = observation.person_time < design.min_person_time
    is_high = observation.events >= limit.min_events and llr >= limit.critical_value
    return is_high and not is_late and not is_early
