"""A chart look by look."""

import math
from dataclasses import dataclass

from detectors.recomputation import recomputation
from detectors.sequential.chart_rules import law_of_look
from detectors.sequential.count_law import weights
from detectors.sequential.cusum.design import Design
from detectors.validation import GREATEST_COUNT


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    trials : int, default: 0
        Trials to date, where the design counts them. Those of one look share their chance of an
        event; look at one patient at a time where it differs.
    """

    events: int
    expected: float
    trials: int = 0


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks : int
        Looks so far.
    events, trials : int
        Events and trials at the last look.
    expected : float
        Events expected at the last look.
    statistic : float
        Where the chart goes on from: after a reset, zero.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    trials: int = 0
    expected: float = 0.0
    statistic: float = 0.0
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a chart saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    statistic : float
        Value of the chart, not negative, on the scale of a log-likelihood ratio.
    critical_value : float
        Least value that signals.
    is_past_horizon : bool
        Whether more looks were taken than planned. Such a look cannot cross where `alpha` was set,
        as it was spent on the others.
    is_crossing : bool
        Whether this look meets the boundary.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    events: int
    expected: float
    statistic: float
    critical_value: float
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
        A chart at zero.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    r"""Look once.

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
        If a total decreased (use `recompute` for a correction) or is invalid, if events
        came where none were expected, or if trials do not fit the design.

    Notes
    -----
    :math:`S_t = \max(0, S_{t-1} + \ell_t)` with :math:`\ell_t` the log-likelihood ratio of what is
    new at this look, and a signal where :math:`S_t \ge h`. The expected count may differ from look
    to look, and so may a look's weight; the boundary holds for the plan.
    """
    design, number = state.design, state.looks + 1
    evidence = _log_likelihood_ratio(state, observation)
    is_stopped = design.after_signal == "stay" and state.first_crossing > 0
    statistic = state.statistic if is_stopped else max(0.0, state.statistic + evidence)
    is_past_horizon = number > design.looks
    is_open = not is_stopped and not (is_past_horizon and design.alpha is not None)
    is_crossing = is_open and statistic >= design.boundary.critical_value
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        trials=observation.trials,
        expected=observation.expected,
        statistic=0.0 if is_crossing and design.after_signal == "reset" else statistic,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        events=observation.events,
        expected=observation.expected,
        statistic=statistic,
        critical_value=design.boundary.critical_value,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def _log_likelihood_ratio(state: State, observation: Observation) -> float:
    _require_observation(state, observation)
    events = observation.events - state.events
    expected = observation.expected - state.expected
    if expected == 0:
        if events:
            raise ValueError(
                f"events came where none were expected: "
                f"{observation.events} events after {state.events}, "
                f"{observation.expected} expected after {state.expected}"
            )
        return 0.0
    law = law_of_look(expected, state.design.dispersion, observation.trials - state.trials)
    per_event, per_look = weights(law, state.design.rate_ratio)
    return per_event * events - per_look


def _require_observation(state: State, observation: Observation) -> None:
    for name in ("events", "trials"):
        count = getattr(observation, name)
        if not (0 <= count <= GREATEST_COUNT and count % 1 == 0):
            raise ValueError(f"{name} is {count}: must be whole, and from 0 to 2**53")
    if not 0 <= observation.expected < math.inf:
        raise ValueError(f"expected is {observation.expected}: must be a number, not negative")
    events, trials = observation.events - state.events, observation.trials - state.trials
    if events < 0 or trials < 0 or observation.expected < state.expected:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
    if state.design.trials_per_look:
        expected = observation.expected - state.expected
        if events > trials or expected > trials or expected == trials > 0:
            raise ValueError(
                f"trials must exceed what is expected: "
                f"{observation.events} events after {state.events}, "
                f"{observation.expected} expected after {state.expected}"
            )
    elif trials:
        raise ValueError(f"trials is {trials}: must be 0, as the design counts none")
