"""One patient's biomarker against the same patient's values under full effect."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

from detectors.effectiveness import biomarker
from surveillance.configuration.programmes import Biomarker, Durability, Level
from surveillance.domain.finding import Look
from surveillance.domain.names import identity, upper
from surveillance.programmes.adapter import last_look
from surveillance.programmes.histories import AtRisk, History
from surveillance.programmes.looking import Occasion
from surveillance.programmes.units import converted


def looks(design: Level, of: Biomarker, occasion: Occasion) -> Iterator[Look]:
    """Look at the series of every patient who has a baseline.

    Parameters
    ----------
    design : Level
        The design.
    of : Biomarker
        Unit and direction.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    Look
        One for each patient with a baseline and a later value.
    """
    for history in occasion.own.patients.values():
        values, n_censored = series(design, of, history)
        baseline, later = values[: design.n_baseline], values[design.n_baseline :]
        if not later or min(baseline) == max(baseline):
            continue
        plan = biomarker.from_baseline(
            baseline, direction=of.worse, margin=design.margin, alpha=design.alpha
        )
        found = last_look(
            biomarker.init, biomarker.step, plan, [biomarker.Observation(value=x) for x in later]
        )
        risk = [AtRisk(history, days=(occasion.on - history.doses[0].given_on).days + 1)]
        notes = [f"{n_censored} values below the limit of quantification"] if n_censored else []
        notes.append(f"mean change {found.change:.4g} over {found.number} values, {of.unit}")
        yield occasion.look(
            "construct",
            upper(history.doses[-1].construct),
            design.code,
            risk,
            criterion_version=design.version,
            family="effectiveness",
            patient_id=history.patient_id,
            statistic=found.log_e,
            boundary=found.critical_value,
            scale="log_e",
            alpha=design.alpha,
            alpha_family=design.alpha,
            alpha_spent=design.alpha,
            is_crossing=found.has_crossed,  # of the whole series, computed anew
            notes=notes,
        )


def series(design: Level, of: Biomarker, history: History) -> tuple[list[float], int]:
    """Return the values from the baseline on, and how many lay below the limit.

    Parameters
    ----------
    design : Level
        From which day on, and whether logarithms are taken.
    of : Biomarker
        With its unit.
    history : History
        The patient.
    """
    found, n_censored = levels(design, of, history)
    return [level for _, level in found], n_censored


def levels(
    design: Level | Durability, of: Biomarker, history: History
) -> tuple[list[tuple[date, float]], int]:
    """Return the same with the day of each value.

    Parameters
    ----------
    design : Level or Durability
        From which day on, and whether logarithms are taken.
    of : Biomarker
        With its unit.
    history : History
        The patient.
    """
    if not history.measurements or history.first_dose_on is None:
        return [], 0
    start = history.first_dose_on + timedelta(days=design.from_days)
    used = [
        m
        for m in history.measurements
        if identity(m.code) == identity(design.code) and m.taken_on >= start
    ]
    found = [(measured, converted(of, measured)) for measured in used]
    if design.is_log:
        found = [(measured, math.log(value)) for measured, value in found if value > 0]
    days = [(measured.taken_on, value) for measured, value in found]
    return days, sum(measured.is_below_limit for measured, _ in found)
