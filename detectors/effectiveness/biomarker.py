"""A patient's biomarker against the patient's own baseline: evidence that may be read at any time.

Neither the patient's level nor the spread of the values is known, and neither is assumed.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np

from detectors.anytime.normal_operating import (
    MOST_VALUES,
    Characteristics,
    characteristics,
    limit_of,
    require_effect,
)
from detectors.anytime.student_paths import Chain, crossing
from detectors.canonical import make_canonical
from detectors.effectiveness.shift import Direction, Halves, log_bayes_factor
from detectors.recomputation import recomputation
from detectors.validation import as_numbers_within, refuse_where, require_between

GREATEST = 1e60  # its square is a double
LEAST_SCALE, GREATEST_SCALE = 1e-3, 1e3
LEAST_BASELINE = 2
MOST_BASELINE = 200  # for operating characteristics


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first value of the follow-up.

    Attributes
    ----------
    n_baseline : int
        Values of the baseline, at least 2.
    baseline_mean : float
        Their mean.
    baseline_deviation : float
        Their standard deviation, with divisor ``n_baseline - 1``; positive.
    direction : {"fall", "rise", "change"}, default: "fall"
        Which change is a loss of effect.
    margin : float, default: 0
        Change in that direction that is no loss yet, in the unit of the values, not negative. Must
        be 0 where the direction is "change".
    scale : float, default: 1
        Standard deviation of the mixture over shifts, in units of the standard deviation of one
        value, in [0.001, 1000]. Fix it before looking at the data.
    alpha : float, default: 0.05
        Chance of ever signalling without a change, in [1e-9, 1).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The baseline is best from the time when the effect was full. Values must be normal with one
    variance before and after, and independent given the level: visits far enough apart. Take
    logarithms of values whose spread grows with their level, then `margin` is that of a ratio.
    """

    n_baseline: int
    baseline_mean: float
    baseline_deviation: float
    _: KW_ONLY
    direction: Direction = "fall"
    margin: float = 0.0
    scale: float = 1.0
    alpha: float = 0.05

    def __post_init__(self) -> None:
        make_canonical(self)
        if self.n_baseline < LEAST_BASELINE or self.n_baseline % 1:
            raise ValueError(f"n_baseline is {self.n_baseline}: must be whole, at least 2")
        require_between("baseline_mean", self.baseline_mean, -GREATEST, GREATEST)
        require_between("baseline_deviation", self.baseline_deviation, 1 / GREATEST, GREATEST)
        if self.direction not in {"fall", "rise", "change"}:
            raise ValueError(f"direction is {self.direction!r}: must be fall, rise or change")
        if not 0 <= self.margin < GREATEST or (self.direction == "change" and self.margin):
            raise ValueError(f"margin is {self.margin}: must not be negative, and 0 for a change")
        if not LEAST_SCALE <= self.scale <= GREATEST_SCALE:
            raise ValueError(f"scale is {self.scale}: must be from 0.001 to 1000")
        if not 1e-9 <= self.alpha < 1:  # noqa: PLR2004 - as every sequential design
            raise ValueError(f"alpha is {self.alpha}: must be from 1e-9 to below 1")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One value of the follow-up.

    Attributes
    ----------
    value : float
        The biomarker.
    """

    value: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known after a value.

    Attributes
    ----------
    number : int
        Values of the follow-up so far.
    change : float
        Their mean less that of the baseline.
    state : {"defined", "too_few"}
        Whether there are enough values for limits of the change.
    lower, upper : float or None
        Limits that hold at all times at once with chance 1 - alpha, for a change in either
        direction; None where `state` is ``too_few``.
    log_e : float
        Natural logarithm of the e-value against no change beyond the margin.
    critical_value : float
        Logarithm at which to signal, ``log(1 / alpha)``.
    is_crossing : bool
        Whether this look meets it.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    change: float
    state: Literal["defined", "too_few"]
    lower: float | None
    upper: float | None
    log_e: float
    critical_value: float
    is_crossing: bool
    has_crossed: bool


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks : int
        Values so far.
    offset : float
        Their mean less that of the baseline.
    squares : float
        Their squared deviations from their mean, added up.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    offset: float = 0.0
    squares: float = 0.0
    first_crossing: int = 0


def from_baseline(
    values: Sequence[float],
    *,
    direction: Direction = "fall",
    margin: float = 0.0,
    scale: float = 1.0,
    alpha: float = 0.05,
) -> Design:
    """Make a design from a patient's values of the baseline.

    Parameters
    ----------
    values : sequence of float
        At least 2, not all equal; their order does not matter.
    direction, margin, scale, alpha
        As in `Design`.

    Returns
    -------
    Design
        What is fixed before the follow-up.

    Raises
    ------
    ValueError
        If there are fewer than 2 values, one is missing or too large, or all are equal.

    Examples
    --------
    >>> design = from_baseline([61.0, 58.0, 64.0])
    >>> design.baseline_mean, design.baseline_deviation
    (61.0, 3.0)
    """
    real = as_numbers_within("values", values, low=-GREATEST, high=GREATEST)
    refuse_where(np.isnan(real), "values", real, "must not be missing")
    if real.ndim != 1 or real.size < LEAST_BASELINE:
        raise ValueError(f"values has shape {real.shape}: must be a row of 2 or more")
    numbers = real.tolist()
    mean = math.fsum(numbers) / len(numbers)
    squares = math.fsum((x - mean) ** 2 for x in numbers)
    if min(numbers) == max(numbers):
        raise ValueError(f"values are all {numbers[0]}: must differ, or there is no spread")
    return Design(
        len(numbers),
        mean,
        math.sqrt(squares / (len(numbers) - 1)),
        direction=direction,
        margin=margin,
        scale=scale,
        alpha=alpha,
    )


def operating_characteristics(design: Design, shift: float, *, n_values: int) -> Characteristics:
    r"""Compute how often and how soon a follow-up signals.

    Parameters
    ----------
    design : Design
        What is fixed before the first value. Of the baseline only the number of its values counts.
    shift : float
        True change less the one that is tolerated, in standard deviations of a value; from -5 to 5.
        Negative is a further fall: for a fall of 6 with a margin of 2 and a deviation of 4 it is
        -1. At 0, `power` is the size attained.
    n_values : int
        Values of the follow-up looked ahead to, from 1 to 200.

    Returns
    -------
    Characteristics
        On average over baselines; chances have an error below 2e-6.

    Raises
    ------
    ValueError
        If an argument is out of range, or the baseline has more than 200 values.

    Notes
    -----
    Evidence depends on :math:`c = m D / \sqrt{S + m D^2}` alone (see `step`), a Markov chain under
    any shift: see `anytime.student_paths.crossing`. A patient's true deviation is not known when
    this is asked: try the least shift that matters over a range of them.

    Examples
    --------
    Ten more visits after five, if the level falls by two standard deviations:

    >>> found = operating_characteristics(Design(5, 61.0, 3.0), -2.0, n_values=10)
    >>> round(found.power, 3), round(found.expected_values_to_signal, 2)
    (0.684, 5.99)
    """
    require_effect("shift", shift)
    if not 1 <= n_values <= MOST_VALUES or n_values % 1:
        raise ValueError(f"n_values is {n_values}: must be a whole number from 1 to 200")
    if design.n_baseline > MOST_BASELINE:
        raise ValueError(f"n_baseline is {design.n_baseline}: must be at most 200 for this")
    before = design.n_baseline
    weights = tuple(before * n / (before + n) for n in range(n_values + 1))
    chain = Chain(
        information=weights,
        freedom=before - 1,
        highs=(math.inf, *(_score_limit(design, n, weights[n]) for n in range(1, n_values + 1))),
        is_two_sided=design.direction == "change",
    )
    found = crossing(chain, -shift if design.direction == "fall" else shift)
    return characteristics(found, effect=shift, n_values=n_values)


def init(design: Design) -> State:
    """Begin a follow-up.

    Parameters
    ----------
    design : Design
        What is fixed before the first value.

    Returns
    -------
    State
        A follow-up without a value.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    r"""Take one value.

    Parameters
    ----------
    state : State
        The follow-up so far.
    observation : Observation
        The next value.

    Returns
    -------
    State
        The follow-up with this value. A crossing once made stays.
    Look
        Evidence and limits.

    Raises
    ------
    ValueError
        If the value is missing, or 1e60 and beyond.

    Notes
    -----
    The e-value is the Bayes factor of `shift.log_bayes_factor`, baseline against follow-up. Level
    and spread have the invariant prior with and without a change, so it depends on the values only
    through what no shift or scale alters; on these it is a ratio of densities, so without a change
    it is a martingale with mean 1 from the baseline on, whatever level and spread [1]_ [2]_. By
    Ville's inequality it ever reaches 1 / alpha with a chance of at most alpha. Stop by the
    evidence itself, not by the raw values: the martingale is one of the invariant history.

    For "fall" the null also holds patients who rise, and keep to their new level. Then the e-value
    is a supermartingale, at every step and so over all stopping times: with *m* values after,
    *D* the change, *S* the squared deviations and :math:`w = n_1 m / (n_1 + m)`, the law of the
    invariant history under a shift has against that under none a ratio that depends on
    :math:`c = w D / \sqrt{S + w D^2}` alone, and falls with *c* for each fall, rises for each rise.
    So, given the past and without a shift, the growth of the e-value is a falling function of the
    next *c*, and the growth of the ratio of a true rise a rising one of the same number. Each has
    mean 1; then their product, the mean growth under that rise, has a mean of at most 1
    (Chebyshev's inequality for a falling and a rising function of one number).

    Rises that come and go: at a fixed number of values the mean is still at most 1. Whatever the
    pattern, *D* moves up and *S* grows; the first lowers the e-value, and the second draws *c* to
    0, where the mean of the e-values at *c* and at minus *c* is least. Over stopping times it can
    be more: with two values before, stopping after 20 without a change unless evidence is low, and
    a huge rise next, which hides how far the level was up, the mean is 1.050. It gains only where
    evidence was below 1. That the chance of ever reaching 1 / alpha stays below alpha in such
    patients is found by simulation, not proved.

    The limits are the values of the change that a two-sided e-value with the same scale does not
    reject, a confidence sequence.

    References
    ----------
    .. [1] Lai TL (1976). On confidence sequences. Annals of Statistics, 4(2), 265-280.
    .. [2] Perez-Ortiz MF, Lardy T, de Heide R, Grunwald PD (2024). E-statistics, group invariance
       and anytime-valid testing. Annals of Statistics, 52(4), 1410-1432.

    Examples
    --------
    >>> design = from_baseline([61.0, 58.0, 64.0, 60.0, 62.0])
    >>> state, looks = recompute(design, [Observation(value=x) for x in (52.0, 49.0, 47.0)])
    >>> [round(look.log_e, 3) for look in looks], looks[-1].has_crossed
    ([1.385, 2.36, 3.177], True)
    """
    require_between("value", observation.value, -GREATEST, GREATEST)
    design, number = state.design, state.looks + 1
    step_up = observation.value - design.baseline_mean - state.offset
    offset = state.offset + step_up / number
    squares = state.squares + step_up * (step_up * ((number - 1) / number))
    log_e = _log_e(design, number, offset, squares)
    critical_value = -math.log(design.alpha)
    is_crossing = log_e >= critical_value
    following = State(
        design=design,
        looks=number,
        offset=offset,
        squares=squares,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    reach = _reach(design, number, squares)
    look = Look(
        number=number,
        change=offset,
        state="too_few" if reach is None else "defined",
        lower=None if reach is None else offset - reach,
        upper=None if reach is None else offset + reach,
        log_e=log_e,
        critical_value=critical_value,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def _pooled(design: Design, squares: float) -> float:
    return (design.n_baseline - 1) * design.baseline_deviation**2 + squares


def _log_e(design: Design, number: int, offset: float, squares: float) -> float:
    tolerated = -design.margin if design.direction == "fall" else design.margin
    halves = Halves(
        n_before=design.n_baseline,
        n_after=number,
        difference=offset - tolerated,
        squares=_pooled(design, squares),
    )
    return log_bayes_factor(halves, scale=design.scale, direction=design.direction)


def _reach(design: Design, number: int, squares: float) -> float | None:
    """Solve the two-sided e-value for the difference that it just rejects."""
    pooled = _pooled(design, squares)
    n = design.n_baseline + number
    weight = design.n_baseline * number / n
    inflation = 1.0 + weight * design.scale**2
    growth = (0.5 * math.log(inflation) - math.log(design.alpha)) * 2.0 / (n - 1)
    if growth >= math.log(inflation):
        return None  # no difference, however large, is rejected yet
    q = math.expm1(growth) / -math.expm1(growth - math.log(inflation))
    return math.sqrt(q * pooled / weight)


def _score_limit(design: Design, number: int, weight: float) -> float:
    """Score from which evidence crosses; a fall is looked at in the mirror."""
    direction: Direction = "change" if design.direction == "change" else "rise"

    def evidence(share: float) -> float:
        halves = Halves(
            n_before=design.n_baseline,
            n_after=number,
            difference=share / math.sqrt(weight),
            squares=(1.0 - share) * (1.0 + share),
        )
        return log_bayes_factor(halves, scale=design.scale, direction=direction)

    return math.sqrt(weight) * limit_of(evidence, log_threshold=-math.log(design.alpha))
