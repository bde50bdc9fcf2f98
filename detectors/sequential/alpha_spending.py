"""Poisson counts whose boundary spends the type I error by a plan, with looks at any times.

At each look the boundary is the smallest count with which no more is spent than the plan allows;
what a count, being whole, leaves unspent is carried to the next look.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

from detectors.replay import replay
from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.spending_functions import SpendingName, spent
from detectors.sequential.spending_paths import (
    START,
    Paths,
    advanced,
    chance_to_reach,
    deadlines,
    group_of,
    mean_silence,
    mean_wait,
    next_boundary,
)
from detectors.validation import GREATEST_COUNT, as_counts, require_between

LEAST_ALPHA = 1e-9
GREATEST_HORIZON = 700.0  # exp(-700) is a normal number
MOST_LOOKS = 1_000
Boundaries = tuple[tuple[float, int], ...]  # events expected, and the least count that crosses

RAREST = 1e-30  # chance of a signal below which the means given one are not told


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first look.

    Attributes
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null, up to 700.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal is allowed.
    spending : {"power", "obrien_fleming", "pocock", "hwang_shih_decani"}
        How alpha is spent; the share of the information is expected events over `horizon`.
    parameter : float, default: 0.5
        Parameter of the spending function; 0 for the two that have none.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    horizon: float
    _: KW_ONLY
    alpha: float = 0.05
    min_events: int = 1
    spending: SpendingName = "power"
    parameter: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.horizon <= GREATEST_HORIZON:
            raise ValueError(f"horizon is {self.horizon}: must be above 0 and at most 700")
        if not LEAST_ALPHA <= self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}: must be at least 1e-9 and below 1")
        if not (1 <= self.min_events <= GREATEST_HORIZON and self.min_events % 1 == 0):
            raise ValueError(f"min_events is {self.min_events}: must be a count from 1 to 700")
        spent(self.spending, 1.0, self.alpha, parameter=self.parameter)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    """

    events: int
    expected: float


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
    boundaries : tuple of tuple of float and int
        For each time looked at, up to the horizon, the events expected and the least count that
        crosses. From these the chances of the counts that have not crossed are computed again.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    expected: float = 0.0
    boundaries: tuple[tuple[float, int], ...] = ()
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the test saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    least_events : int
        Count that crosses at this look.
    alpha_allowed : float
        Type I error that may be spent by now.
    alpha_spent : float
        Type I error spent by now: the exact chance under the null of a crossing until this look.
    is_past_horizon : bool
        Whether `expected` exceeds the horizon: such a look cannot cross.
    is_crossing : bool
        Whether this look meets the boundary.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    events: int
    expected: float
    least_events: int
    alpha_allowed: float
    alpha_spent: float
    is_past_horizon: bool
    is_crossing: bool
    has_crossed: bool


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
        If a total went back (a correction of the past is for `recompute`), or is not one; if an
        event was observed where none is expected; if there are more than 1,000 looks.

    Notes
    -----
    The times of the looks may be unforeseen, but must not be chosen by what was seen. The state
    grows by a pair of numbers with each look at a new time. A look past the horizon cannot cross,
    and spends nothing.

    The boundary at times that another watch has looked at is kept, and a step takes some 4
    microseconds. At times of its own a step finds its boundary anew: some 16 microseconds where
    one event is expected at each look, and 50 in a watch of 200 looks and 500 expected events.

    Examples
    --------
    Horizon 100, and alpha spent by the root of the share:

    >>> state = init(Design(100.0))
    >>> for events, expected in [(1, 2.0), (3, 2.8), (13, 11.8)]:
    ...     state, look = step(state, Observation(events=events, expected=expected))
    ...     print(look.least_events, round(look.alpha_allowed, 4), round(look.alpha_spent, 4))
    7 0.0071 0.0045
    9 0.0084 0.0056
    21 0.0172 0.0145
    """
    _require(state, observation)
    design, number = state.design, state.looks + 1
    is_past = observation.expected > design.horizon
    allowed = _allowed(design, min(observation.expected, design.horizon))
    boundaries, spent_by_now = _extended(state, observation.expected, allowed, is_past=is_past)
    least = boundaries[-1][1] if boundaries else design.min_events
    is_crossing = not is_past and observation.events >= least
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        expected=observation.expected,
        boundaries=boundaries,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        events=observation.events,
        expected=observation.expected,
        least_events=least,
        alpha_allowed=allowed,
        alpha_spent=spent_by_now,
        is_past_horizon=is_past,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


def recompute(
    design: Design, observations: Iterable[Observation]
) -> tuple[State, tuple[Look, ...]]:
    """Look again from the start, after the past was corrected.

    Parameters
    ----------
    design : Design
        The same design: a correction of data is no reason for another.
    observations : iterable of Observation
        Every observation in order, as it should have been.

    Returns
    -------
    State
        The watch as the corrected data make it; a crossing that they do not support is gone.
    tuple of Look
        Each look again. What was already said of a crossing is the caller's to keep and to mark.

    Raises
    ------
    ValueError
        If a total went back, or is not one.
    """
    return replay(step, init(design), observations)


def continuous_deadlines(design: Design) -> tuple[tuple[int, float], ...]:
    """Find, for looks at every moment, until when each count crosses.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.

    Returns
    -------
    tuple of tuple of int and float
        A count, and the events expected until which it crosses. A count that is not listed has no
        time of its own; the last one ends at the horizon.

    Examples
    --------
    >>> [(n, round(time, 3)) for n, time in continuous_deadlines(Design(5.0, parameter=1.0))[:3]]
    [(2, 0.02), (3, 0.262), (4, 0.676)]
    """
    times, counts = _deadlines(design)
    return tuple(zip(counts, times, strict=True))


def operating_characteristics(
    design: Design, rate_ratio: float, *, looks: Sequence[float] | None = None
) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate over that of the null, in (0, 1e3), and at most 700 over the horizon.
    looks : sequence of float, optional
        Events expected under the null at each planned look, rising, up to the horizon. Without
        them the looks are continuous.

    Returns
    -------
    OperatingCharacteristics
        At a rate ratio of 1 the power is the attained size. Times are in expected events under the
        null, and the watch ends at the horizon. Where the power is below 1e-30, the means given a
        signal are NaN.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range, or the looks do not rise from above 0 to the horizon.

    Examples
    --------
    >>> found = operating_characteristics(Design(5.0, parameter=1.0), 2.0)
    >>> round(found.power, 4), round(found.expected_time_to_signal, 2)
    (0.5613, 2.6)
    """
    require_between("rate_ratio", rate_ratio, 0.0, 1e3)
    if rate_ratio * design.horizon > GREATEST_HORIZON:
        raise ValueError(f"rate_ratio is {rate_ratio}: times horizon it must be at most 700")
    if looks is None:
        return _continuous(design, rate_ratio)
    times = _require_looks(design, looks)
    state, _ = recompute(design, [Observation(events=0, expected=time) for time in times])
    found = group_of(state.boundaries, rate_ratio)
    power = math.fsum(chance for chance, _ in found)
    passed = math.fsum(time * chance for time, (chance, _) in zip(times, found, strict=True))
    events = math.fsum(number for _, number in found)
    return _of(rate_ratio, power, passed, passed + design.horizon * (1 - power), events)


