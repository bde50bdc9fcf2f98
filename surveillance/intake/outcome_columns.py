"""The columns of a table of outcomes, and how a cell becomes a value.

A table has a row for each record and a column for each field of any kind of record; which
columns there are follows from the records themselves. Every column is described here, for the
data dictionary that goes with the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from msgspec import inspect

from surveillance.domain.errors import Refused
from surveillance.domain.outcome import Baseline, OutcomeRecord

_KINDS: tuple[Any, ...] = get_args(OutcomeRecord)
N_BASELINES_MAX = 20  # as in an enrolment record
_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)
_PARTIAL = re.compile(r"\d{4}(?:-\d{2})?", re.ASCII)
_WITH_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ].*", re.ASCII)
_LOCAL = re.compile(r"\d{1,4}[./\- ]\d{1,2}[./\- ]\d{1,4}", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+(?:\.0+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}\.\d{3}", re.ASCII)

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "type": "the kind of record",
        "record_id": "names the record for good; the same id with a higher version corrects it",
        "version": "of the record; the greatest one counts",
        "is_nullified": "whether the record is taken back: it was never true",
        "programme": "as in programmes.toml",
        "patient_id": "a pseudonym, never a name; one patient belongs to one programme",
        "received_on": "day on which the registry received the information",
        "enrolled_on": "day on which the patient entered the programme",
        "age_years": "age on the day of enrolment; decides what the patient is compared with",
        "variant": "the patient's variant, by HGVS",
        "baseline_endpoint": "endpoint whose events before the first dose were counted",
        "baseline_n_events": "events of that endpoint before the first dose",
        "baseline_days": "days in which they were counted",
        "platform": "delivery and chemistry that several programmes share",
        "product": "the licensed product",
        "construct": "the variant-specific sequence given, as in programmes.toml",
        "lot": "lot number",
        "site": "where it was given",
        "dose_number": "1 for the first dose, and so on",
        "dose_mg_per_kg": "dose by body weight",
        "given_on": "day of the dose; time at risk begins with the first",
        "seen_on": "day of the visit or contact",
        "is_last": "whether no more will be heard of the patient",
        "planned_on": "day for which the visit was planned",
        "reason": "why it did not take place",
        "code": "LOINC, or the name of the biomarker in programmes.toml",
        "value": "as measured; below the limit of quantification, that limit (or <5 for below 5)",
        "unit": "UCUM; one that programmes.toml can convert",
        "taken_on": "day of the sample",
        "low": "lower end of the laboratory's reference range",
        "high": "upper end of the laboratory's reference range",
        "is_below_limit": "whether the value lies below the limit of quantification",
        "endpoint": "the event, as in programmes.toml",
        "occurred_on": "day of the event",
        "is_fatal": "whether the patient died of it",
        "kind": "which one",
        "name": "of the treatment",
        "started_on": "day on which it began",
        "ended_on": "day of death; else the last day on which the patient's state was known",
        "cause": "of death",
    }
)
_UNITS: Mapping[str, str] = MappingProxyType(
    {"age_years": "years", "baseline_days": "days", "dose_mg_per_kg": "mg/kg"}
)


class Column(NamedTuple):
    """A column, as one kind of record has it.

    Attributes
    ----------
    kind : str
        The value of column ``type``.
    name : str
        Of the column; those of the record's field but for ``baseline``.
    holds : {"day", "whole number", "number", "yes or no", "text"}
        What its cells hold.
    is_required : bool
        Whether a record of the kind needs it.
    allowed : str
        Values or range that are allowed, for people.
    """

    kind: str
    name: str
    holds: str
    is_required: bool
    allowed: str

    @property
    def unit(self) -> str:
        """The unit of its values, or nothing."""
        return _UNITS.get(self.name, "")


@cache
def columns_of() -> Mapping[str, Mapping[str, Column]]:
    """Return the columns of each kind of record, by kind and name, in the order of a template."""
    return MappingProxyType({_tag(kind): MappingProxyType(_columns(kind)) for kind in _KINDS})


@cache
def names() -> tuple[str, ...]:
    """Return the names of all columns in the order of a template, ``type`` first."""
    found = ["type"]
    for columns in columns_of().values():
        found += [name for name in columns if name not in found]
    return tuple(found)


def is_known(name: str) -> bool:
    """Return whether a column of that name can be read.

    Examples
    --------
    >>> is_known("given_on"), is_known("baseline_2_days"), is_known("baseline_21_days")
    (True, True, False)
    """
    place = _baseline(name)
    return name in names() or (place is not None and place[0] > 1)


def _tag(kind: Any) -> str:  # noqa: ANN401 - a kind of record
    return str(kind.__struct_config__.tag)


def _columns(kind: Any) -> dict[str, Column]:  # noqa: ANN401 - as above
    found: dict[str, Column] = {}
    for field in _fields(kind):
        if field.name == "baseline":
            for inner in _fields(Baseline):
                column = _column(_tag(kind), inner, name=f"baseline_{inner.name}")
                found[column.name] = column._replace(is_required=False)
        else:
            found[field.name] = _column(_tag(kind), field, name=field.name)
    return found


def _fields(kind: Any) -> tuple[inspect.Field, ...]:  # noqa: ANN401 - as above
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - for the type checker
    return info.fields


def _column(kind: str, field: inspect.Field, *, name: str) -> Column:
    holds, allowed = _described(field.type)
    return Column(kind, name, holds, field.required, allowed)


def _described(of: inspect.Type) -> tuple[str, str]:
    """Return what cells of a type hold, and which values are allowed."""
    while isinstance(of, inspect.UnionType | inspect.Metadata):
        if isinstance(of, inspect.Metadata):
            of = of.type
        else:
            of = next(one for one in of.types if not isinstance(one, inspect.NoneType))
    found: tuple[str, str]
    match of:
        case inspect.DateType():
            found = ("day", "YYYY-MM-DD")
        case inspect.BoolType():
            found = ("yes or no", "true, false; empty means false")
        case inspect.LiteralType(values=values):
            found = ("text", ", ".join(map(str, values)))
        case inspect.IntType(ge=low, le=high):
            found = ("whole number", _range(low, high))
        case inspect.FloatType(ge=low, le=high):
            found = ("number", _range(low, high))
        case inspect.StrType(max_length=longest):
            found = ("text", f"at most {longest} characters")
        case _:
            raise TypeError(f"a cell cannot hold a {of}")
    return found


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "any"
    return f"{low:.10g} or more" if high is None else f"{low:.10g} to {high:.10g}"


# Cells to values


class SheetRow(NamedTuple):
    """One row: the cells that hold something, by column, and how numbers are written."""

    values: Mapping[str, str]
    has_decimal_comma: bool = False


def fields_of(row: SheetRow) -> dict[str, Any]:
    """Turn the cells of a row into the fields of a record.

    Parameters
    ----------
    row : SheetRow
        The row.

    Returns
    -------
    dict of str to object
        As the JSON of a record has them; whether they are allowed is for the decoder of
        records to find.

    Raises
    ------
    Refused
        If a cell cannot be what its column holds; the reason names the column.
    """
    kind = row.values.get("type", "").lower()
    columns = columns_of().get(kind)
    if columns is None:
        what = f"{kind!r} is no kind of record" if kind else "nothing states the kind of record"
        raise _refused("unknown_type", "type", what, f"use one of {', '.join(columns_of())}")
    found: dict[str, Any] = {"type": kind}
    before: dict[int, dict[str, Any]] = {}
    for name, cell in row.values.items():
        if name == "type":
            continue
        place = _baseline(name)
        column = columns.get(name if place is None else f"baseline_{place[1]}")
        if column is None:
            raise _foreign(name, kind)
        if place is not None:
            number, field = place
            before.setdefault(number, {})[field] = _value(column, cell, row)
        else:
            found |= _own(column, cell, row)
    if before:
        found["baseline"] = [fields for _, fields in sorted(before.items())]
    _require(columns, found)
    return found


def _baseline(name: str) -> tuple[int, str] | None:
    """Return which of a patient's baselines a column belongs to, and the field; None if none."""
    found = re.fullmatch(r"baseline_(?:(\d{1,2})_)?([a-z][a-z_]*)", name, re.ASCII)
    number = int(found[1] or 1) if found else 0
    if found is None or not 1 <= number <= N_BASELINES_MAX:
        return None
    is_field = any(field.name == found[2] for field in _fields(Baseline))
    return (number, found[2]) if is_field else None


