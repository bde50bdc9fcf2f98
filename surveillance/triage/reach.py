"""The highest priority that a configuration and the data at hand let a pair reach."""

from __future__ import annotations

from datetime import date

from surveillance.configuration.types import Triage
from surveillance.domain.signal import Support
from surveillance.triage.priority import parts, score

MANY = 10**9  # cases: every part is then as near to its greatest value as any data bring it
DAY = date(2000, 1, 1)


def highest_priority(triage: Triage, *, has_seriousness: bool) -> float:
    """Return the highest priority of a pair that is on no list of sentinel events.

    Sentinel events alert by themselves, whatever their priority.

    Parameters
    ----------
    triage : Triage
        Weights.
    has_seriousness : bool
        Whether any case is serious or fatal.

    Returns
    -------
    float
        Of a pair with everything that the data can hold, computed as that of any other.
    """
    best = parts(
        triage.weights,
        evidence=float(MANY),
        n=MANY,
        n_serious=MANY if has_seriousness else 0,
        n_fatal=MANY if has_seriousness else 0,
        support=[Support(criterion="any", first_on=DAY, last_on=DAY, n=1)],
        n_criteria=1,
        is_sentinel=False,
    )
    return score(best)
