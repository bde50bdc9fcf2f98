"""Simon's two-stage designs: stop early where too few patients respond.

Here they check a retained effect: a good event is a response that still holds.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.canonical import make_canonical
from detectors.equality import TIE
from detectors.features.tails import binomial_mass
from detectors.recomputation import recomputation
from detectors.validation import require_between

Criterion = Literal["optimal", "minimax"]
MOST_PATIENTS = 300
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Two stages with a limit of responses at each.

    Attributes
    ----------
    r1, n1 : int
        Stop after `n1` patients if `r1` or fewer responded.
    r, n : int
        After `n` patients the effect is held to be absent if `r` or fewer responded.

    Raises
    ------
    ValueError
        If not 0 <= r1 < n1 < n and r1 <= r < n, or one is not whole.
    """

    r1: int
    n1: int
    r: int
    n: int

    def __post_init__(self) -> None:
        make_canonical(self)
        is_whole = all(each % 1 == 0 for each in (self.r1, self.n1, self.r, self.n))
        is_ordered = 0 <= self.r1 < self.n1 < self.n and self.r1 <= self.r < self.n
        if not (is_whole and is_ordered and self.n <= MOST_PATIENTS):
            rule = f"must be whole, 0 <= r1 < n1 < n <= {MOST_PATIENTS} and r1 <= r < n"
            raise ValueError(f"{self}: {rule}")


@dataclass(frozen=True, kw_only=True)
class TwoStageCharacteristics:
    """How a two-stage design behaves at one true proportion of responses.

    Attributes
    ----------
    proportion : float
        True proportion of patients who respond.
    early_stop_probability : float
        Chance to stop after the first stage.
    stop_probability : float
        Chance to stop early or to hold the effect absent at the end: false where it is present.
    pass_probability : float
        Chance to hold it present: the size where it is absent, the power where it is present.
    expected_patients : float
        Mean number of patients.
    """

    proportion: float
    early_stop_probability: float
    stop_probability: float
    pass_probability: float
    expected_patients: float


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen, from the start to this look.

    Attributes
    ----------
    patients : int
        Patients whose response is known, to date.
    events : int
        Those of them who responded.
    """

    patients: int
    events: int


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    looks, patients, events : int
        Looks so far, and totals at the last.
    first_crossing : int
        Number of the look that stopped first; 0 if none has.
    first_stage_passed : bool
        Whether a look at `n1` patients, or before, saw more than `r1` responses.
    """

    design: Design
    looks: int = 0
    patients: int = 0
    events: int = 0
    first_crossing: int = 0
    first_stage_passed: bool = False


@dataclass(frozen=True)
class Look:
    """What a two-stage design saw when it looked once.

    Attributes
    ----------
    number : int
        Looks so far, this one included.
    patients, events : int
        Totals to date.
    is_decisive : bool
        Whether this look is at the end of a stage.
    is_past_horizon : bool
        Whether there are more patients than planned: such a look decides nothing.
    is_crossing : bool
        Whether this look stops for want of effect.
    has_crossed : bool
        Whether this look or an earlier one did.
    """

    _: KW_ONLY
    number: int
    patients: int
    events: int
    is_decisive: bool
    is_past_horizon: bool
    is_crossing: bool
    has_crossed: bool


