"""The rows of one VAERS report → one case version.

A field that cannot be used is left out and noted; it never costs the report. What VAERS
states for the whole report (seriousness, outcome, dates, interval) is given to every
event and product of it, and marked as inherited where the model has a field for it.

The columns are described in the VAERS Data Use Guide (vaers.hhs.gov). Choices it leaves
open stand beside the code and in docs/intake.md.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.case import (
    Assessment,
    CaseVersion,
    Country,
    Dose,
    Event,
    Outcome,
    Patient,
    Product,
    Provenance,
    Seriousness,
    Sex,
)
from surveillance.domain.errors import Refused
from surveillance.domain.names import clean, identity
from surveillance.intake.notes import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from surveillance.intake.withdrawals import Absence

PARSER = "vaers/1"
N_VACCINES_MAX = 200  # rows of VAX that a report can have: the model's limit
N_TERM_ROWS_MAX = 100  # rows of SYMPTOMS, of five terms each: the model's limit

_EARLIEST = date(1900, 1, 1)  # a vaccination or onset before this is a slip of the pen
_AGE_YEARS_MAX = 130.0
_N_DAYS_MAX = 47_482  # 130 years
_N_ASSESSMENTS_MAX = 2_000
_N_CHARACTERS_NAME = 250
_N_CHARACTERS_LOT = 120
_N_CHARACTERS_ROUTE = 60
_N_CHARACTERS_VERSION = 10
_DOSES_MAX = 10_000

_DATE = re.compile(
    r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"|(?P<iso_year>\d{4})-(?P<iso_month>\d{2})-(?P<iso_day>\d{2}))(?:[ T]00:00(?::00(?:\.0+)?)?)?",
    re.ASCII,
)
_AGE = re.compile(r"\d{1,6}(\.\d{0,6})?|\.\d{1,6}", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,9}", re.ASCII)

# The files have Y or nothing; the rest is what programs make of that on the way.
_NO_VALUE = ("", "NAN", "NULL", "NONE", "NA")
_FLAGS: dict[str, bool | None] = {
    **dict.fromkeys(("Y", "YES", "T", "TRUE", "1", "1.0"), True),
    **dict.fromkeys(("N", "NO", "F", "FALSE", "0", "0.0"), False),
    **dict.fromkeys(_NO_VALUE, None),
}
_SEXES: dict[str, Sex | None] = {"F": "female", "M": "male", "U": "unknown", "": None}
_OUTCOMES: dict[str, Outcome | None] = {
    "Y": "recovered",
    "N": "not_recovered",
    "U": "unknown",
    "": None,
}
_NOT_STATED = frozenset({"", "UNK", "N/A"})  # VAX_DOSE_SERIES spells out unknown


class VaersData(NamedTuple):
    """The columns of DATA that are used."""

    recvdate: str
    state: str
    age_yrs: str
    sex: str
    symptom_text: str
    died: str
    l_threat: str
    hospital: str
    x_stay: str
    disable: str
    recovd: str
    vax_date: str
    onset_date: str
    numdays: str
    birth_defect: str = ""  # in later downloads
    order: str = ""  # of the versions of a report, in downloads that hold all of them


class Vaccine(NamedTuple):
    """The columns of VAX that are used."""

    vax_type: str
    vax_lot: str
    vax_route: str
    vax_name: str
    vax_dose: str = ""  # doses given before this one
    vax_dose_series: str = ""  # number of this dose: later downloads have it instead
    order: str = ""


class Terms(NamedTuple):
    """The columns of SYMPTOMS that are used: terms and versions in turn."""

    symptom1: str
    symptomversion1: str
    symptom2: str
    symptomversion2: str
    symptom3: str
    symptomversion3: str
    symptom4: str
    symptomversion4: str
    symptom5: str
    symptomversion5: str
    order: str = ""


class Origin(NamedTuple):
    """Where a report was read."""

    place: str
    message_sha256: str
    is_domestic: bool  # whether the file is one of reports from the United States
    version: int = 1  # ORDER
    first_received_on: date | None = None  # of the first version in the file
    extracted_on: date | None = None
    unread: tuple[str, ...] = ()  # rows of the report that were refused


_COURSE = ("DIED", "L_THREAT", "HOSPITAL", "X_STAY", "DISABLE", "BIRTH_DEFECT", "RECOVD")


class _Course(NamedTuple):
    seriousness: Seriousness
    outcome: Outcome | None
    unread: tuple[str, ...]  # a note for each flag that is not one


class _Times(NamedTuple):
    onset_on: date | None
    vaccinated_on: date | None
    onset_days: int | None


def refuse(code: str, reason: str) -> Refused:
    """Make a refusal of a row with the remedy that goes with its code."""
    return Refused(code, reason, _REMEDIES[code])


_REMEDIES = {
    "too_long": "look for a stray quote or a missing line end before it",
    "bad_quoting": "double a quote inside quotes",
    "wrong_columns": "look for a comma outside quotes, or a line end inside a field",
    "bad_id": "give VAERS_ID as a whole number above 0",
    "bad_order": "give ORDER as a whole number above 0",
    "bad_encoding": "save the file as UTF-8, or without its byte order mark",
    "bad_date": "give RECVDATE as MM/DD/YYYY, or as YYYY-MM-DD",
    "no_vaccine": "send its VAX rows in the same file",
    "no_event": "send its SYMPTOMS rows in the same file",
    "orphan_row": "send its DATA row in the same file",
    "repeated_id": "say which of the rows holds; the first was used",
    "too_many_rows": "look whether two reports share one VAERS_ID",
}


@lru_cache(maxsize=65_536)
def parse_date(text: str) -> date | None:
    """Read MM/DD/YYYY or YYYY-MM-DD, also with midnight behind it.

    Parameters
    ----------
    text : str
        As the file has it.

    Returns
    -------
    date or None
        None if there is no such day, none since 1900, or the year has two digits.

    Examples
    --------
    >>> parse_date("02/29/1996"), parse_date("02/29/1999"), parse_date("1999-02-28 00:00:00")
    (datetime.date(1996, 2, 29), None, datetime.date(1999, 2, 28))
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        year, month, on = (
            int(match[name] or match[f"iso_{name}"]) for name in ("year", "month", "day")
        )
        day = date(year, month, on)
    except ValueError:
        return None
    return day if day >= _EARLIEST else None


