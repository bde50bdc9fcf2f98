"""Alpha spent look by look, where the ratio of an event is known only when it comes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detectors.equality import TIE
from detectors.sequential.binomial_maxsprt.boundary import ratios_of
from detectors.sequential.binomial_paths import one_more
from detectors.validation import require_between

GREATEST_EXPONENT = 100.0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The boundary of the looks so far.

    Attributes
    ----------
    least_exposed : tuple of int
        Fewest exposed events that signal at each look; where none does, more than any path has
        that has not signalled.
    alpha_spent : tuple of float
        Exact type I error used up to and with each look.
    alpha_target : tuple of float
        The most that may be used by then.
    """

    least_exposed: tuple[int, ...]
    alpha_spent: tuple[float, ...]
    alpha_target: tuple[float, ...]


def spending_boundary(
    ratio: Sequence[float],
    *,
    n_max: int,
    alpha: float = 0.05,
    exponent: float = 1.0,
    min_events: int = 1,
    looks: Sequence[int] | None = None,
    targets: Sequence[float] | None = None,
) -> Spent:
    r"""Find the boundary look by look, without knowing the ratios or the looks to come.

    Parameters
    ----------
    ratio : sequence of float
        Unexposed over exposed time at each event that has come, from 1e-9 to 1e9; at most `n_max`.
    n_max : int
        Events at which surveillance ends, *N*, from 1 to 300.
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    exponent : float, default: 1
        :math:`\rho` of the power-type spending, in (0, 100).
    min_events : int, default: 1
        Fewest exposed events at which a signal is allowed.
    looks : sequence of int, optional
        Events that had come at each look, rising, the last of them all; every event if not given.
    targets : sequence of float, optional
        The most that may be used up to and with each look, from 0 to `alpha`, never falling; by
        the power function if not given.

    Returns
    -------
    Spent
        Least counts, and what they spend.

    Raises
    ------
    ValueError
        If an argument is out of range, or more events came than planned.

    Notes
    -----
    By event *n* at most :math:`\alpha (n / N)^\rho` is spent. The boundary there is the smallest
    count whose exact chance of a first signal keeps within that; what counts leave unspent is
    carried to later looks. It depends on the ratios up to *n* alone, so the ratios, the looks and
    the targets may come as they will, if not because of who was exposed.

    References
    ----------
    .. [1] Silva IR (2018). Type I error probability spending for post-market drug and vaccine
       safety surveillance with binomial data. Statistics in Medicine, 37(1), 107-118.

    Examples
    --------
    >>> found = spending_boundary([1.0] * 6, n_max=6)
    >>> found.least_exposed, found.alpha_spent[-1]
    ((2, 3, 4, 5, 5, 6), 0.03125)
    """
    require_between("exponent", exponent, 0.0, GREATEST_EXPONENT)
    if not 1 <= len(ratio) <= n_max:
        raise ValueError(f"ratio has {len(ratio)} elements: must have from 1 to n_max, {n_max}")
    ratios_of(n_max, [*ratio, *[1.0] * (int(n_max) - len(ratio))], alpha, min_events)
    ends = _ends(looks, len(ratio))
    most = _most(targets, ends, n_max, alpha, exponent)
    silent, spent, come = np.ones(1), 0.0, 0
    least, spends = list[int](), list[float]()
    for end, target in zip(ends, most, strict=True):
        for z in ratio[come:end]:
            silent = one_more(silent, 1.0 / (1.0 + z))
        first, gone, come = len(silent), 0.0, end
        while first > min_events and spent + gone + float(silent[first - 1]) <= target * TIE:
            first -= 1
            gone += float(silent[first])
        spent = min(spent + gone, target)
        silent = silent[:first]
        least.append(min(first, end + 1))
        spends.append(spent)
    return Spent(least_exposed=tuple(least), alpha_spent=tuple(spends), alpha_target=most)


def _ends(looks: Sequence[int] | None, n_events: int) -> tuple[int, ...]:
    if looks is None:
        return tuple(range(1, n_events + 1))
    for i, (before, end) in enumerate(pairwise([0, *looks])):
        if end % 1 or not before < end <= n_events:
            raise ValueError(f"looks[{i}] is {end}: must be whole, rising, at most {n_events}")
    if not looks or looks[-1] != n_events:
        raise ValueError(f"looks: the last must be at all {n_events} events of ratio")
    return tuple(int(end) for end in looks)


def _most(
    targets: Sequence[float] | None,
    ends: tuple[int, ...],
    n_max: int,
    alpha: float,
    exponent: float,
) -> tuple[float, ...]:
    if targets is None:
        return tuple(alpha * math.pow(end / n_max, exponent) for end in ends)
    if len(targets) != len(ends):
        raise ValueError(f"targets has {len(targets)} elements: must have one a look, {len(ends)}")
    for i, (before, target) in enumerate(pairwise([0.0, *targets])):
        if not before <= target <= alpha:
            raise ValueError(f"targets[{i}] is {target}: must not fall, from 0 to alpha, {alpha}")
    return tuple(float(target) for target in targets)
