"""CAERS, FDA's reports on foods, supplements and cosmetics: csv, a row for each product.

The columns have had several names over the years; they are found by any of them. A layout
without dates, as some extracts have it, gives no report: a report needs its day of receipt.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.domain.case import (
    N_EVENTS_MAX,
    N_PRODUCTS_MAX,
    YEAR_MIN,
    CaseVersion,
    Event,
    Patient,
    Product,
    Provenance,
    Seriousness,
)
from surveillance.domain.errors import Misused, Refused
from surveillance.domain.values import Quantity
from surveillance.intake.archive import Bounds, files_ending, open_file
from surveillance.intake.csv_rows import Layout, RowError, is_blank_row, join_rows, split_fields
from surveillance.intake.file_lines import bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.hl7 import Part, years
from surveillance.intake.notes import bounded
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.sorted_rows import SortedRow, pack, unpack
from surveillance.intake.spool import stable_sort
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from surveillance.domain.case import Outcome, Role, Sex
    from surveillance.intake.file_lines import FileLine

PARSER = "caers/1"
READS = "CAERS files named *.csv or *.csv.gz"
BYTES_IN_MEMORY = 25_165_824
_NO_DAY = (
    "send the file with the column CAERS Created Date, or add one with the day from which the "
    "reports are to count, such as the day on which you got the file"
)
_BOUNDS = Bounds(n_bytes_max=8 * 2**30, ratio_max=100)
_COLUMNS = {  # by the letters and digits of their names
    "report": ("rareport", "reportid", "rareportid"),
    "created": ("racaerscreateddate", "caerscreateddate", "datefdafirstreceivedcase"),
    "onset": ("aeceventstartdate", "dateeventoccurred", "dateofevent"),
    "role": ("priproductrole", "producttype", "productrole"),
    "product": ("prireportedbrandproductname", "product", "productname"),
    "industry": ("prifdaindustryname", "description", "industryname"),
    "age": ("ciageatadverseevent", "patientage", "age"),
    "unit": ("ciageunit", "ageunits", "ageunit"),
    "sex": ("cigender", "sex", "gender"),
    "outcomes": ("aeconerowoutcomes", "outcomes", "caseoutcomes", "caseoutcome"),
    "terms": (
        "symonerowcodedsymptoms",
        "medrapreferredterms",
        "meddrapreferredterms",
        "casemeddrapreferredterms",
    ),
}
_REQUIRED = ("report", "product", "terms")
_ROLES: dict[str, Role] = {"SUSPECT": "suspect", "CONCOMITANT": "concomitant"}
_SEXES: dict[str, Sex] = {"MALE": "male", "FEMALE": "female", "M": "male", "F": "female"}
_UNITS = {"YEAR": "a", "MONTH": "mo", "WEEK": "wk", "DAY": "d", "DECADE": "10.a"}
_CRITERIA = {
    "DEATH": "death",
    "LIFE THREATENING": "life_threatening",
    "HOSPITALIZATION": "hospitalisation",
    "DISABILITY": "disabling",
    "CONGENITAL ANOMALY": "congenital_anomaly",
    "REQ. INTERVENTION TO PRVNT PERM. IMPRMNT.": "intervention",
    "REQUIRED INTERVENTION": "intervention",
    "OTHER SERIOUS (IMPORTANT MEDICAL EVENTS)": "other",
    "OTHER SERIOUS OUTCOME": "other",
    "SERIOUS INJURIES/ ILLNESS": "other",
    "OTHER SERIOUS OR IMPORTANT MEDICAL EVENT": "other",
}
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_encode = msgspec.json.Encoder().encode


class _Layout(NamedTuple):
    """How the rows of a file are written, and the places of the columns that are used."""

    rows: Layout
    places: dict[str, int]

    def values(self, content: bytes) -> dict[str, str]:
        """Return the columns of a row, by our names for them."""
        try:
            fields = split_fields(content, self.rows)
        except RowError as error:
            raise Refused(error.code, error.reason, "send the file as FDA makes it") from None
        return {name: fields[place].strip() for name, place in self.places.items()}


@dataclass(frozen=True)
class Caers:
    """A reader of the files of the CFSAN Adverse Event Reporting System."""

    name: str = "caers"
    topic: Topic = "cases"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return READS

    def within(self, directory: Path) -> list[Path]:
        """Return the csv files of a folder, sorted."""
        return files_ending(directory, (".csv", ".csv.gz"))

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file.

        Parameters
        ----------
        path : Path
            A csv file; gzip is known by its name.
        tally : RowCounts, optional
            Counts rows in and records out.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One case version a report, and every row that is in none.

        Raises
        ------
        Misused
            If the file cannot be read, lacks a column, or holds no row.
        """
        tally = RowCounts() if tally is None else tally
        counts = tally.of(str(path))
        with open_file(path, bounds=_BOUNDS) as stream:
            lines = bounded_lines(stream)
            layout = _read_header(path, next(lines, None))
            rows = _rows(lines, layout, counts)
            ordered = stable_sort(rows, directory=None, bytes_in_memory=BYTES_IN_MEMORY)
            for _, group in groupby(ordered, key=itemgetter(0)):
                found = [unpack(payload) for _, payload in group]
                yield from _report(path.name, found, layout, counts, today)
        if counts.n_read == 0:
            raise Misused(str(path), "holds no row", "fetch it again")


