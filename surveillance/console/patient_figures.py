"""Figures of single patients: events against natural history, and biomarkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.configuration.programmes import Durability, Level, LostEffect
from surveillance.console.asked import NotThere, shown
from surveillance.console.grids import N_PANELS, Small, grid
from surveillance.console.plots import (
    Across,
    Axis,
    Between,
    Curve,
    Dots,
    Shape,
    linear,
    logarithmic,
)
from surveillance.console.programme_data import histories_at, programme_named
from surveillance.console.taken import Figure
from surveillance.domain.errors import Refused
from surveillance.domain.names import identity
from surveillance.programmes.course import course_of
from surveillance.programmes.natural_history import stratum_of
from surveillance.programmes.units import converted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from markupsafe import Markup

    from surveillance.configuration.programmes import Biomarker, Programme, Programmes, Stratum
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.programmes.course import Point
    from surveillance.programmes.histories import History

_COURSE = ("patient", "on", "day_since_first_dose", "n_events", "low", "high", "kept")
_VALUE = ("patient", "on", "day_since_first_dose", "value", "unit", "below_limit", "baseline")
_SCALES = ("", "log", "linear")


class Course(NamedTuple):
    """A patient with the days that are drawn."""

    history: History
    points: Sequence[Point]

    @property
    def above(self) -> float:
        """Events beyond those that are expected while the effect is kept."""
        return self.points[-1].n_events - self.points[-1].kept


def constructs_of(histories: Sequence[History]) -> list[str]:
    """Return the constructs that anybody was given, by name."""
    return sorted({dose.construct for one in histories for dose in one.doses})


def courses(
    programmes: Programmes, name: str, construct: str, histories: Sequence[History], on: date
) -> Figure | None:
    """Return each patient of a construct against natural history; None without such a design.

    Parameters
    ----------
    programmes : Programmes
        The configuration.
    name, construct : str
        Of the programme, and what its patients were given.
    histories : sequence of History
        The treated patients of the programme.
    on : date
        The day that is looked at.
    """
    programme = programmes.of(name)
    design = _designed(programmes, programme, LostEffect)
    if programme is None or not isinstance(design, LostEffect):
        return None
    natural = programmes.natural_history[programme.natural_history]
    strata = natural.endpoint[design.endpoint]
    given = [
        one
        for one in histories
        if identity(construct) in {identity(dose.construct) for dose in one.doses}
    ]
    found = _followed(given, strata, design, on)
    kind = f"{programme.natural_history}, version {natural.version}"
    caption = (
        f"{min(len(found), N_PANELS)} of {len(given):,} patients given {construct}, those furthest "
        f"above a kept effect first; {design.endpoint} as received by the end of {on}. Shaded: 5 "
        f"to 95 % of untreated patients ({kind}; {_spread(strata)}), given what the same patient "
        f"had before the first dose where that was counted. Dashed: expected while the effect is "
        f"kept (rate ratio {design.rate_ratio_kept:g}). {len(given) - len(found)} are not "
        "compared: they fit no stratum, or were treated that day. One patient above the band is "
        "no loss of effect; what happened after the last contact is not known."
    )
    rows = [
        [one.history.patient_id, point.on, _day(one.history, point.on), *point[1:]]
        for one in found
        for point in one.points
    ]
    held: dict[str, object] = {"name": name, "construct": construct, "at": on}
    title = f"Each patient of {construct} against natural history"
    drawing = _courses(title, design.endpoint, found[:N_PANELS]) if found else None
    return Figure("courses", title, drawing, caption, _COURSE, rows, held)


def _designed(
    programmes: Programmes, programme: Programme | None, kind: type[object]
) -> object | None:
    designs = [programmes.design[each] for each in programme.designs] if programme else []
    return next((one for one in designs if isinstance(one, kind)), None)


def _followed(
    given: Sequence[History], strata: tuple[Stratum, ...], design: LostEffect, on: date
) -> list[Course]:
    found = []
    for one in given:
        stratum = stratum_of(strata, one)
        points = course_of(one, stratum, design, until=on) if stratum else []
        if points:
            found.append(Course(one, points))
    return sorted(found, key=lambda one: (-one.above, one.history.patient_id))


def _spread(strata: tuple[Stratum, ...]) -> str:
    shapes = sorted({f"{one.dispersion:g}" for one in strata if one.dispersion})
    if not shapes:
        return "patients are taken to be alike"
    return f"patients differ by a gamma factor of shape {' or '.join(shapes)}"


def _day(history: History, on: date) -> int:
    return (on - history.doses[0].given_on).days


def _courses(title: str, endpoint: str, found: Sequence[Course]) -> Markup:
    days = [float(_day(one.history, one.points[-1].on)) for one in found]
    most = [float(max(one.points[-1].high, one.points[-1].n_events)) for one in found]
    x, y = linear("days since the first dose", days), linear(f"{endpoint}, cumulated", most)
    panels = [Small(_headed(one), _shapes(one)) for one in found]
    return grid(title, x, y, panels, panels[0].shapes)


def _headed(one: Course) -> str:
    last = one.points[-1]
    return f"{one.history.patient_id}: {last.n_events} (kept {last.kept:.3g})"


def _shapes(one: Course) -> list[Shape]:
    days = [float(_day(one.history, point.on)) for point in one.points]
    pairs = list(zip(days, one.points, strict=True))
    return [
        Between("untreated, 5 to 95 %", [(x, float(p.low), float(p.high)) for x, p in pairs]),
        Curve("expected, effect kept", "expected", [(x, p.kept) for x, p in pairs]),
        Curve("events", "observed", [(x, float(p.n_events)) for x, p in pairs], is_step=True),
    ]


class Taken(NamedTuple):
    """A value of a patient, in the unit of the biomarker."""

    on: date
    day: float
    value: float
    is_below_limit: bool
    is_baseline: bool


def codes_of(programmes: Programmes, name: str) -> list[str]:
    """Return the biomarkers that a design of the programme follows."""
    programme = programmes.of(name)
    designs = [programmes.design[each] for each in programme.designs] if programme else []
    return list(dict.fromkeys(d.code for d in designs if isinstance(d, Level | Durability)))


def biomarker(
    programmes: Programmes,
    name: str,
    code: str,
    histories: Sequence[History],
    on: date,
    scale: str = "",
) -> Figure:
    """Return the values of a biomarker of each patient.

    Parameters
    ----------
    programmes : Programmes
        The configuration.
    name, code : str
        Of the programme, and of the biomarker.
    histories : sequence of History
        The treated patients.
    on : date
        The day that is looked at.
    scale : {"", "log", "linear"}
        Upright; the first as the design has it.
    """
    of = programmes.biomarker[code]
    programme = programmes.of(name)
    designs = [programmes.design[each] for each in programme.designs] if programme else []
    design = next(d for d in designs if isinstance(d, Level | Durability) and d.code == code)
    series = {one.patient_id: _values(design, of, one, on) for one in histories}
    held = {who: values for who, values in series.items() if values}
    every = [one for values in held.values() for one in values]
    is_log = (scale == "log" or (not scale and design.is_log)) and all(v.value > 0 for v in every)
    drawing = _biomarker(code, of, held, is_log=is_log) if every else None
    rows: list[list[object]] = [
        [who, one.on, int(one.day), one.value, of.unit, one.is_below_limit, one.is_baseline]
        for who, values in held.items()
        for one in values
    ]
    parameters: dict[str, object] = {"name": name, "code": code, "scale": scale, "at": on}
    return Figure(
        "biomarker", f"{code} of each patient", drawing, _of_values(of, design, series, on), _VALUE,
        rows, parameters,
    )  # fmt: skip


def _of_values(
    of: Biomarker, design: Level | Durability, series: dict[str, list[Taken]], on: date
) -> str:
    every = [one for values in series.values() for one in values]
    n_below, n_without = sum(v.is_below_limit for v in every), sum(not v for v in series.values())
    normal = "no reference range is configured"
    if of.low is not None and of.high is not None:
        normal = f"shaded: reference range {of.low:g} to {of.high:g} {of.unit}"
    baseline = ""
    if isinstance(design, Level):
        baseline = (
            f"Hollow points are the baseline: the first {design.n_baseline} values from day "
            f"{design.from_days} on. "
        )
    return (
        f"{len(every):,} values of {len(series) - n_without:,} patients ({n_without:,} have none), "
        f"at most {N_PANELS} drawn, in {of.unit}, as received by the end of {on}; {normal}. A "
        f"{of.worse} is bad. {baseline}{n_below:,} lie below the limit of quantification: a "
        "triangle that points down, drawn at the limit, not at zero. Values in units without a "
        "factor are left out. What lies between two values was not measured, and a "
        "marker is not the outcome."
    )


def _values(design: Level | Durability, of: Biomarker, history: History, on: date) -> list[Taken]:
    first = history.doses[0].given_on
    found, n_baseline = [], design.n_baseline if isinstance(design, Level) else 0
    for one in history.measurements:
        if identity(one.code) != identity(design.code) or one.taken_on > on:
            continue
        try:
            value = converted(of, one)
        except Refused:
            continue
        day = (one.taken_on - first).days
        is_baseline = day >= design.from_days and n_baseline > 0
        n_baseline -= is_baseline
        found.append(Taken(one.taken_on, float(day), value, one.is_below_limit, is_baseline))
    return found


def _biomarker(code: str, of: Biomarker, held: dict[str, list[Taken]], *, is_log: bool) -> Markup:
    every = [one for values in held.values() for one in values]
    limits = [one for one in (of.low, of.high) if one is not None]
    title = f"{code}, {of.unit}{', logarithmic' if is_log else ''}"
    upright = [*(one.value for one in every), *limits]
    y = logarithmic(title, upright) if is_log else linear(title, upright)
    x = linear("days since the first dose", [one.day for one in every])
    panels = [
        Small(f"{who}: {len(values)}", _points(values, of, x))
        for who, values in list(held.items())[:N_PANELS]
    ]
    keys: dict[str, Shape] = {}
    for one in panels:
        keys |= {shape.name: shape for shape in one.shapes}
    return grid(title, x, y, panels, list(keys.values()))


def _points(values: Sequence[Taken], of: Biomarker, x: Axis) -> list[Shape]:
    shapes: list[Shape] = []
    if of.low is not None and of.high is not None:
        ends = (x.ticks[0], x.ticks[-1])
        shapes.append(Between("reference range", [(end, of.low, of.high) for end in ends]))
    else:
        shapes += [Across("end of the range", v) for v in (of.low, of.high) if v is not None]
    shapes.append(Curve("", "thin", [(one.day, one.value) for one in values]))
    plain = [one for one in values if not one.is_below_limit]
    kinds = (
        Dots("value", "filled", _pairs(one for one in plain if not one.is_baseline)),
        Dots("baseline", "hollow", _pairs(one for one in plain if one.is_baseline)),
        Dots("below the limit of quantification", "below",
             _pairs(one for one in values if one.is_below_limit)),
    )  # fmt: skip
    return [*shapes, *(one for one in kinds if one.points)]


def _pairs(values: Iterable[Taken]) -> list[tuple[float, float]]:
    return [(one.day, one.value) for one in values]


def _courses_asked(known: Known, asked: Asked) -> Figure:
    day, name = known.day(asked.at), programme_named(known, asked)
    histories, construct = histories_at(known, name, day), asked.required("construct")
    if construct not in constructs_of(histories):
        why = f"there are {', '.join(constructs_of(histories)) or 'none'}"
        raise NotThere(404, f"{shown(construct)} was given to nobody here", why, "take one of them")
    programmes = known.configuration().programmes
    found = courses(programmes, name, construct, histories, day.on)
    if found is None:
        why = "no design of the programme compares events with natural history"
        raise NotThere(404, "There is no such figure", why, "go back to the programme")
    return found


def _biomarker_asked(known: Known, asked: Asked) -> Figure:
    day, name = known.day(asked.at), programme_named(known, asked)
    programmes, code = known.configuration().programmes, asked.required("code")
    scale = asked.one_of("scale", _SCALES)
    if code not in codes_of(programmes, name):
        why = f"there are {', '.join(codes_of(programmes, name)) or 'none'}"
        raise NotThere(404, f"No design follows {shown(code)}", why, "take one of them")
    return biomarker(programmes, name, code, histories_at(known, name, day), day.on, scale)


FIGURES: dict[str, Callable[[Known, Asked], Figure]] = {
    "courses": _courses_asked,
    "biomarker": _biomarker_asked,
}