def build_case(
    vaers_id: int,
    report: VaersData,
    vaccines: Sequence[Vaccine],
    terms: Sequence[Terms],
    origin: Origin,
) -> CaseVersion:
    """Build a case version from a report's rows.

    Parameters
    ----------
    vaers_id : int
        The report.
    report, vaccines, terms
        Its row of DATA, and its rows of VAX and SYMPTOMS in the order of their files.
    origin : Origin
        Where it was read.

    Returns
    -------
    CaseVersion
        The version that ORDER numbers, else the first, with a note for every field left out.

    Raises
    ------
    Refused
        If the day of receipt is missing or impossible, a part has no row of the report, or its
        rows name neither a vaccine nor an event.
    """
    received_on = parse_date(report.recvdate)
    if received_on is None:
        raise refuse("bad_date", f"RECVDATE is {report.recvdate[:40]!r}, which is no day")
    notes = [f"a row of the report cannot be read: {place}" for place in origin.unread]
    first_on = min(origin.first_received_on or received_on, received_on)
    times = _times(report, received_on, notes)
    events = _events(report, terms, times, notes)
    products = _products(vaccines, times, notes)
    if not products and not events:
        raise refuse("no_event", "the report names neither a vaccine nor an event")
    patient = Patient(sex=_sex(report.sex, notes), age_years=_age(report.age_yrs, notes))
    assessments = _assessments(len(products), len(events), times.onset_days, notes)
    return CaseVersion(
        case_id=f"VAERS-{vaers_id}",
        source="vaers",
        version=origin.version,
        kind="initial" if origin.version == 1 else "follow_up",
        received_on=received_on,
        first_received_on=first_on,
        extracted_on=origin.extracted_on,
        country=_country(report.state, is_domestic=origin.is_domestic),
        patient=patient,
        events=events,
        products=products,
        assessments=assessments,
        narrative_sha256=_narrative_sha256(report.symptom_text),
        provenance=Provenance(
            parser=PARSER,
            place=origin.place,
            message_sha256=origin.message_sha256,
            notes=bounded(notes),
        ),
    )


def build_withdrawal(vaers_id: int, on: date, absence: Absence) -> CaseVersion:
    """Build the nullification of a report that a later extract no longer shows.

    Parameters
    ----------
    vaers_id : int
        The report.
    on : date
        The day of the later extract.
    absence : Absence
        All reports that it lacks.

    Returns
    -------
    CaseVersion
        After every version of an earlier extract.
    """
    return CaseVersion(
        case_id=f"VAERS-{vaers_id}",
        source="vaers",
        version=1,
        kind="nullification",
        received_on=on,
        extracted_on=on,
        reason=absence.reason,
        provenance=Provenance(
            parser=PARSER, place=Path(absence.later.place).name, message_sha256=absence.sha256
        ),
    )


