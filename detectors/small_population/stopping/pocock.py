"""Stop at a constant pointwise level, the highest that keeps the chance of a false stop."""

import math
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.canonical import make_canonical
from detectors.equality import TIE
from detectors.features.tails import binomial_tail
from detectors.small_population.stopping.beta_binomial import require_direction, require_patients
from detectors.small_population.stopping.boundary import Direction, stopping_masses
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
    alpha : float, default: 0.05
        Chance of a false stop at `limit`, in (0, 1), at most.
    min_patients : int, default: 1
        Fewest patients at which the rule may stop.
    direction : {"harm", "loss"}, default: "harm"
        Stop for too many events, or for too few.
    boundary : tuple of int
        Least number of bad outcomes that stops, by patient; computed. *k + 1* where none can.
    pointwise_level : float
        Highest binomial tail probability that stops; computed. 0 if the rule never stops.
    attained_size : float
        Exact chance of a false stop; computed. At most `alpha`, as it moves in steps.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Stop at *k* patients with *y* bad outcomes if
    :math:`P(\mathrm{Bin}(k, p_0) \ge y) \le \phi` [1]_; :math:`\phi` is the greatest of all
    attainable tail probabilities for which the chance of any stop among `n_max` is at most alpha.
    Two tails that differ by a relative 1e-12 or less count as equal.

    References
    ----------
    .. [1] Ivanova A, Qaqish BF, Schell MJ (2005). Continuous toxicity monitoring in phase II
       trials in oncology. Biometrics, 61(2), 540-545.

    Examples
    --------
    >>> design = Design(30, 0.2)
    >>> design.boundary[:10], round(design.attained_size, 6)
    ((2, 3, 3, 4, 4, 4, 5, 5, 6, 6), 0.049501)
    """

    n_max: int
    limit: float
    _: KW_ONLY
    alpha: float = 0.05
    min_patients: int = 1
    direction: Direction = "harm"
    boundary: tuple[int, ...] = field(init=False, compare=False, repr=False)
    pointwise_level: float = field(init=False, compare=False, repr=False)
    attained_size: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        require_patients(self.n_max, self.min_patients)
        require_between("limit", self.limit, 0.0, 1.0)
        require_between("alpha", self.alpha, 0.0, 1.0)
        require_direction(self.direction)
        bad = self.limit if self.direction == "harm" else 1.0 - self.limit
        found = _search(self.n_max, bad, self.alpha, self.min_patients)
        for name, value in zip(
            ("boundary", "pointwise_level", "attained_size"), found, strict=True
        ):
            object.__setattr__(self, name, value)


_Tails = list[NDArray[np.float64]]


@lru_cache(maxsize=1024)
def _search(
    n_max: int, bad: float, alpha: float, min_patients: int
) -> tuple[tuple[int, ...], float, float]:
    tails = [binomial_tail(k, np.arange(1, k + 1), bad) for k in range(1, n_max + 1)]
    usable = np.unique(np.concatenate(tails[min_patients - 1 :]))
    levels = usable[(usable <= alpha * TIE) & (usable > 0.0)]  # one look alone spends its level
    low, high = 0, levels.size  # with the first `low` levels the size is kept
    while low < high:
        middle = (low + high + 1) // 2
        if _size(_boundary(tails, float(levels[middle - 1]), min_patients), bad) <= alpha * TIE:
            low = middle
        else:
            high = middle - 1
    level = float(levels[low - 1]) if low else 0.0
    boundary = _boundary(tails, level, min_patients)
    return boundary, level, min(_size(boundary, bad), alpha)


def _boundary(tails: _Tails, level: float, min_patients: int) -> tuple[int, ...]:
    return tuple(
        k + 1 if k < min_patients else 1 + int(np.count_nonzero(tail > level * TIE))
        for k, tail in enumerate(tails, 1)
    )


def _size(boundary: tuple[int, ...], bad: float) -> float:
    return math.fsum(stopping_masses(boundary, bad)[0])
