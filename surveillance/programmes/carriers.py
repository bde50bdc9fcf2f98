"""What stands beside a loss of effect: lots, sites, doses, and whether biomarkers agree.

None of it decides anything. It is stated with the finding, for the reader who asks where the
events come from, and whether the marker that was approved on tells the same story.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import fmean

from msgspec.structs import replace

from detectors.effectiveness.agreement import MOST_PATIENTS, agreement
from detectors.small_population import attribution
from surveillance.configuration.programmes import Biomarker, Level, LostEffect
from surveillance.domain.finding import Look
from surveillance.domain.names import identity, upper
from surveillance.domain.outcome import TreatmentGiven
from surveillance.domain.product import split
from surveillance.programmes import lost_effect
from surveillance.programmes.biomarkers import series
from surveillance.programmes.histories import History, at_risk
from surveillance.programmes.looking import Occasion

_FEWEST = 2  # what is compared
_REST = "-"  # doses of other constructs


def of_doses(design: LostEffect, occasion: Occasion, look: Look) -> Iterator[str]:
    """State which lot, site and dose most probably carries an excess of events.

    Parameters
    ----------
    design : LostEffect
        The design that crossed.
    occasion : Occasion
        The programme and its patients.
    look : Look
        The look that crossed: a construct or the programme.

    Yields
    ------
    str
        A sentence for lots, one for sites and one for doses, where there are two or more.
    """
    level, unit = split(look.product)
    for what, named in (("lot", _lot), ("site", _site), ("dose", _dose)):
        units = _compared(design, occasion, named, unit if level == "construct" else None)
        if len(units) < _FEWEST:
            continue
        if len(units) > attribution.MAX_ATTRIBUTED:
            yield f"{what}s were not compared: {len(units)}, above {attribution.MAX_ATTRIBUTED}"
            continue
        yield _sentence(design, occasion, what, units)


def _lot(dose: TreatmentGiven) -> str:
    return dose.lot or "not recorded"


def _site(dose: TreatmentGiven) -> str:
    return dose.site or "not recorded"


def _dose(dose: TreatmentGiven) -> str:
    amount = dose.dose_mg_per_kg
    return "not recorded" if amount is None else f"{amount:g} mg/kg"


def _shown(unit: str, named: Callable[[TreatmentGiven], str]) -> str:
    """Return a unit as it is written: units of time at risk are in upper case."""
    return unit.lower() if named is _dose else unit


def _compared(
    design: LostEffect,
    occasion: Occasion,
    named: Callable[[TreatmentGiven], str],
    construct: str | None,
) -> dict[str, tuple[int, float]]:
    """Return events and expected events by lot or site, of one construct or of all."""
    wanted = [_renamed(history, named, construct) for history in occasion.own.patients.values()]
    risk = at_risk(
        wanted,
        {design.endpoint},
        on=occasion.on,
        silence_days=occasion.silence_days,
        by_construct=True,
    )
    found = {
        _shown(unit, named): lost_effect.seen_and_expected(design, occasion, patients)
        for unit, patients in sorted(risk.items())
        if unit != _REST
    }
    return {unit: seen for unit, seen in found.items() if seen[1] > 0}


def _renamed(
    history: History, named: Callable[[TreatmentGiven], str], construct: str | None
) -> History:
    """Return a history whose doses are told apart by lot or site in the place of constructs."""
    doses = [
        replace(
            dose, construct=named(dose) if construct in {None, upper(dose.construct)} else _REST
        )
        for dose in history.doses
    ]
    return replace(history, doses=doses, memo={})


def _sentence(
    design: LostEffect, occasion: Occasion, what: str, units: dict[str, tuple[int, float]]
) -> str:
    found = lost_effect.attribution_of(
        tuple(n for n, _ in units.values()),
        tuple(expected for _, expected in units.values()),
        ("one",) * len(units),
        lost_effect.excess_of(design),
        lost_effect.size_of(design, occasion, len(occasion.own.patients) / len(units)),
    )
    some = [
        (p, name)
        for p, name, level in zip(found.posterior.tolist(), found.name, found.level, strict=True)
        if level != "nothing"
    ]
    p, name = max(some)
    given = p / math.fsum(p for p, _ in some)
    if not name.isdigit():
        return f"{what}s: all {len(units)} together most probably carry it ({given:.2f})"
    unit, (n, expected) = list(units.items())[int(name)]
    return (
        f"{what} {unit} most probably carries it ({given:.2f}): {n} events, {expected:.2g} expected"
    )


def of_biomarker(
    design: LostEffect, level: Level, of: Biomarker, occasion: Occasion
) -> Iterator[str]:
    """State whether a biomarker moved in the patients who had events.

    Parameters
    ----------
    design : LostEffect
        The design that crossed.
    level : Level
        The design of the biomarker.
    of : Biomarker
        Unit and direction.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    str
        One sentence, where two patients or more have a baseline and a later value.
    """
    pairs = [
        (change, _n_events(design, history))
        for history in occasion.own.patients.values()
        if (change := _change(level, of, history)) is not None
    ]
    if not _FEWEST <= len(pairs) <= MOST_PATIENTS:
        return
    changes, events = zip(*pairs, strict=True)
    found = agreement(changes, events, worse=of.worse)
    mean = fmean(changes)
    moved = f"{level.code}: mean change {mean:+.2g}{' (log)' if level.is_log else f' {of.unit}'}"
    if found.state != "defined":
        yield f"{moved} in {len(pairs)} patients; agreement with events: {found.state}"
        return
    yield (
        f"{moved} in {len(pairs)} patients; where it got worse there were more events in "
        f"{found.concordance:.0%} of pairs (p {found.p:.2g}, of follow-up as it is)"
    )


def _change(level: Level, of: Biomarker, history: History) -> float | None:
    values, _ = series(level, of, history)
    baseline, later = values[: level.n_baseline], values[level.n_baseline :]
    return fmean(later) - fmean(baseline) if later else None


def _n_events(design: LostEffect, history: History) -> int:
    first = history.first_dose_on
    return sum(
        identity(event.endpoint) == identity(design.endpoint)
        and first is not None
        and event.occurred_on >= first
        for event in history.events
    )
