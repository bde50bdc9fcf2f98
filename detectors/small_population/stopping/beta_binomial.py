"""Stop once the posterior probability of too much harm, or too little effect, is high."""

from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from scipy import special

from detectors.canonical import make_canonical
from detectors.equality import TIE
from detectors.small_population.arguments import require_proper
from detectors.small_population.stopping.boundary import MOST_PATIENTS, Direction
from detectors.validation import require_between


@dataclass(frozen=True)
class Design:
    r"""What is fixed before the first patient.

    Attributes
    ----------
    n_max : int
        Planned number of patients, 1 to 1,000.
    limit : float
        Proportion of events, :math:`p_0`, that is still acceptable (``harm``) or just enough
        (``loss``), in (0, 1).
    cut : float, default: 0.95
        Posterior probability that stops, in (0, 1).
    prior : tuple of two floats, default: (0.5, 0.5)
        Beta prior of the proportion of events; proper.
    min_patients : int, default: 1
        Fewest patients at which the rule may stop.
    direction : {"harm", "loss"}, default: "harm"
        Stop where the proportion is likely above `limit`, or likely below it.
    boundary : tuple of int
        Least number of bad outcomes that stops, by patient; computed, and not an argument. A bad
        outcome is an event for ``harm``, a patient without one for ``loss``.

    Raises
    ------
    ValueError
        If an argument is out of range, or the prior is improper.

    Notes
    -----
    Stop at *k* patients with *y* events if :math:`P(p > p_0 \mid y, k) \ge c` [1]_. The cut is no
    error rate: with many looks the chance of a false stop is far above ``1 - cut``; see
    `operating_characteristics`. A prior that itself puts `cut` above the limit stops without any
    event: then `min_patients` or another prior is needed.

    References
    ----------
    .. [1] Thall PF, Simon RM, Estey EH (1995). Bayesian sequential monitoring designs for
       single-arm clinical trials with multiple outcomes. Statistics in Medicine, 14(4), 357-379.

    Examples
    --------
    >>> Design(30, 0.2, cut=0.9).boundary[:12]
    (1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5)
    """

    n_max: int
    limit: float
    _: KW_ONLY
    cut: float = 0.95
    prior: tuple[float, float] = (0.5, 0.5)
    min_patients: int = 1
    direction: Direction = "harm"
    boundary: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        require_patients(self.n_max, self.min_patients)
        require_between("limit", self.limit, 0.0, 1.0)
        require_between("cut", self.cut, 0.0, 1.0)
        for i, value in enumerate(self.prior):
            require_proper(f"prior[{i}]", value)
        require_direction(self.direction)
        object.__setattr__(self, "boundary", self._boundary())

    def _boundary(self) -> tuple[int, ...]:
        is_harm = self.direction == "harm"
        a, b = self.prior if is_harm else self.prior[::-1]
        limit = self.limit if is_harm else 1.0 - self.limit
        found = []
        for k in range(1, self.n_max + 1):
            bad = np.arange(k + 1)
            if limit < 0.5:  # noqa: PLR2004 - so that no digit of the limit is lost either way
                posterior = special.betaincc(a + bad, b + (k - bad), limit)
            else:
                rest = 1.0 - self.limit if is_harm else self.limit
                posterior = special.betainc(b + (k - bad), a + bad, rest)
            n_below = int(np.count_nonzero(posterior * TIE < self.cut))
            found.append(n_below if k >= self.min_patients else k + 1)
        return tuple(found)


def posterior_probability(design: Design, *, patients: int, events: int) -> float:
    """Compute the posterior probability that decides.

    Parameters
    ----------
    design : Design
        What was fixed.
    patients, events : int
        Patients to date, and those with an event.

    Returns
    -------
    float
        Probability that the proportion is above the limit (``harm``) or below it (``loss``).

    Raises
    ------
    ValueError
        If not 0 <= `events` <= `patients`.
    """
    if not 0 <= events <= patients:
        raise ValueError(f"events is {events}: must lie between 0 and patients, {patients}")
    a, b = design.prior[0] + events, design.prior[1] + (patients - events)
    tail = special.betaincc if design.direction == "harm" else special.betainc
    return float(tail(a, b, design.limit))


def require_patients(n_max: int, min_patients: int) -> None:
    """Raise unless the numbers of patients make sense.

    Parameters
    ----------
    n_max, min_patients : int
        Planned patients, and fewest at which a rule may stop.

    Raises
    ------
    ValueError
        If not 1 <= `min_patients` <= `n_max` <= 1,000, or one is not whole.
    """
    is_whole = n_max % 1 == 0 and min_patients % 1 == 0
    if not (is_whole and 1 <= min_patients <= n_max <= MOST_PATIENTS):
        rule = f"must be whole, 1 <= min_patients <= n_max <= {MOST_PATIENTS}"
        raise ValueError(f"n_max is {n_max} and min_patients {min_patients}: {rule}")


def require_direction(direction: str) -> None:
    """Raise unless the direction is one of two.

    Parameters
    ----------
    direction : str
        What is bad.

    Raises
    ------
    ValueError
        If it is neither ``harm`` nor ``loss``.
    """
    if direction not in {"harm", "loss"}:
        raise ValueError(f"direction is {direction!r}: must be 'harm' or 'loss'")
