"""GLR: the greatest log-likelihood ratio over all changes of rate within a window, up or down.

Unlike a CUSUM it needs no ratio to detect: it fits one to each stretch of looks that ends now. The
price is a higher boundary, and a state as long as its window.
"""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.between_edges import Alive, advance
from detectors.sequential.chart_value import LOWEST, least_critical_value, log_over
from detectors.sequential.count_law import CountLaw, masses, total
from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.stretch import Direction, OneLook, farthest_count, scan
from detectors.sequential.stretch_paths import FirstStretch, first_stretch
from detectors.validation import GREATEST_COUNT

LEAST_ALPHA = 1e-9  # far above the rounding error of the chance of a signal
MOST_LOOKS = 10_000
WIDEST_WINDOW = 1_000
LEAST_DISPERSION = 0.01
GREATEST_VALUE = 1_000.0  # whose chance is below exp(-1,000)
RAREST = 1e-15  # chance of a signal below which the means given one are not told


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a watch signals, and a bound for how often it would do so under the null.

    Attributes
    ----------
    critical_value : float
        Least statistic that signals.
    size_bound : float
        The chance of a false signal within the planned looks is no greater.
    """

    critical_value: float
    size_bound: float


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look. One of the last two arguments sets the boundary.

    Attributes
    ----------
    expected_per_look : float
        Events expected under the null in a planned look, above 0.
    looks : int
        Planned looks, the horizon, from 1 to 10,000.
    alpha : float or None
        Greatest chance of a false signal within the planned looks, in [1e-9, 1).
    critical_value : float or None
        The value that signals, as it is, from 1e-6 to 1,000.
    window : int, default: 50
        How many looks back a change may lie, from 1 to 1,000.
    direction : {"increase", "decrease"}, default: "increase"
        The change that is looked for.
    dispersion : float or None, default: None
        Known size of a negative binomial, at least 0.01; None or infinite is Poisson.
    after_signal : {"reset", "stay", "none"}, default: "reset"
        What a signal does. ``reset``: looks up to this one are forgotten. ``stay``: no later look
        crosses. ``none``: nothing; the watch may signal at every look.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, or not exactly one sets the boundary.
    """

    _: KW_ONLY
    expected_per_look: float
    looks: int
    alpha: float | None = None
    critical_value: float | None = None
    window: int = 50
    direction: Direction = "increase"
    dispersion: float | None = None
    after_signal: Literal["reset", "stay", "none"] = "reset"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.dispersion is not None and math.isinf(self.dispersion) and self.dispersion > 0:
            object.__setattr__(self, "dispersion", None)  # JSON has no infinity
        _require_design(self)
        law = _law_of(self, self.expected_per_look)
        reach = min(self.window, self.looks)
        found = _boundary(law, self.looks, reach, self.direction, self.alpha, self.critical_value)
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
        If a total went back (a correction of the past is for `recompute`) or is not one, or if
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


def false_signal_bound(
    law: CountLaw, critical_value: float, *, looks: int, window: int, direction: Direction
) -> float:
    r"""Bound the chance that a GLR watch signals under the null.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null, the same for every look.
    critical_value : float
        Value that signals, above 0.
    looks : int
        Planned looks.
    window : int
        How many looks back a change may lie, at most `looks`.
    direction : {"increase", "decrease"}
        The change that is looked for.

    Returns
    -------
    float
        A number that the chance does not exceed, at most 1.

    Raises
    ------
    ValueError
        If the critical value, the looks or the window is out of range.

    Notes
    -----
    Sum over the first look of the stretch that signals. Of the stretch with the greatest ratio,
    every beginning must itself lie on the side that is looked for, else the stretch without it
    would have a greater one. So a first look counts only while its total has not come back to
    what is expected, and the chance of going from there to the boundary within the window is an
    exact recursion. Only the sum over first looks, which are not exclusive, makes it a bound.
    """
    if not 0 < critical_value <= GREATEST_VALUE:
        raise ValueError(f"critical_value is {critical_value}: must be above 0, and at most 1000")
    if not 1 <= window <= looks:
        raise ValueError(f"window is {window}: must be from 1 to looks, {looks}")
    alive, one, reached = Alive(np.ones(1), 0, 0.0, 0.0), masses(law), np.zeros(window)
    is_upward, far = direction == "increase", 0
    for look in range(1, window + 1):
        far = farthest_count(law, look, critical_value, far, is_upward=is_upward)
        mean = law.mean * look
        edges = (math.floor(mean), far) if is_upward else (far, math.ceil(mean))
        alive = advance(alive, one, *edges)
        reached[look - 1] = alive.high if is_upward else alive.low
    chance = np.add.accumulate(reached)
    return min(1.0, total(chance[:-1]) + (looks - window + 1) * float(chance[-1]))


