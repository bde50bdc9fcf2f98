r"""Evidence against a historical rate that is known from a few events only, at any time.

The rate is not put in as if it were known: the null is what the history foretells, a Polya process.
The rate ratio is averaged over points on one side of the null, which makes the whole null hold.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.anytime.convex import outermost_below, reach
from detectors.anytime.horizon import characteristics, limit_of
from detectors.anytime.look import NO_LOOKS, Limits, Look, Record, record_look, require_alpha
from detectors.anytime.polya import cross_early, cross_late
from detectors.canonical import make_canonical
from detectors.elementary import exp, log, log_sum
from detectors.recomputation import recomputation
from detectors.sequential.operating import OperatingCharacteristics
from detectors.validation import GREATEST_COUNT

Direction = Literal["more", "fewer"]
History = Literal["stopped_at_event"]
N_POINTS = 64
LEAST_PRIOR, GREATEST_PRIOR = 1e-2, 1e2  # where both sides of the cut have digits to spare
LEAST_TIME, GREATEST_TIME = 1e-12, 1e12
LEAST_RATIO, GREATEST_RATIO = 1e-6, 1e6


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    history_events : int
        Events of the comparator, *c*, at most 2**53.
    history_time : float
        Person-time in which they came, *V*; from 1e-12 to 1e12.
    prior_events : float, default: 0.0
        Events that are added to the history without time: 0.5 is the prior of Jeffreys. Above 0
        if `history_events` is 0; at most 1e6.
    alpha : float, default: 0.05
        Chance of a crossing at any time, ever, if the null is true, in (0, 1).
    direction : {"more", "fewer"}, default: "more"
        Evidence for a rate above that of the history, or below it.
    prior_shape, prior_rate : float, defaults: 1.0 and 0.25
        Of the gamma density over rate ratios, before its cut at 1; from 0.01 to 100. They decide
        for which ratios the evidence grows quickly, and nothing of its validity.
    history : {"stopped_at_event"}, default: "stopped_at_event"
        How the history ended: with its last event, whose number was fixed beforehand. One that was
        followed for a fixed time is refused, as alpha would not hold: see `fixed_history`.

    Raises
    ------
    ValueError
        If an argument is out of range, the history is of another kind, or there is neither a
        historical event nor a prior one: nothing is then known of the rate, and no evidence against
        it is possible.
    """

    history_events: int
    history_time: float
    _: KW_ONLY
    prior_events: float = 0.0
    alpha: float = 0.05
    direction: Direction = "more"
    prior_shape: float = 1.0
    prior_rate: float = 0.25
    history: History = "stopped_at_event"

    def __post_init__(self) -> None:
        make_canonical(self)
        require_alpha(self.alpha)
        if self.history not in get_args(History):
            raise ValueError(
                f"history is {self.history!r}: must be 'stopped_at_event'; for one of fixed length "
                "bound its rate with fixed_history.rate_limit, and watch with anytime.poisson"
            )
        if self.direction not in get_args(Direction):
            raise ValueError(f"direction is {self.direction!r}: must be 'more' or 'fewer'")
        _require_count("history_events", self.history_events)
        ranges = {
            "history_time": (LEAST_TIME, GREATEST_TIME),
            "prior_events": (0.0, 1e6),
            "prior_shape": (LEAST_PRIOR, GREATEST_PRIOR),
            "prior_rate": (LEAST_PRIOR, GREATEST_PRIOR),
        }
        for name, (low, high) in ranges.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} is {value}: must be from {low:g} to {high:g}")
        if self.history_events == 0 and self.prior_events == 0:
            raise ValueError("history_events is 0: prior_events must then be above 0")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        Events observed to date.
    person_time : float
        Person-time to date, in the unit of the historical.
    """

    events: int
    person_time: float


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    record : Record
        The looks so far.
    events : int
        Events at the last look.
    person_time : float
        Person-time at the last look.
    """

    design: Design
    record: Record = NO_LOOKS
    events: int = 0
    person_time: float = 0.0