def _times(report: VaersData, received_on: date, notes: list[str]) -> _Times:
    onset_on = _day("ONSET_DATE", report.onset_date, received_on, notes)
    vaccinated_on = _day("VAX_DATE", report.vax_date, received_on, notes)
    n_dates = bool(report.onset_date.strip()) + bool(report.vax_date.strip())
    is_whole = n_dates == (onset_on is not None) + (vaccinated_on is not None)
    times = _Times(onset_on, vaccinated_on, None)
    return times._replace(onset_days=_onset_days(report.numdays, times, notes, is_whole=is_whole))


def _day(field: str, text: str, received_on: date, notes: list[str]) -> date | None:
    if not text.strip():
        return None
    day = parse_date(text)
    if day is None:
        notes.append(_note(field, "no such day", text))
    elif day > received_on:
        notes.append(_note(field, "after receipt", text))
        return None
    return day


def _onset_days(text: str, times: _Times, notes: list[str], *, is_whole: bool) -> int | None:
    if not text.strip():
        return None
    n_days = _whole("NUMDAYS", text, notes)
    if n_days is None:
        return None
    if n_days < 0:
        notes.append(_note("NUMDAYS", "negative", text))
    elif n_days > _N_DAYS_MAX:
        notes.append(_note("NUMDAYS", "over 130 years", text))
    elif not is_whole:
        notes.append(_note("NUMDAYS", "rests on a date left out", text))
    elif _days_between(times) not in (None, n_days):
        notes.append(_note("NUMDAYS", "not what the dates say", text))
    else:
        return n_days
    return None


def _days_between(times: _Times) -> int | None:
    if times.onset_on is None or times.vaccinated_on is None:
        return None
    return (times.onset_on - times.vaccinated_on).days


def _whole(field: str, text: str, notes: list[str]) -> int | None:
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    notes.append(_note(field, "not a whole number", text))
    return None


def _age(text: str, notes: list[str]) -> float | None:
    if text.strip().upper() in _NO_VALUE:
        return None
    if not _AGE.fullmatch(text.strip()):
        notes.append(_note("AGE_YRS", "not a number of years", text))
        return None
    age = float(text)
    if age > _AGE_YEARS_MAX:
        notes.append(_note("AGE_YRS", "over 130 years", text))
        return None
    return age


def _sex(text: str, notes: list[str]) -> Sex | None:
    sex = _SEXES.get(text.strip().upper())
    if sex is None and text.strip():
        notes.append(_note("SEX", "not F, M or U", text))
    return sex


def _country(state: str, *, is_domestic: bool) -> Country | None:
    """FR is "foreign" in this column, not France, and the file does not name the country."""
    return "US" if is_domestic and state.strip().upper() != "FR" else None


def _events(
    report: VaersData, terms: Sequence[Terms], times: _Times, notes: list[str]
) -> tuple[Event, ...]:
    seriousness, outcome, unread = _course(
        report.died,
        report.l_threat,
        report.hospital,
        report.x_stay,
        report.disable,
        report.birth_defect,
        report.recovd,
    )
    notes.extend(unread)
    if not terms:
        raise refuse("no_event", "the report has no row of SYMPTOMS")
    found = _distinct_terms(terms, notes)
    if not found:
        notes.append("SYMPTOM: empty; the report counts in the total and its vaccines' margins")
    return tuple(
        Event(
            pt=pt,
            meddra_version=version,
            onset_on=times.onset_on,
            seriousness=seriousness,
            outcome=outcome,
        )
        for pt, version in found.items()
    )