def _foreign(name: str, kind: str) -> Refused:
    owners = [other for other, columns in columns_of().items() if name in columns]
    of = f"belongs to {' and '.join(owners) or 'enrolment'}, and the row is of type {kind}"
    return _refused("foreign_column", name, of, "empty the cell, or mend the type")


def _own(column: Column, cell: str, row: SheetRow) -> dict[str, Any]:
    below = cell[1:].strip() if column.name == "value" and cell.startswith("<") else None
    if below is None:
        return {column.name: _value(column, cell, row)}
    if row.values.get("is_below_limit", "true").lower() not in _TRUE:
        reason = f"{cell!r} is below the limit of quantification, and is_below_limit denies it"
        raise _refused("bad_value", column.name, reason, "mend one of the two")
    return {column.name: _value(column, below, row), "is_below_limit": True}


def _require(columns: Mapping[str, Column], found: Mapping[str, Any]) -> None:
    missing = [one.name for one in columns.values() if one.is_required and one.name not in found]
    if missing:
        kind = next(iter(columns.values())).kind
        raise _refused("missing_value", missing[0], f"is empty, and {kind} needs it", "fill it in")


def _value(column: Column, cell: str, row: SheetRow) -> Any:  # noqa: ANN401 - of a JSON object
    read: Callable[[str, str, SheetRow], Any] = _READERS[column.holds]
    return read(column.name, cell, row)


