"""Poisson MaxSPRT: log-likelihood ratio, exact boundary, and the test look by look.

The LLR rises only when an event arrives, so "the LLR reaches c" is "event n arrives before
tau_n", and the chance of a signal under the null is a finite recursion.
"""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

from detectors.sequential.look import Look
from detectors.sequential.poisson_paths import crossing_probability
from detectors.validation import as_counts, as_reals, refuse_where

LEAST_ALPHA = 1e-9  # far above the rounding error of the null probability
LOWEST, HIGHEST = 1e-9, 50.0  # not 0: SciPy's lambertw is NaN at its branch point
ROOT_ERROR = 1e-12


def log_likelihood_ratio(events: ArrayLike, expected: ArrayLike) -> NDArray[np.float64]:
    r"""Compute the Poisson log-likelihood ratio of an excess of events.

    Parameters
    ----------
    events : array_like of whole numbers
        Events observed to date, *n*.
    expected : array_like, of a shape that broadcasts with `events`
        Events expected under the null to date, :math:`\mu`, not negative.

    Returns
    -------
    ndarray, of the broadcast shape
        :math:`n \log(n / \mu) - (n - \mu)` where :math:`n > \mu`, and 0 elsewhere.

    Raises
    ------
    ValueError
        If a count is not one, if an expectation is negative, infinite or NaN, or if an event was
        observed where none is expected: the ratio would be infinite.
    """
    n, mu = np.broadcast_arrays(as_counts("events", events), as_reals("expected", expected))
    refuse_where(np.isnan(mu), "expected", mu, "must not be missing")
    refuse_where((mu == 0) & (n > 0), "events", n, "must be 0 where expected is 0")
    return np.asarray(special.kl_div(np.maximum(n, mu), mu))