def log_e(design: Design, events: int, person_time: float) -> float:
    r"""Compute the evidence against the null, on the log scale.

    Parameters
    ----------
    design : Design
        The history, the mixture and the null.
    events : int
        Events observed to date, *n*.
    person_time : float
        Person-time to date, *P*.

    Returns
    -------
    float
        Natural logarithm of the e-value, always finite, negative where the data favour the null.

    Raises
    ------
    ValueError
        If a total is not one, or an event was observed in no time.

    Notes
    -----
    With :math:`\tau = P / V` and *m* the historical and prior events together,

    .. math:: E = \frac{1}{64} \sum_j r_j^n \left( \frac{1 + \tau}{1 + r_j \tau} \right)^{m + n},

    the mean over 64 rate ratios of the likelihood ratio of two Polya processes. The ratios are the
    quantiles at 1/128, 3/128, ... of the gamma density cut to :math:`r > 1` (for "fewer": below 1).
    The mixture is these points themselves, so that no error of a quadrature enters.

    Valid: given *n* events by :math:`\tau`, a Polya process of ratio :math:`r'` has intensity
    :math:`r' (m + n) / (1 + r' \tau)`, which rises with :math:`r'`. At an event a term is
    multiplied by :math:`r (1 + \tau) / (1 + r \tau)`, at least 1 if :math:`r > 1`; it is a
    martingale for :math:`r' = 1`. So for :math:`r' \le 1`, with fewer events, it is a
    supermartingale; for "fewer" the same with the signs turned.

    What it is valid for:

    - `prior_events` 0, and the history was followed until its *c*-th event: for every true rate,
      because the historical time is then gamma distributed with shape *c*. This is the sense in
      which the conditional MaxSPRT is exact [1]_. The chance of ever reaching :math:`1 / \alpha`
      is at most :math:`\alpha`; the mean is at most 1 at stopping times that are told by events and
      :math:`\tau`, as by a rule on the evidence, and not by the unit of time.
    - `prior_events` above 0: the same on average over rates drawn from the gamma distribution with
      shape *m* and rate *V*, that is, what prior and history say of the rate together.
    - Not for a history that was followed for a fixed time. At one time fixed beforehand the mean of
      a term over *c* and *n* is :math:`((1 + \tau) / (1 + r \tau))^{m - c}`, so 1 with
      `prior_events` 0, for every true rate. But given *c* the true rate is what it is. With 4
      events expected, :math:`r = 3`, and a watch that goes on to :math:`\tau = 1` where *c* was
      small and does not begin elsewhere, the mean is 1.44. Nor does the chance of a crossing stay
      below alpha: with 9.88 events expected, the density of shape 100 and mean 8.68, and alpha
      0.001 it is 0.00123.
      (With the default density it was below alpha wherever it was computed.) Use
      `fixed_history.rate_limit`, or the time of an event whose number was fixed beforehand, and no
      watch if it did not come.

    For a null ratio other than 1, multiply the person-time by it.

    References
    ----------
    .. [1] Li L, Kulldorff M (2010). A conditional maximized sequential probability ratio test for
       pharmacovigilance. Statistics in Medicine, 29(2), 284-295.
    .. [2] Ville J (1939). Etude critique de la notion de collectif. Gauthier-Villars, Paris.

    Examples
    --------
    Three events in a tenth of the time in which two came before, against the same with the rate
    taken for known:

    >>> from detectors.anytime import poisson
    >>> round(log_e(Design(2, 10.0), 3, 1.0), 2)
    3.09
    >>> round(float(poisson.log_e(poisson.Design(), 3, 0.2)), 2)
    4.05
    """
    _require_totals(events, person_time)
    return _log_e(design, events, person_time)


