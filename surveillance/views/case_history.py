"""One case with all its versions, each with what it changed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused
from surveillance.triage.case_limits import CaseLimit, CaseLimits
from surveillance.triage.causality import CaseCausality, causality_of
from surveillance.views.case_assessments import AssessedCausality, CaseAssessments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.register.case_reader import CaseReader, StoredVersion

Standing = Literal["stands", "stood", "superseded"]
N_NEAR = 5
_NAMES = {"products": "product", "events": "pt", "tests": "name"}  # what entries are known by
_NOT_COMPARED = ("case_id", "version", "kind", "provenance", "ingested_at")


class FieldChange(Struct, frozen=True):
    """One field that differs; None on a side where the field is absent."""

    field: str
    before: Any
    after: Any


class VersionOfCase(Struct, frozen=True, kw_only=True):
    """One version, and how it differs from the one that stood before."""

    version: int
    kind: str
    received_on: date  # as the version has it
    known_on: date  # day of the epoch in which it came
    standing: Standing  # superseded: a greater version was there already, or came the same epoch
    stood_from: date | None
    stood_until: date | None
    is_counted: bool
    n_repeats: int  # how often the same bytes came again
    compared_with: int | None  # number of the version that stood before; None for the first
    changes: list[FieldChange]
    record: CaseVersion
    causality: tuple[CaseCausality, ...]  # of products and events that the reporter assessed
    limits: tuple[CaseLimit, ...] = ()  # by when a report of it is to be with an authority


class CaseHistory(Struct, frozen=True, kw_only=True):
    """A case as of a day."""

    case_id: str
    as_of: date
    standing_version: int | None
    duplicates: tuple[str, ...]
    versions: list[VersionOfCase]
    assessed: tuple[AssessedCausality, ...] = ()  # by people, in the order of the log


def case_history(
    reader: CaseReader,
    case_id: str,
    until: date | None = None,
    limits: CaseLimits | None = None,
    assessments: CaseAssessments | None = None,
) -> CaseHistory:
    """Return a case with the versions that were known on a day.

    Parameters
    ----------
    reader : CaseReader
        The cases.
    case_id : str
        Its worldwide unique identification.
    until : date, optional
        As known at the end of that day; without it all that is known.
    limits : CaseLimits, optional
        Finds the time limits of each version; without it none is shown.
    assessments : CaseAssessments, optional
        Finds how people assessed the case; without it none is shown.

    Raises
    ------
    Misused
        If there is no such case by then; names those near it.
    """
    epoch = reader.epoch_on(until)
    stored = [] if epoch is None else reader.versions(case_id, epoch)
    if epoch is None or not stored:
        near = ", ".join(reader.near(case_id, N_NEAR))
        when = "" if until is None else f" by {until}"
        remedy = f"near it are {near}" if near else "`longwatch cases` lists those of a pair"
        raise Misused(f"case {case_id!r}", f"was not received{when}", remedy)
    ends = [one.valid_to for one in stored if one.valid_to is not None]
    days = reader.days([epoch, *(one.epoch for one in stored), *ends])
    repeats = reader.n_repeats(case_id, epoch)
    return CaseHistory(
        case_id=case_id,
        as_of=days[epoch],
        standing_version=next((one.case.version for one in stored if one.stands_at(epoch)), None),
        duplicates=tuple(reader.duplicates_of([case_id], epoch).get(case_id, ())),
        versions=[
            msgspec.structs.replace(
                _version(one, _before(one, stored), epoch, days, repeats.get(one.version_id, 0)),
                limits=() if limits is None else limits.of(one.case),
            )
            for one in stored
        ],
        assessed=()
        if assessments is None
        else tuple(assessments.of([case_id], epoch).get(case_id, ())),
    )


def _before(one: StoredVersion, stored: list[StoredVersion]) -> StoredVersion | None:
    """Return the version that stood when this one came; for one that never stood, its victor."""
    if one.valid_from is None:
        return next((other for other in stored if other.stands_at(one.epoch)), None)
    return next((other for other in stored if other.valid_to == one.valid_from), None)


def _version(
    one: StoredVersion,
    before: StoredVersion | None,
    epoch: int,
    days: dict[int, date],
    n_repeats: int,
) -> VersionOfCase:
    ended = one.valid_to is not None and one.valid_to <= epoch
    standing: Standing = "superseded" if one.valid_from is None else "stood" if ended else "stands"
    return VersionOfCase(
        version=one.case.version,
        kind=one.case.kind,
        received_on=one.case.received_on,
        known_on=days[one.epoch],
        standing=standing,
        stood_from=None if one.valid_from is None else days[one.valid_from],
        stood_until=days[one.valid_to] if ended and one.valid_to is not None else None,
        is_counted=one.is_counted,
        n_repeats=n_repeats,
        compared_with=None if before is None else before.case.version,
        changes=[] if before is None else differences(before.case, one.case),
        record=one.case,
        causality=causality_of(one.case),
    )


def differences(before: CaseVersion, after: CaseVersion) -> list[FieldChange]:
    """Return the fields in which two versions of a case differ.

    Products, events and tests are known by their names, so that an event that was put
    in between is one change and not a shift of all that follow.

    Parameters
    ----------
    before, after : CaseVersion
        The versions.
    """
    old, new = dict(_fields(before)), dict(_fields(after))
    names = list(dict.fromkeys([*old, *new]))
    return [
        FieldChange(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _fields(case: CaseVersion) -> Iterator[tuple[str, Any]]:
    values = msgspec.to_builtins(case)
    for name, value in values.items():
        if name == "assessments":  # they point at places in the lists: give the names
            value = [_named_assessment(one, values) for one in value]  # noqa: PLW2901 - as above
        if name not in _NOT_COMPARED:
            yield from _flat(name, value, _NAMES.get(name))


def _named_assessment(one: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    product = values["products"][one["product"]]["product"]
    return {**one, "product": product, "event": values["events"][one["event"]]["pt"]}


def _flat(path: str, value: Any, name: str | None = None) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        if not value:
            yield path, ""
        for key, item in value.items():
            yield from _flat(f"{path}.{key}", item)
    elif isinstance(value, (list, tuple)):
        seen: dict[str, int] = {}
        for index, item in enumerate(value):
            label = item[name] if name else str(index + 1)
            seen[label] = seen.get(label, 0) + 1
            mark = label if seen[label] == 1 else f"{label} ({seen[label]})"
            yield from _flat(f"{path}[{mark}]", item)
    else:
        yield path, value
