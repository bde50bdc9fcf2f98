r"""Evidence that a mean is above or below its null value, at any time: a normal mixture, cut there.

With a known standard deviation the mixture is over the difference in units of it. With an unknown
one, evidence rests on the values up to their scale alone, of which no prior has to be known: the
t-mixture. A patient's change from baseline is such a value: each is its own control.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from detectors.anytime.log_tails import log_beta_above, log_beta_ratio
from detectors.anytime.look import NO_LOOKS, Limits, Look, Record, record_look, require_alpha
from detectors.anytime.normal_operating import (
    Characteristics,
    characteristics,
    crossing_of_sums,
    limit_of,
    require_effect,
    require_looks,
)
from detectors.anytime.student_paths import Chain, crossing
from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.validation import GREATEST_COUNT, as_numbers_within, refuse_where

Direction = Literal["more", "fewer", "either"]
LEAST, GREATEST = 1e-3, 1e3  # of the effect sizes that a mixture is made for
GREATEST_VALUE = 1e100  # of which a square and a sum are finite
LEAST_SD, GREATEST_SD = 1e-40, 1e40
_ROUNDING = 1e-9  # relative; a sum of squares may fall by so much when it is computed anew


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    null_mean : float, default: 0.0
        The null is a mean of at most (for "fewer": at least; for "either": exactly) this.
    sd : float, optional
        Standard deviation of a value, if it is known. Without it, it is nowhere needed.
    alpha : float, default: 0.05
        Chance of a crossing at any time, ever, if the null is true, in (0, 1).
    direction : {"more", "fewer", "either"}, default: "more"
        Evidence for a mean above `null_mean`, below it, or on either side.
    prior_sd : float, default: 1.0
        Standard deviation of the mixture over differences in units of the values' own; from 1e-3
        to 1e3. It decides for which effects evidence grows quickly, and nothing of its validity.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    _: KW_ONLY
    null_mean: float = 0.0
    sd: float | None = None
    alpha: float = 0.05
    direction: Direction = "more"
    prior_sd: float = 1.0

    def __post_init__(self) -> None:
        make_canonical(self)
        require_alpha(self.alpha)
        if self.direction not in get_args(Direction):
            raise ValueError(
                f"direction is {self.direction!r}: must be 'more', 'fewer' or 'either'"
            )
        if not abs(self.null_mean) <= GREATEST_VALUE:
            raise ValueError(f"null_mean is {self.null_mean}: must be at most 1e100")
        if self.sd is not None and not LEAST_SD <= self.sd <= GREATEST_SD:
            raise ValueError(f"sd is {self.sd}: must be from 1e-40 to 1e40")
        if not LEAST <= self.prior_sd <= GREATEST:
            raise ValueError(f"prior_sd is {self.prior_sd}: must be from {LEAST:g} to {GREATEST:g}")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    n : int
        Values to date.
    mean : float
        Their mean; 0 if there is none.
    squares : float
        Sum of their squared deviations from their mean.
    """

    n: int
    mean: float
    squares: float


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    record : Record
        The looks so far.
    n : int
        Values at the last look.
    mean : float
        Their mean.
    squares : float
        Sum of their squared deviations from it.
    """

    design: Design
    record: Record = NO_LOOKS
    n: int = 0
    mean: float = 0.0
    squares: float = 0.0


def summarise(values: ArrayLike) -> Observation:
    """Put values into the totals of an observation.

    Parameters
    ----------
    values : array_like, shape (n,)
        All values to date, at most 1e100 in size.

    Returns
    -------
    Observation
        Their number, mean, and squared deviations, correctly rounded sums whatever the order.

    Raises
    ------
    ValueError
        If a value is NaN or too large, or there is more than one dimension.

    Examples
    --------
    >>> summarise([1.0, 2.0, 6.0])
    Observation(n=3, mean=3.0, squares=14.0)
    """
    given = as_numbers_within("values", values, low=-GREATEST_VALUE, high=GREATEST_VALUE)
    refuse_where(np.isnan(given), "values", given, "must not be missing")
    if given.ndim != 1:
        raise ValueError(f"values has {given.ndim} dimensions: must have one")
    if given.size == 0:
        return Observation(n=0, mean=0.0, squares=0.0)
    mean = math.fsum(given.tolist()) / given.size
    squares = math.fsum([(value - mean) * (value - mean) for value in given.tolist()])
    return Observation(n=given.size, mean=mean, squares=squares)


def log_e(design: Design, observation: Observation) -> float:
    r"""Compute the evidence against the null, on the log scale.

    Parameters
    ----------
    design : Design
        The mixture and the null.
    observation : Observation
        Totals to date.

    Returns
    -------
    float
        Natural logarithm of the e-value, always finite, negative where the data favour the null.

    Raises
    ------
    ValueError
        If a total is not one.

    Notes
    -----
    With *n* values :math:`x_i`, their differences from the null mean, :math:`S = \sum x_i`,
    :math:`Q = \sum x_i^2` and *g* the prior's standard deviation; let
    :math:`k^2 = g^2 / (1 + n g^2)`.

    - Standard deviation :math:`\sigma` known, either side [1]_:
      :math:`(1 + n g^2)^{-1/2} \exp(z^2 / 2)` with :math:`z = k S / \sigma`. One side: that times
      :math:`2 \Phi(z)`, the mixture over one half of the normal density.
    - Unknown, either side: :math:`(1 + n g^2)^{-1/2} (1 - k^2 S^2 / Q)^{-n/2}` [2]_ [3]_. One side:
      that times :math:`2 F_n(t)`, the distribution function of Student's *t* with *n* degrees of
      freedom at :math:`t = k S \sqrt{n} / \sqrt{Q - k^2 S^2}`.

    Valid with an unknown :math:`\sigma`: the formula is the ratio of likelihoods of
    :math:`x_2 / x_1, x_3 / x_1, \ldots` and the sign of :math:`x_1`, of which the law depends on
    the effect :math:`\delta = \mu / \sigma` alone; it is what the right Haar prior
    :math:`1 / \sigma` gives [4]_. So it is a martingale at :math:`\delta = 0`, whatever
    :math:`\sigma`. For one side, given the past, that ratio for a :math:`\delta > 0` rises with the
    next :math:`b_n = S / \sqrt{Q}`, and under a true :math:`\delta' < 0` the law of the next
    direction has a ratio to the one under 0 that falls with the same number. The mean of a rising
    times a falling function of one number is at most the product of their means, which are 1: a
    supermartingale under the whole null of one mean. Means that differ from value to value, all
    within the null, are not covered: see `effectiveness.biomarker.step`.

    All this is with respect to the values up to scale. The chance of ever reaching
    :math:`1 / \alpha` is at most :math:`\alpha` without reservation; the mean of the evidence is at
    most 1 at stopping times that look at the values up to scale, as does a rule on the evidence,
    but need not be at one that looks at their scale [3]_.

    One value has evidence 1 (either side) or tells by its sign. If all values equal the null mean,
    which has no chance under the model, the evidence is its least, as if *S* were 0.

    References
    ----------
    .. [1] Robbins H (1970). Statistical methods related to the law of the iterated logarithm.
       Annals of Mathematical Statistics, 41(5), 1397-1409.
    .. [2] Lai TL (1976). On confidence sequences. Annals of Statistics, 4(2), 265-280.
    .. [3] Wang H, Ramdas A (2025). Anytime-valid t-tests and confidence sequences for Gaussian
       means with unknown variance. Sequential Analysis, 44(1), 56-110.
    .. [4] Perez-Ortiz MF, Lardy T, de Heide R, Grunwald PD (2024). E-statistics, group invariance
       and anytime-valid testing. Annals of Statistics, 52(4), 1410-1432.

    Examples
    --------
    >>> round(log_e(Design(), summarise([1.0, 1.5, 0.5, 1.0])), 4)
    2.3542
    """
    _require_totals(observation)
    return _log_e(design, observation)


def confidence_sequence(design: Design, observation: Observation) -> Limits:
    r"""Bound the mean, now and at every other time at once.

    Parameters
    ----------
    design : Design
        `alpha`, `sd` and `prior_sd`; direction and null do not count here.
    observation : Observation
        Totals to date.

    Returns
    -------
    Limits
        Two-sided limits; infinite as long as there are too few values to set any.

    Raises
    ------
    ValueError
        If a total is not one.

    Notes
    -----
    All means against which the mixture over either side has evidence below :math:`1 / \alpha`, by
    closed form. With a chance of at least :math:`1 - \alpha` the true mean is within the limits at
    all times together.

    Examples
    --------
    >>> limits = confidence_sequence(Design(sd=1.0), Observation(n=9, mean=2.0, squares=8.0))
    >>> round(limits.lower, 3), round(limits.upper, 3)
    (0.988, 3.012)
    """
    _require_totals(observation)
    n, whole = observation.n, Limits(lower=-math.inf, upper=math.inf)
    if n == 0:
        return whole
    spread = n * design.prior_sd * design.prior_sd
    level = math.log1p(spread) - 2.0 * math.log(design.alpha)  # twice the log of what may be
    if design.sd is not None:
        half = design.sd * math.sqrt(level * (1.0 + 1.0 / spread) / n)
    else:
        share = -math.expm1(-level / n)  # of the squares about the mean that is tested
        room = spread / (1.0 + spread) - share
        if room <= 0.0:
            return whole
        half = math.sqrt(share / room) * math.sqrt(observation.squares / n)
    return Limits(lower=observation.mean - half, upper=observation.mean + half)


def operating_characteristics(
    design: Design, effect: float, *, looks: Sequence[int]
) -> Characteristics:
    r"""Compute how often and how soon a watch crosses by some number of values.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    effect : float
        True mean less the null mean, in standard deviations of a value; from -5 to 5. At 0, `power`
        is the size attained by the last look, which is below `alpha` at any look.
    looks : sequence of int
        How many values there are at each look, rising, at most 200; ``range(1, 31)`` is a look at
        each of 30. The watch itself has no last one.

    Returns
    -------
    Characteristics
        Chances have an error below 1e-9 with a known standard deviation, and below 2e-6 without;
        mean numbers of values, of 1e-5 times the last look.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    With a known standard deviation the density of the sum that has not crossed is carried from look
    to look. Without, evidence depends on :math:`b_n = S / \sqrt{Q}` alone (see `log_e`), which is
    a Markov chain under any effect: see `student_paths.crossing`. 200 looks then take seconds.

    Examples
    --------
    >>> found = operating_characteristics(Design(sd=1.0), 1.0, looks=range(1, 13))
    >>> round(found.power, 4), round(found.expected_values_to_signal, 2)
    (0.8065, 6.42)
    """
    require_effect("effect", effect)
    require_looks(looks)
    is_two_sided = design.direction == "either"
    towards = -effect if design.direction == "fewer" else effect
    if design.sd is not None:
        limits = [_sum_limit(design, n) for n in looks]
        found = crossing_of_sums(looks, limits, towards, is_two_sided=is_two_sided)
    else:
        at = set(looks)
        highs = [_score_limit(design, n) if n in at else math.inf for n in range(looks[-1] + 1)]
        chain = Chain(
            information=tuple(float(n) for n in range(looks[-1] + 1)),
            freedom=0,
            highs=tuple(highs),
            is_two_sided=is_two_sided,
        )
        found = crossing(chain, towards)
    return characteristics(found, effect=effect, n_values=looks[-1])


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
        Totals to date, their number and squares not below those of the look before.

    Returns
    -------
    State
        The watch after this look. A crossing once made stays.
    Look
        What was seen. It may be the last, or not: there is no horizon.

    Raises
    ------
    ValueError
        If a total decreased (use `recompute` for a correction), or is invalid.
    """
    _require_totals(observation)
    least = state.squares * (1.0 - _ROUNDING)
    if observation.n < state.n or observation.squares < least:
        raise ValueError(
            f"went back, so recompute: {observation.n} observations after {state.n}, "
            f"{observation.squares} as sum of squares after {state.squares}"
        )
    evidence = _log_e(state.design, observation)
    record, look = record_look(state.record, evidence, alpha=state.design.alpha)
    following = State(
        design=state.design,
        record=record,
        n=observation.n,
        mean=observation.mean,
        squares=observation.squares,
    )
    return following, look


