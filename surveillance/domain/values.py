"""The values that the parts of a case version are made of: bounded names, quantities, nulls."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from surveillance.domain.names import clean

Identifier = Annotated[str, Meta(min_length=1, max_length=120)]
Name = Annotated[str, Meta(min_length=1, max_length=250)]
Text = Annotated[str, Meta(max_length=20_000)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]  # ISO 3166-1 alpha-2
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Code = Annotated[str, Meta(min_length=1, max_length=60)]  # of a code list, MedDRA's among them
CodeVersion = Annotated[str, Meta(max_length=10)]
Unit = Annotated[str, Meta(max_length=50)]  # UCUM where the source has it
Sex = Literal["male", "female", "unknown"]  # D.5
Reporter = Literal[
    "physician", "pharmacist", "other_professional", "lawyer", "consumer", "unknown"
]  # C.2.r.4

# Why a value is not there, as HL7 states it: no information, masked, unknown, not applicable,
# asked but unknown, not asked, infinities, other. An absent field is a fifth thing: not sent.
Null = Literal["NI", "MSK", "UNK", "NA", "ASKU", "NASK", "NINF", "PINF", "OTH"]
Element = Annotated[str, Meta(min_length=1, max_length=24)]  # element number, such as E.i.4
Nulls = Annotated[dict[Element, Null], Meta(max_length=60)]

# Dates as the source states them, where that is not a whole day: a year, a month, or a day
# with a time. The field itself then holds the day, or nothing if there is none.
StatedDate = Annotated[
    str,
    Meta(pattern=r"^\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?([+-]\d{2}:\d{2})?)?)?)?$"),
]
StatedDates = Annotated[dict[Element, StatedDate], Meta(max_length=20)]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of the parts of a case version: frozen, keyword-only, no unknown fields."""


class Quantity(Record, frozen=True, kw_only=True):
    """A number with its unit, as stated."""

    value: float
    unit: Unit


class Coded(Record, frozen=True, kw_only=True):
    """A medical term as reported, and its code."""

    name: Name | None = None
    llt: Code | None = None  # MedDRA lowest level term, by code or by name
    meddra_version: CodeVersion | None = None


def clean_ids(record: Struct, *fields: str) -> None:
    """Bring ids to the form in which they are compared; the received bytes stay on the log.

    Parameters
    ----------
    record : Struct
        Just built.
    fields : str
        The fields that hold an id, or None.

    Raises
    ------
    ValueError
        If an id holds nothing that can be seen.
    """
    for field in fields:
        given = getattr(record, field)
        if given is None:
            continue
        cleaned = clean(given)
        if not cleaned:
            raise ValueError(f"{field}: holds nothing that can be seen")
        if cleaned != given:
            force_setattr(record, field, cleaned)