def _read_header(path: Path, line: FileLine | None) -> _Layout:
    content = b"" if line is None else line.content
    is_utf8 = content.startswith(b"\xef\xbb\xbf")
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    names = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in text.split(",")]
    places = {
        column: names.index(name)
        for column, known in _COLUMNS.items()
        for name in known
        if name in names
    }
    missing = [column for column in _REQUIRED if column not in places]
    if missing:
        reason = f"its header has no column for {', '.join(missing)}"
        raise Misused(str(path), reason, "send the file as FDA makes it")
    return _Layout(Layout(len(names), is_utf8=is_utf8), places)


def _rows(
    lines: Iterator[FileLine], layout: _Layout, counts: FileTally
) -> Iterator[tuple[int, bytes]]:
    for row in join_rows(lines, layout.rows):
        if is_blank_row(row.content):
            counts.n_blank += 1
            continue
        counts.n_read += 1
        yield _key(_number(row.content, layout)), pack(SortedRow(0, *row))


def _number(content: bytes, layout: _Layout) -> str:
    """Return the report's number; the row itself if there is none, so that it stands alone."""
    try:
        return layout.values(content)["report"]
    except Refused:
        return content.decode("latin-1")


@lru_cache(maxsize=1_024)
def _key(number: str) -> int:
    return int.from_bytes(blake2b(number.encode(), digest_size=7).digest())


def _report(
    name: str, rows: list[SortedRow], layout: _Layout, counts: FileTally, today: date | None
) -> Iterator[Read | Unusable]:
    usable: list[tuple[SortedRow, dict[str, str]]] = []
    for row in rows:
        try:
            usable.append((row, _values(row, layout)))
        except Refused as error:
            yield _refuse(name, row, error, counts)
    if not usable:
        return
    try:
        read = _read(name, usable, today)
    except Refused as error:
        for row, _ in usable:
            yield _refuse(name, row, error, counts)
        return
    counts.n_used += len(usable)
    counts.n_emitted += 1
    yield read


def _values(row: SortedRow, layout: _Layout) -> dict[str, str]:
    if row.n_bytes > N_BYTES_MAX:
        reason = f"the row has {row.n_bytes:,} bytes"
        raise Refused("too_long", reason, "send the file as FDA makes it")
    values = layout.values(row.content)
    if not values["report"]:
        raise Refused("bad_id", "the row has no number of a report", "send the report's number")
    return values


def _refuse(name: str, row: SortedRow, error: Refused, counts: FileTally) -> Unusable:
    counts.refused[error.code] += 1
    fault = (error.code, error.reason, error.remedy)
    return unusable(f"{name}:{row.number}", fault, row.content, row.n_bytes)