def operating_characteristics(
    design: Design,
    rate_ratio: float,
    *,
    rng: np.random.Generator | None = None,
    n_paths: int = 10_000,
) -> OperatingCharacteristics:
    """Compute how often and how soon a watch signals within its planned looks.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    rng : Generator or None, default: None
        Source of chance for a design that is too large to be exact. It is not drawn from, and not
        needed, where the answer is exact.
    n_paths : int, default: 10_000
        Watches to simulate where the answer is not exact, at least 1.

    Returns
    -------
    OperatingCharacteristics
        Chance of a signal, and means of time, in looks, and events at the first signal; NaN where
        the chance is below 1e-15. `method` says whether they are exact or simulated.

    Raises
    ------
    ValueError
        If an argument is out of range, or the design is too large to be exact and no `rng` is
        given.

    Notes
    -----
    What past looks mean for later ones is a staircase of counts (`first_stretch`), and chances of
    staircases are carried from look to look. That is exact, and done where there are at most 20,000
    of them: with a window as long as the plan up to some 50 looks of one expected event, or 100
    looks of 0.1; with a shorter window where few events are expected. Beyond, the state is a window
    of counts, in which every look leaves at its own time: staircases then number millions, and
    watches are simulated (`simulate`). What is exact of every design is the bound of its size,
    `false_signal_bound`.

    Examples
    --------
    >>> watch = Design(expected_per_look=1.0, looks=24, alpha=0.05)
    >>> found = operating_characteristics(watch, 2.0)
    >>> found.method, round(found.power, 3), round(found.expected_time_to_signal, 1)
    ('exact', 0.922, 10.8)
    """
    _require_paths(n_paths)
    law = _law_of(design, design.expected_per_look).changed(rate_ratio)
    reach = _farthest(design)
    found = _first_stretch(law, reach, design.looks, is_upward=design.direction == "increase")
    if found is None:
        if rng is None:
            raise ValueError(
                f"rng is None: must be a generator, as this is too large to be exact: {design}"
            )
        return simulate(design, rate_ratio, rng=rng, n_paths=n_paths)
    power = min(1.0, math.fsum(found.chance))  # rounding may add some bits
    time = math.fsum(found.chance * np.arange(1, design.looks + 1))
    is_told = power > RAREST
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=time / power if is_told else math.nan,
        expected_length=min(float(design.looks), time + design.looks * (1.0 - power)),
        expected_events_at_signal=math.fsum(found.events) / power if is_told else math.nan,
        power_error=found.left_out,
    )


def simulate(
    design: Design, rate_ratio: float, *, rng: np.random.Generator, n_paths: int = 10_000
) -> OperatingCharacteristics:
    """Estimate how often and how soon a watch signals within its planned looks, by simulation.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    rng : Generator
        Source of chance.
    n_paths : int, default: 10_000
        Simulated watches, at least 1.

    Returns
    -------
    OperatingCharacteristics
        Share that signals, and means of time, in looks, and events at the first signal; NaN where
        no path signals.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The standard error in `power_error` is that of a share of :math:`k + 1` in :math:`n + 2`
    watches where *k* of *n* signal, so that none in few is not taken for certainty.
    """
    _require_paths(n_paths)
    law = _law_of(design, design.expected_per_look)
    counts = _draw(law.changed(rate_ratio), (n_paths, design.looks), rng)
    is_signal = _signals(counts, design)
    time = np.argmax(is_signal, axis=1)
    has_signal = is_signal.any(axis=1)
    events = np.add.accumulate(counts, axis=1)[np.arange(n_paths), time]
    some = bool(has_signal.any())
    share = (int(has_signal.sum()) + 1) / (n_paths + 2)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=float(has_signal.mean()),
        expected_time_to_signal=float((time[has_signal] + 1).mean()) if some else math.nan,
        expected_length=float(np.where(has_signal, time + 1, design.looks).mean()),
        expected_events_at_signal=float(events[has_signal].mean()) if some else math.nan,
        method="simulated",
        power_error=math.sqrt(share * (1.0 - share) / n_paths),
    )


def _require_paths(n_paths: int) -> None:
    if not (n_paths >= 1 and n_paths % 1 == 0):
        raise ValueError(f"n_paths is {n_paths}: must be whole, and at least 1")


