r"""Evidence that a chance is above or below its null value, at any time: a beta mixture, cut there.

A trial is an event that may fall to the product or its comparator, or a patient who may have the
event. The mixture is over chances on one side of the null alone, which makes the whole null hold.
"""

import math
from bisect import bisect_left
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.anytime.convex import outermost_below
from detectors.anytime.horizon import characteristics, cross_in_trials
from detectors.anytime.log_tails import log_beta_above, log_beta_ratio
from detectors.anytime.look import NO_LOOKS, Limits, Look, Record, record_look, require_alpha
from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.sequential.operating import OperatingCharacteristics
from detectors.validation import GREATEST_COUNT, as_counts, refuse_where, require_one_index

Direction = Literal["more", "fewer"]
LEAST, GREATEST = 1e-6, 1e6  # of what a prior is made of
LEAST_CHANCE = 1e-12  # of the null, and of its complement
GREATEST_HORIZON = 10_000  # trials: the recursion takes their square


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    null_chance : float
        The null is a chance of at most (for "fewer": at least) this, *p0*; from 1e-12 to
        1 - 1e-12. For matched events with a ratio of *z* comparators, 1 / (1 + z).
    alpha : float, default: 0.05
        Chance of a crossing at any time, ever, if the null is true, in (0, 1).
    direction : {"more", "fewer"}, default: "more"
        Evidence for a chance above `null_chance`, or below it.
    prior_hits, prior_misses : float, defaults: 1.0 and 1.0
        Of the beta density *a*, *b* over chances, before its cut; from 1e-6 to 1e6.
    log_start : float
        Computed from the others, and not an argument: the mixture's integral without data.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    null_chance: float
    _: KW_ONLY
    alpha: float = 0.05
    direction: Direction = "more"
    prior_hits: float = 1.0
    prior_misses: float = 1.0
    log_start: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        require_alpha(self.alpha)
        if self.direction not in get_args(Direction):
            raise ValueError(f"direction is {self.direction!r}: must be 'more' or 'fewer'")
        if not LEAST_CHANCE <= self.null_chance <= 1 - LEAST_CHANCE:
            raise ValueError(
                f"null_chance is {self.null_chance}: must be from 1e-12 to 1 less 1e-12"
            )
        for name in ("prior_hits", "prior_misses"):
            if not LEAST <= (value := getattr(self, name)) <= GREATEST:
                raise ValueError(f"{name} is {value}: must be from {LEAST:g} to {GREATEST:g}")
        object.__setattr__(self, "log_start", _log_integral(self, 0, 0))


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    hits : int
        Trials to date that ended in what is watched.
    trials : int
        Trials to date.
    """

    hits: int
    trials: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    record : Record
        The looks so far.
    hits, trials : int
        Totals at the last look.
    """

    design: Design
    record: Record = NO_LOOKS
    hits: int = 0
    trials: int = 0


def log_e(design: Design, hits: ArrayLike, trials: ArrayLike) -> NDArray[np.float64]:
    r"""Compute the evidence against the null, on the log scale.

    Parameters
    ----------
    design : Design
        The mixture and the null.
    hits, trials : array_like of whole numbers, of shapes that broadcast
        Totals to date, *c* and *n*, with 0 <= `hits` <= `trials`.

    Returns
    -------
    ndarray of float64, of the broadcast shape
        Natural logarithm of the e-value, always finite, negative where the data favour the null.

    Raises
    ------
    ValueError
        If a count is not one, or there are more hits than trials.

    Notes
    -----
    .. math:: E = \int_{p_0}^1 (p / p_0)^c ((1 - p) / (1 - p_0))^{n - c} \pi(p) \, dp,

    with :math:`\pi` the beta density with *a* and *b*, cut to :math:`p > p_0` and scaled to 1. With
    :math:`H(a, b) = \int_{p_0}^1 t^{a-1} (1-t)^{b-1} dt / (p_0^a (1-p_0)^b)` this is
    :math:`H(a + c, b + n - c) / H(a, b)`. For "fewer", hits and misses change places.

    Valid: for each :math:`p > p_0` and true chance :math:`p'`, a trial multiplies the integrand
    by :math:`1 + (p - p_0)(p' - p_0) / (p_0 (1 - p_0))` on average, which is at most 1 if
    :math:`p' \le p_0`. The true chance may change from trial to trial, also by what was seen
    before, as long as it stays within the null. The rest is as for a Poisson count.

    Error: about 1e-13 of the result, and 1e-13 absolute, to a million trials.

    References
    ----------
    .. [1] Ville J (1939). Etude critique de la notion de collectif. Gauthier-Villars, Paris.
    .. [2] Robbins H (1970). Statistical methods related to the law of the iterated logarithm.
       Annals of Mathematical Statistics, 41(5), 1397-1409.

    Examples
    --------
    One hit with a flat prior, where a half is the null:

    >>> round(float(np.exp(log_e(Design(0.5), 1, 1))), 12)
    1.5
    """
    require_one_index(hits=hits, trials=trials)
    c, n = np.broadcast_arrays(as_counts("hits", hits), as_counts("trials", trials))
    refuse_where(c > n, "hits", c, "must not exceed trials")
    pairs = zip(c.ravel().tolist(), n.ravel().tolist(), strict=True)
    found = [_log_e(design, some, whole) for some, whole in pairs]
    return np.array(found, dtype=np.float64).reshape(n.shape)