def critical_value(horizon: float, *, alpha: float = 0.05, min_events: int = 1) -> float:
    """Find the LLR at which to signal so that the total type I error is `alpha`.

    Parameters
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal is allowed.

    Returns
    -------
    float
        Critical value *c* on the LLR scale: signal once ``llr >= c``.

    Raises
    ------
    ValueError
        If an argument is out of range, or `horizon` is too short to spend `alpha`; `boundary` has
        an answer to the second.

    Notes
    -----
    Exact for continuous looks, to 2e-12 and never below the root; fewer looks spend less.

    References
    ----------
    .. [1] Kulldorff M et al. (2011). A maximized sequential probability ratio test for
       drug and vaccine safety surveillance. Sequential Analysis, 30(1), 58-78.

    Examples
    --------
    >>> round(critical_value(horizon=20.0), 6)
    3.628123
    """
    _require_design(horizon, alpha, min_events)
    overspent = partial(_overspent, horizon=horizon, alpha=alpha, min_events=min_events)
    if overspent(LOWEST) < 0:
        raise ValueError(f"cannot spend {alpha=} by {horizon=} with {min_events=}")
    root = float(brentq(overspent, LOWEST, HIGHEST, xtol=ROOT_ERROR))
    return root + 2 * ROOT_ERROR  # the error of the root must not cost alpha


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a watch signals, and how often it would do so under the null.

    Attributes
    ----------
    decided_by : {"llr", "count"}
        Whether the LLR has to reach `critical_value`, or the count alone decides.
    critical_value : float
        Least LLR that signals; 0 where the count decides.
    min_events : int
        Least count that signals.
    attained_size : float
        Type I error by the horizon, with continuous looks; at most alpha, but for rounding (1e-15).
    """

    decided_by: Literal["llr", "count"]
    critical_value: float
    min_events: int
    attained_size: float


def boundary(horizon: float, *, alpha: float = 0.05, min_events: int = 1) -> Boundary:
    r"""Find when to signal, for any horizon however short.

    Parameters
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal is allowed.

    Returns
    -------
    Boundary
        The exact MaxSPRT boundary or, in the first-event regime, a count.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    First-event regime: where so few events are expected by the horizon that *M* of them, at
    whatever time, happen with a chance below `alpha`, no critical value spends it. Then the
    boundary is the smallest count *k*, not below *M*, with :math:`P(N(T) \ge k) \le \alpha`, and
    the size attained is that probability. With less than 0.0513 events expected, one event is a
    signal at 5 %.

    Examples
    --------
    >>> few = boundary(0.01)
    >>> few.decided_by, few.min_events, round(few.attained_size, 6)
    ('count', 1, 0.00995)
    """
    _require_design(horizon, alpha, min_events)
    return _boundary(horizon, alpha, min_events)


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal is allowed.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range. A horizon too short to spend `alpha` is not an error.
    """

    horizon: float
    _: KW_ONLY
    alpha: float = 0.05
    min_events: int = 1
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = boundary(self.horizon, alpha=self.alpha, min_events=self.min_events)
        object.__setattr__(self, "boundary", found)


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
        If a total went back (a correction of the past is for `recompute`), or is not one.

    Notes
    -----
    Type I error by the horizon is at most alpha: equal with continuous looks, less with fewer. A
    look past the horizon cannot cross, as its events cannot be told from later ones: end the
    observation at the horizon, or begin a new watch.
    """
    if observation.events < state.events or observation.expected < state.expected:
        raise ValueError(f"went back, so recompute: {observation} after {state}")
    llr = float(log_likelihood_ratio(observation.events, observation.expected))
    limit = state.design.boundary
    is_past_horizon = observation.expected > state.design.horizon
    is_high = observation.events >= limit.min_events and llr >= limit.critical_value
    is_crossing = is_high and not is_past_horizon
    number = state.looks + 1
    following = State(
        design=state.design,
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
        critical_value=limit.critical_value,
        is_past_horizon=is_past_horizon,
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
    state, looks = init(design), []
    for observation in observations:
        state, look = step(state, observation)
        looks.append(look)
    return state, tuple(looks)


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
        Type I error used so far with continuous looks, at most that of the boundary.

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
    now = min(expected, design.horizon)
    limit = design.boundary
    if limit.decided_by == "count":
        return _tail(limit.min_events, now)
    return _size(limit.critical_value, now, limit.min_events)


def _require_design(horizon: float, alpha: float, min_events: int) -> None:
    is_whole = min_events >= 1 and min_events % 1 == 0
    if not (0 < horizon < math.inf and LEAST_ALPHA <= alpha < 1 and is_whole):
        raise ValueError(f"out of range: {horizon=}, {alpha=}, {min_events=}")


@lru_cache(maxsize=4096)
def _boundary(horizon: float, alpha: float, min_events: int) -> Boundary:
    if _overspent(LOWEST, horizon=horizon, alpha=alpha, min_events=min_events) < 0:
        return _count_boundary(horizon, alpha, min_events)
    c = critical_value(horizon, alpha=alpha, min_events=min_events)
    return Boundary(
        decided_by="llr",
        critical_value=c,
        min_events=min_events,
        attained_size=_size(c, horizon, min_events),
    )


def _overspent(c: float, horizon: float, alpha: float, min_events: int) -> float:
    return _size(c, horizon, min_events) - alpha


def _size(c: float, horizon: float, min_events: int) -> float:
    deadline = partial(_deadline, c=c)
    return crossing_probability(deadline, first_event=min_events, horizon=horizon)


def _deadline(n: int, c: float) -> float:
    # The mean at which n events have LLR c: n log(n / tau) - (n - tau) = c, tau < n.
    return -n * float(special.lambertw(-math.exp(-1 - c / n)).real)


def _count_boundary(horizon: float, alpha: float, min_events: int) -> Boundary:
    count = min_events
    while _tail(count, horizon) > alpha:
        count += 1
    return Boundary(
        decided_by="count",
        critical_value=0.0,
        min_events=count,
        attained_size=_tail(count, horizon),
    )


def _tail(count: int, mean: float) -> float:
    return float(special.gammainc(count, mean))  # P(N >= count)
