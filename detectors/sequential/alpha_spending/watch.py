"""The test look by look."""

import math
from dataclasses import dataclass

from detectors.recomputation import recomputation
from detectors.sequential.alpha_spending.boundaries import Boundaries, next_of, paths_of
from detectors.sequential.alpha_spending.design import Design, allowed_by
from detectors.sequential.look import Observation
from detectors.validation import GREATEST_COUNT, as_counts

MOST_LOOKS = 1_000


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
        If a total decreased (use `recompute` for a correction), or is invalid; if an
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
    allowed = allowed_by(design, min(observation.expected, design.horizon))
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


recompute = recomputation(init, step)


def _extended(
    state: State, expected: float, allowed: float, *, is_past: bool
) -> tuple[Boundaries, float]:
    """Boundaries with that of this look, and what they have spent."""
    known = state.boundaries
    if is_past or expected == 0 or (known and known[-1][0] == expected):
        return known, paths_of(known).spent
    if len(known) >= MOST_LOOKS:
        raise ValueError(f"looks: at most {MOST_LOOKS} at different times")
    return next_of(known, expected, allowed, state.design.min_events)


def _require(state: State, observation: Observation) -> None:
    events, expected = observation.events, observation.expected
    if type(events) is not int or not 0 <= events <= GREATEST_COUNT:
        as_counts("events", events)
    if not 0 <= expected < math.inf:
        raise ValueError(f"expected is {expected}: must be a number, not negative")
    if expected == 0 and events > 0:
        raise ValueError(f"events is {events}: must be 0 where expected is 0")
    if events < state.events or expected < state.expected:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
