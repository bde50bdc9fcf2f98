"""What a finding knows of its signal, as the priority needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import nan

import numpy as np

from surveillance.domain.finding import Finding, WatchFinding
from surveillance.triage.priority import BITS_OF_FULL_STRENGTH, DAYS_A_MONTH, Facts


def facts_of(findings: Sequence[tuple[Finding | WatchFinding, bool]]) -> Facts:
    """Gather the facts of findings.

    Parameters
    ----------
    findings : sequence of pairs
        A finding, and whether its event is on a watch list.

    Returns
    -------
    Facts
        Arrays of that length.
    """
    rows = [
        _of_pair(one, is_watched=is_watched)
        if isinstance(one, Finding)
        else _of_watch(one, is_watched=is_watched)
        for one, is_watched in findings
    ]
    return Facts(*np.array(rows, np.float64).reshape(-1, len(Facts._fields)).T)


def months_between(first: date | None, last: date) -> float:
    """Return the months between two days; NaN without the first."""
    return nan if first is None else (last - first).days / DAYS_A_MONTH


def _of_pair(one: Finding, *, is_watched: bool) -> Facts:
    n_recent = one.n_pair - one.n_pair_before
    return Facts(
        evidence=nan if one.ic_lower is None else one.ic_lower,
        n=one.n_pair,
        expected=one.expected,
        n_serious=one.n_serious,
        n_fatal=one.n_fatal,
        usual_serious=_ratio(one.n_total_serious, one.n_total),
        usual_fatal=_ratio(one.n_total_fatal, one.n_total),
        months_known=months_between(one.product_first_on, one.on),
        n_recent=n_recent,
        recent_expected=one.n_pair * (1 - _ratio(one.n_total_before, one.n_total)),
        n_timed=one.n_timed,
        n_countries=len(one.countries) if len(one.countries) > 1 else nan,
        is_watched=1.0 if is_watched else nan,
        is_listed=nan,
        is_indication=nan,
        is_publicised=nan,
    )


def _of_watch(one: WatchFinding, *, is_watched: bool) -> Facts:
    """Return the facts of a crossing: its boundary, and no lower limit, measures its strength."""
    reached = one.statistic / one.boundary if one.boundary > 0 else nan
    return Facts(
        evidence=BITS_OF_FULL_STRENGTH * reached,
        n=one.n_events,
        expected=one.expected,
        n_serious=0 if one.family == "compliance" else one.n_events,  # a visit harms nobody
        n_fatal=one.n_fatal,
        usual_serious=nan,
        usual_fatal=nan,
        months_known=nan,
        n_recent=nan,
        recent_expected=nan,
        n_timed=nan,
        n_countries=nan,
        is_watched=1.0 if is_watched else nan,
        is_listed=nan,
        is_indication=nan,
        is_publicised=nan,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else nan