def find(
    unacceptable: float,
    desirable: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.2,
    criterion: Criterion = "optimal",
) -> Design:
    r"""Find the two-stage design with the fewest patients.

    Parameters
    ----------
    unacceptable, desirable : float
        Proportions of responses, :math:`0 < p_0 < p_1 < 1`.
    alpha : float, default: 0.05
        Chance to pass at :math:`p_0`, at most; in (0, 1).
    beta : float, default: 0.2
        Chance to stop at :math:`p_1`, at most; in (0, 1).
    criterion : {"optimal", "minimax"}, default: "optimal"
        Fewest patients expected at :math:`p_0`, or fewest at most and then fewest expected.

    Returns
    -------
    Design
        The design; of equals, the one with fewer patients in all, then in the first stage.

    Raises
    ------
    ValueError
        If an argument is out of range, or no design with 300 patients or fewer keeps both errors.

    Notes
    -----
    All designs are searched [1]_. For each `n`, `n1` and `r1` the least `r` that keeps alpha has
    the most power. For given `n1` and `r1` the expected number grows with `n`, so the search ends,
    without a bound set by hand, once no first stage can do better. It begins where the most
    powerful test of any kind has the power.

    References
    ----------
    .. [1] Simon R (1989). Optimal two-stage designs for phase II clinical trials. Controlled
       Clinical Trials, 10(1), 1-10.

    Examples
    --------
    >>> find(0.1, 0.3)
    Design(r1=1, n1=10, r=5, n=29)
    >>> find(0.1, 0.3, criterion="minimax")
    Design(r1=1, n1=15, r=5, n=25)
    """
    if not 0.0 < unacceptable < desirable < 1.0:
        rule = "must lie in (0, 1), the first below the second"
        raise ValueError(f"unacceptable is {unacceptable} and desirable {desirable}: {rule}")
    require_between("alpha", alpha, 0.0, 1.0)
    require_between("beta", beta, 0.0, 1.0)
    if criterion not in {"optimal", "minimax"}:
        raise ValueError(f"criterion is {criterion!r}: must be 'optimal' or 'minimax'")
    best, best_mean = None, math.inf
    fewest = _fewest_patients(unacceptable, desirable, alpha, beta)
    for n in range(fewest, MOST_PATIENTS + 1):
        is_open = False
        for n1 in range(1, min(n, math.ceil(min(best_mean, n)))):
            means = _expected(n, n1, unacceptable, desirable, beta)
            if not (means < best_mean).any():
                continue
            is_open = True
            for r1, mean, r in _feasible(n, n1, means, unacceptable, desirable, alpha, beta):
                if mean < best_mean:
                    best, best_mean = Design(r1, n1, r, n), mean
        if best is not None and (criterion == "minimax" or not is_open):
            return best
    raise ValueError(f"no design with {MOST_PATIENTS} patients or fewer keeps {alpha=} and {beta=}")


def operating_characteristics(design: Design, proportion: float) -> TwoStageCharacteristics:
    """Compute how a two-stage design behaves.

    Parameters
    ----------
    design : Design
        What was fixed.
    proportion : float
        True proportion of patients who respond, in [0, 1].

    Returns
    -------
    TwoStageCharacteristics
        Exact, but for rounding.

    Raises
    ------
    ValueError
        If `proportion` is outside [0, 1].

    Examples
    --------
    >>> found = operating_characteristics(Design(1, 10, 5, 29), 0.1)
    >>> round(found.pass_probability, 6), round(found.expected_patients, 4)
    (0.047086, 15.0141)
    """
    if not 0.0 <= proportion <= 1.0:
        raise ValueError(f"proportion is {proportion}: must lie in [0, 1]")
    later = design.n - design.n1
    first = binomial_mass(design.n1, np.arange(design.n1 + 1), proportion)
    second = binomial_mass(later, np.arange(later + 1), proportion)
    early = min(1.0, math.fsum(first[: design.r1 + 1].tolist()))
    passing, stopping = [], first[: design.r1 + 1].tolist()
    for x in range(design.r1 + 1, design.n1 + 1):
        least = max(0, design.r - x + 1)  # responses of the second stage that pass
        passing += (first[x] * second[least:]).tolist()
        stopping += (first[x] * second[:least]).tolist()
    return TwoStageCharacteristics(
        proportion=proportion,
        early_stop_probability=early,
        stop_probability=min(1.0, math.fsum(stopping)),
        pass_probability=min(1.0, math.fsum(passing)),
        expected_patients=design.n1 + (1.0 - early) * later,
    )