def log_e_of_each(
    designs: Sequence[Design], events: Sequence[int], person_times: Sequence[float]
) -> NDArray[np.float64]:
    """Compute the evidence of many watches, each with its own history.

    Parameters
    ----------
    designs : sequence of Design
        One for each watch.
    events : sequence of int
        Events that each has observed to date.
    person_times : sequence of float
        Person-time of each to date.

    Returns
    -------
    ndarray of float64, shape (n_watches,)
        As `log_e` of each, to 1e-13, relative to its size or 1.

    Raises
    ------
    ValueError
        If the three differ in length, or a total is not one.

    Examples
    --------
    >>> log_e_of_each([Design(2, 10.0), Design(5, 10.0)], [3, 0], [1.0, 4.0]).round(2).tolist()
    [3.09, -1.76]
    """
    for name, given in (("events", events), ("person_times", person_times)):
        if len(given) != len(designs):
            raise ValueError(f"{name} has {len(given)} elements: must have {len(designs)}")
    places: dict[tuple[Direction, float, float], list[int]] = {}
    for place, design in enumerate(designs):
        _require_totals(events[place], person_times[place])
        mixture = (design.direction, design.prior_shape, design.prior_rate)
        places.setdefault(mixture, []).append(place)
    found = np.empty(len(designs))
    for mixture, of in places.items():
        above, logs = _points(*mixture)
        seen = np.array([float(events[i]) for i in of])
        time = np.array([person_times[i] for i in of])
        before = np.array([designs[i].history_events + designs[i].prior_events for i in of])
        share = time / (np.array([designs[i].history_time for i in of]) + time)
        spent = np.asarray(special.log1p(np.multiply.outer(share, above)), dtype=np.float64)
        found[of] = _log_means(np.multiply.outer(seen, logs) - (before + seen)[:, None] * spent)
    return found


def _log_means(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average each row, added up in halves: in one order on every processor."""
    greatest = logs.max(axis=1)
    terms = exp(logs - greatest[:, None])
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        terms = terms[:, :half] + terms[:, half:]
    return np.asarray(greatest + log(terms[:, 0] / N_POINTS), dtype=np.float64)


def confidence_sequence(design: Design, events: int, person_time: float) -> Limits:
    r"""Bound the ratio of the rate to that of the history, now and at every other time at once.

    Parameters
    ----------
    design : Design
        The history, `alpha` and the gamma density; its cut and direction do not count here.
    events : int
        Events observed to date, *n*.
    person_time : float
        Person-time to date, *P*.

    Returns
    -------
    Limits
        Two-sided limits of the rate ratio; 0 and infinity where no time has passed.

    Raises
    ------
    ValueError
        If a total is not one, or an event was observed in no time.

    Notes
    -----
    All ratios :math:`r_0` for which

    .. math:: \frac{1}{64} \sum_j \left( \frac{r_j}{r_0} \right)^n
              \left( \frac{1 + r_0 \tau}{1 + r_j \tau} \right)^{m + n} < \frac{1}{\alpha},

    with 64 quantiles of the uncut gamma density: a martingale if :math:`r_0` is true, in the sense
    of `log_e` for the history. The sum is convex in :math:`\ln r_0`, so that the set is an
    interval. With a chance of at least :math:`1 - \alpha` the true ratio is within the limits at
    all times together. However long the watch, *m* historical events leave the ratio uncertain.

    Examples
    --------
    >>> limits = confidence_sequence(Design(20, 10.0), 30, 5.0)
    >>> round(limits.lower, 2), round(limits.upper, 2)
    (1.29, 7.32)
    """
    _require_totals(events, person_time)
    if person_time == 0:
        return Limits(lower=0.0, upper=math.inf)
    threshold = -math.log(design.alpha)

    def is_below(ratio: float) -> bool:
        return _log_point_e(design, events, person_time, ratio) < threshold

    shape = design.history_events + design.prior_events
    middle = events / shape / person_time * design.history_time
    greatest = reach(is_below, middle or design.history_time / person_time)
    upper = math.inf if math.isinf(greatest) else outermost_below(is_below, middle, greatest)
    lower = outermost_below(is_below, middle, math.ulp(0.0)) if events else 0.0
    return Limits(lower=lower, upper=upper)


def operating_characteristics(
    design: Design, rate_ratio: float, *, horizon: float
) -> OperatingCharacteristics:
    """Compute how often and how soon a watch crosses by some time.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate over that of the history; from 1e-6 to 1e6. At 1, `power` is the size attained by
        the horizon, which is below `alpha` at any horizon.
    horizon : float
        Person-time looked ahead to, from 1e-12 to 1e12. The watch itself has none.

    Returns
    -------
    OperatingCharacteristics
        For looks at every moment, to about 1e-10; fewer looks cross less. Time is person-time.

    Raises
    ------
    ValueError
        If an argument is out of range, or it takes more than 700 events within the horizon to tell
        whether the watch crosses.

    Notes
    -----
    The mean over the rates that history and prior allow, in the sense in which the evidence is
    valid. Chances are exact; mean times integrate the chance of no crossing by twelve points of
    Gauss and Legendre between any two deadlines.

    Examples
    --------
    >>> found = operating_characteristics(Design(5, 10.0), 1.0, horizon=10.0)
    >>> found.power < 0.05
    True
    """
    if not LEAST_RATIO <= rate_ratio <= GREATEST_RATIO:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be from 1e-06 to 1e+06")
    if not LEAST_TIME <= horizon <= GREATEST_TIME:
        raise ValueError(f"horizon is {horizon}: must be from 1e-12 to 1e+12")
    scale = rate_ratio / design.history_time

    def limit(events: int) -> float:
        return scale * _limit(design, events, horizon)

    cross = cross_early if design.direction == "more" else cross_late
    shape = design.history_events + design.prior_events
    found = cross(limit, shape=shape, horizon=scale * horizon)
    return characteristics(found, rate_ratio=rate_ratio, per_time=scale)


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
        What was seen. It may be the last, or not: there is no horizon.

    Raises
    ------
    ValueError
        If a total decreased (use `recompute` for a correction), or is invalid.
    """
    events, person_time = observation.events, observation.person_time
    if events < state.events or person_time < state.person_time:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.person_time} of person-time after {state.person_time}"
        )
    _require_totals(events, person_time)
    evidence = _log_e(state.design, events, person_time)
    record, look = record_look(state.record, evidence, alpha=state.design.alpha)
    following = State(design=state.design, record=record, events=events, person_time=person_time)
    return following, look


