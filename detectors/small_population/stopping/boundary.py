"""A rule that stops once the bad outcomes among so many patients reach a count.

The engine finds, for any rule of this kind, the exact chance of stopping and the time to it; it is
also the watch, patient by patient. `beta_binomial` and `pocock` make such rules.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Literal, Protocol

import numpy as np

from detectors.recomputation import recomputation
from detectors.validation import as_counts

Direction = Literal["harm", "loss"]
MOST_PATIENTS = 1_000  # the recursion takes a time that grows with their square


class Design(Protocol):
    """What a stopping rule has to offer.

    Attributes
    ----------
    boundary : tuple of int, one for each patient
        Least number of bad outcomes among the first *k* patients that stops; *k + 1* for never.
    direction : {"harm", "loss"}
        Whether an event is bad, or its absence.
    """

    @property
    def boundary(self) -> tuple[int, ...]: ...  # noqa: D102 - said above

    @property
    def direction(self) -> Direction: ...  # noqa: D102 - said above


@dataclass(frozen=True, kw_only=True)
class StoppingCharacteristics:
    """How a stopping rule behaves at one true proportion of events.

    Attributes
    ----------
    proportion : float
        True proportion of patients with an event.
    stop_probability : float
        Chance that the rule stops: false where the proportion is acceptable, power elsewhere.
    miss_probability : float
        One minus that, summed by itself.
    expected_patients : float
        Mean number of patients, to a stop or to the last.
    expected_events : float
        Mean number of patients with an event until then.
    expected_patients_given_stop : float
        Mean number of patients at a stop; NaN where the rule cannot stop.
    """

    proportion: float
    stop_probability: float
    miss_probability: float
    expected_patients: float
    expected_events: float
    expected_patients_given_stop: float


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen, from the start to this look.

    Attributes
    ----------
    patients : int
        Patients whose outcome is known, to date.
    events : int
        Those of them with an event.
    """

    patients: int
    events: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs: plain numbers.

    Attributes
    ----------
    boundary : tuple of int
        The rule, as its design has it.
    direction : {"harm", "loss"}
        Whether an event is bad, or its absence.
    looks, patients, events : int
        Looks so far, and totals at the last.
    first_crossing : int
        Number of the look that stopped first; 0 if none has.
    """

    boundary: tuple[int, ...]
    direction: Direction
    looks: int = 0
    patients: int = 0
    events: int = 0
    first_crossing: int = 0


@dataclass(frozen=True)
class Look:
    """What a stopping rule saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    patients, events : int
        Totals to date.
    bad_outcomes : int
        Events, or patients without one where the direction is ``loss``.
    limit : int
        Least number of bad outcomes that stops at so many patients.
    is_past_horizon : bool
        Whether there are more patients than planned: such a look cannot stop.
    is_crossing : bool
        Whether this look stops.
    has_crossed : bool
        Whether this look or an earlier one stopped.
    """

    _: KW_ONLY
    number: int
    patients: int
    events: int
    bad_outcomes: int
    limit: int
    is_past_horizon: bool
    is_crossing: bool
    has_crossed: bool


def init(design: Design) -> State:
    """Begin a watch.

    Parameters
    ----------
    design : Design
        A rule.

    Returns
    -------
    State
        A watch that has not looked.
    """
    return State(boundary=design.boundary, direction=design.direction)


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
        If a total decreased (use `recompute`), is no count, or events exceed patients; also among
        the patients since the look before.

    Notes
    -----
    The design's chance of a stop is for a look after every patient; fewer looks stop less often.
    """
    patients, events = _checked(state, observation)
    bad = events if state.direction == "harm" else patients - events
    is_past = patients > len(state.boundary)
    limit = state.boundary[min(patients, len(state.boundary)) - 1] if patients else 1
    is_crossing = bad >= limit and not is_past
    number = state.looks + 1
    following = State(
        boundary=state.boundary,
        direction=state.direction,
        looks=number,
        patients=patients,
        events=events,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        patients=patients,
        events=events,
        bad_outcomes=bad,
        limit=limit,
        is_past_horizon=is_past,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, proportion: float) -> StoppingCharacteristics:
    """Compute how a rule behaves, looking after every patient.

    Parameters
    ----------
    design : Design
        A rule.
    proportion : float
        True proportion of patients with an event, in [0, 1].

    Returns
    -------
    StoppingCharacteristics
        Exact, but for rounding (1e-13).

    Raises
    ------
    ValueError
        If `proportion` is outside [0, 1].
    """
    if not 0.0 <= proportion <= 1.0:
        raise ValueError(f"proportion is {proportion}: must lie in [0, 1]")
    bad = proportion if design.direction == "harm" else 1.0 - proportion
    stops, missed = stopping_masses(design.boundary, bad)
    total = math.fsum(stops)
    patients = math.fsum(k * mass for k, mass in enumerate(stops, 1))
    expected = patients + len(stops) * missed
    return StoppingCharacteristics(
        proportion=proportion,
        stop_probability=min(1.0, total),
        miss_probability=missed,
        expected_patients=expected,
        expected_events=proportion * expected,  # Wald: the rule does not see the future
        expected_patients_given_stop=patients / total if total > 0.0 else math.nan,
    )


def stopping_masses(boundary: tuple[int, ...], bad: float) -> tuple[list[float], float]:
    """Compute the chance to stop at each patient, and never.

    Parameters
    ----------
    boundary : tuple of int
        Least number of bad outcomes that stops, by patient.
    bad : float
        Chance of a bad outcome, in [0, 1].

    Returns
    -------
    list of float
        Chance that the rule stops at patient 1, 2, and so on.
    float
        Chance that it does not stop.
    """
    silent, stops = np.ones(1), []  # silent[y]: y bad outcomes so far, and no stop
    for limit in boundary:
        later = np.zeros(len(silent) + 1)
        with np.errstate(under="ignore"):  # a mass below the smallest double is 0
            later[:-1] = silent * (1.0 - bad)
            later[1:] += silent * bad
        stops.append(math.fsum(later[limit:].tolist()))
        silent = later[:limit]
    return stops, min(1.0, math.fsum(silent.tolist()))


def _checked(state: State, observation: Observation) -> tuple[int, int]:
    patients, events = observation.patients, observation.events
    if type(patients) is not int or type(events) is not int or min(patients, events) < 0:
        patients, events = int(as_counts("patients", patients)), int(as_counts("events", events))
    if patients < state.patients or events < state.events:
        raise ValueError(
            f"went back, so recompute: {observation.patients} patients after {state.patients}, "
            f"{observation.events} events after {state.events}"
        )
    if events - state.events > patients - state.patients:
        raise ValueError(
            f"events is {events}: must not exceed patients, nor grow by more than they"
        )
    return patients, events
