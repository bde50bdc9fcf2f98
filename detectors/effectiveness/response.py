"""A watch over loss of response, look by look: too many losses, or too few good events.

The boundary is that of the MaxSPRT, made for patients who differ: the count is negative binomial,
and exactly as likely as it says to cross without a loss of effect.
"""

import math
from dataclasses import KW_ONLY, dataclass, field

from detectors.canonical import make_canonical
from detectors.effectiveness.limits import Limit, Tail, find_crossing, find_limit
from detectors.effectiveness.process import (
    GREATEST_DISPERSION,
    LEAST_DISPERSION,
    LONGEST_HORIZON,
    log_likelihood_ratio,
)
from detectors.recomputation import recomputation
from detectors.sequential.look import Look, Observation
from detectors.sequential.operating import OperatingCharacteristics
from detectors.validation import as_counts, require_between

__all__ = [
    "Design",
    "Look",
    "Observation",
    "State",
    "init",
    "operating_characteristics",
    "recompute",
    "step",
]

LEAST_ALPHA = 1e-9  # far above the rounding error of the null probability
MOST_MIN_EVENTS = 100
LEAST_RATE_RATIO, GREATEST_RATE_RATIO = 1e-6, 1e4


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first look.

    Attributes
    ----------
    horizon : float
        End, *T*, in events expected if the effect is kept; in (0, 500].
    tail : {"losses", "good_events"}, default: "losses"
        Whether too many events are bad (relapses, metabolic crises), or too few (responses,
        milestones).
    alpha : float, default: 0.05
        Type I error over the whole watch, in [1e-9, 1).
    min_events : int, default: 1
        Fewest losses at which a signal is allowed, at most 100; not used for good events.
    dispersion : float, default: inf
        Shape *c* of the gamma law of the common factor on the expected count, from 0.001. For *n*
        patients who each have a rate from a gamma law of shape *k*, and are followed for the same
        time, it is *n k*. Infinite: all patients have the expected rate.
    limit : Limit
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, or the boundary goes on beyond 700 events, as a long
        horizon with a wide spread makes it.

    Notes
    -----
    The statistic at *k* events with :math:`\mu` expected is the negative binomial log-likelihood
    ratio of the best rate ratio against 1, :math:`k \log(k / \mu) - (k + c) \log((k + c) /
    (\mu + c))`, that of Poisson [1]_ for infinite *c*. The same formula is that of the conditional
    MaxSPRT with *c* historical events [2]_; here *c* need not be whole. Looks may be continuous;
    the size is exact then, to 1e-12, and smaller with fewer looks. That of good events has steps:
    the boundary is the lowest that does not exceed alpha, and `limit` says what it attains.

    A horizon too short to spend alpha on losses makes the count decide. On good events, where even
    none by the horizon is too likely, ``limit.decided_by`` is ``"none"``: the watch cannot signal.

    References
    ----------
    .. [1] Kulldorff M et al. (2011). A maximized sequential probability ratio test for drug and
       vaccine safety surveillance. Sequential Analysis, 30(1), 58-78.
    .. [2] Li L, Kulldorff M (2010). A conditional maximized sequential probability ratio test for
       pharmacovigilance. Statistics in Medicine, 29(2), 284-295.

    Examples
    --------
    >>> round(Design(20.0).limit.critical_value, 6)
    3.628123
    >>> round(Design(20.0, dispersion=5.0).limit.critical_value, 6)
    3.122218
    """

    horizon: float
    _: KW_ONLY
    tail: Tail = "losses"
    alpha: float = 0.05
    min_events: int = 1
    dispersion: float = math.inf
    limit: Limit = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        if self.tail not in {"losses", "good_events"}:
            raise ValueError(f"tail is {self.tail!r}: must be 'losses' or 'good_events'")
        if not 0 < self.horizon <= LONGEST_HORIZON:
            raise ValueError(f"horizon is {self.horizon}: must be above 0, at most 500")
        if not LEAST_ALPHA <= self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}: must be from {LEAST_ALPHA} to below 1")
        if not 1 <= self.min_events <= MOST_MIN_EVENTS or self.min_events % 1:
            raise ValueError(f"min_events is {self.min_events}: must be whole, from 1 to 100")
        require_dispersion(self.dispersion)
        found = find_limit(self.tail, self.horizon, self.alpha, self.min_events, self.dispersion)
        object.__setattr__(self, "limit", found)


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
    expected : float
        Events expected at the last look.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    expected: float = 0.0
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
        Totals to date, never below those of the look before; expected if the effect is kept.

    Returns
    -------
    State
        The watch after this look. A crossing once made stays.
    Look
        What was seen.

    Raises
    ------
    ValueError
        If a total decreased (use `recompute` for a correction), is invalid, or there are
        events where none is expected.

    Examples
    --------
    Five patients were expected to have 2.4 crises and had nine:

    >>> state, look = step(init(Design(5.0, alpha=0.01)), Observation(events=9, expected=2.4))
    >>> round(look.llr, 4), look.has_crossed
    (5.2958, True)
    """
    _require_totals(state, observation)
    design, llr = state.design, _llr(state.design, observation)
    is_past_horizon = observation.expected > design.horizon
    is_crossing = not is_past_horizon and _is_signal(design, observation, llr)
    number = state.looks + 1
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        expected=observation.expected,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        events=observation.events,
        expected=observation.expected,
        llr=llr,
        critical_value=design.limit.critical_value,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    """Compute how often and how soon a watch signals when the rate is another.

    Parameters
    ----------
    design : Design
        What was fixed before the first look.
    rate_ratio : float
        True rate over the expected one, in [1e-6, 1e4]; 1 gives the type I error.

    Returns
    -------
    OperatingCharacteristics
        Power and times with continuous looks; times in expected events. Patients differ under the
        other rate as they do under the null.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range.

    Examples
    --------
    >>> found = operating_characteristics(Design(5.0), 3.0)
    >>> round(found.power, 4), round(found.expected_time_to_signal, 4)
    (0.8757, 1.779)
    """
    if not LEAST_RATE_RATIO <= rate_ratio <= GREATEST_RATE_RATIO:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be from 1e-6 to 1e4")
    found = find_crossing(design.tail, design.limit, design.horizon, design.dispersion, rate_ratio)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=found.chance,
        expected_time_to_signal=found.time_at_signal,
        expected_length=found.length,
        expected_events_at_signal=found.events_at_signal,
    )


