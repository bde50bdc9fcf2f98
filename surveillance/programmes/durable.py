"""How long an effect will last in each patient: a line through a biomarker's values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from detectors.effectiveness.durability import durability
from detectors.effectiveness.lines import Components
from surveillance.configuration.programmes import Biomarker, Durability
from surveillance.domain.finding import Look
from surveillance.domain.names import upper
from surveillance.programmes.biomarkers import levels
from surveillance.programmes.histories import DAYS_A_YEAR, AtRisk, History
from surveillance.programmes.looking import Occasion

_FEWEST = 2  # values of a patient


class Values(NamedTuple):
    """One patient's values, and when they were taken, in years since the first dose."""

    times: tuple[float, ...]
    levels: tuple[float, ...]


def looks(design: Durability, of: Biomarker, occasion: Occasion) -> Iterator[Look]:
    """Look at every patient with two values or more.

    Parameters
    ----------
    design : Durability
        The design.
    of : Biomarker
        Unit and direction.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    Look
        One for each patient. What is stated holds from the last value on, and is the same until
        there is another.
    """
    known = [(one, _values(design, of, one)) for one in occasion.own.patients.values()]
    used = [(one, values) for one, values in known if len(values.times) >= _FEWEST]
    chances = chances_of(design, of.worse, tuple(values for _, values in used))
    for (history, values), chance in zip(used, chances, strict=True):
        yield _look(design, of, occasion, history, (len(values.times), chance))


@lru_cache(maxsize=64)
def chances_of(design: Durability, worse: str, patients: tuple[Values, ...]) -> tuple[float, ...]:
    """Compute each patient's chance to pass the threshold within the days ahead.

    Parameters
    ----------
    design : Durability
        Threshold and variances.
    worse : {"rise", "fall"}
        Which way the effect is lost.
    patients : tuple of Values
        Of all patients: each line is drawn towards that of all.
    """
    if not patients:
        return ()
    sign = 1.0 if worse == "fall" else -1.0
    flat = [
        (number, time, sign * level)
        for number, one in enumerate(patients)
        for time, level in zip(*one, strict=True)
    ]
    numbers, times, of = zip(*flat, strict=True)
    found = durability(
        numbers, times, of,
        components=Components(design.between_sd**2, design.slope_sd**2, 0.0, design.within_sd**2),
        threshold=sign * design.limit,
        now=[one.times[-1] for one in patients],
        ahead=design.ahead_days / DAYS_A_YEAR,
    ).p_below_within  # fmt: skip
    return tuple(
        chance if state == "defined" else 0.0
        for chance, state in zip(found.value.tolist(), found.state.tolist(), strict=True)
    )


def _values(design: Durability, of: Biomarker, history: History) -> Values:
    first = history.first_dose_on
    found, _ = levels(design, of, history)
    if first is None:
        return Values((), ())
    times = tuple((day - first).days / DAYS_A_YEAR for day, _ in found)
    return Values(times, tuple(level for _, level in found))


def _look(
    design: Durability, of: Biomarker, occasion: Occasion, history: History, seen: tuple[int, float]
) -> Look:
    n_values, chance = seen
    risk = [AtRisk(history, (occasion.on - history.doses[0].given_on).days + 1, n_values)]
    passed = "above" if of.worse == "rise" else "below"
    return occasion.look(
        "construct",
        upper(history.doses[-1].construct),
        design.code,
        risk,
        criterion_version=design.version,
        family="effectiveness",
        patient_id=history.patient_id,
        statistic=chance,
        boundary=design.at_least,
        scale="probability",
        is_crossing=chance >= design.at_least,
        notes=[
            f"chance to be {passed} {design.threshold:g} {of.unit} within {design.ahead_days} days",
            f"after the last of {n_values} values",
        ],
    )