def _farthest(design: Design) -> tuple[int, ...]:
    """For a stretch of 1, 2, ... planned looks the total that signals."""
    law, is_upward = _law_of(design, design.expected_per_look), design.direction == "increase"
    far, found = 0, []
    for look in range(1, min(design.window, design.looks) + 1):
        far = farthest_count(law, look, design.boundary.critical_value, far, is_upward=is_upward)
        found.append(far)
    return tuple(found)


@lru_cache(maxsize=256)
def _first_stretch(
    law: CountLaw, farthest: tuple[int, ...], looks: int, *, is_upward: bool
) -> FirstStretch | None:
    return first_stretch(masses(law), farthest, looks=looks, is_upward=is_upward)


def _signals(counts: NDArray[np.int64], design: Design) -> NDArray[np.bool_]:
    is_upward = design.direction == "increase"
    is_signal = np.zeros(counts.shape, dtype=np.bool_)
    sums = np.zeros(counts.shape, dtype=np.int64)
    for look, far in enumerate(_farthest(design), start=1):
        sums[:, look - 1 :] += counts[:, : counts.shape[1] - look + 1]
        tried = sums[:, look - 1 :]
        is_signal[:, look - 1 :] |= tried >= far if is_upward else tried <= far
    return is_signal


def _draw(law: CountLaw, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    if math.isinf(law.dispersion):
        return rng.poisson(law.mean, shape)
    return rng.poisson(rng.gamma(law.dispersion, law.mean / law.dispersion, shape))


def _new_look(state: State, observation: Observation) -> OneLook:
    count, mean = observation.events, observation.expected
    if not (0 <= count <= GREATEST_COUNT and count % 1 == 0):
        raise ValueError(f"events is {count}: must be whole, and from 0 to 2**53")
    if not 0 <= mean < math.inf:
        raise ValueError(f"expected is {mean}: must be a number, not negative")
    if count < state.events or mean < state.expected:
        raise ValueError(f"went back, so recompute: {observation} after {state}")
    newest = (count - state.events, mean - state.expected)
    if newest[0] and not newest[1]:
        raise ValueError(f"events came where none were expected: {observation} after {state}")
    return newest


def _law_of(design: Design, mean: float) -> CountLaw:
    size = math.inf if design.dispersion is None else design.dispersion
    return CountLaw(mean, dispersion=size)


def _require_design(design: Design) -> None:
    for name, count, most in (
        ("looks", design.looks, MOST_LOOKS),
        ("window", design.window, WIDEST_WINDOW),
    ):
        if not (1 <= count <= most and count % 1 == 0):
            raise ValueError(f"{name} is {count}: must be whole, from 1 to {most}")
    if design.direction not in ("increase", "decrease"):
        raise ValueError(f"direction is {design.direction}: must be increase or decrease")
    if design.after_signal not in ("reset", "stay", "none"):
        raise ValueError(f"after_signal is {design.after_signal}: must be reset, stay or none")
    if not 0 < design.expected_per_look < math.inf:
        raise ValueError(f"expected_per_look is {design.expected_per_look}: must be above 0")
    if design.dispersion is not None and not design.dispersion >= LEAST_DISPERSION:
        raise ValueError(f"dispersion is {design.dispersion}: must be at least {LEAST_DISPERSION}")
    if (design.alpha is None) == (design.critical_value is None):
        raise ValueError("set one of alpha and critical_value, not both or none")
    if design.alpha is not None and not LEAST_ALPHA <= design.alpha < 1:
        raise ValueError(f"alpha is {design.alpha}: must be at least {LEAST_ALPHA:g} and below 1")
    value = design.critical_value
    if value is not None and not LOWEST <= value <= GREATEST_VALUE:
        raise ValueError(
            f"critical_value is {value}: must be from {LOWEST:g} to {GREATEST_VALUE:g}"
        )


@lru_cache(maxsize=4096)
def _boundary(
    law: CountLaw,
    looks: int,
    window: int,
    direction: Direction,
    alpha: float | None,
    critical_value: float | None,
) -> Boundary:
    def bound(value: float) -> float:
        return false_signal_bound(law, value, looks=looks, window=window, direction=direction)

    if alpha is not None:
        level = alpha
        value = least_critical_value(lambda tried: log_over(bound(tried), level))
    else:
        value = float(critical_value or LOWEST)
    return Boundary(critical_value=value, size_bound=bound(value))
