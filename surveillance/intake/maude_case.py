"""One MAUDE report on a device → one case version.

Problems of the patient are events by their terms; problems of the device are events whose terms
begin with ``Device problem:``, since they are of another list and would count with the others
under the same words. A malfunction without a patient is a report with a device alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from surveillance.domain.case import (
    YEAR_MIN,
    CaseVersion,
    Event,
    Patient,
    Product,
    Provenance,
    Seriousness,
)
from surveillance.domain.case_detail import Device
from surveillance.domain.errors import Refused
from surveillance.domain.values import Quantity
from surveillance.intake.e2b_r3_patient import digest, not_ahead
from surveillance.intake.hl7 import Part, years
from surveillance.intake.notes import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from surveillance.domain.case import Sex

DEVICE_PROBLEM = "Device problem: "
_N_NAME = 250
_N_DEVICES_MAX = 200
_N_EVENTS_MAX = 500
_UNITED_STATES = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_NOTHING = frozenset({"", "*", "NA", "N/A", "NI", "UNK", "UNKNOWN", "ASKU", "ASKED BUT UNKNOWN"})
_CRITERIA = {
    "D": "death",
    "L": "life_threatening",
    "H": "hospitalisation",
    "S": "disabling",
    "C": "congenital_anomaly",
    "R": "intervention",
    "O": "other",
    "DEATH": "death",
    "LIFE THREATENING": "life_threatening",
    "HOSPITALIZATION": "hospitalisation",
    "DISABILITY": "disabling",
    "CONGENITAL ANOMALY": "congenital_anomaly",
    "REQUIRED INTERVENTION": "intervention",
    "OTHER": "other",
}
_SEXES: dict[str, Sex] = {
    "MALE": "male",
    "FEMALE": "female",
    "M": "male",
    "F": "female",
    "UNKNOWN": "unknown",
    "U": "unknown",
}
_AGE_UNITS = {"YR": "a", "YEARS": "a", "MO": "mo", "MONTHS": "mo", "WK": "wk", "DA": "d", "DY": "d"}


class MaudeReport(NamedTuple):
    """A report as MAUDE has it: texts under the names of its columns, in lower case."""

    master: Mapping[str, str]
    devices: tuple[Mapping[str, str], ...]
    patients: tuple[Mapping[str, str], ...]
    texts: tuple[str, ...]
    patient_problems: tuple[str, ...] = ()
    device_problems: tuple[str, ...] = ()


def of_json(tree: Mapping[str, Any]) -> MaudeReport:
    """Read a device event of openFDA."""
    patients = _mappings(tree.get("patient"))
    return MaudeReport(
        _texts(tree),
        tuple(_texts(each) for each in _mappings(tree.get("device"))),
        tuple(_texts(each) for each in patients),
        tuple(str(each.get("text") or "") for each in _mappings(tree.get("mdr_text"))),
        _strings(name for each in patients for name in _listed(each.get("patient_problems"))),
        _strings(_listed(tree.get("product_problems"))),
    )


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in _listed(value) if isinstance(each, dict)]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))


def _texts(tree: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in tree.items():
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, list):
            found[name] = "; ".join(each for each in value if isinstance(each, str))
        elif isinstance(value, int | float):
            found[name] = str(value)
    return found


class _Fields(Part):
    """The columns of one part of a report."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, str], notes: list[str]) -> None:
        super().__init__(notes)
        self.values = values

    def string(self, name: str) -> str:
        value = self.values.get(name, "").strip().strip('"')
        return "" if value.upper() in _NOTHING else value

    def short(self, name: str, n_max: int = _N_NAME) -> str | None:
        return self.name(name, self.string(name), n_max)

    def when(self, name: str) -> date | None:
        """Return a day, written as 20091008 or 10/08/2009."""
        element = "E.i.4" if name == "date_of_event" else name
        return self.date(element, _UNITED_STATES.sub(r"\3\1\2", self.string(name)))


def build_case(report: MaudeReport, parser: str, place: str, sha256: str) -> CaseVersion:
    """Build a case version from a report on a device.

    Parameters
    ----------
    report : MaudeReport
        Its parts.
    parser, place, sha256 : str
        What read it, where, and the digest of its bytes.

    Returns
    -------
    CaseVersion
        With a note for every field left out.

    Raises
    ------
    Refused
        If it has no number, no day of receipt, or names neither a device nor a problem.
    """
    notes: list[str] = []
    master = _Fields(report.master, notes)
    received_on = _received(report, master, notes)
    number = master.short("report_number", 100)
    key = master.short("mdr_report_key", 100)
    if number is None and key is None:
        raise Refused("no_id", "the report has neither number nor key", "send MDR_REPORT_KEY")
    products = _products(report, notes)
    events = _events(report, received_on, master)
    if not products and not events:
        raise Refused(
            "no_event", "the report names neither a device nor a problem", "send its devices"
        )
    return CaseVersion(
        case_id=f"MAUDE-{number or key}",
        source="maude",
        version=1,
        kind="initial",
        received_on=received_on,
        sender_report_id=key,
        reporter="other_professional" if master.string("health_professional") == "Y" else "unknown",
        country=master.two_letters("reporter_country_code", master.string("reporter_country_code")),
        patient=_patient(report, notes),
        events=events,
        products=products,
        narrative_sha256=digest("\n".join(text for text in report.texts if text.strip())),
        dates_as_stated=master.dates or None,
        provenance=Provenance(
            parser=parser, place=place, message_sha256=sha256, notes=bounded(notes)
        ),
    )


