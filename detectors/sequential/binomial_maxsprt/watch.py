"""The test look by look, and how often and how soon it signals."""

from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache

from scipy import special

from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.sequential.binomial_maxsprt.boundary import (
    CriticalValue,
    critical_value_of,
    least_exposed,
    ratios_of,
)
from detectors.sequential.binomial_maxsprt.likelihood import (
    log_likelihood_ratio,
    varying_log_likelihood_ratio,
)
from detectors.sequential.binomial_paths import characteristics
from detectors.sequential.operating import OperatingCharacteristics
from detectors.validation import as_counts, require_between

GREATEST_RATE_RATIO = 1e6


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look.

    Attributes
    ----------
    n_max : int
        Events, exposed or not, at which surveillance ends, *N*, from 1 to 2,000; to 300 where the
        ratio varies.
    ratio : float or tuple of float
        Unexposed over exposed time, *z*; one number, or one for each event to come.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest exposed events at which a signal is allowed.
    boundary : CriticalValue
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, or no signal is possible at `alpha`.
    """

    n_max: int
    _: KW_ONLY
    ratio: float | tuple[float, ...]
    alpha: float = 0.05
    min_events: int = 1
    boundary: CriticalValue = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        found = critical_value_of(self.ratios, self.alpha, int(self.min_events))
        object.__setattr__(self, "boundary", found)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of every event."""
        return ratios_of(self.n_max, self.ratio, self.alpha, self.min_events)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one watch, from its start to this look.

    Attributes
    ----------
    events : int
        All events to date.
    exposed : int
        Events among them of the exposed.
    """

    events: int
    exposed: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks : int
        Looks so far.
    events, exposed : int
        Counts at the last look.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    events: int = 0
    exposed: int = 0
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class BinomialLook:
    """What a binomial test saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    events, exposed : int
        Counts to date.
    llr : float
        Log-likelihood ratio; where the ratio varies and no event is left in the design, 0.
    critical_value : float
        Boundary of `llr`.
    is_past_horizon : bool
        Whether there are more events than the design has: such a look cannot cross.
    is_crossing : bool
        Whether this look meets the boundary.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    events: int
    exposed: int
    llr: float
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


def step(state: State, observation: Observation) -> tuple[State, BinomialLook]:
    """Look once.

    Parameters
    ----------
    state : State
        The watch so far.
    observation : Observation
        Counts to date, never below those of the look before.

    Returns
    -------
    State
        The watch after this look. A crossing once made stays.
    BinomialLook
        What was seen.

    Raises
    ------
    ValueError
        If a count decreased (use `recompute` for a correction), or is invalid, or if
        the exposed rose by more than all.

    Notes
    -----
    A look after every event spends the attained size; fewer looks spend less.

    Where the ratio varies, the likelihood of a pair of counts is kept for the watches of the same
    ratios that see it later. The first takes 0.6 milliseconds with five distinct ratios, and more
    with more.
    """
    more, more_exposed = observation.events - state.events, observation.exposed - state.exposed
    if more < 0 or more_exposed < 0:
        raise ValueError(
            f"went back, so recompute: {observation.events} events after {state.events}, "
            f"{observation.exposed} exposed after {state.exposed}"
        )
    if more_exposed > more:
        raise ValueError(
            f"exposed must not rise by more than events: "
            f"{observation.events} events after {state.events}, "
            f"{observation.exposed} exposed after {state.exposed}"
        )
    design, limit = state.design, state.design.boundary
    is_past_horizon = observation.events > design.n_max
    llr = _llr(design, observation, is_past_horizon=is_past_horizon)
    is_high = observation.exposed >= design.min_events and llr >= limit.value
    is_crossing = is_high and not is_past_horizon
    number = state.looks + 1
    following = State(
        design=design,
        looks=number,
        events=observation.events,
        exposed=observation.exposed,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = BinomialLook(
        number=number,
        events=observation.events,
        exposed=observation.exposed,
        llr=llr,
        critical_value=limit.value,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals, exactly.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate of the exposed over that of the unexposed, constant, in (0, 1e6).

    Returns
    -------
    OperatingCharacteristics
        Times in events, exposed or not; counts of exposed events.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range.

    Examples
    --------
    >>> found = operating_characteristics(Design(10, ratio=1.0), 2.0)
    >>> round(found.power, 6), round(found.expected_time_to_signal, 6)
    (0.196718, 6.322314)
    """
    require_between("rate_ratio", rate_ratio, 0.0, GREATEST_RATE_RATIO)
    least = least_exposed(design.ratios, design.boundary.value, int(design.min_events))
    chances = [rate_ratio / (rate_ratio + z) for z in design.ratios]
    return characteristics(chances, least, float(rate_ratio))


def _llr(design: Design, seen: Observation, *, is_past_horizon: bool) -> float:
    if isinstance(design.ratio, int | float):
        n, c = seen.events, seen.exposed
        if type(n) is not int or type(c) is not int or not 0 <= c <= n <= 2**53:
            return float(log_likelihood_ratio(n, c, ratio=design.ratio))
        return _llr_of_one(float(n), float(c), float(design.ratio))
    as_counts("events", seen.events)
    as_counts("exposed", seen.exposed)
    if is_past_horizon:
        return 0.0
    return _varying_llr(tuple(design.ratio), seen.events, seen.exposed)


@lru_cache(maxsize=8_192, typed=True)  # watches of one design see the same few counts
def _varying_llr(ratios: tuple[float, ...], events: int, exposed: int) -> float:
    come = [float(ratio) for ratio in ratios[:events]]
    return float(varying_log_likelihood_ratio(exposed, come)) if come else 0.0


def _llr_of_one(n: float, c: float, z: float) -> float:
    chance = 1.0 / (1.0 + z)  # the arithmetic of the array function, for the same bits
    mean, rest = n * chance, n * (z * chance)
    if c <= mean:
        return 0.0
    return max(0.0, float(special.rel_entr(c, mean) + special.rel_entr(n - c, rest)))