def _read(name: str, rows: list[tuple[SortedRow, dict[str, str]]], today: date | None) -> Read:
    notes: list[str] = []
    part, values = Part(notes), rows[0][1]
    received_on = part.date("C.1.5", _iso(values.get("created", "")))
    if received_on is None or received_on.year < YEAR_MIN:
        stated = repr(values["created"][:40]) if "created" in values else "not in this layout"
        reason = f"the day on which FDA received the report is {stated}"
        raise Refused("bad_date", reason, _NO_DAY)
    case = _case(rows, received_on, part, f"{name}:{rows[0][0].number}"[-300:])
    refuse_ahead(case.received_on, today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        reason = f"the report makes a line of {len(line):,} bytes"
        raise Refused("too_long", reason, "have FDA look into it")
    return Read(case.received_on, case.case_id, line)


def _iso(text: str) -> str:
    found = _DATE.fullmatch(text)
    return f"{found[3]}{found[1]:0>2}{found[2]:0>2}" if found else text.replace("-", "")


def _case(
    rows: list[tuple[SortedRow, dict[str, str]]], received_on: date, part: Part, place: str
) -> CaseVersion:
    values = rows[0][1]
    products = _products([each for _, each in rows], part)
    events = _events(values, received_on, part)
    if not products and not events:
        raise Refused("no_event", "the report names neither a product nor a term", "send either")
    sha256 = hashlib.sha256(b"".join(row.content + b"\n" for row, _ in rows)).hexdigest()
    case_id = part.name("report", values["report"], 100)
    if case_id is None:
        raise Refused("bad_id", "the number of the report is too long", "send its number")
    return CaseVersion(
        case_id=f"CAERS-{case_id}",
        source="caers",
        version=1,
        kind="initial",
        received_on=received_on,
        report_type="spontaneous",
        patient=_patient(values, part),
        events=events,
        products=products,
        dates_as_stated=part.dates or None,
        provenance=Provenance(
            parser=PARSER, place=place, message_sha256=sha256, notes=bounded(part.notes)
        ),
    )


def _products(rows: list[dict[str, str]], part: Part) -> tuple[Product, ...]:
    products = []
    for values in rows:
        name = part.name("product", values["product"], 250)
        role = values.get("role", "").upper()
        if role not in _ROLES and role:
            part.note("role", "neither suspect nor concomitant; taken as suspect", role)
        if name is not None:
            industry = part.name("industry", values.get("industry"), 250)
            products.append(
                Product(role=_ROLES.get(role, "suspect"), product=name, programme=industry)
            )
    if len(products) > N_PRODUCTS_MAX:
        part.note("product", f"more than {N_PRODUCTS_MAX}", str(len(products)))
    return tuple(dict.fromkeys(products))[:N_PRODUCTS_MAX]


def _events(values: dict[str, str], received_on: date, part: Part) -> tuple[Event, ...]:
    onset_on = part.date("E.i.4", _iso(values.get("onset", "")))
    if onset_on is not None and onset_on > received_on:
        part.note("E.i.4", "after receipt", onset_on.isoformat())
        onset_on = None
    stated: dict[str, Any] = {}
    outcome: Outcome | None = None
    for each in re.split(r",(?![^(]*\))", values.get("outcomes", "")):
        criterion = _CRITERIA.get(each.strip().upper())
        if criterion is not None:
            stated[criterion] = True
    if stated.get("death"):
        outcome = "fatal"
    seriousness = Seriousness(**stated, is_inherited=True)
    names = [part.name("terms", each.strip(), 250) for each in values["terms"].split(",")]
    return tuple(
        Event(pt=name, onset_on=onset_on, seriousness=seriousness, outcome=outcome)
        for name in dict.fromkeys(names)
        if name
    )[:N_EVENTS_MAX]


def _patient(values: dict[str, str], part: Part) -> Patient:
    number = part.number("age", values.get("age"))
    unit = re.sub(r"[^A-Z]|\(S\)|S$", "", values.get("unit", "").upper().replace("(S)", ""))
    code = _UNITS.get(unit)
    age = None if number is None or code is None else Quantity(value=number, unit=code)
    return Patient(
        sex=_SEXES.get(values.get("sex", "").upper()),
        age=age,
        age_years=None if age is None else years(age),
    )


CAERS = Caers()
