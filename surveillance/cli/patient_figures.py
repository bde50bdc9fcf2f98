"""A figure for each patient of a construct: events beside the band of natural history."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.cli.charts import draw_course, save_svg
from surveillance.configuration.programmes import LostEffect
from surveillance.domain.names import identity
from surveillance.log.decode import decode_outcome
from surveillance.programmes.course import course_of
from surveillance.programmes.histories import histories_of
from surveillance.programmes.natural_history import stratum_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from surveillance.configuration.programmes import Programmes
    from surveillance.domain.outcome import OutcomeRecord
    from surveillance.programmes.course import Point

WIDTH = 90  # columns of a figure


class Figure(NamedTuple):
    """A drawing of one patient's course."""

    patient_id: str
    drawing: str
    above: float  # events beyond what is expected while the effect is kept, at the end


def figures(outcomes: Path, programmes: Programmes, construct: str, until: date) -> list[Figure]:
    """Draw every patient treated with a construct.

    Parameters
    ----------
    outcomes : Path
        Records, a line each.
    programmes : Programmes
        With natural history, and a design of loss of effect.
    construct : str
        Its name.
    until : date
        The last day.

    Returns
    -------
    list of Figure
        Those with most events beyond what is expected first.
    """
    found = []
    records = list(_standing(outcomes))
    for name in sorted({record.programme_key for record in records}):
        programme = programmes.of(name)
        designs = [programmes.design[each] for each in programme.designs] if programme else []
        design = next((each for each in designs if isinstance(each, LostEffect)), None)
        if programme is None or design is None:
            continue
        strata = programmes.natural_history[programme.natural_history].endpoint[design.endpoint]
        own = (record for record in records if record.programme_key == name)
        for history in histories_of(own).values():
            stratum = stratum_of(strata, history)
            given = {identity(dose.construct) for dose in history.doses}
            if stratum is None or identity(construct) not in given:
                continue
            points = course_of(history, stratum, design, until=until)
            if points:
                found.append(_figure(history.patient_id, construct, points))
    return sorted(found, key=lambda figure: (-figure.above, figure.patient_id))


def save(found: list[Figure], folder: Path) -> None:
    """Write each figure as an SVG file.

    Parameters
    ----------
    found : list of Figure
        As `figures` returns them.
    folder : Path
        Made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for figure in found:
        path = folder / f"{figure.patient_id}.svg"
        save_svg(figure.drawing, path, title="simulated: one patient against natural history")


def _figure(patient_id: str, construct: str, points: list[Point]) -> Figure:
    title = f"{patient_id}, {construct}: events since the first dose (simulated)"
    last = points[-1]
    return Figure(patient_id, draw_course(points, title, width=WIDTH), last.n_events - last.kept)


def _standing(outcomes: Path) -> Iterator[OutcomeRecord]:
    greatest: dict[tuple[str, str], OutcomeRecord] = {}
    with outcomes.open("rb") as file:
        for line in file:
            record = decode_outcome(line.rstrip(b"\n"))
            place = record.programme_key, record.record_id
            known = greatest.get(place)
            if known is None or record.version > known.version:
                greatest[place] = record
    return iter(greatest.values())
