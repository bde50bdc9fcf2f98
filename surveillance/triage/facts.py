"""What a finding knows of its signal, as the priority needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import log10, nan
from typing import NamedTuple

import numpy as np

from surveillance.domain.finding import Finding, WatchFinding
from surveillance.triage.labels import UNKNOWN, Flags
from surveillance.triage.priority import (
    BITS_OF_FULL_STRENGTH,
    DAYS_A_MONTH,
    DIGITS_OF_FULL_STRENGTH,
    Facts,
)


class Judged(NamedTuple):
    """A finding, with what is known of its pair from elsewhere."""

    finding: Finding | WatchFinding
    is_watched: bool  # the event is on a watch list
    flags: Flags = UNKNOWN


def facts_of(taken: Sequence[Judged]) -> Facts:
    """Gather the facts of findings.

    Parameters
    ----------
    taken : sequence of Judged
        Findings.

    Returns
    -------
    Facts
        Arrays of that length.
    """
    rows = [
        _of_pair(one.finding) if isinstance(one.finding, Finding) else _of_watch(one.finding)
        for one in taken
    ]
    known = [
        facts._replace(
            is_watched=1.0 if one.is_watched else nan,
            is_listed=one.flags.is_listed,
            is_indication=one.flags.is_indication,
            is_publicised=one.flags.is_publicised,
        )
        for facts, one in zip(rows, taken, strict=True)
    ]
    return Facts(*np.array(known, np.float64).reshape(-1, len(Facts._fields)).T)


def months_between(first: date | None, last: date) -> float:
    """Return the months between two days; NaN without the first."""
    return nan if first is None else (last - first).days / DAYS_A_MONTH


def _of_pair(one: Finding) -> Facts:
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
        completeness=nan if one.completeness is None else one.completeness,
        n_countries=len(one.countries) if len(one.countries) > 1 else nan,
        is_watched=nan,
        is_listed=nan,
        is_indication=nan,
        is_publicised=nan,
    )


def _of_watch(one: WatchFinding) -> Facts:
    """Return the facts of a crossing: its boundary, and no lower limit, measures its strength."""
    return Facts(
        evidence=BITS_OF_FULL_STRENGTH * _reached(one),
        n=one.n_events,
        expected=one.expected or nan,  # no rate applies: how many are many is not known
        n_serious=0 if one.family == "compliance" else one.n_events,  # a visit harms nobody
        n_fatal=one.n_fatal,
        usual_serious=nan,
        usual_fatal=nan,
        months_known=nan,
        n_recent=nan,
        recent_expected=nan,
        completeness=nan,
        n_countries=nan,
        is_watched=nan,
        is_listed=nan,
        is_indication=nan,
        is_publicised=nan,
    )


def _reached(one: WatchFinding) -> float:
    """Return how far the statistic got: 1 at the boundary.

    An event that is shown from the first on has no boundary. It is as strong as it is improbable
    without the therapy: full where the background brings it once in ten thousand times.
    """
    if one.scale != "count":
        return one.statistic / one.boundary if one.boundary > 0 else nan
    chance = one.background_probability
    return nan if chance is None else -log10(max(chance, 1e-300)) / DIGITS_OF_FULL_STRENGTH


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else nan
