"""The highest priority that a configuration and the data at hand let a pair reach."""

from __future__ import annotations

from math import nan

import numpy as np

from surveillance.configuration.types import Triage
from surveillance.triage.priority import Facts, parts, scores

MANY = 1e9  # cases: every part is then as near to its greatest value as any data bring it


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
    n_serious = MANY if has_seriousness else 0.0
    best = Facts(
        evidence=MANY,
        n=MANY,
        expected=0.0,
        n_serious=n_serious,
        n_fatal=n_serious,
        usual_serious=0.0,
        usual_fatal=0.0,
        months_known=0.0,
        n_recent=MANY,
        recent_expected=0.0,
        completeness=1.0,
        n_countries=MANY,
        is_watched=nan,
        is_listed=nan,
        is_indication=nan,
        is_publicised=nan,
    )
    found = parts(Facts(*(np.array([value]) for value in best)))
    return float(scores(found, triage.weights)[0])
