"""From the truth about a case to the lines that report it.

What is known grows from version to version: an earlier version lacks the last events. The first
event and all products are in every version, so a pair that was planted is in all of them.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec

from surveillance.domain.case import (
    Assessment,
    CaseVersion,
    Event,
    Outcome,
    Patient,
    Product,
    Provenance,
    Reporter,
    Seriousness,
)
from surveillance.simulate.truth import MixCounts
from surveillance.simulate.versions import VersionStep

SOURCE = "simulated"
PARSER = "simulated/1"
PROVENANCE = Provenance(parser=PARSER)

SERIOUSNESS = (  # None for what is not stated; the order is that of `background`
    Seriousness(),
    Seriousness(hospitalisation=True),
    Seriousness(life_threatening=True),
    Seriousness(death=True),
    Seriousness(disabling=True),
    Seriousness(other=True),
)
FATAL = 3  # the place of death in SERIOUSNESS
OUTCOMES: tuple[Outcome, ...] = (
    "recovered",
    "recovered",
    "recovering",
    "not_recovered",
    "unknown",
    "unknown",
)

_encode = msgspec.json.Encoder().encode


class SimulatedLine(NamedTuple):
    """One line of the stream: the day it arrives, its place within the day, its bytes."""

    arrival: int  # days after the scenario begins
    place: float
    line: bytes


class Case(NamedTuple):
    """The truth about one case, which its versions report."""

    case_id: str
    first_day: int  # days after the scenario begins
    country: str
    reporter: Reporter
    patient: Patient
    events: tuple[Event, ...]
    products: tuple[Product, ...]
    assessments: tuple[Assessment, ...] = ()
    duplicate_of: str | None = None
    other_ids: tuple[str, ...] = ()
    narrative_sha256: str | None = None


class Calendar:
    """Days of a scenario as dates, made once.

    Parameters
    ----------
    from_on : date
        Day 0.
    """

    def __init__(self, from_on: date) -> None:
        self._from_on = from_on
        self._days: dict[int, date] = {}

    def __getitem__(self, day: int) -> date:
        """Return the date of a day; days before the first are negative."""
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = self._from_on + timedelta(days=day)
        return known


def lines(
    case: Case, steps: Sequence[VersionStep], calendar: Calendar, counts: MixCounts
) -> list[SimulatedLine]:
    """Write every version of a case, and the exact duplicates.

    Parameters
    ----------
    case : Case
    steps : sequence of VersionStep
    calendar : Calendar
    counts : MixCounts
        Added to.

    Returns
    -------
    list of SimulatedLine
        In the order of versions; the caller sorts by arrival.
    """
    made = []
    for version, step in enumerate(steps, 1):
        n_left = min(len(steps) - version, len(case.events) - 1)
        line = _encode(_version(case, version, step, n_left, len(steps), calendar))
        made.append(SimulatedLine(case.first_day + step.arrival, step.place, line))
        if step.copy_arrival >= 0:
            made.append(SimulatedLine(case.first_day + step.copy_arrival, step.copy_place, line))
    _count(case, steps, len(made), counts)
    return made


def _count(case: Case, steps: Sequence[VersionStep], n_lines: int, counts: MixCounts) -> None:
    counts.n_cases += 1
    counts.n_versions += len(steps)
    counts.n_lines += n_lines
    counts.n_exact_duplicates += n_lines - len(steps)
    is_linked = case.duplicate_of is not None and steps[-1].kind != "nullification"
    counts.n_duplicate_links += is_linked
    if len(steps) > 1:
        kinds = [step.kind for step in steps]
        counts.n_nullified += "nullification" in kinds
        counts.n_reinstated += "reinstatement" in kinds
        counts.n_reordered += sum(step.is_reordered for step in steps)


def _version(
    case: Case, version: int, step: VersionStep, n_left: int, n_versions: int, calendar: Calendar
) -> CaseVersion:
    if step.kind == "nullification":
        return CaseVersion(
            case_id=case.case_id,
            source=SOURCE,
            version=version,
            kind="nullification",
            received_on=calendar[case.first_day + step.received],
            first_received_on=calendar[case.first_day],
            provenance=PROVENANCE,
        )
    return CaseVersion(
        case_id=case.case_id,
        source=SOURCE,
        version=version,
        kind=step.kind,
        received_on=calendar[case.first_day + step.received],
        first_received_on=calendar[case.first_day],
        sender_report_id=f"{case.case_id}/{version}",
        reporter=case.reporter,
        country=case.country,
        # a second report is recognised by its last version, whose link then stands
        duplicate_of=case.duplicate_of if version == n_versions else None,
        other_ids=case.other_ids,
        patient=case.patient,
        events=case.events[: len(case.events) - n_left] if n_left else case.events,
        products=case.products,
        assessments=case.assessments,
        narrative_sha256=case.narrative_sha256,
        provenance=PROVENANCE,
    )


def narrative_hash(case_id: str) -> str:
    """Return a hash where a narrative's would be; no narrative is simulated."""
    return sha256(f"simulated narrative of {case_id}".encode()).hexdigest()
