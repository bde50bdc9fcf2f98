"""Alpha spent event by event, where the ratio of an event is known only when it comes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.sequential.binomial_maxsprt.boundary import ratios_of
from detectors.sequential.binomial_paths import one_more
from detectors.validation import require_between

GREATEST_EXPONENT = 100.0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The boundary of the events that have come.

    Attributes
    ----------
    least_exposed : tuple of int
        Fewest exposed events that signal at each event; one more than the events where none does.
    alpha_spent : tuple of float
        Exact type I error used up to and with each event.
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
) -> Spent:
    r"""Find the boundary event by event, without knowing the ratios to come.

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
    carried to later events. It depends on the ratios up to *n* alone, so the ratios may come as
    they will, if not because of who was exposed.

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
    silent, spent = np.ones(1), 0.0
    least, spends, targets = list[int](), list[float](), list[float]()
    for n, z in enumerate(ratio, 1):
        target = alpha * math.pow(n / n_max, exponent)
        silent = one_more(silent, 1.0 / (1.0 + z))
        first = len(silent)
        gone = 0.0
        while first > min_events and spent + gone + float(silent[first - 1]) <= target:
            first -= 1
            gone += float(silent[first])
        spent += gone
        silent = silent[:first]
        least.append(min(first, n + 1))
        spends.append(spent)
        targets.append(target)
    return Spent(least_exposed=tuple(least), alpha_spent=tuple(spends), alpha_target=tuple(targets))