def init(design: Design) -> State:
    """Begin a watch.

    Parameters
    ----------
    design : Design
        What is fixed before the first patient.

    Returns
    -------
    State
        A watch that has not looked.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    """Look once; only the ends of the two stages decide.

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
        If a total decreased (use `recompute`), is no count, or events exceed patients; or if the
        end of the first stage was passed over before it was known that it is passed.
    """
    design = state.design
    patients, events = observation.patients, observation.events
    _require_totals(patients, events)
    if patients < state.patients or events < state.events:
        raise ValueError(
            f"went back, so recompute: {observation.patients} patients after {state.patients}, "
            f"{observation.events} events after {state.events}"
        )
    if events - state.events > patients - state.patients:
        raise ValueError(
            f"events grew by {events - state.events} and patients by {patients - state.patients}: "
            "must not grow by more than patients"
        )
    has_passed = state.first_stage_passed or (patients <= design.n1 and events > design.r1)
    if patients > design.n1 and not has_passed and not state.first_crossing:
        raise ValueError(f"patients is {patients}: the look at {design.n1} must come first")
    is_failing = (patients == design.n1 and events <= design.r1) or (
        patients == design.n and events <= design.r
    )
    number = state.looks + 1
    first = state.first_crossing or (number if is_failing else 0)
    following = State(
        design=design,
        looks=number,
        patients=patients,
        events=events,
        first_crossing=first,
        first_stage_passed=has_passed,
    )
    look = Look(
        number=number,
        patients=patients,
        events=events,
        is_decisive=patients in {design.n1, design.n},
        is_past_horizon=patients > design.n,
        is_crossing=is_failing,
        has_crossed=first > 0,
    )
    return following, look


recompute = recomputation(init, step)


def _require_totals(patients: float, events: float) -> None:
    for name, value in (("patients", patients), ("events", events)):
        if value % 1 or not value >= 0:  # not finite has a remainder, NaN
            raise ValueError(f"{name} is {value}: must be a whole number of at least 0")
    if events > patients:
        raise ValueError(f"events is {events}: must not exceed patients, {patients}")


def _fewest_patients(p0: float, p1: float, alpha: float, beta: float) -> int:
    """Give the fewest patients with which any test of this size at all has the power.

    The most powerful one has a single stage and decides by lot at one count (Neyman and Pearson).
    """
    for n in range(2, MOST_PATIENTS + 1):
        null, good = (binomial_mass(n, np.arange(n + 1), p) for p in (p0, p1))
        above = np.cumsum(null[::-1])[::-1]
        least = int(np.count_nonzero(above > alpha))  # passes surely from here on
        size, power = (math.fsum(each[least:].tolist()) for each in (null, good))
        lot = good[least - 1] / null[least - 1] * (alpha - size) if least else 0.0
        if power + lot >= 1.0 - beta - 1e-9:  # rounding must not lose a design
            return n
    return MOST_PATIENTS + 1


def _expected(n: int, n1: int, p0: float, p1: float, beta: float) -> Reals:
    """Patients expected at p0 for each r1; infinite where stage one alone misses too often."""
    r1 = np.arange(n1)
    early = special.bdtr(r1.astype(np.float64), n1, p0)
    missed = special.bdtr(r1.astype(np.float64), n1, p1)
    return np.where(missed <= beta * TIE, n1 + (1.0 - early) * (n - n1), math.inf)


def _feasible(  # noqa: PLR0917 - the numbers of one design problem
    n: int, n1: int, means: Reals, p0: float, p1: float, alpha: float, beta: float
) -> list[tuple[int, float, int]]:
    """List r1, patients expected and the least r, where both errors are kept."""
    passing_null, passing = _passing(n, n1, p0), _passing(n, n1, p1)
    found = []
    for r1 in np.flatnonzero(np.isfinite(means)).tolist():
        kept = np.flatnonzero(passing_null[r1] <= alpha * TIE)
        if kept.size and 1.0 - passing[r1, kept[0]] <= beta * TIE and r1 <= kept[0] < n:
            found.append((r1, float(means[r1]), int(kept[0])))
    return found


def _passing(n: int, n1: int, p: float) -> Reals:
    """Chance of more than r1 responses among n1 and more than r among n, by r1 and r."""
    x, total = np.arange(n1 + 1)[:, np.newaxis], np.arange(n + 1)
    later = total - x
    inside = (later >= 0) & (later <= n - n1)
    mass = binomial_mass(n1, x, p) * binomial_mass(n - n1, np.where(inside, later, 0), p)
    joint = np.where(inside, mass, 0.0)
    above = np.cumsum(joint[::-1], axis=0)[::-1]  # x at least so many
    above = np.cumsum(above[:, ::-1], axis=1)[:, ::-1]  # total at least so many
    return np.asarray(above[1:, 1:])  # more than r1, more than r
