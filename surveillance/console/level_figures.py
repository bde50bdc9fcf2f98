"""Which level carries an excess, and how well a programme is followed up."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from scipy import special

from surveillance.configuration.programmes import LostEffect, Visits
from surveillance.console.asked import NotThere
from surveillance.console.pages import name_of
from surveillance.console.plots import (
    WIDTH,
    Axis,
    Bars,
    Estimate,
    Frame,
    forest,
    legend,
    linear,
    logarithmic,
    panel,
    whole,
)
from surveillance.console.programme_data import histories_at, latest_of, programme_named
from surveillance.console.taken import Figure
from surveillance.programmes.lost_effect import posterior_of, size_in
from surveillance.programmes.visits import compliance
from surveillance.views.written import interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from markupsafe import Markup

    from surveillance.configuration.programmes import Programme, Programmes
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.finding import Look
    from surveillance.programmes.histories import History
    from surveillance.programmes.visits import Due
    from surveillance.views.day import Day

Z = 1.959963984540054  # of 95 %
N_CONSTRUCTS = 40  # of a figure
_LEVEL = (
    "level", "name", "how", "n_patients", "n_events", "expected", "rate_ratio", "lower", "upper",
    "looked_on",
)  # fmt: skip
_DUE = ("visit_day", "due", "done", "missed")


class Unit(NamedTuple):
    """A level with what was seen and expected there, and its rate ratio."""

    level: str
    name: str
    how: str
    n_patients: int
    n_events: int
    expected: float
    ratio: float | None
    lower: float | None
    upper: float | None
    on: date


def levels(known: Known, name: str, day: Day) -> Figure | None:
    """Return the rate ratios of constructs, programme and platform; None without such a design."""
    programmes = known.configuration().programmes
    own = programmes.of(name)
    found = _design_of(programmes, own)
    if own is None or found is None:
        return None
    code, design = found
    sharing = [p for p in programmes.programme if p.platform == own.platform and code in p.designs]
    looks = [
        look
        for one in sharing
        for look in latest_of(known, one.name, day)
        if look.design == code and not look.patient_id
    ]
    units = _units(programmes, own, design, looks)
    title = "Rate ratio by level"
    n_elsewhere = len({look.programme for look in looks} - {name})
    caption = (
        f"{design.endpoint}: events over those expected if the effect is kept (rate ratio 1 here), "
        f"by construct, programme and platform {own.platform} ({n_elsewhere} other programmes), "
        f"each at its latest look by the end of {day.on}. Filled: each alone, or pooled, with "
        "exact Poisson 95 % limits, which take patients to be alike: where they differ, those are "
        "too narrow. Hollow: shared over the platform, posterior mean with 95 % limits, "
        "which counts how patients differ. Levels are not independent, and the figure tests "
        "nothing: the test is the statistic against its boundary."
    )
    held: dict[str, object] = {"name": name, "at": day.on}
    drawing = _forest(title, units) if units else None
    return Figure("levels", title, drawing, caption, _LEVEL, [list(one) for one in units], held)


def _design_of(
    programmes: Programmes, programme: Programme | None
) -> tuple[str, LostEffect] | None:
    for code in programme.designs if programme else ():
        design = programmes.design[code]
        if isinstance(design, LostEffect):
            return code, design
    return None


def _units(
    programmes: Programmes, own: Programme, design: LostEffect, looks: Sequence[Look]
) -> list[Unit]:
    alone = sorted(
        (one for one in looks if one.criterion.endswith("_construct")), key=lambda one: one.product
    )
    if not alone:
        return []
    strata = programmes.natural_history[own.natural_history].endpoint[design.endpoint]
    n_patients = sum(one.n_patients for one in alone)
    shared = posterior_of(
        tuple(one.n_events for one in alone),
        tuple(one.expected for one in alone),
        size_in(strata, n_patients / len(alone)),
    )
    found: list[Unit] = []
    for place, one in enumerate(alone):
        if one.programme != own.name:
            continue
        mean, middle, sd = (
            float(values[place])
            for values in (shared.rr_mean, shared.log_rr_mean, shared.log_rr_sd)
        )
        ends = math.exp(middle - Z * sd), math.exp(middle + Z * sd)
        found.append(_alone("construct", name_of(one.product), "alone", [one]))
        found.append(found[-1]._replace(how="shared", ratio=mean, lower=ends[0], upper=ends[1]))
    programme = [
        one for one in looks if one.programme == own.name and one.criterion.endswith("_programme")
    ]
    found += [_alone("programme", own.name, "pooled", programme)] if programme else []
    return [*found, _alone("platform", own.platform, "pooled", alone)]


def _alone(level: str, name: str, how: str, looks: Sequence[Look]) -> Unit:
    n, expected = sum(one.n_events for one in looks), math.fsum(one.expected for one in looks)
    n_patients = sum(one.n_patients for one in looks)
    on = max(one.on for one in looks)
    if expected <= 0:
        return Unit(level, name, how, n_patients, n, expected, None, None, None, on)
    low = float(special.gammaincinv(n, 0.025)) if n else 0.0
    high = float(special.gammaincinv(n + 1, 0.975))
    limits = low / expected, high / expected
    return Unit(level, name, how, n_patients, n, expected, n / expected, *limits, on)


def _forest(title: str, units: Sequence[Unit]) -> Markup:
    ends = [
        end
        for one in units
        for end in (one.ratio, one.lower, one.upper)
        if end is not None and end > 0
    ]
    held = [min(max(end, 0.01), 100.0) for end in [*ends, 1.0]]
    axis = logarithmic("rate ratio against a kept effect, logarithmic", held)
    rows = [
        Estimate(
            f"{one.level} {one.name}" if one.how != "shared" else "shared over the platform",
            one.ratio or None,  # none on a logarithmic axis
            one.lower,
            one.upper,
            f"{one.n_events} of {one.expected:.3g}: {interval(one.ratio, one.lower, one.upper)}",
            "hollow" if one.how == "shared" else "filled",
            is_head=one.how != "shared",
        )
        for one in units[: 2 * N_CONSTRUCTS]
    ]
    return forest(title, axis, rows, 1.0)


def follow_up(
    programmes: Programmes, name: str, histories: Sequence[History], on: date
) -> Figure | None:
    """Return how many visits were due, done and missed; None without a schedule.

    Parameters
    ----------
    programmes : Programmes
        The configuration.
    name : str
        Of the programme.
    histories : sequence of History
        The treated patients.
    on : date
        The day that is looked at.
    """
    programme = programmes.of(name)
    designs = [programmes.design[each] for each in programme.designs] if programme else []
    design = next((one for one in designs if isinstance(one, Visits)), None)
    if design is None:
        return None
    due = compliance(design, list(histories), on)
    n_due, n_done = sum(one.n_due for one in due), sum(one.n_done for one in due)
    n_lost = sum(one.is_lost and (one.ended_on or on) <= on for one in histories)
    caption = (
        f"{n_due:,} visits of {len(histories):,} treated patients were due by the end of {on}: "
        f"{n_done:,} done, {n_due - n_done:,} missed. A visit is due once its day and a grace of "
        f"{design.grace_days} days have passed while the patient was followed, and done with a "
        f"visit or a value within the grace. {n_lost:,} patients were lost. After the last contact "
        "nothing is known: who stays away may do so for a reason."
    )
    rows = [[one.day, one.n_due, one.n_done, one.n_due - one.n_done] for one in due]
    held: dict[str, object] = {"name": name, "at": on}
    title = "Follow-up: visits due, done and missed"
    drawing = _visits(title, due) if due else None
    return Figure("follow-up", title, drawing, caption, _DUE, rows, held)


def _visits(title: str, due: Sequence[Due]) -> Markup:
    days = [float(one.day) for one in due]
    gap = min((b - a for a, b in pairwise(days)), default=days[0])
    half = gap * 0.35
    done = [(x - half, x + half, 0.0, float(one.n_done)) for x, one in zip(days, due, strict=True)]
    missed = [
        (x - half, x + half, float(one.n_done), float(one.n_due))
        for x, one in zip(days, due, strict=True)
    ]
    shapes = [Bars("done", "bar", done), Bars("missed", "missing", missed)]
    y = linear("patients", [float(one.n_due) for one in due])
    x = Axis("planned day after the first dose", linear("", [days[-1] + half]).ticks)
    keys, height = legend(shapes, 52, 0)
    top = height + 22
    unit = f'<text x="0" y="{top - 8}" class="unit">patients</text>'
    parts = panel(Frame(52, top, WIDTH - 72, 150), x, y, shapes)
    return whole(title, top + 186, [*keys, unit, *parts])


def _levels_asked(known: Known, asked: Asked) -> Figure:
    return _found(levels(known, programme_named(known, asked), known.day(asked.at)))


def _follow_up_asked(known: Known, asked: Asked) -> Figure:
    day, name = known.day(asked.at), programme_named(known, asked)
    programmes = known.configuration().programmes
    return _found(follow_up(programmes, name, histories_at(known, name, day), day.on))


def _found(figure: Figure | None) -> Figure:
    if figure is None:
        why = "no design of the programme asks for it"
        raise NotThere(404, "There is no such figure", why, "go back to the programme")
    return figure


FIGURES: dict[str, Callable[[Known, Asked], Figure]] = {
    "levels": _levels_asked,
    "follow-up": _follow_up_asked,
}
