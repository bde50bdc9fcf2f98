"""A VAERS year in the shapes that people's programs give it: each is read, or refused truly."""

from __future__ import annotations

import zipfile
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.format import Read, Unusable
from surveillance.intake.row_counts import RowCounts
from surveillance.intake.vaers import Vaers
from surveillance.log.decode import decode_case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from surveillance.domain.case import CaseVersion

Files = dict[str, bytes]
NAMES = {part: f"2021VAERS{part}.csv" for part in ("DATA", "VAX", "SYMPTOMS")}
HEADERS = {
    "DATA": "VAERS_ID,RECVDATE,STATE,AGE_YRS,SEX,SYMPTOM_TEXT,DIED,L_THREAT,HOSPITAL,X_STAY,"
    "DISABLE,RECOVD,VAX_DATE,ONSET_DATE,NUMDAYS",
    "VAX": "VAERS_ID,VAX_TYPE,VAX_MANU,VAX_LOT,VAX_DOSE_SERIES,VAX_ROUTE,VAX_SITE,VAX_NAME",
    "SYMPTOMS": "VAERS_ID," + ",".join(f"SYMPTOM{n},SYMPTOMVERSION{n}" for n in range(1, 6)),
}
IDS = range(100, 103)


def plain() -> Files:
    """Return a year of three reports as VAERS makes it."""
    data = [f"{n},01/0{n - 99}/2021,TX,40,F,text,,,,,,,,," for n in IDS]
    vax = [f"{n},COVID19,MAKER,,1,,,COVID19 (COVID19 (M))" for n in IDS]
    terms = [f"{n},Pyrexia,27.1,,,,,,,," for n in IDS]
    rows = {"DATA": data, "VAX": vax, "SYMPTOMS": terms}
    return {
        NAMES[part]: "".join(f"{row}\r\n" for row in [HEADERS[part], *rows[part]]).encode()
        for part in NAMES
    }


def every(change: Callable[[bytes], bytes]) -> Files:
    """Return the year with every file changed alike."""
    return {name: change(content) for name, content in plain().items()}


def one(part: str, old: str, new: str | bytes, *, before: bytes = b"") -> Files:
    """Return the year with something in one part replaced, once."""
    files = plain()
    assert old.encode() in files[NAMES[part]]
    to = new.encode() if isinstance(new, str) else new
    files[NAMES[part]] = files[NAMES[part]].replace(old.encode(), to, 1)
    return {name: before + content for name, content in files.items()}


def quoted(content: bytes) -> bytes:
    rows = content.decode().splitlines()
    return "".join('"' + row.replace(",", '","') + '"\r\n' for row in rows).encode()


def head(content: bytes) -> bytes:
    return content.split(b"\r")[0]


def numbered(content: bytes) -> bytes:
    """Put in front the column of row numbers that pandas writes."""
    header, *rows = content.decode().splitlines()
    lines = [f",{header}", *(f"{n},{row}" for n, row in enumerate(rows))]
    return "".join(f"{line}\r\n" for line in lines).encode()


def renamed(name: Callable[[str], str]) -> Files:
    return {name(old): content for old, content in plain().items()}


def ids(cases: list[CaseVersion]) -> object:
    return [case.case_id for case in cases]


ALL = [f"VAERS-{number}" for number in IDS]


class Shape(NamedTuple):
    """A year, and what is to become of it."""

    files: Files
    refused: list[str] = []  # noqa: RUF012 - never changed
    misused: str = ""
    says: Callable[[list[CaseVersion]], object] = ids
    said: object = ALL


def pt(cases: list[CaseVersion]) -> object:
    return cases[0].events[0].pt


def product(cases: list[CaseVersion]) -> object:
    return cases[0].products[0].product


def died(cases: list[CaseVersion]) -> object:
    return cases[0].events[0].seriousness.death


def age(cases: list[CaseVersion]) -> object:
    return cases[0].patient.age_years


