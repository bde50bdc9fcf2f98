"""Group sequential tests of a normal statistic: boundaries, and the test look by look."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import Literal

import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.sequential.normal_paths import START, Density, advanced, chance_above
from detectors.sequential.spending_functions import FUNCTIONS, SpendingName, spent

Kind = Literal["wang_tsiatis"] | SpendingName
Sides = Literal[1, 2]

LEAST_ALPHA = 1e-9
MOST_LOOKS = 200
GREATEST_Z = 37.0  # beyond it the chance of a normal number underflows
GREATEST_DRIFT = 20.0  # in standard deviations at the last look
ROOT_ERROR = 1e-12


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first look.

    Attributes
    ----------
    information : tuple of float
        Information at each planned look, rising, in any unit; at most 200 looks, the first not
        below 1e-4 of the last, and no two closer than that.
    alpha : float, default: 0.025
        Type I error in all, in [1e-9, 0.5].
    kind : str
        ``wang_tsiatis``: :math:`z_k = C t_k^{\Delta - 1/2}`, with :math:`\Delta = 1/2` Pocock and
        0 O'Brien-Fleming; or a spending function, ``power``, ``obrien_fleming``, ``pocock`` or
        ``hwang_shih_decani``.
    parameter : float, default: 0.0
        :math:`\Delta`, from -1 to 1, or that of the spending function.
    sides : {1, 2}, default: 1
        1 looks for an excess, 2 for a difference either way, `alpha` for both together.
    boundary : tuple of float
        Computed: the z value that crosses, at each look.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Boundaries are exact for a normal statistic with independent increments, to 1e-9. Where a
    spending function spends less than can be told, the boundary is 37.

    References
    ----------
    .. [1] Armitage P, McPherson CK, Rowe BC (1969). Repeated significance tests on accumulating
       data. Journal of the Royal Statistical Society A, 132(2), 235-244.
    .. [2] Wang SK, Tsiatis AA (1987). Approximately optimal one-parameter boundaries for group
       sequential trials. Biometrics, 43(1), 193-199.

    Examples
    --------
    O'Brien and Fleming, two looks:

    >>> tuple(round(z, 5) for z in Design((0.5, 1.0)).boundary)
    (2.79651, 1.97743)
    """

    information: tuple[float, ...]
    _: KW_ONLY
    alpha: float = 0.025
    kind: Kind = "wang_tsiatis"
    parameter: float = 0.0
    sides: Sides = 1
    boundary: tuple[float, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        _require(self)
        found = _boundary(
            _shares(self.information), self.alpha, self.kind, self.parameter, self.sides
        )
        object.__setattr__(self, "boundary", found)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen at a look.

    Attributes
    ----------
    z : float
        Standardised statistic of all data to date.
    information : float
        Information to date, as planned for this look to 1e-6 of it.
    """

    z: float
    information: float


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks : int
        Looks so far.
    first_crossing : int
        Number of the look that crossed first; 0 if none has.
    """

    design: Design
    looks: int = 0
    first_crossing: int = 0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the test saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    z : float
        Standardised statistic.
    critical_value : float
        Its boundary at this look.
    is_crossing : bool
        Whether this look meets the boundary.
    has_crossed : bool
        Whether this look or an earlier one met it.
    """

    number: int
    z: float
    critical_value: float
    is_crossing: bool
    has_crossed: bool


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """What a design does at one effect.

    Attributes
    ----------
    effect : float
        Mean of z at the last look.
    power : float
        Chance of a crossing; at 0 the attained size.
    crossing : tuple of float
        Chance that the first crossing is at each look; they sum to the power.
    expected_information : float
        Mean information at the crossing or the end, in the unit of the design.
    """

    effect: float
    power: float
    crossing: tuple[float, ...]
    expected_information: float


def init(design: Design) -> State:
    """Begin a test.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.

    Returns
    -------
    State
        A test that has not looked.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    """Look once.

    Parameters
    ----------
    state : State
        The test so far.
    observation : Observation
        The statistic at the next planned look.

    Returns
    -------
    State
        The test after this look. A crossing once made stays.
    Look
        What was seen.

    Raises
    ------
    ValueError
        If no look is left, the information is not the planned one, or `z` is no number.
    """
    design, number = state.design, state.looks + 1
    if number > len(design.information):
        raise ValueError(f"looks: all {len(design.information)} planned were taken")
    planned = design.information[number - 1]
    if not abs(observation.information - planned) <= 1e-6 * planned:
        raise ValueError(f"information is {observation.information}: look {number} is at {planned}")
    if not math.isfinite(observation.z):
        raise ValueError(f"z is {observation.z}: must be a finite number")
    limit = design.boundary[number - 1]
    is_crossing = (observation.z if design.sides == 1 else abs(observation.z)) >= limit
    first = state.first_crossing or (number if is_crossing else 0)
    look = Look(
        number=number,
        z=observation.z,
        critical_value=limit,
        is_crossing=is_crossing,
        has_crossed=first > 0,
    )
    return State(design=design, looks=number, first_crossing=first), look


recompute = recomputation(init, step)


def operating_characteristics(design: Design, effect: float) -> Characteristics:
    """Compute how often and how soon a design crosses.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    effect : float
        Mean of z at the last look, from -20 to 20. For a log rate ratio it is that over its
        standard error at the end.

    Returns
    -------
    Characteristics
        Chances exact to 1e-10.

    Raises
    ------
    ValueError
        If `effect` is out of range.

    Examples
    --------
    >>> round(operating_characteristics(Design((0.5, 1.0)), 2.8).power, 4)
    0.7965
    """
    if not -GREATEST_DRIFT <= effect <= GREATEST_DRIFT:
        raise ValueError(f"effect is {effect}: must be from -20 to 20")
    times = _shares(design.information)
    found = _crossing(times, design.boundary, design.sides, effect)
    power = math.fsum(found)
    passed = math.fsum(t * chance for t, chance in zip(times, found, strict=True))
    return Characteristics(
        effect=effect,
        power=power,
        crossing=tuple(found),
        expected_information=(passed + 1 - power) * design.information[-1],
    )


@lru_cache(maxsize=1024)
def _boundary(
    times: tuple[float, ...], alpha: float, kind: Kind, parameter: float, sides: Sides
) -> tuple[float, ...]:
    if kind != "wang_tsiatis":
        return _by_spending(times, alpha, kind, parameter, sides)

    def limits(constant: float) -> tuple[float, ...]:
        return tuple(min(GREATEST_Z, constant * t ** (parameter - 0.5)) for t in times)

    def log_overspent(constant: float) -> float:
        return math.log(math.fsum(_crossing(times, limits(constant), sides, 0.0)) / alpha)

    # The size is at least the chance at any one look, and at most the sum over all.
    stretch = max(t ** (0.5 - parameter) for t in times)
    low, high = (-stretch * float(special.ndtri(alpha / sides / n)) for n in (1, len(times)))
    root = float(scipy.optimize.brentq(log_overspent, low - 1e-6, high + 1e-6, xtol=ROOT_ERROR))
    return limits(root)


def _by_spending(
    times: tuple[float, ...], alpha: float, kind: SpendingName, parameter: float, sides: Sides
) -> tuple[float, ...]:
    density, before, found = START, 0.0, []
    for k, time in enumerate(times):
        target = spent(kind, time, alpha / sides, parameter=parameter) - before
        limit = _limit(density, time, target, sides * before)
        before += chance_above(density, time, limit * math.sqrt(time), drift=0.0)
        density = _next(density, times, k, limit, sides, 0.0)
        found.append(limit)
    return tuple(found)


def _limit(density: Density, time: float, target: float, before: float) -> float:
    """Find the limit that spends the target, where so much was spent before."""

    def excess(z: float) -> float:
        return chance_above(density, time, z * math.sqrt(time), drift=0.0) - target

    # The chance is at most that at one look alone, and at least that less what has crossed.
    high = -float(special.ndtri(target)) + 1e-3 if target > 0 else math.inf
    if high >= GREATEST_Z:
        return GREATEST_Z
    low = -float(special.ndtri(min(target + before, 1.0))) - 1e-3
    if excess(low) < 0:  # less is left than the density can tell
        low = -GREATEST_Z
    return float(scipy.optimize.brentq(excess, max(low, -GREATEST_Z), high, xtol=ROOT_ERROR))


def _crossing(
    times: tuple[float, ...], limits: Sequence[float], sides: Sides, drift: float
) -> list[float]:
    density, found = START, []
    for k, (time, limit) in enumerate(zip(times, limits, strict=True)):
        edge = limit * math.sqrt(time)
        chance = chance_above(density, time, edge, drift=drift)
        if sides == 2:  # noqa: PLR2004 - two sides
            chance += _chance_below(density, time, -edge, drift)
        found.append(chance)
        density = _next(density, times, k, limit, sides, drift)
    return found


def _chance_below(density: Density, time: float, limit: float, drift: float) -> float:
    mirrored = Density(information=density.information, at=-density.at, mass=density.mass)
    return chance_above(mirrored, time, -limit, drift=-drift)


def _next(
    density: Density, times: tuple[float, ...], k: int, limit: float, sides: Sides, drift: float
) -> Density:
    if k + 1 == len(times):
        return density
    edge = limit * math.sqrt(times[k])
    finest = min(times[k] - density.information, times[k + 1] - times[k])
    low = -math.inf if sides == 1 else -edge
    return advanced(density, times[k], low=low, high=edge, drift=drift, finest=finest)


def _shares(information: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value / information[-1] for value in information)


def _require(design: Design) -> None:
    last = design.information[-1] if design.information else 0.0
    if not 1 <= len(design.information) <= MOST_LOOKS or not 0 < last < math.inf:
        raise ValueError("information: must hold 1 to 200 positive numbers")
    before = 0.0
    for i, value in enumerate(design.information):
        if not value - before >= 1e-4 * last * (1 - 1e-9):
            raise ValueError(f"information[{i}] is {value}: must rise by 1e-4 of the last")
        before = value
    if not LEAST_ALPHA <= design.alpha <= 0.5:  # noqa: PLR2004 - as documented
        raise ValueError(f"alpha is {design.alpha}: must be from 1e-9 to 0.5")
    if design.sides not in {1, 2}:
        raise ValueError(f"sides is {design.sides}: must be 1 or 2")
    if design.kind == "wang_tsiatis":
        if not -1 <= design.parameter <= 1:
            raise ValueError(f"parameter is {design.parameter}: must be from -1 to 1")
    elif design.kind in FUNCTIONS:
        spent(design.kind, 1.0, design.alpha, parameter=design.parameter)
    else:
        raise ValueError(f"kind is {design.kind!r}: must be wang_tsiatis or a spending function")