def confidence_sequence(design: Design, hits: int, trials: int) -> Limits:
    r"""Bound the chance, now and at every other time at once.

    Parameters
    ----------
    design : Design
        `alpha` and the beta density; its cut, null and direction do not count here.
    hits, trials : int
        Totals to date, *c* and *n*.

    Returns
    -------
    Limits
        Two-sided limits of the chance.

    Raises
    ------
    ValueError
        If a total is not one, or there are more hits than trials.

    Notes
    -----
    All chances against which the uncut mixture, :math:`B(a + c, b + n - c) / (B(a, b) p^c
    (1-p)^{n-c})`, has evidence below :math:`1 / \alpha`: a martingale for the point null *p*. With
    a chance of at least :math:`1 - \alpha` the true one is within the limits at all times together,
    if it is the same in each trial.

    Examples
    --------
    >>> limits = confidence_sequence(Design(0.5), 3, 10)
    >>> round(limits.lower, 3), round(limits.upper, 3)
    (0.037, 0.733)
    """
    _require_totals(hits, trials)
    a, b, misses = design.prior_hits, design.prior_misses, trials - hits
    threshold = -math.log(design.alpha)
    before, after = a / (a + b), (a + hits) / (a + b + trials)
    miss_before, miss_after = b / (a + b), (b + misses) / (a + b + trials)
    # Stirling's errors and two logarithms: what does not depend on the chance that is tested.
    fixed = log_beta_ratio(a + hits, b + misses, after) - log_beta_ratio(a, b, before)
    fixed += a * math.log(after / before) + b * math.log(miss_after / miss_before)

    def is_below(chance: float) -> bool:
        if not 0 < chance < 1:
            return hits == 0 if chance == 0 else misses == 0
        gain = hits * math.log(after / chance) + misses * math.log(miss_after / (1.0 - chance))
        return fixed + gain < threshold

    middle = hits / trials if trials else 0.5
    lower = outermost_below(is_below, middle, 0.0) if hits else 0.0
    upper = outermost_below(is_below, middle, 1.0) if misses else 1.0
    return Limits(lower=lower, upper=upper)


def operating_characteristics(
    design: Design, rate_ratio: float, *, horizon: int
) -> OperatingCharacteristics:
    """Compute how often and how soon a watch crosses within some trials.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True odds of a hit over those of the null, from 1e-6 to 1e6: the rate ratio where a trial
        is an event of the product or its comparator. At 1, `power` is the size attained by the
        horizon, which is below `alpha` at any horizon.
    horizon : int
        Trials looked ahead to, from 1 to 10,000. The watch itself has no end.

    Returns
    -------
    OperatingCharacteristics
        Exact for a look after every trial; fewer looks cross less. Time is in trials, and events
        are hits.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> found = operating_characteristics(Design(0.5), 1.0, horizon=30)
    >>> round(found.power, 4)
    0.0216
    """
    if not LEAST <= rate_ratio <= GREATEST:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be from {LEAST:g} to {GREATEST:g}")
    if not (1 <= horizon <= GREATEST_HORIZON and horizon % 1 == 0):
        raise ValueError(f"horizon is {horizon}: must be a whole number from 1 to 10,000")
    odds = rate_ratio * design.null_chance
    chance = odds / (1.0 - design.null_chance + odds)

    def silent_range(trials: int) -> tuple[int, int]:
        return _silent_range(design, trials)

    found = cross_in_trials(silent_range, chance=chance, n_trials=int(horizon))
    return characteristics(found, rate_ratio=rate_ratio, per_time=1.0)


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
        Totals to date, neither hits nor misses below those of the look before.

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
    hits, trials = observation.hits, observation.trials
    _require_totals(hits, trials)
    if hits < state.hits or trials - hits < state.trials - state.hits:
        raise ValueError(
            f"went back, so recompute: {observation.hits} hits after {state.hits}, "
            f"{observation.trials} trials after {state.trials}"
        )
    evidence = _log_e(state.design, hits, trials)
    record, look = record_look(state.record, evidence, alpha=state.design.alpha)
    return State(design=state.design, record=record, hits=hits, trials=trials), look


recompute = recomputation(init, step)


def _require_totals(hits: int, trials: int) -> None:
    for name, value in (("hits", hits), ("trials", trials)):
        if not (0 <= value <= GREATEST_COUNT and value % 1 == 0):
            raise ValueError(f"{name} is {value}: must be a whole number from 0 to 2**53")
    if hits > trials:
        raise ValueError(f"hits is {hits}: must not exceed trials, {trials}")


def _log_integral(design: Design, hits: int, misses: int) -> float:
    a, b, chance = design.prior_hits + hits, design.prior_misses + misses, design.null_chance
    if design.direction == "more":
        return log_beta_above(a, b, chance)
    return log_beta_above(b, a, 1.0 - chance)


def _log_e(design: Design, hits: int, trials: int) -> float:
    start = design.log_start
    return _log_integral(design, hits, trials - hits) - start


def _silent_range(design: Design, trials: int) -> tuple[int, int]:
    """Fewest and most hits in so many trials that do not cross."""
    threshold = -math.log(design.alpha)
    if design.direction == "more":
        most = bisect_left(
            range(trials + 1), True, key=lambda hits: _log_e(design, hits, trials) >= threshold
        )
        return 0, most - 1
    least = bisect_left(
        range(trials + 1), True, key=lambda hits: _log_e(design, hits, trials) < threshold
    )
    return least, trials
