"""The texts of FAERS's columns → their parts of a record's line.

A quarter is millions of fields with few distinct texts, so each text of a column is made into
its part once. Parts are JSON as the encoder writes it: a key, and what it holds, with the comma
before it; empty where the field is left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from operator import getitem

import msgspec

from surveillance.domain.case import (
    N_SUBSTANCES_MAX,
    Dechallenge,
    Rechallenge,
    Reporter,
    Role,
    Seriousness,
    Sex,
)
from surveillance.domain.case_detail import AgeGroup
from surveillance.domain.names import clean

N_CACHED = 65_536  # texts of a column, which recur from report to report
_N_CHARACTERS_CACHED = 1_000  # of one text: longer ones hardly recur
_N_CHARACTERS_NAME = 250
_N_CHARACTERS_ID = 120
_N_CHARACTERS_ROUTE = 60
_N_CHARACTERS_UNIT = 50
_N_CHARACTERS_LITERATURE = 500
_N_CHARACTERS_TEXT = 2_000
_N_CHARACTERS_NOTE = 80
_AGE_YEARS_MAX = 130.0
_WEIGHT_KG_MAX = 700.0
_EARLIEST = 1900

_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_PARTIAL = re.compile(r"(\d{4})(0[1-9]|1[0-2])?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")
_NUMBER = re.compile(r"\d{1,12}(\.\d{0,9})?|\.\d{1,9}", re.ASCII)

_SEXES: dict[str, Sex | None] = {
    "F": "female", "M": "male", "UNK": "unknown", "NS": None, "": None,
}  # fmt: skip
_REPORTERS: dict[str, Reporter | None] = {
    "MD": "physician", "PH": "pharmacist", "OT": "other_professional", "HP": "other_professional",
    "RN": "other_professional", "LW": "lawyer", "CN": "consumer", "": None,
}  # fmt: skip
_ROLES: dict[str, Role | None] = {
    "PS": "suspect", "SS": "suspect", "I": "interacting", "C": "concomitant",
    "DN": "not_administered",
}  # fmt: skip
_DECHALLENGES: dict[str, Dechallenge | None] = {
    "Y": "positive", "N": "negative", "U": "unknown", "D": "not_applicable", "": None,
}  # fmt: skip
_RECHALLENGES: dict[str, Rechallenge | None] = {
    "Y": "positive", "N": "negative", "U": "unknown", "D": "not_done", "": None,
}  # fmt: skip
_AGE_GROUPS: dict[str, AgeGroup | None] = {
    "N": "neonate", "I": "infant", "C": "child", "T": "adolescent", "A": "adult", "E": "elderly",
}  # fmt: skip
_YEARS = {
    "DEC": 10.0, "YR": 1.0, "MON": 1 / 12, "WK": 7 / 365.25, "DY": 1 / 365.25, "HR": 1 / 8_766,
}  # fmt: skip
_KILOGRAMS = {"KG": 1.0, "LBS": 0.45359237, "GMS": 0.001}
_CRITERIA = {
    "DE": "death", "LT": "life_threatening", "HO": "hospitalisation", "DS": "disabling",
    "CA": "congenital_anomaly", "OT": "other", "RI": "intervention",
}  # fmt: skip
_encode = msgspec.json.Encoder().encode

Notes = list[str]
Make = Callable[[str, Notes], str]


class Noted(Exception):  # noqa: N818 - no error: the text is read with `Column.make`
    """A text of which something is to be noted."""


class Column(dict[str, str]):
    """The texts of a column → their parts of a line, each made once.

    Parameters
    ----------
    make : callable
        Makes the part of a text, and adds a note for what is not usable.

    Raises
    ------
    Noted
        From a look-up, if there is something to note: `make` the part then.
    """

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, text: str) -> str:
        notes: Notes = []
        part = self.make(text, notes)
        if notes:
            raise Noted
        if len(text) <= _N_CHARACTERS_CACHED:
            if len(self) >= N_CACHED:
                self.clear()
            self[text] = part
        return part


def read_all(columns: Sequence[Column], texts: Sequence[str]) -> tuple[list[str], Sequence[Notes]]:
    """Return the part of a text of each column, and the notes of each; none for none at all."""
    try:
        return [*map(getitem, columns, texts)], ()
    except Noted:
        notes: list[Notes] = [[] for _ in columns]
        read = zip(columns, texts, notes, strict=False)  # further texts are none of theirs
        return [column.make(text, of_column) for column, text, of_column in read], notes


def quoted(text: str) -> str:
    """Return a string as JSON."""
    return _encode(text).decode()


def note(column: str, reason: str, text: str) -> str:
    """Return a note of a field that is left out, or cut."""
    return f"{column}: {reason} ({clean(text)[:_N_CHARACTERS_NOTE]})"


_PLAIN = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*+")  # what is neither cleaned nor escaped


def _cut(column: str, text: str, n_max: int, notes: Notes) -> str | None:
    """Return a name, its end cut off with a note where it is longer than the model's."""
    if not text:
        return None
    name = clean(text)
    if len(name) > n_max:
        notes.append(note(column, f"cut to {n_max} characters", text))
        return name[:n_max].strip()
    return name or None


