"""CUSUM of log-likelihood ratios: a chart that looks for a rate that changes, up or down.

It forgets what came before its last zero. So it finds a change that comes late, where a test of the
total would be slow; for a constant excess that test is the better one. Offer both.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from detectors.sequential import run_length as exact
from detectors.sequential.chart_value import (
    LOWEST,
    ROOT_ERROR,
    least_critical_value,
    log_over,
)
from detectors.sequential.count_law import CountLaw, weights
from detectors.sequential.operating import OperatingCharacteristics
from detectors.sequential.uneven_chart import (
    first_signal_between,
    greatest_chance,
    least_run_length,
    run_length_between,
)
from detectors.validation import GREATEST_COUNT

LEAST_ALPHA = 1e-9  # far above the rounding error of the chance of a signal
GREATEST_RUN_LENGTH = 1e9
MOST_LOOKS = 10_000
LEAST_DISPERSION = 0.01
NEAREST, FARTHEST = 1.25, 100.0  # of the ratio, or of its reciprocal


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a chart signals, and how often it would do so under the null.

    Attributes
    ----------
    critical_value : float
        Least value of the chart that signals.
    attained_size : float
        Chance of a false signal within the planned looks, or an upper bound near it where an event
        weighs differently from look to look (`first_signal_between`).
    attained_run_length : float or None
        Mean number of looks to a false signal, if the planned looks went on for ever, or in the
        same case a lower bound; None where the design sets none (`average_run_length` computes it).
    """

    critical_value: float
    attained_size: float
    attained_run_length: float | None


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look. One of the last three arguments sets the boundary.

    Attributes
    ----------
    rate_ratio : float
        Ratio to detect, *R*: from 1.25 to 100, or from 0.01 to 0.8 for a rate that falls. Of odds
        where trials are counted.
    expected_per_look : float or tuple of float
        Events expected under the null in a planned look, above 0. Several numbers, at most one for
        each look, are those of the first looks in order; where they are fewer they recur, as the
        months of a year do.
    looks : int
        Planned looks, the horizon, from 1 to 10,000.
    alpha : float or None
        Chance of a false signal within the planned looks, in [1e-9, 1).
    run_length : float or None
        Least average number of looks to a false signal, above 1 and at most 1e9. What is expected
        must then be one number, or recur within the planned looks.
    critical_value : float or None
        The value that signals, as it is, at least 1e-6.
    dispersion : float or None, default: None
        Size of a negative binomial, at least 0.01; None or infinite is Poisson.
    trials_per_look : int, default: 0
        Trials in a planned look; 0 where events are not counted among trials.
    after_signal : {"reset", "stay", "none"}, default: "reset"
        What a signal does to the chart. ``reset``: the next look begins at zero. ``stay``: the
        chart stops at the value that signalled, and no later look crosses. ``none``: nothing; the
        chart goes on and may signal at every look.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, not exactly one sets the boundary, or the boundary is out of
        reach: more than 4,096 counts below the critical value.
    """

    rate_ratio: float
    _: KW_ONLY
    expected_per_look: float | tuple[float, ...]
    looks: int
    alpha: float | None = None
    run_length: float | None = None
    critical_value: float | None = None
    dispersion: float | None = None
    trials_per_look: int = 0
    after_signal: Literal["reset", "stay", "none"] = "reset"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.dispersion is not None and math.isinf(self.dispersion) and self.dispersion > 0:
            object.__setattr__(self, "dispersion", None)  # JSON has no infinity
        if isinstance(self.expected_per_look, list):
            object.__setattr__(self, "expected_per_look", tuple(self.expected_per_look))
        _require_design(self)
        cycle = _cycle(self)
        if self.run_length is not None:
            _require_recurrence(self, cycle)
        found = _boundary(
            cycle,
            self.rate_ratio,
            self.looks,
            alpha=self.alpha,
            run_length=self.run_length,
            critical_value=self.critical_value,
        )
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
        If a total went back (a correction of the past is for `recompute`) or is not one, if events
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


def planned_law(design: Design, look: int = 1) -> CountLaw:
    """Give the law of the events of a planned look under the null.

    Parameters
    ----------
    design : Design
        What is fixed.
    look : int, default: 1
        Its number, from 1; one after the plan is that of a plan that goes on.

    Returns
    -------
    CountLaw
        Poisson, negative binomial or binomial.

    Raises
    ------
    ValueError
        If there is no such look.
    """
    if not (look >= 1 and look % 1 == 0):
        raise ValueError(f"look is {look}: must be whole, and at least 1")
    cycle = _cycle(design)
    return cycle[(look - 1) % len(cycle)]


def critical_value_for_plan(plan: Sequence[CountLaw], rate_ratio: float, *, alpha: float) -> float:
    """Find the value at which to signal so that planned looks, equal or not, hold `alpha`.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null.
    rate_ratio : float
        Ratio to detect, as in `Design`.
    alpha : float
        Chance of a false signal within the plan, in [1e-9, 1).

    Returns
    -------
    float
        Critical value, above the least one by at most 1.5e-6 where the chance of a signal is exact.
        Where that is bounded, the value is the least for the upper bound.

    Raises
    ------
    ValueError
        If an argument is out of range, or the boundary is out of reach.

    Notes
    -----
    The size is a step function of the critical value. The value is put a little above its step, so
    that the rounding of a chart cannot reach over it, and the size never exceeds `alpha`.

    The chance of a signal is exact where an event weighs the same at every look (Poisson, binomial,
    or negative binomials of one mean), and otherwise where charts have few values; else it lies
    between bounds that are mostly within a hundredth of it (`first_signal_between`).

    Examples
    --------
    Twelve months, in which more and more patients are treated, whose rates do not vary, or do:

    >>> plan = [CountLaw(0.05 * month) for month in range(1, 13)]
    >>> round(critical_value_for_plan(plan, 2.0, alpha=0.05), 3)
    2.352
    >>> plan = [CountLaw(0.05 * month, dispersion=0.65) for month in range(1, 13)]
    >>> round(critical_value_for_plan(plan, 2.0, alpha=0.05), 3)
    1.878
    """
    _require_ratio(rate_ratio)
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"alpha is {alpha}: must be at least {LEAST_ALPHA:g} and below 1")

    def excess(value: float) -> float:
        return log_over(greatest_chance(plan, rate_ratio, value), alpha)

    return _surely(excess, least_critical_value(excess))


def average_run_length(design: Design, rate_ratio: float = 1.0) -> float:
    """Compute the mean number of looks to the first signal, if planned looks went on for ever.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float, default: 1.0
        True ratio, from the first look on. 1 gives the time to a false signal, another the delay.

    Returns
    -------
    float
        Looks, with a relative error below 1e-9; where negative binomials of several means recur the
        middle of two bounds, mostly within a hundredth of each other (`run_length_between`).

    Raises
    ------
    ValueError
        If the ratio is out of range, a signal is too unlikely for double precision, or what is
        expected at a look neither stays the same nor recurs within the planned looks: nothing then
        says how it would go on.
    """
    cycle = _cycle(design)
    _require_recurrence(design, cycle)
    value = design.boundary.critical_value
    if len(cycle) == 1:
        return exact.average_run_length(cycle[0], design.rate_ratio, value, true_ratio=rate_ratio)
    lower, upper = run_length_between(cycle, design.rate_ratio, value, true_ratio=rate_ratio)
    return lower + (upper - lower) / 2


def operating_characteristics(
    design: Design, rate_ratio: float, *, plan: Sequence[CountLaw] | None = None
) -> OperatingCharacteristics:
    """Compute how often and how soon a chart signals within its planned looks.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    plan : sequence of CountLaw or None, default: None
        Law of each look under the null, where looks are not those of the design.

    Returns
    -------
    OperatingCharacteristics
        Chance of a signal, and means of time, in looks, and events at the first one. Where an event
        weighs differently from look to look they may be bounded: `method` says so, and
        `power_error` how far the power can be off.

    Raises
    ------
    ValueError
        If the ratio is out of range, or the plan is empty.

    Examples
    --------
    >>> chart = Design(2.0, expected_per_look=1.0, looks=24, alpha=0.05)
    >>> found = operating_characteristics(chart, 2.0)
    >>> round(found.power, 3), round(found.expected_time_to_signal, 1)
    (0.962, 9.4)
    """
    laws = _planned(_cycle(design), design.looks) if plan is None else plan
    value = design.boundary.critical_value
    found = first_signal_between(laws, design.rate_ratio, value, true_ratio=rate_ratio)
    chance = 0.5 * (found.lower.chance + found.upper.chance)
    events = math.fsum(0.5 * (found.lower.events + found.upper.events))
    power = min(1.0, math.fsum(chance))  # rounding may add some bits
    time = math.fsum(chance * np.arange(1, len(laws) + 1))
    gap = math.fsum(found.upper.chance) - math.fsum(found.lower.chance)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=time / power if power > 0 else math.nan,
        expected_length=min(len(laws), time + len(laws) * (1.0 - power)),
        expected_events_at_signal=events / math.fsum(chance) if power > 0 else math.nan,
        method="exact" if found.is_exact else "bounded",
        power_error=0.5 * gap,
    )


def _cycle(design: Design) -> tuple[CountLaw, ...]:
    """Laws of the first looks, after which they recur; one where all are equal."""
    given = design.expected_per_look
    means = given if isinstance(given, tuple) else (given,)
    if len(set(means)) == 1:
        means = means[:1]
    return tuple(_law_of(design, mean, design.trials_per_look) for mean in means)


def _planned(cycle: Sequence[CountLaw], looks: int) -> list[CountLaw]:
    return [cycle[look % len(cycle)] for look in range(looks)]


def _surely(excess: Callable[[float], float], value: float) -> float:
    """Raise a value until it will do: an upper bound need not fall all the way."""
    step = ROOT_ERROR
    while excess(value) > 0:
        value, step = value + step, 2.0 * step
    return value


def _law_of(design: Design, mean: float, trials: int) -> CountLaw:
    size = math.inf if design.dispersion is None else design.dispersion
    return CountLaw(mean, dispersion=size, trials=trials)


def _log_likelihood_ratio(state: State, observation: Observation) -> float:
    _require_observation(state, observation)
    events = observation.events - state.events
    expected = observation.expected - state.expected
    if expected == 0:
        if events:
            raise ValueError(f"events came where none were expected: {observation} after {state}")
        return 0.0
    law = _law_of(state.design, expected, observation.trials - state.trials)
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
        raise ValueError(f"went back, so recompute: {observation} after {state}")
    if state.design.trials_per_look:
        expected = observation.expected - state.expected
        if events > trials or expected > trials or expected == trials > 0:
            raise ValueError(f"trials must exceed what is expected: {observation} after {state}")
    elif trials:
        raise ValueError(f"trials is {trials}: must be 0, as the design counts none")


def _require_design(design: Design) -> None:
    _require_ratio(design.rate_ratio)
    if not (1 <= design.looks <= MOST_LOOKS and design.looks % 1 == 0):
        raise ValueError(f"looks is {design.looks}: must be whole, from 1 to {MOST_LOOKS}")
    _require_expected(design)
    if design.dispersion is not None and not design.dispersion >= LEAST_DISPERSION:
        raise ValueError(f"dispersion is {design.dispersion}: must be at least {LEAST_DISPERSION}")
    if design.after_signal not in ("reset", "stay", "none"):
        raise ValueError(f"after_signal is {design.after_signal}: must be reset, stay or none")
    ways = (design.alpha, design.run_length, design.critical_value)
    if sum(way is not None for way in ways) != 1:
        raise ValueError(f"set one of alpha, run_length and critical_value, not {ways}")
    limits = zip(
        ("alpha", "run_length", "critical_value"),
        ways,
        ((LEAST_ALPHA, math.nextafter(1, 0)), (math.nextafter(1, 2), GREATEST_RUN_LENGTH),
         (LOWEST, math.nextafter(math.inf, 0))),
        strict=True,
    )  # fmt: skip
    for name, value, (low, high) in limits:
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} is {value}: must be from {low:g} to {high:g}")


def _require_expected(design: Design) -> None:
    given = design.expected_per_look
    if not isinstance(given, tuple):
        if not 0 < given < math.inf:
            raise ValueError(f"expected_per_look is {given}: must be above 0, and finite")
        return
    if not 1 <= len(given) <= design.looks:
        raise ValueError(
            f"expected_per_look has {len(given)} numbers: must have from 1 to looks, {design.looks}"
        )
    for place, mean in enumerate(given):
        if not 0 < mean < math.inf:
            raise ValueError(f"expected_per_look[{place}] is {mean}: must be above 0, and finite")


def _require_recurrence(design: Design, cycle: Sequence[CountLaw]) -> None:
    if len(cycle) > 1 and len(cycle) >= design.looks:
        raise ValueError(
            "run_length: expected_per_look must be one number or recur within looks, "
            f"{design.looks}, as a run length needs looks that go on for ever"
        )


def _require_ratio(rate_ratio: float) -> None:
    size = max(rate_ratio, 1 / rate_ratio) if rate_ratio > 0 else math.nan
    if not NEAREST <= size <= FARTHEST:
        raise ValueError(
            f"rate_ratio is {rate_ratio}: must be from {NEAREST} to {FARTHEST:g}, "
            f"or from {1 / FARTHEST} to {1 / NEAREST}"
        )


@lru_cache(maxsize=4096)
def _boundary(
    cycle: tuple[CountLaw, ...],
    rate_ratio: float,
    looks: int,
    *,
    alpha: float | None,
    run_length: float | None,
    critical_value: float | None,
) -> Boundary:
    plan = _planned(cycle, looks)

    def size(value: float) -> float:
        if len(cycle) == 1:
            return exact.chance_of_signal(cycle[0], rate_ratio, value, looks=looks)
        return greatest_chance(plan, rate_ratio, value)

    def mean(value: float) -> float:
        if len(cycle) == 1:
            return exact.average_run_length(cycle[0], rate_ratio, value)
        return least_run_length(cycle, rate_ratio, value)

    def excess(tried: float) -> float:
        if run_length is None:
            return log_over(size(tried), alpha or LEAST_ALPHA)
        return log_over(run_length, mean(tried))

    if critical_value is not None:
        value = float(critical_value)
    else:
        value = least_critical_value(excess)
        if len(cycle) > 1:
            value = _surely(excess, value)
    attained = None if run_length is None else mean(value)
    return Boundary(critical_value=value, attained_size=size(value), attained_run_length=attained)
