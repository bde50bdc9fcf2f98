"""One patient's events over time, beside what natural history lets one expect of that patient."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import scipy  # its parts are loaded when they are used

from surveillance.configuration.programmes import LostEffect, Stratum
from surveillance.domain.names import identity
from surveillance.programmes.histories import DAYS_A_YEAR, History

N_POINTS = 60


class Point(NamedTuple):
    """A day, and the events up to it."""

    on: date
    n_events: int
    low: int  # of the untreated: 5 % have fewer
    high: int  # of the untreated: 5 % have more
    kept: float  # expected while the approved effect is kept


def course_of(
    history: History, stratum: Stratum, design: LostEffect, *, until: date
) -> list[Point]:
    """Follow a patient from the first dose on.

    Parameters
    ----------
    history : History
        The patient, with a dose.
    stratum : Stratum
        Of natural history.
    design : LostEffect
        The endpoint, and the ratio that was approved.
    until : date
        The last day, unless follow-up ended before.

    Returns
    -------
    list of Point
        At most 61; empty where the patient was not treated, or on that day only.

    Notes
    -----
    Untreated, the events of a patient by a time are negative binomial: the patient's own factor
    is gamma, and is known better where events before the first dose were counted. With patients
    alike they are Poisson.
    """
    first = history.first_dose_on
    last = min(until, history.ended_on or until)
    if first is None or last <= first:
        return []
    n_days = (last - first).days
    days = sorted({round(n_days * place / N_POINTS) for place in range(N_POINTS + 1)})
    occurred = sorted(
        (event.occurred_on - first).days
        for event in history.events
        if identity(event.endpoint) == identity(design.endpoint) and event.occurred_on >= first
    )
    return [_point(history, stratum, design, first, day, occurred) for day in days]


def _point(
    history: History,
    stratum: Stratum,
    design: LostEffect,
    first: date,
    day: int,
    occurred: list[int],
) -> Point:
    years = day / DAYS_A_YEAR
    shape, rate = _law(history, stratum, design)
    low, high = (_quantile(share, shape, rate * years) for share in (0.05, 0.95))
    return Point(
        on=first + timedelta(days=day),
        n_events=sum(one <= day for one in occurred),
        low=low,
        high=high,
        kept=rate * design.rate_ratio_kept * years,
    )


def _quantile(share: float, shape: float | None, mean: float) -> int:
    if mean == 0:
        return 0
    if shape is None:
        return int(scipy.stats.poisson.ppf(share, mean))
    return int(scipy.stats.nbinom.ppf(share, shape, shape / (shape + mean)))


def _law(history: History, stratum: Stratum, design: LostEffect) -> tuple[float | None, float]:
    """Return the shape of the patient's own rate, and its mean; no shape where all are alike."""
    rate, shape = stratum.rate_per_patient_year, stratum.dispersion
    if shape is None:
        return None, rate
    baseline = history.enrolled.baseline if history.enrolled else ()
    for one in baseline:
        if identity(one.endpoint) == identity(design.endpoint):
            own = shape + one.n_events
            return own, own / (shape / rate + one.days / DAYS_A_YEAR)
    return shape, rate
