"""The template of a table of outcomes: its columns, a patient's course, the data dictionary."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from surveillance.domain.outcome import (
    Baseline,
    Ended,
    EndpointEvent,
    Enrolled,
    FollowUp,
    Intervention,
    Measurement,
    MissedVisit,
    OutcomeRecord,
    TreatmentGiven,
)
from surveillance.intake.outcome_columns import MEANINGS, Column, columns_of, names

DICTIONARY_HEADER = (
    "type", "column", "meaning", "holds", "unit", "allowed", "needed", "example",
)  # fmt: skip
_FIRST_DOSE = date(2024, 2, 12)


def cells_of(record: OutcomeRecord) -> dict[str, str]:
    """Return a record as the cells of a row, by column; what has its default is left out.

    Parameters
    ----------
    record : OutcomeRecord
        Any.

    Returns
    -------
    dict of str to str
        From which a reader of tables makes the same record.
    """
    found: dict[str, str] = {}
    for name, value in msgspec.to_builtins(record).items():
        if name != "baseline":
            found[name] = _cell(value)
            continue
        for number, one in enumerate(value, 1):
            before = "baseline_" if number == 1 else f"baseline_{number}_"
            found |= {f"{before}{inner}": _cell(of) for inner, of in one.items()}
    return found


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def rows() -> list[list[str]]:
    """Return the template: the header, and the records of one invented patient.

    Returns
    -------
    list of list of str
        The patient belongs to a programme of the simulated platform: under a configuration
        of your own the rows are refused if they are left in.
    """
    course = [cells_of(record) for record in examples()]
    return [list(names()), *([row.get(name, "") for name in names()] for row in course)]


def rows_of(kind: str) -> list[list[str]]:
    """Return the template of one kind of record.

    Parameters
    ----------
    kind : str
        As column ``type`` has it.

    Returns
    -------
    list of list of str
        Its header, and those of the example records that are of the kind.
    """
    columns = ["type", *columns_of()[kind]]
    course = [cells_of(record) for record in examples()]
    of_kind = [row for row in course if row["type"] == kind]
    return [columns, *([row.get(name, "") for name in columns] for row in of_kind)]


def dictionary() -> list[list[str]]:
    """Return the data dictionary: a line for each column of each kind of record.

    Returns
    -------
    list of list of str
        With `DICTIONARY_HEADER` first.
    """
    course = [cells_of(record) for record in examples()]
    found = [list(DICTIONARY_HEADER)]
    for kind, columns in columns_of().items():
        example: dict[str, str] = {}
        for row in reversed([row for row in course if row["type"] == kind]):
            example |= row
        found.append([kind, "type", MEANINGS["type"], "text", "", kind, "yes", kind])
        found += [_entry(column, example) for column in columns.values()]
    return found


def _entry(column: Column, example: dict[str, str]) -> list[str]:
    needed = "yes" if column.is_required else "no"
    return [
        column.kind, column.name, MEANINGS[column.name], column.holds, column.unit,
        column.allowed, needed, example.get(column.name, ""),
    ]  # fmt: skip


def examples() -> list[OutcomeRecord]:
    """Return the course of an invented patient, with every kind of record and every field."""
    dosed: dict[str, Any] = {
        "platform": "SIM-LNP-ABE", "product": "SIM-CPS1-ABE", "construct": "SIM-CPS1-01",
        "lot": "L-7", "site": "S-2",
    }  # fmt: skip
    ammonia: dict[str, Any] = {"code": "ammonia", "unit": "umol/L", "high": 35.0, "low": 11.0}
    return [
        Enrolled(
            enrolled_on=_day(-14), age_years=0.5, variant="NM_001875.5:c.1003C>T",
            baseline=(Baseline(endpoint="Hyperammonaemic event", n_events=3, days=160),),
            **_common("0001", -14),
        ),
        TreatmentGiven(given_on=_day(0), dose_mg_per_kg=0.1, **dosed, **_common("0002", 1)),
        TreatmentGiven(
            given_on=_day(28), dose_mg_per_kg=0.3, dose_number=2, **dosed, **_common("0003", 28)
        ),
        Measurement(taken_on=_day(56), value=31.5, **ammonia, **_common("0004", 57)),
        Measurement(
            taken_on=_day(84), value=5.0, is_below_limit=True, **ammonia, **_common("0005", 85)
        ),
        FollowUp(seen_on=_day(90), **_common("0006", 92)),
        EndpointEvent(
            endpoint="Hyperammonaemic event", occurred_on=_day(131), **_common("0007", 133)
        ),
        Intervention(
            kind="rescue", name="sodium benzoate", started_on=_day(131), **_common("0008", 133)
        ),
        MissedVisit(planned_on=_day(180), reason="family abroad", **_common("0009", 190)),
        FollowUp(seen_on=_day(206), **_common("0010", 207)),
        FollowUp(seen_on=_day(206), version=2, is_nullified=True, **_common("0010", 230)),
        FollowUp(seen_on=_day(270), is_last=True, **_common("0011", 271)),
        Ended(kind="consent_withdrawn", ended_on=_day(270), **_common("0012", 272)),
    ]  # fmt: skip


def _day(after_first_dose: int) -> date:
    return _FIRST_DOSE + timedelta(days=after_first_dose)


def _common(record_id: str, received: int) -> dict[str, Any]:
    return {
        "record_id": f"EXAMPLE-{record_id}",
        "programme": "SIM-CPS1",
        "patient_id": "EXAMPLE-PATIENT",
        "received_on": _day(received),
    }