recompute = recomputation(init, step)


def _require_totals(observation: Observation) -> None:
    n, mean, squares = observation.n, observation.mean, observation.squares
    if not (0 <= n <= GREATEST_COUNT and n % 1 == 0):
        raise ValueError(f"n is {n}: must be a whole number from 0 to 2**53")
    if not abs(mean) <= GREATEST_VALUE:
        raise ValueError(f"mean is {mean}: must be at most 1e100 in size")
    if not 0 <= squares <= GREATEST_VALUE * GREATEST_VALUE:
        raise ValueError(f"squares is {squares}: must be from 0 to 1e200")
    if n == 0 and mean:
        raise ValueError(f"mean is {mean}: must be 0 where n is 0, so has too few values")
    if n <= 1 and squares:
        raise ValueError(f"squares is {squares}: must be 0 where n is {n}, so has too few values")


def _log_e(design: Design, observation: Observation) -> float:
    n = observation.n
    if n == 0:
        return 0.0
    difference = observation.mean - design.null_mean
    if design.direction == "fewer":
        difference = -difference
    log_spread = math.log1p(n * design.prior_sd * design.prior_sd)
    if design.sd is not None:
        z = math.exp(-0.5 * log_spread) * design.prior_sd * n * (difference / design.sd)
        return _log_normal_part(z, design.direction) - 0.5 * log_spread
    return _log_student_part(design, n, difference, observation.squares) - 0.5 * log_spread