BOM = b"\xef\xbb\xbf"
EMPTY = {part: b"," * HEADERS[part].count(",") + b"\r\n" for part in HEADERS}
SHAPES = {
    "as VAERS makes it": Shape(plain()),
    "UTF-8 with a mark": Shape(every(lambda content: BOM + content)),
    "names in UTF-8 with a mark": Shape(
        one("SYMPTOMS", "Pyrexia", "Guillain-Barré", before=BOM), says=pt, said="Guillain-Barré"
    ),
    "UTF-8 with a mark that is not UTF-8": Shape(
        one("SYMPTOMS", "Pyrexia", b"Guillain-Barr\xe9", before=BOM),
        refused=["bad_encoding", "no_event", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "names in UTF-8 without a mark": Shape(
        one("SYMPTOMS", "Pyrexia", "Guillain-Barré"), says=pt, said="Guillain-Barré"
    ),
    "names in Latin-1": Shape(
        one("SYMPTOMS", "Pyrexia", b"Guillain-Barr\xe9"), says=pt, said="Guillain-Barré"
    ),
    "names in Windows-1252": Shape(
        one("VAX", "COVID19 (COVID19 (M))", b"ROUGEOLE \x96 PRIORIX\x99"),
        says=product,
        said="ROUGEOLE \u2013 PRIORIX\u2122",
    ),
    "UTF-16": Shape(
        every(lambda content: content.decode().encode("utf-16")), misused="is UTF-16 or UTF-32"
    ),
    "UTF-16 without a mark": Shape(
        every(lambda content: content.decode().encode("utf-16-le")), misused="is UTF-16 or UTF-32"
    ),
    "LF alone": Shape(every(lambda content: content.replace(b"\r\n", b"\n"))),
    "CR alone": Shape(every(lambda content: content.replace(b"\r\n", b"\r"))),
    "semicolons": Shape(every(lambda content: content.replace(b",", b";"))),
    "tabs": Shape(every(lambda content: content.replace(b",", b"\t"))),
    "everything quoted": Shape(every(quoted)),
    "a comma at the end of rows": Shape(
        every(
            lambda content: b"".join(
                line + (b"" if line.startswith(b"VAERS") else b",") + b"\r\n"
                for line in content.splitlines()
            )
        )
    ),
    "a comma at the end of every line": Shape(
        every(lambda content: content.replace(b"\r\n", b",\r\n"))
    ),
    "a column of row numbers": Shape(every(numbered)),
    "lower case in headers": Shape(
        every(lambda content: content.replace(head(content), head(content).lower()))
    ),
    "lower case in names": Shape(renamed(str.lower)),
    "names that a browser numbered": Shape(renamed(lambda name: name.replace(".", " (1)."))),
    "an archive from a Mac": Shape(
        renamed(lambda name: f"2021VAERSData/{name}")
        | {f"__MACOSX/2021VAERSData/._{name}": b"\0\5\x16\7" for name in NAMES.values()}
    ),
    "rows of commas alone, as a spreadsheet fills a sheet": Shape(
        {
            NAMES[part]: content + 9 * EMPTY[part] + b'"",' + EMPTY[part]
            for part, content in zip(NAMES, plain().values(), strict=True)
        }
    ),
    "ids with spaces and zeros": Shape(one("DATA", "100,", '" 0000100 ",')),
    "ids as floats": Shape(one("VAX", "100,", "100.0,")),
    "line ends in a field": Shape(one("DATA", "text", '"one\ntwo ""x""\r\nthree\rfour"')),
    "a NUL in a field": Shape(one("DATA", "text", "te\0xt")),
    "a quote in a field without quotes": Shape(one("DATA", "text", 'said "ouch", 5\'10"'[:11])),
    "a stray quote in a field with quotes": Shape(
        one("DATA", "text", '"he said "ouch", and left"'),
        refused=["bad_quoting", "orphan_row", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "a date in ISO 8601": Shape(one("DATA", "01/01/2021", "2021-01-01")),
    "a date with midnight": Shape(one("DATA", "01/01/2021", "01/01/2021 00:00:00")),
    "a date without zeros": Shape(one("DATA", "01/01/2021", "1/1/2021")),
    "a date with a year of two digits": Shape(
        one("DATA", "01/01/2021", "01/01/21"),
        refused=["bad_date", "orphan_row", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "no date": Shape(
        one("DATA", "01/01/2021", ""),
        refused=["bad_date", "orphan_row", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "a flag in lower case": Shape(one("DATA", "text,", "text,y"), says=died, said=True),
    "a flag as a number": Shape(one("DATA", "text,", "text,1"), says=died, said=True),
    "a flag as a truth value": Shape(one("DATA", "text,", "text,True"), says=died, said=True),
    "a flag that is not a number": Shape(one("DATA", "text,", "text,NaN"), says=died, said=None),
    "a flag that means nothing": Shape(one("DATA", "text,", "text,dead"), says=died, said=None),
    "an age of a part of a year": Shape(one("DATA", ",40,", ",0.08,"), says=age, said=0.08),
    "an age that is not a number": Shape(one("DATA", ",40,", ",NaN,"), says=age, said=None),
    "an age with a decimal comma": Shape(one("DATA", ",40,", ',"1,5",'), says=age, said=None),
    "a row of SYMPTOMS repeated": Shape(
        one("SYMPTOMS", "101,", "100,pyrexia,27.1,Pyrexia ,28.0,,,,,,\r\n101,"),
        says=lambda cases: [event.pt for event in cases[0].events],
        said=["Pyrexia"],
    ),
    "no row of SYMPTOMS": Shape(
        one("SYMPTOMS", "100,Pyrexia,27.1,,,,,,,,\r\n", ""),
        refused=["no_event", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "no row of VAX": Shape(
        one("VAX", "100,COVID19,MAKER,,1,,,COVID19 (COVID19 (M))\r\n", ""),
        refused=["no_vaccine", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "no row of DATA": Shape(
        one("DATA", "100,01/01/2021,TX,40,F,text,,,,,,,,,\r\n", ""),
        refused=["orphan_row", "orphan_row"],
        said=["VAERS-101", "VAERS-102"],
    ),
    "one part alone": Shape(
        {NAMES["DATA"]: plain()[NAMES["DATA"]]}, misused="has no 2021VAERSVAX.csv"
    ),
    "an ORDER that one part lacks": Shape(
        one("DATA", "NUMDAYS\r\n", "NUMDAYS,ORDER\r\n"), misused="its header lacks ORDER"
    ),
}  # fmt: skip


def packed(folder: Path, files: Files) -> Path:
    path = folder / "2021VAERSData.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpacked(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(path: Path) -> tuple[list[CaseVersion], list[Unusable]]:
    tally = RowCounts()
    items = list(Vaers().read(path, tally=tally))
    assert tally.is_balanced
    cases = [decode_case(item.line) for item in items if isinstance(item, Read)]
    return cases, [item for item in items if isinstance(item, Unusable)]


MADE = [(name, packed) for name in SHAPES] + [
    (name, unpacked) for name, shape in SHAPES.items() if not any("/" in f for f in shape.files)
]


@pytest.mark.parametrize(("name", "made"), MADE)
def test_a_shape_is_read_rightly_or_refused_with_a_true_reason(
    name: str, made: Callable[[Path, Files], Path], tmp_path: Path
) -> None:
    shape = SHAPES[name]
    path = made(tmp_path, shape.files)

    if shape.misused:
        with pytest.raises(Misused, match=shape.misused):
            read(path)
        return
    cases, bad = read(path)

    assert [item.code for item in bad] == shape.refused
    assert shape.says(cases) == shape.said


def test_a_row_two_fields_too_wide_is_named_as_the_reason_for_its_report(tmp_path: Path) -> None:
    files = one("SYMPTOMS", "100,Pyrexia,27.1,,,,,,,,", "100,Fever,chills,Pyrexia,27.1,,,,,,,,x")

    _, bad = read(packed(tmp_path, files))

    assert [(item.code, item.reason, item.remedy) for item in bad[:2]] == [
        (
            "wrong_columns",
            "the row has 13 columns, the header 11",
            "look for a comma outside quotes, or a line end inside a field",
        ),
        (
            "no_event",
            f"no row of SYMPTOMS of the report can be read: {bad[0].place} (wrong_columns)",
            "mend those rows",
        ),
    ]


def test_a_report_that_lost_one_of_its_rows_says_so(tmp_path: Path) -> None:
    files = one("VAX", "101,", "100,too,few\r\n101,")

    cases, bad = read(packed(tmp_path, files))

    assert [item.code for item in bad] == ["wrong_columns"]
    assert cases[0].provenance is not None
    assert cases[0].provenance.notes[0] == (
        "a row of the report cannot be read: 2021VAERSData.zip/2021VAERSVAX.csv:3 (wrong_columns)"
    )


def ordered() -> Files:
    """Return a year in which one report has two versions."""
    return {
        NAMES["DATA"]: f"{HEADERS['DATA']},ORDER\n"
        "9,01/05/2021,TX,22,M,,,,Y,,,N,,,,1\n"
        "9,02/10/2021,TX,22,M,,Y,,Y,,,,,,,2\n"
        "8,01/05/2021,TX,22,M,,,,,,,,,,,\n".encode(),
        NAMES["VAX"]: f"{HEADERS['VAX']},ORDER\n"
        "9,COVID19,,A1,1,,,ONE,1\n9,COVID19,,A1,1,,,ONE,2\n9,COVID19,,B2,2,,,TWO,2\n"
        "8,COVID19,,,,,,ONE,1\n".encode(),
        NAMES["SYMPTOMS"]: f"{HEADERS['SYMPTOMS']},ORDER\n"
        "9,Pyrexia,27.1,,,,,,,,,1\n9,Myocarditis,27.1,Death,27.1,,,,,,,2\n"
        "8,Pyrexia,27.1,,,,,,,,,1\n".encode(),
    }  # fmt: skip


def test_versions_that_the_file_numbers_are_versions_of_one_case(tmp_path: Path) -> None:
    (other, first, second), bad = read(packed(tmp_path, ordered()))

    assert bad == []
    assert (other.case_id, other.version) == ("VAERS-8", 1)
    assert {first.case_id, second.case_id} == {"VAERS-9"}
    assert (first.version, first.kind, first.received_on) == (1, "initial", date(2021, 1, 5))
    assert (second.version, second.kind, second.received_on) == (2, "follow_up", date(2021, 2, 10))
    assert first.first_received_on == second.first_received_on == date(2021, 1, 5)
    assert [event.pt for event in first.events] == ["Pyrexia"]
    assert [event.pt for event in second.events] == ["Myocarditis", "Death"]
    assert [bool(case.events[0].seriousness.death) for case in (first, second)] == [False, True]
    assert [product.lot for product in second.products] == ["A1", "B2"]


@pytest.mark.parametrize("order", ["0", "-1", "two", "1.5", "9" * 12])
def test_an_order_that_is_no_number_is_refused(order: str, tmp_path: Path) -> None:
    files = ordered()
    files[NAMES["VAX"]] = files[NAMES["VAX"]].replace(b"TWO,2", f"TWO,{order}".encode())

    cases, bad = read(packed(tmp_path, files))

    assert [item.code for item in bad] == ["bad_order"]
    assert len(cases) == 3


def test_a_row_of_a_version_that_is_not_there_is_an_orphan(tmp_path: Path) -> None:
    files = ordered()
    files[NAMES["VAX"]] = files[NAMES["VAX"]].replace(b"TWO,2", b"TWO,3")

    _, (bad,) = read(packed(tmp_path, files))

    assert (bad.code, bad.reason) == ("orphan_row", "DATA has no row of 9, ORDER 3,")