recompute = recomputation(init, step)


def _require_count(name: str, value: int) -> None:
    if not (0 <= value <= GREATEST_COUNT and value % 1 == 0):
        raise ValueError(f"{name} is {value}: must be a whole number from 0 to 2**53")


def _require_totals(events: int, person_time: float) -> None:
    _require_count("events", events)
    if not 0 <= person_time <= GREATEST_TIME:
        raise ValueError(f"person_time is {person_time}: must be from 0 to 1e+12")
    if events and not person_time:
        raise ValueError(f"events is {events}: must be 0 where person_time is 0")


@lru_cache(maxsize=256)
def _points(direction: Direction, shape: float, rate: float) -> tuple[NDArray[np.float64], ...]:
    """Rate ratios less 1, and their logarithms."""
    at = (np.arange(N_POINTS) + 0.5) / N_POINTS
    if direction == "more":
        tails = special.gammaincc(shape, rate) * (1.0 - at)
        ratios = np.asarray(special.gammainccinv(shape, tails) / rate)
    else:
        tails = special.gammainc(shape, rate) * at
        ratios = np.asarray(special.gammaincinv(shape, tails) / rate)
    outside = np.maximum(ratios, 1.0) if direction == "more" else np.minimum(ratios, 1.0)
    ratios = np.maximum(outside, LEAST_RATIO)  # rounding must not put a point past the null
    return ratios - 1.0, log(ratios)


def _log_e(design: Design, events: int, person_time: float) -> float:
    above, logs = _points(design.direction, design.prior_shape, design.prior_rate)
    whole = design.history_events + design.prior_events + events
    share = person_time / (design.history_time + person_time)
    terms = events * logs - whole * np.asarray(special.log1p(above * share), dtype=np.float64)
    return log_sum(terms, parts=N_POINTS)


@lru_cache(maxsize=256)
def _uncut_points(shape: float, rate: float) -> NDArray[np.float64]:
    at = (np.arange(N_POINTS) + 0.5) / N_POINTS
    return np.maximum(np.asarray(special.gammaincinv(shape, at) / rate), LEAST_RATIO)


def _log_point_e(design: Design, events: int, person_time: float, ratio: float) -> float:
    """Evidence on either side against one rate ratio."""
    points = _uncut_points(design.prior_shape, design.prior_rate)
    whole = design.history_events + design.prior_events + events
    time = person_time / design.history_time
    terms = events * log(points) - whole * np.asarray(special.log1p(points * time))
    gone = events * math.log(ratio) if events else 0.0
    return log_sum(terms, parts=N_POINTS) - gone + whole * math.log1p(ratio * time)


def _limit(design: Design, events: int, horizon: float) -> float:
    return limit_of(
        lambda person_time: _log_e(design, events, person_time),
        alpha=design.alpha,
        is_early=design.direction == "more",
        horizon=horizon,
    )