def _log_normal_part(z: float, direction: Direction) -> float:
    if direction == "either":
        return 0.5 * z * z
    if z <= 0.0:  # the product of a huge and a tiny number, as one function
        return math.log(float(special.erfcx(-z * math.sqrt(0.5))))
    return 0.5 * z * z + math.log(float(special.erfc(-z * math.sqrt(0.5))))


def _log_student_part(design: Design, n: int, difference: float, squares: float) -> float:
    spread = n * design.prior_sd * design.prior_sd
    root = math.sqrt(squares / n)
    whole = math.hypot(root, difference)  # root mean square about the null mean
    if whole == 0.0:
        return 0.0
    explained = spread / (1.0 + spread) * (difference / whole) ** 2
    left = (1.0 + spread * (root / whole) ** 2) / (1.0 + spread)  # without their difference
    log_either = -0.5 * n * (math.log1p(-explained) if explained < 0.5 else math.log(left))  # noqa: PLR2004 - where each keeps its digits
    if design.direction == "either" or explained == 0.0:
        return log_either
    if difference > 0.0:
        return log_either + math.log(2.0 - float(special.betaincc(0.5, 0.5 * n, explained)))
    return log_beta_above(0.5, 0.5 * n, explained) + 0.5 * math.log(explained) - _log_beta(n)