def _received(report: MaudeReport, master: _Fields, notes: list[str]) -> date:
    """Return the day of receipt, which stands in every part of a report."""
    for values in (report.master, *report.devices, *report.patients):
        found = _Fields(values, notes).when("date_received")
        if found is not None and found.year >= YEAR_MIN:
            return found
    shown = master.string("date_received")[:40]
    raise Refused(
        "bad_date", f"DATE_RECEIVED is {shown!r}, which is no day", "send the day FDA received it"
    )


def _products(report: MaudeReport, notes: list[str]) -> tuple[Product, ...]:
    products = []
    for values in report.devices[:_N_DEVICES_MAX]:
        fields = _Fields(values, notes)
        brand, generic = fields.short("brand_name"), fields.short("generic_name")
        name = brand or generic or fields.short("device_report_product_code")
        if name is None:
            fields.note("brand_name", "no name that can be used; device left out")
            continue
        products.append(_product(fields, name, brand, generic))
    return tuple(products)


def _product(fields: _Fields, name: str, brand: str | None, generic: str | None) -> Product:
    country = fields.string("manufacturer_d_country")
    device = Device(
        brand=brand,
        common_name=generic,
        product_code=fields.short("device_report_product_code", 60),
        manufacturer=fields.short("manufacturer_d_name"),
        manufacturer_country=fields.two_letters("manufacturer_d_country", country),
        lot=fields.short("lot_number", 120),
        operator=fields.short("device_operator", 60),
    )
    return Product(
        role="suspect",
        product=name,
        programme=generic,
        lot=device.lot,
        product_id=fields.short("udi_di", 120) or fields.short("catalog_number", 120),
        devices=() if device == Device() else (device,),
    )


def _events(report: MaudeReport, received_on: date, master: _Fields) -> tuple[Event, ...]:
    onset_on = not_ahead("E.i.4", master.when("date_of_event"), received_on, master)
    seriousness = _seriousness(report, master)
    if seriousness.is_serious and not (report.patient_problems or report.device_problems):
        master.note("sequence_number_outcome", "no term that could carry it")
    names = [
        *(each for each in report.patient_problems),
        *(f"{DEVICE_PROBLEM}{each}" for each in report.device_problems if each.strip()),
    ]
    found = [master.name("problem", each, _N_NAME) for each in names]
    return tuple(
        Event(pt=name, onset_on=onset_on, seriousness=seriousness)
        for name in dict.fromkeys(found)
        if name and name.upper() not in _NOTHING
    )[:_N_EVENTS_MAX]


def _seriousness(report: MaudeReport, master: _Fields) -> Seriousness:
    stated: dict[str, Any] = {}
    for values in report.patients:
        for each in re.split(r"[;,]", values.get("sequence_number_outcome", "")):
            code = re.sub(r"^\s*\d+\.\s*", "", each).strip().upper()
            if code in _CRITERIA:
                stated[_CRITERIA[code]] = True
            elif code not in _NOTHING and not code.isdecimal():
                master.note("sequence_number_outcome", "no criterion of seriousness", code)
    if master.string("event_type").upper() in {"D", "DEATH"}:
        stated["death"] = True
    return Seriousness(**stated, is_inherited=True)


def _patient(report: MaudeReport, notes: list[str]) -> Patient:
    if len(report.patients) > 1:
        notes.append(f"patient: the first of {len(report.patients)}; a case is about one")
    if not report.patients:
        return Patient()
    fields = _Fields(report.patients[0], notes)
    age = _age(fields)
    weight = re.match(r"\s*(\d{1,3}(?:\.\d+)?)\s*KG", fields.string("patient_weight").upper())
    kilograms = None if weight is None else float(weight[1])
    return Patient(
        sex=_SEXES.get(fields.string("patient_sex").upper()),
        age=age,
        age_years=None if age is None else years(age),
        weight_kg=fields.within("patient_weight", kilograms, 0, 700),
        races=tuple(each for each in (fields.short("patient_race", 60),) if each),
        ethnicity=fields.short("patient_ethnicity", 60),
    )


def _age(fields: _Fields) -> Quantity | None:
    stated = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*([A-Z]+)", fields.string("patient_age").upper())
    if stated is None:
        return None
    unit = _AGE_UNITS.get(stated[2])
    return None if unit is None else Quantity(value=float(stated[1]), unit=unit)
