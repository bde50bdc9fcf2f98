"""A CUSUM on what is new in each value of one patient's series, with an exact threshold."""

import math
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

from detectors.canonical import make_canonical
from detectors.elementary import exp
from detectors.quadrature import fejer
from detectors.recomputation import recomputation
from detectors.validation import require_between

GREATEST = 1e60
LEAST_SHIFT, GREATEST_SHIFT = 0.2, 5.0
MOST_LOOKS = 1_000
ROOT_ERROR = 1e-9  # of the threshold; of the chance of a false alarm, a tenth of that
NODES_PER_DEVIATION = 5
NO_CHANCE = 1e-18  # below the error of the recursion

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first value: the series as it is while the effect lasts.

    Attributes
    ----------
    horizon : int
        Values until the end, from 1 to 1,000.
    level, slope : float
        Line that the series follows: level at the first value, and change from value to value.
    deviation : float
        Standard deviation of the innovations, positive.
    rho : float, default: 0
        Correlation of neighbours, in (-1, 1).
    direction : {"fall", "rise"}, default: "fall"
        Which shift is a loss.
    shift : float, default: 1
        Shift of the innovations to find, in their standard deviations, in [0.2, 5]. A lasting step
        of the level by *d* shifts them by ``d * (1 - rho)``.
    alpha : float, default: 0.05
        Chance of a false alarm by the horizon, in [1e-6, 1).
    threshold : float
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    :math:`S_t = \max(0, S_{t-1} + \delta z_t - \delta^2 / 2)` with the standardised innovation
    :math:`z_t`, signed so that a loss is positive, starts at 0 [1]_; a signal is :math:`S_t \ge h`.
    After a signal the sum goes on and is not reset; ``has_crossed`` stays. The chance that no value
    to the horizon reaches *h* follows from the law of *S* by recursion: an atom at 0 and a density,
    integrated by Fejer's rule; the error is below 1e-9.

    Level, slope, deviation and correlation are taken as known. From few values they are not: the
    false alarms are then more. `n_of_1` does not need them.

    References
    ----------
    .. [1] Page ES (1954). Continuous inspection schemes. Biometrika, 41(1-2), 100-115.

    Examples
    --------
    >>> round(Design(50, 0.0, 0.0, 1.0).threshold, 4)
    4.9298
    """

    horizon: int
    level: float
    slope: float
    deviation: float
    _: KW_ONLY
    rho: float = 0.0
    direction: Literal["fall", "rise"] = "fall"
    shift: float = 1.0
    alpha: float = 0.05
    threshold: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        if not 1 <= self.horizon <= MOST_LOOKS or self.horizon % 1:
            raise ValueError(f"horizon is {self.horizon}: must be whole, from 1 to {MOST_LOOKS}")
        require_between("level", self.level, -GREATEST, GREATEST)
        require_between("slope", self.slope, -GREATEST, GREATEST)
        require_between("deviation", self.deviation, 1 / GREATEST, GREATEST)
        require_between("rho", self.rho, -1.0, 1.0)
        if self.direction not in {"fall", "rise"}:
            raise ValueError(f"direction is {self.direction!r}: must be 'fall' or 'rise'")
        if not LEAST_SHIFT <= self.shift <= GREATEST_SHIFT:
            raise ValueError(f"shift is {self.shift}: must be from {LEAST_SHIFT} to 5")
        if not 1e-6 <= self.alpha < 1:  # noqa: PLR2004 - above the error of the recursion
            raise ValueError(f"alpha is {self.alpha}: must be from 1e-6 to below 1")
        object.__setattr__(self, "threshold", _threshold(self.horizon, self.shift, self.alpha))


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The next value of the series.

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
        Values so far.
    innovation : float
        What is new in the value, in standard deviations; positive to the bad side.
    cusum : float
        The sum.
    threshold : float
        Sum that signals.
    is_past_horizon : bool
        Whether there were more values than planned: such a look cannot cross.
    is_crossing : bool
        Whether this look meets the threshold.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    innovation: float
    cusum: float
    threshold: float
    is_past_horizon: bool
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
    cusum : float
        The sum.
    residual : float
        Last value less its place on the line.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    cusum: float = 0.0
    residual: float = 0.0
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """What a design does at one shift.

    Attributes
    ----------
    shift : float
        True shift of the innovations, in their standard deviations; 0 gives the false alarms.
    power : float
        Chance of a signal by the horizon.
    expected_time_to_signal : float
        Mean number of values to the signal, given one; NaN if there cannot be one.
    expected_length : float
        Mean number of values to the signal or the horizon.
    """

    shift: float
    power: float
    expected_time_to_signal: float
    expected_length: float


def init(design: Design) -> State:
    """Begin a series.

    Parameters
    ----------
    design : Design
        What is fixed before the first value.

    Returns
    -------
    State
        A series without a value.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    """Take one value.

    Parameters
    ----------
    state : State
        The series so far.
    observation : Observation
        The next value, one step of time after the last.

    Returns
    -------
    State
        The series with this value. A crossing once made stays.
    Look
        Innovation and sum.

    Raises
    ------
    ValueError
        If the value is missing, or 1e60 and beyond.

    Notes
    -----
    The innovation of the first value is its residual times ``sqrt(1 - rho**2)``, as in a series
    that has lasted.
    """
    require_between("value", observation.value, -GREATEST, GREATEST)
    design, number = state.design, state.looks + 1
    residual = observation.value - (design.level + design.slope * state.looks)
    if state.looks:
        new = residual - design.rho * state.residual
    else:
        new = residual * math.sqrt((1.0 - design.rho) * (1.0 + design.rho))
    innovation = (-new if design.direction == "fall" else new) / design.deviation
    gain = design.shift * (innovation - 0.5 * design.shift)
    cusum = max(0.0, state.cusum + gain)
    is_past_horizon = number > design.horizon
    is_crossing = cusum >= design.threshold and not is_past_horizon
    following = State(
        design=design,
        looks=number,
        cusum=cusum,
        residual=residual,
        first_crossing=state.first_crossing or (number if is_crossing else 0),
    )
    look = Look(
        number=number,
        innovation=innovation,
        cusum=cusum,
        threshold=design.threshold,
        is_past_horizon=is_past_horizon,
        is_crossing=is_crossing,
        has_crossed=following.first_crossing > 0,
    )
    return following, look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, shift: float) -> Characteristics:
    """Compute how often and how soon a series signals when its innovations are shifted.

    Parameters
    ----------
    design : Design
        What was fixed before the first value.
    shift : float
        True shift of all innovations to the bad side, in their standard deviations, in [-10, 10].

    Returns
    -------
    Characteristics
        Power and times, in values.

    Raises
    ------
    ValueError
        If `shift` is out of range.

    Examples
    --------
    >>> found = operating_characteristics(Design(50, 0.0, 0.0, 1.0), 1.0)
    >>> round(found.power, 4), round(found.expected_time_to_signal, 2)
    (0.9999, 10.23)
    """
    if not -10 <= shift <= 10:  # noqa: PLR2004 - beyond, the answer is 0 or 1
        raise ValueError(f"shift is {shift}: must be from -10 to 10")
    silent = _silent(design.threshold, design.horizon, design.shift, shift)
    power = max(0.0, 1.0 - silent[-1])
    length = math.fsum(silent[:-1])
    to_signal = (length - design.horizon * silent[-1]) / power if power > 0 else math.nan
    return Characteristics(
        shift=shift, power=power, expected_time_to_signal=to_signal, expected_length=length
    )