def _log_beta(n: int) -> float:
    """Logarithm of the beta function of 1/2 and n/2, to full precision where n is large."""
    share = 1.0 / (n + 1.0)  # the kernel's mean, where it takes least away
    kernel = 0.5 * math.log(share) + 0.5 * n * math.log1p(-share)
    return log_beta_ratio(0.5, 0.5 * n, share) + kernel


def _sum_limit(design: Design, n: int) -> float:
    """Sum of standard normal values from which evidence crosses."""
    log_spread = math.log1p(n * design.prior_sd * design.prior_sd)
    side: Direction = "either" if design.direction == "either" else "more"
    level = 0.5 * log_spread - math.log(design.alpha)
    greatest = math.sqrt(2.0 * level)  # one side never has more evidence there than twice either
    share = limit_of(lambda x: _log_normal_part(x * greatest, side), log_threshold=level)
    z = greatest * min(share, 1.0)
    return z * math.exp(0.5 * log_spread) / design.prior_sd


def _score_limit(design: Design, n: int) -> float:
    """Score of values without a scale from which evidence crosses."""
    side: Direction = "either" if design.direction == "either" else "more"
    plain = Design(alpha=design.alpha, prior_sd=design.prior_sd, direction=side)

    def evidence(share: float) -> float:
        squares = n * (1.0 - share) * (1.0 + share) if n > 1 else 0.0
        return _log_e(plain, Observation(n=n, mean=share, squares=squares))

    share = limit_of(evidence, log_threshold=-math.log(design.alpha)) if n else math.inf
    return share * math.sqrt(n)
