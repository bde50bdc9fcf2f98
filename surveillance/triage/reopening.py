"""When a matter that people have seen comes back: one set of triggers, wherever it is asked.

The list of matters, its pages and the modelled reviewer of a backtest all ask here.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import Reopen

Change = Literal["cases", "serious", "death", "criterion", "time"]
Trigger = Change | Literal["expired"]  # the last: a suppression ended
TRIGGERS: tuple[Change, ...] = get_args(Change)


class StandingNumbers(NamedTuple):
    """How matters stood: an array each, or of one matter, a number each."""

    day: Any  # ordinal
    n: Any  # cases or events of the signal that has most
    n_serious: Any
    n_fatal: Any
    kind: Any  # of the highest criterion that was ever met; see `views.matter_lists.kind`


def triggers(
    now: StandingNumbers, then: StandingNumbers, rules: Reopen
) -> dict[Change, NDArray[np.bool_]]:
    """Tell which triggers have come about since matters were seen.

    Parameters
    ----------
    now, then : StandingNumbers
        As they stand, and as they stood when they were seen.
    rules : Reopen
        The triggers of the configuration.

    Returns
    -------
    dict of str to ndarray of bool
        By trigger.

    Examples
    --------
    >>> then = StandingNumbers(day=0, n=3, n_serious=3, n_fatal=0, kind=1)
    >>> now = then._replace(day=9, n=6, n_fatal=1)
    >>> [name for name, is_met in triggers(now, then, Reopen()).items() if is_met]
    ['cases', 'death']
    """
    n_new_serious = np.subtract(now.n_serious, then.n_serious)
    never = np.zeros(np.shape(now.n), np.bool_)
    found = {
        "cases": np.greater_equal(now.n, rules.case_ratio * np.asarray(then.n))
        & np.greater(now.n, then.n),
        "serious": n_new_serious >= rules.new_serious if rules.new_serious else never,
        "death": np.greater(now.n_fatal, 0) & np.equal(then.n_fatal, 0) & rules.first_death,
        "criterion": np.greater(now.kind, then.kind) & rules.higher_criterion,
        "time": np.subtract(now.day, then.day) >= rules.after_days if rules.after_days else never,
    }
    return {name: np.asarray(found[name], np.bool_) for name in TRIGGERS}


def comes_back(now: StandingNumbers, then: StandingNumbers, rules: Reopen) -> NDArray[np.bool_]:
    """Tell which matters come back, by any trigger.

    Parameters
    ----------
    now, then, rules
        As for `triggers`.
    """
    found: NDArray[np.bool_] = np.logical_or.reduce(list(triggers(now, then, rules).values()))
    return found
