"""The rows of one FAERS report → one case version.

A field that cannot be used is left out and noted; it never costs the report. What FAERS
states for the whole report (seriousness, onset) is given to every event of it, seriousness
marked as inherited; dechallenge and rechallenge stay with the drug they are stated for.

The columns are described in the FDA's ASC_NTS. Choices it leaves open stand beside the code
and in docs/intake.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from surveillance.domain.case import (
    N_SUBSTANCES_MAX,
    CaseVersion,
    Dechallenge,
    Dose,
    Event,
    Kind,
    Patient,
    Product,
    Provenance,
    Rechallenge,
    Reporter,
    ReportType,
    Role,
    Seriousness,
    Sex,
)
from surveillance.domain.case_detail import AgeGroup
from surveillance.domain.names import clean
from surveillance.intake.faers_tables import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARSER = "faers/1"
N_DRUGS_MAX = 200  # the model's limits
N_TERMS_MAX = 500
N_DOSES_MAX = 200
N_INDICATIONS_MAX = 100

_N_CHARACTERS_NAME = 250
_N_CHARACTERS_ID = 120
_N_CHARACTERS_ROUTE = 60
_N_CHARACTERS_UNIT = 50
_N_CHARACTERS_LITERATURE = 500
_N_CHARACTERS_TEXT = 2_000
_N_NOTES_MAX = 50
_N_CACHED = 65_536  # names, dates and doses that recur from report to report
_N_CHARACTERS_NOTE = 80
_N_CHARACTERS_PLACE = 300
_VERSION_MAX = 2_147_483_647
_AGE_YEARS_MAX = 130.0
_WEIGHT_KG_MAX = 700.0
_EARLIEST = 1900

_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_PARTIAL = re.compile(r"(\d{4})(0[1-9]|1[0-2])?", re.ASCII)
_WHOLE = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")
_NUMBER = re.compile(r"\d{1,12}(\.\d{0,9})?|\.\d{1,9}", re.ASCII)

_KINDS: dict[str, Kind] = {"I": "initial", "F": "follow_up"}
_SEXES: dict[str, Sex | None] = {
    "F": "female", "M": "male", "UNK": "unknown", "NS": None, "": None,
}  # fmt: skip
_REPORTERS: dict[str, Reporter] = {
    "MD": "physician", "PH": "pharmacist", "OT": "other_professional", "HP": "other_professional",
    "RN": "other_professional", "LW": "lawyer", "CN": "consumer", "": "unknown",
}  # fmt: skip
_ROLES: dict[str, Role] = {
    "PS": "suspect", "SS": "suspect", "I": "interacting", "C": "concomitant",
    "DN": "not_administered",
}  # fmt: skip
_DECHALLENGES: dict[str, Dechallenge | None] = {
    "Y": "positive", "N": "negative", "U": "unknown", "D": "not_applicable", "": None,
}  # fmt: skip
_RECHALLENGES: dict[str, Rechallenge | None] = {
    "Y": "positive", "N": "negative", "U": "unknown", "D": "not_done", "": None,
}  # fmt: skip
_YEARS = {
    "DEC": 10.0, "YR": 1.0, "MON": 1 / 12, "WK": 7 / 365.25, "DY": 1 / 365.25, "HR": 1 / 8_766,
}  # fmt: skip
_KILOGRAMS = {"KG": 1.0, "LBS": 0.45359237, "GMS": 0.001}
_CRITERIA = {
    "DE": "death", "LT": "life_threatening", "HO": "hospitalisation", "DS": "disabling",
    "CA": "congenital_anomaly", "OT": "other", "RI": "intervention",
}  # fmt: skip
T = TypeVar("T")
_AGE_GROUPS: dict[str, AgeGroup | None] = {
    "N": "neonate", "I": "infant", "C": "child", "T": "adolescent", "A": "adult", "E": "elderly",
}  # fmt: skip
_Stated = tuple[date | None, dict[str, str] | None]  # a day, or what is stated in its place
_NO_DATE: _Stated = (None, None)
_NONE: dict[str, tuple[tuple[str, ...], ...]] = {}
_NOT_SERIOUS = Seriousness(is_inherited=True)
_NO_DOSE = Dose()


class Origin(NamedTuple):
    """Where a report was read."""

    place: str
    message_sha256: str
    is_legacy: bool


class Rows(NamedTuple):
    """The rows of one report, in the columns of `faers_tables.COLUMNS`."""

    demo: tuple[str, ...]
    drug: Sequence[tuple[str, ...]]
    reac: Sequence[tuple[str, ...]]
    outc: Sequence[tuple[str, ...]]
    rpsr: Sequence[tuple[str, ...]]
    ther: Sequence[tuple[str, ...]]
    indi: Sequence[tuple[str, ...]]


def case_id(number: str) -> str:
    """Return the key of a case, the same in every layout.

    Examples
    --------
    >>> case_id("4061110")
    'FAERS-4061110'
    """
    return f"FAERS-{number}"


def build_case(rows: Rows, origin: Origin) -> CaseVersion:
    """Build a case version from the rows of a report.

    Parameters
    ----------
    rows : Rows
        Its rows, in the order of their tables.
    origin : Origin
        Where they were read.

    Returns
    -------
    CaseVersion
        With a note for every field left out.

    Raises
    ------
    Refused
        If the number of the case or the day of receipt is missing or impossible, or it names
        no drug or no event.
    """
    (
        report_id, number, stated_version, i_f, event_dt, init_fda_dt, fda_dt, rept_cod, auth_num,
        mfr_num, mfr_sndr, lit_ref, age, age_cod, age_grp, sex, weight, weight_cod, occupation,
        country, occurred_in,
    ) = rows.demo  # fmt: skip
    notes: list[str] = []
    version = report_id if origin.is_legacy else stated_version
    if not (_WHOLE.fullmatch(number) and _WHOLE.fullmatch(version)):
        raise refuse("bad_case", f"the case is {number[:40]!r}, version {version[:40]!r}")
    received_on = read_day(fda_dt)
    if received_on is None:
        raise refuse("bad_date", f"FDA_DT is {fda_dt[:40]!r}, which is no day")
    first_on = _until("INIT_FDA_DT", init_fda_dt, received_on, notes) if init_fda_dt else None
    if origin.is_legacy and i_f == "I":
        first_on = received_on
    where = _country("OCCR_COUNTRY", occurred_in, notes) if occurred_in else None
    return CaseVersion(
        case_id=case_id(number),
        source="faers",
        version=min(int(version), _VERSION_MAX),
        kind=_kind(i_f, origin, stated_version, notes),
        received_on=received_on,
        first_received_on=first_on,
        sender_report_id=report_id,
        report_type=_report_type(rows.rpsr, rept_cod),
        reporter=_known(_REPORTERS, "OCCP_COD", occupation, "unknown", notes),
        country=_country("REPORTER_COUNTRY", country, notes) if country else None,
        other_ids=_other_ids(mfr_num, auth_num, notes),
        sender=_cut("MFR_SNDR", mfr_sndr, _N_CHARACTERS_ID, notes) if mfr_sndr else None,
        literature_ref=_cut("LIT_REF", lit_ref, _N_CHARACTERS_LITERATURE, notes),
        patient=Patient(
            sex=_known(_SEXES, "SEX", sex, None, notes),
            age_years=_age(age, age_cod, notes) if age else None,
            weight_kg=_weight(weight, weight_cod, notes) if weight else None,
            age_group=_known(_AGE_GROUPS, "AGE_GRP", age_grp, None, notes) if age_grp else None,
        ),
        events=_events(rows, _onset(event_dt, received_on, notes), where, notes),
        products=_products(rows, notes),
        provenance=Provenance(
            parser=PARSER,
            place=origin.place[:_N_CHARACTERS_PLACE],
            message_sha256=origin.message_sha256,
            notes=_bounded(notes) if notes else (),
        ),
    )


@lru_cache(maxsize=_N_CACHED)
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


def _kind(i_f: str, origin: Origin, version: str, notes: list[str]) -> Kind:
    kind = _KINDS.get(i_f)
    if kind is not None:
        return kind
    if i_f:
        notes.append(_note("I_F_CODE", "not I or F", i_f))
    return "initial" if origin.is_legacy or version == "1" else "follow_up"


def _report_type(rpsr: Sequence[tuple[str, ...]], rept_cod: str) -> ReportType:
    """FAERS has no such column: a source "study", or any other, or sent directly, states it."""
    sources = {row[0] for row in rpsr}
    if "SDY" in sources:
        return "study"
    return "spontaneous" if sources or rept_cod == "DIR" else "unknown"


def _known(values: Mapping[str, T], column: str, text: str, otherwise: T, notes: list[str]) -> T:
    """Look a code up, whatever the case of its letters."""
    try:
        return values[text]
    except KeyError:
        spelled = text.strip().upper()
    if spelled in values:
        return values[spelled]
    notes.append(_note(column, "not a code of ASC_NTS", text))
    return otherwise


@lru_cache(maxsize=4_096)
def _code_of(country: str) -> str | None:
    name = clean(country).upper()
    return name if _COUNTRY.fullmatch(name) else _codes_by_name().get(name)


@cache
def _codes_by_name() -> dict[str, str]:
    """Legacy quarters spell countries out, from 2005Q3 to 2012Q3."""
    table = files("surveillance.intake").joinpath("faers_countries.csv")
    with table.open(encoding="utf-8") as lines:
        return {row["name"]: row["code"] for row in csv.DictReader(lines)}


def _country(column: str, text: str, notes: list[str]) -> str | None:
    code = _code_of(text)
    if code is None and clean(text).upper() != "COUNTRY NOT SPECIFIED":
        notes.append(_note(column, "not a country known here", text))
    return code


def _other_ids(mfr_num: str, auth_num: str, notes: list[str]) -> tuple[str, ...]:
    found = [
        _cut(column, text, _N_CHARACTERS_ID, notes)
        for column, text in (("MFR_NUM", mfr_num), ("AUTH_NUM", auth_num))
        if text
    ]
    return tuple(dict.fromkeys(name for name in found if name))


def _until(column: str, text: str, last: date, notes: list[str]) -> date | None:
    """Read a day that cannot lie after another one."""
    day = read_day(text)
    if day is None:
        notes.append(_note(column, "no full day", text))
    elif day > last:
        notes.append(_note(column, "after receipt", text))
        return None
    return day


def _age(text: str, unit: str, notes: list[str]) -> float | None:
    years = _YEARS.get(unit.strip().upper())
    if years is None or not _NUMBER.fullmatch(text.strip()):
        notes.append(_note("AGE", "no number with a unit of ASC_NTS", f"{text} {unit}"))
        return None
    age = round(float(text) * years, 4)
    if age > _AGE_YEARS_MAX:
        notes.append(_note("AGE", "over 130 years", f"{text} {unit}"))
        return None
    return age


def _weight(text: str, unit: str, notes: list[str]) -> float | None:
    kilograms = _KILOGRAMS.get(unit.strip().upper())
    if kilograms is None or not _NUMBER.fullmatch(text.strip()):
        notes.append(_note("WT", "no number with a unit of ASC_NTS", f"{text} {unit}"))
        return None
    weight = round(float(text) * kilograms, 4)
    if not 0 < weight <= _WEIGHT_KG_MAX:
        notes.append(_note("WT", "not between 0 and 700 kg", f"{text} {unit}"))
        return None
    return weight


def _onset(text: str, received_on: date, notes: list[str]) -> _Stated:
    if not text:
        return _NO_DATE
    day, stated = _stated("EVENT_DT", text, "E.i.4", notes)
    if day is not None and day > received_on:
        notes.append(_note("EVENT_DT", "after receipt", text))
        return _NO_DATE
    return day, stated


def _events(rows: Rows, onset: _Stated, where: str | None, notes: list[str]) -> tuple[Event, ...]:
    if not rows.reac:
        raise refuse("no_event", "the report has no row of REAC")
    onset_on, stated = onset
    seriousness = _seriousness(tuple(row[0] for row in rows.outc), notes)
    found: dict[str, Event] = {}
    for term, recurred in rows.reac:
        pt = _cut("PT", term, _N_CHARACTERS_NAME, notes)
        if pt is None:
            notes.append("PT: empty")
        elif pt not in found:
            found[pt] = Event(
                pt=pt,
                onset_on=onset_on,
                seriousness=seriousness,
                country=where,
                dates_as_stated=stated,
            )
        if recurred:
            notes.append(_note("DRUG_REC_ACT", "recurred when given again", recurred))
    return tuple(found.values())


def _seriousness(codes: tuple[str, ...], notes: list[str]) -> Seriousness:
    """Outcomes state what was met; a criterion that is not listed is not stated, not "no"."""
    if not codes:
        return _NOT_SERIOUS
    notes += [
        _note("OUTC_COD", "not a code of ASC_NTS", code) for code in codes if code not in _CRITERIA
    ]
    return _seriousness_of(codes)


@lru_cache(maxsize=4_096)
def _seriousness_of(codes: tuple[str, ...]) -> Seriousness:
    met = {_CRITERIA[code]: True for code in codes if code in _CRITERIA}
    return Seriousness(**met, is_inherited=True)


def _products(rows: Rows, notes: list[str]) -> tuple[Product, ...]:
    if not rows.drug:
        raise refuse("no_drug", "the report has no row of DRUG")
    therapies = _by_drug(rows.ther) if rows.ther else _NONE
    indications = _by_drug(rows.indi) if rows.indi else _NONE
    leading: list[Product] = []
    others: list[Product] = []
    for row in rows.drug:
        seq = row[0]
        product, unread = _product(row[1:], therapies.get(seq, ()), indications.get(seq, ()))
        if unread:
            notes += unread
        if product is not None:
            (leading if row[1] == "PS" else others).append(product)
    return (*leading, *others)


def _by_drug(rows: Sequence[tuple[str, ...]]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for seq, *others in rows:
        stated = tuple(others)
        found[seq] = (*found[seq], stated) if seq in found else (stated,)
    return found


@lru_cache(maxsize=16_384)  # concomitant drugs above all are stated alike in many reports
def _product(
    row: tuple[str, ...],
    therapies: tuple[tuple[str, ...], ...],
    indications: tuple[tuple[str, ...], ...],
) -> tuple[Product | None, tuple[str, ...]]:
    """Return the product of a row of DRUG, and a note for each part that is not usable."""
    role, name, prod_ai, route, dose_text, dechal, rechal, lot, nda, amount, unit, form = row
    notes: list[str] = []
    product = _cut("DRUGNAME", name or prod_ai, _N_CHARACTERS_NAME, notes)
    if product is None:
        return None, ("DRUGNAME: empty, and no PROD_AI; drug left out",)
    found = Product(
        role=_known(_ROLES, "ROLE_COD", role, "concomitant", notes),
        product=product,
        substances=_substances(prod_ai, notes) if prod_ai else (),
        lot=_cut("LOT_NUM", lot, _N_CHARACTERS_ID, notes) if lot else None,
        doses=_doses(therapies, (route, dose_text, amount, unit, form), notes),
        indications=_indications(indications, notes) if indications else (),
        dechallenge=_known(_DECHALLENGES, "DECHAL", dechal, None, notes) if dechal else None,
        rechallenge=_known(_RECHALLENGES, "RECHAL", rechal, None, notes) if rechal else None,
        authorisation=_cut("NDA_NUM", nda, _N_CHARACTERS_ID, notes) if nda else None,
    )
    return found, tuple(notes)


def _substances(text: str, notes: list[str]) -> tuple[str, ...]:
    found = _split_substances(text)
    if len(found) > N_SUBSTANCES_MAX:
        notes.append(_note("PROD_AI", f"more than {N_SUBSTANCES_MAX} substances", text))
        return found[:N_SUBSTANCES_MAX]
    return found


@lru_cache(maxsize=65_536)
def _split_substances(text: str) -> tuple[str, ...]:
    names = (clean(name)[:_N_CHARACTERS_NAME] for name in text.split("\\"))
    return tuple(dict.fromkeys(name for name in names if name))


def _doses(
    therapies: tuple[tuple[str, ...], ...], stated: tuple[str, ...], notes: list[str]
) -> tuple[Dose, ...]:
    """One dose a row of THER; what is stated for the drug is stated for each of them."""
    dose, unread = _dose(stated)
    if unread:
        notes += unread
    if not therapies:
        return (dose,) if dose is not _NO_DOSE else ()
    found = [_dated(dose, start_dt, end_dt, notes) for start_dt, end_dt in therapies]
    return tuple(each for each in found[:N_DOSES_MAX] if each != _NO_DOSE)


@lru_cache(maxsize=_N_CACHED)
def _dose(stated: tuple[str, ...]) -> tuple[Dose, tuple[str, ...]]:
    """Return what is stated for a drug, and a note for each part that is not usable."""
    route, text, amount, unit, form = stated
    notes: list[str] = []
    value = None
    if amount:
        if _NUMBER.fullmatch(amount.strip()):
            value = float(amount)
        else:
            notes.append(_note("DOSE_AMT", "not a number", amount))
    dose = Dose(
        amount=value,
        unit=_cut("DOSE_UNIT", unit, _N_CHARACTERS_UNIT, notes),
        route=_cut("ROUTE", route, _N_CHARACTERS_ROUTE, notes),
        text=_cut("DOSE_VBM", text, _N_CHARACTERS_TEXT, notes),
        form=_cut("DOSE_FORM", form, _N_CHARACTERS_ROUTE, notes),
    )
    return (_NO_DOSE if dose == _NO_DOSE else dose), tuple(notes)


def _dated(dose: Dose, start_dt: str, end_dt: str, notes: list[str]) -> Dose:
    start_on, started = _stated("START_DT", start_dt, "G.k.4.r.4", notes) if start_dt else _NO_DATE
    end_on, ended = _stated("END_DT", end_dt, "G.k.4.r.5", notes) if end_dt else _NO_DATE
    return Dose(
        start_on=start_on,
        end_on=end_on,
        amount=dose.amount,
        unit=dose.unit,
        route=dose.route,
        text=dose.text,
        form=dose.form,
        dates_as_stated=started | ended if started and ended else started or ended,
    )


def _stated(column: str, text: str, element: str, notes: list[str]) -> _Stated:
    """Read a day, or a year or month, which is not made into a day."""
    day, partial = _read_date(text)
    if partial is not None:
        return None, {element: partial}
    if day is None:
        notes.append(_note(column, "no date", text))
    return day, None


@lru_cache(maxsize=_N_CACHED)
def _read_date(text: str) -> tuple[date | None, str | None]:
    day = read_day(text)
    match = None if day is not None else _PARTIAL.fullmatch(text.strip())
    if match is None:
        return day, None
    return None, match[1] if match[2] is None else f"{match[1]}-{match[2]}"


def _indications(rows: Sequence[tuple[str, ...]], notes: list[str]) -> tuple[str, ...]:
    found = [_cut("INDI_PT", row[0], _N_CHARACTERS_NAME, notes) for row in rows]
    return tuple(dict.fromkeys(name for name in found if name))[:N_INDICATIONS_MAX]


def _cut(column: str, text: str, n_max: int, notes: list[str]) -> str | None:
    """Return a name, its end cut off with a note where it is longer than the model's."""
    if not text:
        return None
    name, is_cut = _bounded_name(text, n_max)
    if is_cut:
        notes.append(_note(column, f"cut to {n_max} characters", text))
    return name


@lru_cache(maxsize=_N_CACHED)
def _bounded_name(text: str, n_max: int) -> tuple[str | None, bool]:
    name = clean(text)
    if len(name) > n_max:
        return name[:n_max].strip(), True
    return name or None, False


def _note(column: str, reason: str, text: str) -> str:
    return f"{column}: {reason} ({clean(text)[:_N_CHARACTERS_NOTE]})"


def _bounded(notes: Iterable[str]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(notes))
    if len(distinct) <= _N_NOTES_MAX:
        return distinct
    n_more = len(distinct) - _N_NOTES_MAX + 1
    return (*distinct[: _N_NOTES_MAX - 1], f"and {n_more} more")
