"""The test look by look."""

import math
from bisect import bisect_left
from dataclasses import KW_ONLY, dataclass, field

from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.sequential.look import Look, Observation
from detectors.sequential.poisson_band import Band
from detectors.sequential.poisson_maxsprt.boundary import (
    Boundary,
    boundary_of,
    plan_of,
    silent_band,
)
from detectors.sequential.poisson_maxsprt.likelihood import Tail, llr_of_one
from detectors.sequential.poisson_maxsprt.limits import Plan

SAME_LOOK = 1e-9  # relative: expected events added up in another order


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null, in (0, 5000].
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal of an excess is allowed.
    min_expected : float, default: 0
        Expected events, *D*, before which no signal is allowed.
    looks : int or tuple of float, optional
        Expected events to date at each look, the last of them the horizon, or the number of looks
        at equal steps; continuous looks if left out. A number keeps the state small.
    tail : {"upper", "lower", "two_sided"}, default: "upper"
        Whether an excess, a deficit, or either signals.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range. A horizon too short to spend `alpha` on an excess is not
        an error; one too short for any deficit is.
    """

    horizon: float
    _: KW_ONLY
    alpha: float = 0.05
    min_events: int = 1
    min_expected: float = 0.0
    looks: int | tuple[float, ...] | None = None
    tail: Tail = "upper"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        object.__setattr__(self, "boundary", boundary_of(self.plan, self.alpha))

    @property
    def plan(self) -> Plan:
        """When it looks."""
        return plan_of(
            self.horizon,
            self.alpha,
            min_events=self.min_events,
            min_expected=self.min_expected,
            looks=self.looks,
            tail=self.tail,
        )

    @property
    def band(self) -> Band:
        """Where it does not signal."""
        return silent_band(self.plan, self.boundary)


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
        If a total decreased (use `recompute` for a correction), or is invalid, or if
        the design has planned looks and this is none of them.

    Notes
    -----
    Type I error by the horizon is at most alpha: equal with continuous looks, less with fewer. A
    look past the horizon cannot cross, as its events cannot be told from later ones: end the
    observation at the horizon, or begin a new watch. A look before `min_expected` cannot cross.
    Planned looks are met to a relative 1e-9; a look that was not planned would spend more alpha.
    """
    if observation.events < state.events or observation.expected < state.expected:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
    design = state.design
    llr = llr_of_one(observation.events, observation.expected, design.tail)
    is_past_horizon = observation.expected > design.horizon
    is_crossing = not is_past_horizon and _crosses(design, observation, llr)
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
        critical_value=design.boundary.critical_value,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def _crosses(design: Design, seen: Observation, llr: float) -> bool:
    limit = design.boundary
    if design.looks is not None:
        planned = _planned(design, seen.expected)
        llr = llr_of_one(seen.events, planned, design.tail)
    else:
        planned = seen.expected
    if planned < design.min_expected:
        return False
    if limit.decided_by == "count":
        return seen.events >= limit.min_events
    is_enough = seen.events >= limit.min_events or seen.events < planned
    return is_enough and llr >= limit.critical_value


def _planned(design: Design, expected: float) -> float:
    if isinstance(design.looks, int):
        number = max(1, min(design.looks, round(expected / design.horizon * design.looks)))
        near = design.horizon * number / design.looks if number < design.looks else design.horizon
    else:
        times = design.looks or ()
        i = bisect_left(times, expected * (1 - SAME_LOOK))
        near = times[min(i, len(times) - 1)]
    if not math.isclose(near, expected, rel_tol=SAME_LOOK):
        raise ValueError(f"expected is {expected}: no look was planned there, the next is {near}")
    return near