def _day(name: str, cell: str, _row: SheetRow) -> str:
    found = _DAY.fullmatch(cell)
    if found is not None:
        try:
            return date.fromisoformat(found[1]).isoformat()
        except ValueError:
            raise _refused("bad_date", name, f"{cell!r} is not a day", _DAYS) from None
    if _LOCAL.fullmatch(cell):
        reason = f"{cell!r} is a local date: which number is the month depends on the country"
        raise _refused("local_date", name, reason, _DAYS)
    if _PARTIAL.fullmatch(cell):
        reason = f"{cell!r} is a {'month' if '-' in cell else 'year'}, and not a day"
        remedy = "find out the day; time at risk and events are counted in days"
        raise _refused("partial_date", name, reason, remedy)
    if _WITH_TIME.fullmatch(cell):
        reason = f"{cell!r} has a time of day: which day it is depends on the time zone"
        raise _refused("date_with_time", name, reason, "give the day alone, where the patient was")
    if _SERIAL.fullmatch(cell):
        raise _refused("local_date", name, f"{cell!r} is a spreadsheet's number for a day", _DAYS)
    raise _refused("bad_date", name, f"{cell!r} is not a day", _DAYS)


def _flag(name: str, cell: str, _row: SheetRow) -> bool:
    given = cell.lower()
    if given not in _TRUE | _FALSE:
        raise _refused("bad_value", name, f"{cell!r} is neither yes nor no", "give true or false")
    return given in _TRUE


def _whole(name: str, cell: str, _row: SheetRow) -> int:
    if not _WHOLE.fullmatch(cell):
        raise _refused("bad_value", name, f"{cell!r} is not a whole number", "give digits alone")
    return int(cell.partition(".")[0])


def _number(name: str, cell: str, row: SheetRow) -> float:
    text = cell
    if row.has_decimal_comma:
        if _THOUSANDS.fullmatch(cell):
            reason = f"{cell!r} may mean thousands or a fraction in a file with decimal commas"
            raise _refused("ambiguous_number", name, reason, "write it without a point")
        if cell.count(",") == 1 and "." not in cell:
            text = cell.replace(",", ".")
    if _NUMBER.fullmatch(text):
        return float(text)
    if "," in cell:
        reason = f"{cell!r} has a comma, which may mark thousands or a fraction"
        raise _refused("ambiguous_number", name, reason, "write 1.5 for one and a half, and 1500")
    raise _refused("bad_value", name, f"{cell!r} is not a number", "give a number alone")


def _text(_name: str, cell: str, _row: SheetRow) -> str:
    return cell


_READERS: Mapping[str, Callable[[str, str, SheetRow], Any]] = MappingProxyType(
    {"day": _day, "yes or no": _flag, "whole number": _whole, "number": _number, "text": _text}
)
_DAYS = "write days as 2024-01-31; in a spreadsheet, give the column that format"


def _refused(code: str, name: str, reason: str, remedy: str) -> Refused:
    return Refused(code, f"column {name}: {reason}", remedy)