def _named(column: str, n_max: int, begin: str) -> Column:
    """Make a column of names, each after `begin`."""

    def make(text: str, notes: Notes) -> str:
        if len(text) <= n_max and _PLAIN.fullmatch(text):
            return f'{begin}"{text}"'
        name = _cut(column, text, n_max, notes)
        return "" if name is None else begin + quoted(name)

    return Column(make)


def _coded(
    column: str, values: Mapping[str, str | None], begin: str, otherwise: str | None = None
) -> Column:
    """Make a column of codes, in any letter case."""

    def make(text: str, notes: Notes) -> str:
        if not text and otherwise is None:
            return ""
        spelled = text if text in values else text.strip().upper()
        if spelled not in values:
            notes.append(note(column, "not a code of ASC_NTS", text))
        value = values.get(spelled, otherwise)
        return "" if value is None else begin + quoted(value)

    return Column(make)


def _country_of(column: str) -> Column:
    def make(text: str, notes: Notes) -> str:
        if not text:
            return ""
        name = clean(text).upper()
        code = name if _COUNTRY.fullmatch(name) else _codes_by_name().get(name)
        if code is None and name != "COUNTRY NOT SPECIFIED":
            notes.append(note(column, "not a country known here", text))
        return "" if code is None else f',"country":"{code}"'

    return Column(make)


@cache
def _codes_by_name() -> dict[str, str]:
    """Legacy quarters spell countries out, from 2005Q3 to 2012Q3."""
    table = files("surveillance.intake").joinpath("faers_countries.csv")
    with table.open(encoding="utf-8") as lines:
        return {row["name"]: row["code"] for row in csv.DictReader(lines)}


def _substances(text: str, notes: Notes) -> str:
    names = (clean(name)[:_N_CHARACTERS_NAME] for name in text.split("\\"))
    found = list(dict.fromkeys(name for name in names if name))
    if len(found) > N_SUBSTANCES_MAX:
        notes.append(note("PROD_AI", f"more than {N_SUBSTANCES_MAX} substances", text))
        found = found[:N_SUBSTANCES_MAX]
    return f',"substances":{_encode(found).decode()}' if found else ""


def _amount(text: str, notes: Notes) -> str:
    if not text:
        return ""
    if _NUMBER.fullmatch(text.strip()):
        return f',"amount":{_encode(float(text)).decode()}'
    notes.append(note("DOSE_AMT", "not a number", text))
    return ""


@lru_cache(maxsize=N_CACHED)
def read_day(text: str) -> date | None:
    """Read YYYYMMDD; None if it is no day, or one before 1900.

    Examples
    --------
    >>> read_day("20040229"), read_day("200402"), read_day("20030229")
    (datetime.date(2004, 2, 29), None, None)
    """
    match = _DAY.fullmatch(text.strip())
    if match is None or int(match[1]) < _EARLIEST:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


@lru_cache(maxsize=N_CACHED)
def read_date(text: str) -> tuple[date | None, str | None]:
    """Return a day; or a year or month as stated, which is not made into a day.

    Examples
    --------
    >>> read_date("20040229"), read_date("200402"), read_date("2004-02")
    ((datetime.date(2004, 2, 29), None), (None, '2004-02'), (None, None))
    """
    day = read_day(text)
    match = None if day is not None else _PARTIAL.fullmatch(text.strip())
    if match is None:
        return day, None
    return None, match[1] if match[2] is None else f"{match[1]}-{match[2]}"