@lru_cache(maxsize=256)
def _threshold(horizon: int, shift: float, alpha: float) -> float:
    def log_excess(threshold: float) -> float:
        power = 1.0 - _silent(threshold, horizon, shift, 0.0)[-1]
        return math.log(max(power, NO_CHANCE) / alpha)

    # A sum that starts afresh at each value is a likelihood ratio; one value alone may do it.
    high = math.log(horizon / alpha) + ROOT_ERROR
    low = max(1e-6, shift * (-float(special.ndtri(alpha)) - 0.5 * shift) - ROOT_ERROR)
    if log_excess(low) <= 0:
        return low
    return float(scipy.optimize.brentq(log_excess, low, high, xtol=ROOT_ERROR)) + 2 * ROOT_ERROR


def _silent(threshold: float, horizon: int, delta: float, mean: float) -> list[float]:
    """Give the chance of no signal after 0, 1, ... values; the law of the sum, step by step."""
    n_nodes = 24 + math.ceil(NODES_PER_DEVIATION * threshold / delta)
    node, weight = _rule(n_nodes)
    nodes, widths = threshold * node, threshold * weight
    starts = [0.0, *nodes.tolist()]
    drift = 0.5 * delta * delta
    to_nodes = _density((nodes - np.array(starts)[:, None] + drift) / delta - mean) / delta
    to_zero = special.ndtr((drift - np.array(starts)) / delta - mean)
    masses, chances = np.array([1.0, *([0.0] * n_nodes)]), [1.0]
    for _ in range(horizon):
        density = (masses[:, None] * to_nodes).sum(axis=0)  # adds whole rows, one by one
        atom = math.fsum((masses * to_zero).tolist())
        masses = np.concatenate([[atom], widths * density])
        chances.append(math.fsum(masses.tolist()))
    return chances


@lru_cache(maxsize=128)
def _rule(n_nodes: int) -> tuple[Reals, Reals]:
    node, weight = np.array(fejer(n_nodes)).T
    return node.copy(), weight.copy()


def _density(z: Reals) -> Reals:
    return exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
