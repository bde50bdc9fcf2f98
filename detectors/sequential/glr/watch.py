"""A watch look by look."""

import math
from dataclasses import dataclass

from detectors.recomputation import recomputation
from detectors.sequential.glr.design import Design
from detectors.sequential.glr.stretch import OneLook, scan
from detectors.sequential.look import Observation
from detectors.validation import GREATEST_COUNT


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs: plain numbers, and a pair of them for each look of the window.

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
    recent : tuple of (int, float)
        Events and expected of each look in the window, the newest last; some 20 bytes a look.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    expected: float = 0.0
    recent: tuple[OneLook, ...] = ()
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a GLR watch saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    events : int
        Events observed to date.
    expected : float
        Events expected under the null to date.
    statistic : float
        Greatest log-likelihood ratio of a stretch of looks that ends with this one; not negative.
    changed_at : int
        The first look of that stretch; 0 where the statistic is 0.
    rate_ratio : float
        Ratio fitted to that stretch; 1 where the statistic is 0.
    critical_value : float
        Least statistic that signals.
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
    changed_at: int
    rate_ratio: float
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
        A watch that has not looked.
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
        If a total decreased (use `recompute` for a correction) or is invalid, or if
        events came where none were expected.

    Notes
    -----
    :math:`G_t = \max_k \sup_R \sum_{i=k}^t \ell_i(R)` over the looks *k* of the window and the
    ratios *R* above 1, or below, with :math:`\ell_i(R)` the log-likelihood ratio of look *i* [1]_.
    Poisson: the supremum is :math:`n \log(n / \mu) - (n - \mu)` of the stretch's totals where they
    lie on the side that is looked for. Negative binomial: *R* solves
    :math:`\sum_i r (x_i - R \mu_i) / (r + R \mu_i) = 0`, whose left side falls with *R*.

    A look costs time in proportion to the window: at one of 50, near 20 microseconds for Poisson,
    and for negative binomials of equal means. With unequal means there is no closed form: some 30
    microseconds under the null, and 60 to 220 while a change lasts, as then the stretch that is
    fitted is long, and many others are near it (`stretch.scan`).

    References
    ----------
    .. [1] Höhle M, Paul M (2008). Count data regression charts for the monitoring of surveillance
       time series. Computational Statistics & Data Analysis, 52(9), 4357-4368.
    """
    design, number = state.design, state.looks + 1
    newest = _new_look(state, observation)
    recent = (*state.recent[-design.window + 1 :], newest) if design.window > 1 else (newest,)
    statistic, length, ratio = scan(
        recent, direction=design.direction, dispersion=design.dispersion
    )
    is_past_horizon = number > design.looks
    is_stopped = design.after_signal == "stay" and state.first_crossing > 0
    is_open = not is_stopped and not (is_past_horizon and design.alpha is not None)
    is_crossing = is_open and statistic >= design.boundary.critical_value
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        expected=observation.expected,
        recent=() if is_crossing and design.after_signal == "reset" else recent,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        events=observation.events,
        expected=observation.expected,
        statistic=statistic,
        changed_at=number - length + 1 if length else 0,
        rate_ratio=ratio,
        critical_value=design.boundary.critical_value,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def _new_look(state: State, observation: Observation) -> OneLook:
    count, mean = observation.events, observation.expected
    if not (0 <= count <= GREATEST_COUNT and count % 1 == 0):
        raise ValueError(f"events is {count}: must be whole, and from 0 to 2**53")
    if not 0 <= mean < math.inf:
        raise ValueError(f"expected is {mean}: must be a number, not negative")
    if count < state.events or mean < state.expected:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
    newest = (count - state.events, mean - state.expected)
    if newest[0] and not newest[1]:
        raise ValueError(
            f"events came where none were expected: "
            f"{observation.events} events after {state.events}, "
            f"{observation.expected} expected after {state.expected}"
        )
    return newest