@lru_cache(maxsize=N_CACHED)
def therapy(start_dt: str, end_dt: str) -> tuple[str, str, tuple[str, ...]]:
    """Return what is stated of the days of a dose: two parts of its record, and notes."""
    notes: Notes = []
    days, stated = "", []
    for column, text, field, element in (
        ("START_DT", start_dt, "start_on", "G.k.4.r.4"),
        ("END_DT", end_dt, "end_on", "G.k.4.r.5"),
    ):
        day, partial = read_date(text)
        if day is not None:
            days += f',"{field}":"{day}"'
        elif partial is not None:
            stated.append(f'"{element}":"{partial}"')
        elif text:
            notes.append(note(column, "no date", text))
    as_stated = f',"dates_as_stated":{{{",".join(stated)}}}' if stated else ""
    return days, as_stated, tuple(notes)


@lru_cache(maxsize=4_096)
def age(text: str, unit: str) -> tuple[str, tuple[str, ...]]:
    """Return an age in years as a part of a record, and notes."""
    if not text:
        return "", ()
    years = _YEARS.get(unit.strip().upper())
    if years is None or not _NUMBER.fullmatch(text.strip()):
        return "", (note("AGE", "no number with a unit of ASC_NTS", f"{text} {unit}"),)
    found = round(float(text) * years, 4)
    if found > _AGE_YEARS_MAX:
        return "", (note("AGE", "over 130 years", f"{text} {unit}"),)
    return f',"age_years":{_encode(found).decode()}', ()


@lru_cache(maxsize=4_096)
def weight(text: str, unit: str) -> tuple[str, tuple[str, ...]]:
    """Return a weight in kilograms as a part of a record, and notes."""
    if not text:
        return "", ()
    kilograms = _KILOGRAMS.get(unit.strip().upper())
    if kilograms is None or not _NUMBER.fullmatch(text.strip()):
        return "", (note("WT", "no number with a unit of ASC_NTS", f"{text} {unit}"),)
    found = round(float(text) * kilograms, 4)
    if not 0 < found <= _WEIGHT_KG_MAX:
        return "", (note("WT", "not between 0 and 700 kg", f"{text} {unit}"),)
    return f',"weight_kg":{_encode(found).decode()}', ()


@lru_cache(maxsize=4_096)
def seriousness(codes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return what outcomes state; a criterion not listed is not stated, which is not "no"."""
    notes = tuple(
        note("OUTC_COD", "not a code of ASC_NTS", code) for code in codes if code not in _CRITERIA
    )
    met = {_CRITERIA[code]: True for code in codes if code in _CRITERIA}
    record = Seriousness(**met, is_inherited=True)
    return f',"seriousness":{_encode(record).decode()}', notes


def _term(text: str, notes: Notes) -> str:
    name = _cut("PT", text, _N_CHARACTERS_NAME, notes)
    if name is None:
        notes.append("PT: empty")
        return ""
    return f'{{"pt":{quoted(name)}'


TERM = Column(_term)
INDICATION = _named("INDI_PT", _N_CHARACTERS_NAME, "")
DEMO = (  # as the first of `faers_tables.COLUMNS`
    _country_of("OCCR_COUNTRY"),
    _coded("OCCP_COD", _REPORTERS, ',"reporter":'),
    _country_of("REPORTER_COUNTRY"),
    _named("MFR_NUM", _N_CHARACTERS_ID, ""),
    _named("AUTH_NUM", _N_CHARACTERS_ID, ""),
    _named("MFR_SNDR", _N_CHARACTERS_ID, ',"sender":'),
    _named("LIT_REF", _N_CHARACTERS_LITERATURE, ',"literature_ref":'),
    _coded("SEX", _SEXES, ',"sex":'),
    _coded("AGE_GRP", _AGE_GROUPS, ',"age_group":'),
)
DRUG = (  # as the first of `faers_tables.COLUMNS`
    _named("DRUGNAME", _N_CHARACTERS_NAME, ',"product":'),
    _coded("ROLE_COD", _ROLES, '{"role":', "concomitant"),
    Column(_substances),
    _named("LOT_NUM", _N_CHARACTERS_ID, ',"lot":'),
    Column(_amount),
    _named("DOSE_UNIT", _N_CHARACTERS_UNIT, ',"unit":'),
    _named("ROUTE", _N_CHARACTERS_ROUTE, ',"route":'),
    _named("DOSE_VBM", _N_CHARACTERS_TEXT, ',"text":'),
    _named("DOSE_FORM", _N_CHARACTERS_ROUTE, ',"form":'),
    _coded("DECHAL", _DECHALLENGES, ',"dechallenge":'),
    _coded("RECHAL", _RECHALLENGES, ',"rechallenge":'),
    _named("NDA_NUM", _N_CHARACTERS_ID, ',"authorisation":'),
)