def require_dispersion(dispersion: float) -> None:
    """Raise unless a dispersion can be computed with.

    Parameters
    ----------
    dispersion : float
        Shape of the gamma law of the rate.

    Raises
    ------
    ValueError
        If it is below 0.001, above 1e12 and finite, or NaN.
    """
    if math.isinf(dispersion) and dispersion > 0:
        return
    if not LEAST_DISPERSION <= dispersion <= GREATEST_DISPERSION:
        raise ValueError(f"dispersion is {dispersion}: must be from 0.001 to 1e12, or infinite")


def _require_totals(state: State, observation: Observation) -> None:
    as_counts("events", observation.events)
    require_between("expected", observation.expected, -math.ulp(0.0), math.inf)
    if observation.events < state.events or observation.expected < state.expected:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
    if observation.events > 0 and observation.expected == 0:
        raise ValueError(f"events is {observation.events}: must be 0 where expected is 0")


def _llr(design: Design, observation: Observation) -> float:
    if observation.expected == 0:
        return 0.0
    is_bad = (
        observation.events > observation.expected
        if design.tail == "losses"
        else observation.events < observation.expected
    )
    if not is_bad:
        return 0.0
    return log_likelihood_ratio(observation.events, observation.expected, design.dispersion)


def _is_signal(design: Design, observation: Observation, llr: float) -> bool:
    limit = design.limit
    if limit.decided_by == "none":
        return False
    if limit.decided_by == "count":
        return observation.events >= limit.min_events
    return observation.events >= limit.min_events and llr >= limit.critical_value