def _distinct_terms(rows: Sequence[Terms], notes: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    seen: set[str] = set()
    for row in rows:
        for text, version in zip(row[:10:2], row[1:10:2], strict=True):
            pt = clean(text)
            if not pt or identity(pt) in seen:
                continue
            seen.add(identity(pt))
            if len(pt) > _N_CHARACTERS_NAME:
                notes.append(_note("SYMPTOM", f"over {_N_CHARACTERS_NAME} characters", pt))
                continue
            found[pt] = _short("SYMPTOMVERSION", version, _N_CHARACTERS_VERSION, notes)
    return found


@lru_cache(maxsize=4_096)
def _course(*stated: str) -> _Course:
    """Read the flags; Y or empty is the rule, and empty is not "no"."""
    flags = [_FLAGS.get(text.strip().upper()) for text in stated[:-1]]
    died, l_threat, hospital, x_stay, disable, birth_defect = flags
    admitted = (hospital, x_stay)  # E.i.3.2c: caused, or prolonged, hospitalisation
    seriousness = Seriousness(
        death=died,
        life_threatening=l_threat,
        hospitalisation=True if True in admitted else None if None in admitted else False,
        disabling=disable,
        congenital_anomaly=birth_defect,
        is_inherited=True,
    )
    outcome = "fatal" if died else _OUTCOMES.get(stated[-1].strip().upper())
    return _Course(seriousness, outcome, tuple(_unread_flags(stated)))


def _unread_flags(stated: Sequence[str]) -> Iterator[str]:
    known = (_FLAGS,) * (len(_COURSE) - 1) + (_OUTCOMES,)
    for name, text, values in zip(_COURSE, stated, known, strict=True):
        if text.strip().upper() not in values:
            yield _note(name, "not Y, N or empty" if values is _FLAGS else "not Y, N or U", text)


def _products(vaccines: Sequence[Vaccine], times: _Times, notes: list[str]) -> tuple[Product, ...]:
    if not vaccines:
        raise refuse("no_vaccine", "the report has no row of VAX")
    products = tuple(
        product
        for product in (_product(row, times.vaccinated_on, notes) for row in vaccines)
        if product is not None
    )
    n_without_lot = sum(product.lot is None for product in products)
    if n_without_lot:
        notes.append(f"VAX_LOT: empty ({n_without_lot} of {len(products)} vaccines)")
    return products


def _product(row: Vaccine, start_on: date | None, notes: list[str]) -> Product | None:
    programme = _short("VAX_TYPE", row.vax_type, _N_CHARACTERS_NAME, notes)
    name = _short("VAX_NAME", row.vax_name, _N_CHARACTERS_NAME, notes) or programme
    if name is None:
        notes.append("VAX_NAME: no name that can be used; vaccine left out")
        return None
    route = _short("VAX_ROUTE", row.vax_route, _N_CHARACTERS_ROUTE, notes)
    dose = Dose(start_on=start_on, dose_number=_dose_number(row, notes), route=route)
    return Product(
        role="suspect",
        product=name,
        programme=programme,
        lot=_short("VAX_LOT", row.vax_lot, _N_CHARACTERS_LOT, notes),
        doses=() if dose == _NO_DOSE else (dose,),
    )


_NO_DOSE = Dose()


def _dose_number(row: Vaccine, notes: list[str]) -> int | None:
    """Count from 1: VAX_DOSE is the number of doses before, VAX_DOSE_SERIES that of this one."""
    field, text, n_more = "VAX_DOSE", row.vax_dose, 1
    if row.vax_dose_series:
        field, text, n_more = "VAX_DOSE_SERIES", row.vax_dose_series, 0
    if text.strip().upper() in _NOT_STATED:
        return None
    n_stated = _whole(field, text, notes)
    if n_stated is None:
        return None
    if not 1 <= n_stated + n_more <= _DOSES_MAX:
        notes.append(_note(field, "no number of a dose", text))
        return None
    return n_stated + n_more


def _short(field: str, text: str, n_max: int, notes: list[str]) -> str | None:
    if not text:
        return None
    name = clean(text)
    if len(name) > n_max:
        notes.append(_note(field, f"over {n_max} characters", name))
        return None
    return name or None


def _assessments(
    n_products: int, n_events: int, onset_days: int | None, notes: list[str]
) -> tuple[Assessment, ...]:
    """Assign the report's one interval to each pair."""
    if onset_days is None:
        return ()
    if n_products * n_events > _N_ASSESSMENTS_MAX:
        notes.append(f"NUMDAYS: more than {_N_ASSESSMENTS_MAX} pairs ({n_products * n_events})")
        return ()
    return tuple(
        Assessment(product=product, event=event, onset_days=onset_days)
        for product in range(n_products)
        for event in range(n_events)
    )


def _narrative_sha256(text: str) -> str | None:
    """Digest the text in UTF-8, so that anybody who holds it can prove that it is this one."""
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _note(field: str, reason: str, text: str) -> str:
    return f"{field}: {reason} ({clean(text)[:60]})"