def _continuous(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    paths, before, silence, hits, passed = START, 0.0, [], [], []
    for time, count in zip(*_deadlines(design), strict=True):
        mean = (time - before) * rate_ratio
        silence.append(mean_silence(paths, mean, count) / rate_ratio)
        chance = chance_to_reach(paths, mean, count)
        hits.append((count, chance))
        passed.append(before * chance + mean_wait(paths, mean, count) / rate_ratio)
        paths, before = advanced(paths, mean, count), time
    length, power = math.fsum(silence), math.fsum(chance for _, chance in hits)
    events = math.fsum(count * chance for count, chance in hits)
    return _of(rate_ratio, power, math.fsum(passed), length, events)


def _of(
    rate_ratio: float, power: float, passed: float, length: float, events: float
) -> OperatingCharacteristics:
    is_told = power > RAREST
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=passed / power if is_told else math.nan,
        expected_length=length,
        expected_events_at_signal=events / power if is_told else math.nan,
    )


@lru_cache(maxsize=16_384)
def _kept(boundaries: Boundaries) -> list[Paths]:
    """Give the place of the paths that these boundaries leave; empty until they are computed."""
    return [] if boundaries else [START]


def _paths(boundaries: Boundaries) -> Paths:
    kept = _kept(boundaries)
    if not kept:  # a state from elsewhere
        paths, before = START, 0.0
        for expected, least in boundaries:
            paths, before = advanced(paths, expected - before, least), expected
        kept.append(paths)
    return kept[0]


def _extended(
    state: State, expected: float, allowed: float, *, is_past: bool
) -> tuple[Boundaries, float]:
    """Boundaries with that of this look, and what they have spent."""
    known = state.boundaries
    if is_past or expected == 0 or (known and known[-1][0] == expected):
        return known, _paths(known).spent
    if len(known) >= MOST_LOOKS:
        raise ValueError(f"looks: at most {MOST_LOOKS} at different times")
    return _next(known, expected, allowed, state.design.min_events)


@lru_cache(maxsize=16_384, typed=True)  # watches that look at the same times share a boundary
def _next(
    known: Boundaries, expected: float, allowed: float, min_events: int
) -> tuple[Boundaries, float]:
    mean = expected - (known[-1][0] if known else 0.0)
    least, following = next_boundary(_paths(known), mean, allowed, min_events=min_events)
    boundaries = (*known, (expected, least))
    _kept(boundaries)[:] = [following]
    return boundaries, following.spent


def _allowed(design: Design, expected: float) -> float:
    share = min(1.0, expected / design.horizon)
    return spent(design.spending, share, design.alpha, parameter=design.parameter)


@lru_cache(maxsize=4096)
def _deadlines(design: Design) -> tuple[tuple[float, ...], tuple[int, ...]]:
    def allowed(expected: float) -> float:
        return _allowed(design, expected)

    times, counts = deadlines(allowed, horizon=design.horizon, min_events=design.min_events)
    return tuple(times), tuple(counts)


def _require(state: State, observation: Observation) -> None:
    events, expected = observation.events, observation.expected
    if type(events) is not int or not 0 <= events <= GREATEST_COUNT:
        as_counts("events", events)
    if not 0 <= expected < math.inf:
        raise ValueError(f"expected is {expected}: must be a number, not negative")
    if expected == 0 and events > 0:
        raise ValueError(f"events is {events}: must be 0 where expected is 0")
    if events < state.events or expected < state.expected:
        raise ValueError(f"went back, so recompute: {observation} after {state}")


def _require_looks(design: Design, looks: Sequence[float]) -> list[float]:
    times = [float(time) for time in looks]
    for i, (before, time) in enumerate(zip([0.0, *times], times, strict=False)):
        if not before < time <= design.horizon:
            raise ValueError(f"looks[{i}] is {time}: must rise from above 0 to the horizon")
    if not times:
        raise ValueError("looks is empty: give at least one")
    return times
