"""MAUDE's files, joined by report."""

import shutil
import zipfile
from pathlib import Path

import pytest
from data import public

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused
from surveillance.intake.format import Read, Unusable
from surveillance.intake.maude import MAUDE
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case

DEVICE = "MDR_REPORT_KEY|DATE_RECEIVED|BRAND_NAME|GENERIC_NAME|LOT_NUMBER\n"
PATIENT = "MDR_REPORT_KEY|DATE_RECEIVED|SEQUENCE_NUMBER_OUTCOME\n"


def sent(folder: Path, **files: str) -> list[Read | Unusable]:
    """Read a folder of files, and see that every row is accounted for."""
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    tally = RowCounts()
    items = list(MAUDE.read(folder, tally=tally))
    assert tally.is_balanced
    return items


def cases(items: list[Read | Unusable]) -> list[CaseVersion]:
    assert all(isinstance(item, Read) for item in items)
    return [decode_case(item.line) for item in items if isinstance(item, Read)]


def codes(items: list[Read | Unusable]) -> list[str]:
    return [item.code for item in items if isinstance(item, Unusable)]


def test_rows_of_a_report_are_joined_whatever_their_order(tmp_path: Path) -> None:
    found = cases(
        sent(
            tmp_path,
            device2020=DEVICE
            + "9|01/04/2020|B||\n7|01/03/2020|PUMP|PUMPS|L1\n7|01/03/2020|TUBE||\n",
            patient=PATIENT + "7|01/03/2020|1. L; 2. R\n",
            mdrfoi="MDR_REPORT_KEY|REPORT_NUMBER|EVENT_TYPE|DATE_RECEIVED\n7|R-7|IN|01/03/2020\n",
        )
    )

    assert [case.case_id for case in found] == ["MAUDE-R-7", "MAUDE-9"]
    first = found[0]
    assert str(first.received_on) == "2020-01-03"
    assert [(each.product, each.lot) for each in first.products] == [("PUMP", "L1"), ("TUBE", None)]
    assert first.provenance is not None
    assert any("no term that could carry it" in note for note in first.provenance.notes)


def test_a_text_that_is_broken_over_lines_is_one_row(tmp_path: Path) -> None:
    texts = "MDR_REPORT_KEY|MDR_TEXT_KEY|TEXT\n7|1|In\n\nwords | of its own\n7|2|More\n"

    items = sent(tmp_path, device=DEVICE + "7|01/03/2020|PUMP||\n", foitext=texts)

    assert len(cases(items)) == 1


def test_rows_without_a_report_are_refused(tmp_path: Path) -> None:
    items = sent(
        tmp_path,
        device=DEVICE + "7|01/03/2020|PUMP||\n8||NO DATE||\n6|01/03/2020|||\n",
        patient=PATIENT + "nonsense\n5|01/03/2020|1. H\n",
    )

    assert codes(items) == ["bad_id", "orphan_row", "no_event", "bad_date"]
    assert len(items) == 5


def test_a_folder_without_reports_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="no MAUDE file"):
        sent(tmp_path, patient=PATIENT)
    with pytest.raises(Misused, match="MDR_REPORT_KEY"):
        sent(tmp_path, device="A|B\n1|2\n")


def test_the_sample_is_read_whole_from_a_folder_and_from_a_zip_file(tmp_path: Path) -> None:
    folder = tmp_path / "maude"
    folder.mkdir()
    for name in ("foidev.txt", "foitext.txt", "patient.txt"):
        shutil.copy(public(f"maude/{name}"), folder / name)
    with zipfile.ZipFile(tmp_path / "sent.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)

    found = cases(sent(folder))
    packed = cases(list(MAUDE.read(tmp_path / "sent.zip")))

    assert [case.case_id for case in found] == [case.case_id for case in packed]
    assert [case.case_id for case in found] == [
        "MAUDE-538836",
        "MAUDE-1511541",
        "MAUDE-1511542",
        "MAUDE-1511543",
        "MAUDE-1511544",
    ]
    last = found[1]  # read by hand from the file
    assert str(last.received_on) == "2009-10-06"
    assert (last.products[0].product, last.products[0].lot) == ("INRATIO", "210831PA")
    assert last.products[0].devices[0].product_code == "JPA"
    assert all(case.narrative_sha256 for case in found)


DEVICE_CODES = 'FDA_CODE,TERM,NCIT_CODE\n1546,Break,\n2682,"Leak, or splash",\n'
PATIENT_CODES = "2840,Pain\n2876,No clinical signs\n"


def of_problems(folder: Path, **files: str) -> CaseVersion:
    """Read one report with its problems, and perhaps FDA's tables of codes."""
    device = DEVICE + "7|01/03/2020|PUMP||\n"
    (found,) = cases(sent(folder, device=device, patient=PATIENT + "7|01/03/2020|1. H\n", **files))
    return found


def tables(folder: Path) -> None:
    (folder / "deviceproblemcodes.csv").write_text(DEVICE_CODES, encoding="utf-8")
    (folder / "patientproblemcodes.csv").write_text(PATIENT_CODES, encoding="utf-8")


@pytest.mark.parametrize(
    ("device_problems", "patient_problems"),
    [
        ("7|1546\n7|2682\n7|1546\n", "7|1|2840|2016/02/05 13:15:36|2016/02/05 13:15:36\n"),
        (
            "MDR_REPORT_KEY|DEVICE_PROBLEM_CODE\n7|1546\n7|2682\n",
            "MDR_REPORT_KEY|PATIENT_SEQUENCE_NO|PROBLEM_CODE|DATE_ADDED|DATE_CHANGED\n7|1|2840||\n",
        ),
    ],
)
def test_problems_are_events_under_the_terms_of_fdas_tables(
    tmp_path: Path, device_problems: str, patient_problems: str
) -> None:
    tables(tmp_path)

    case = of_problems(
        tmp_path, foidevproblem=device_problems, patientproblemcode_thru2025=patient_problems
    )

    names = ["Pain", "Device problem: Break", "Device problem: Leak, or splash"]
    assert [event.pt for event in case.events] == names
    assert all(event.seriousness.hospitalisation for event in case.events)


def test_a_code_without_its_table_stays_a_code(tmp_path: Path) -> None:
    case = of_problems(tmp_path, foidevproblem="7|1546\n", patientproblemcode="7|1|2840\n")

    assert [event.pt for event in case.events] == [
        "Patient problem: code 2840",
        "Device problem: code 1546",
    ]


def test_a_problem_without_its_report_is_refused(tmp_path: Path) -> None:
    items = sent(tmp_path, device=DEVICE + "7|01/03/2020|PUMP||\n", foidevproblem="8|1546\n")

    assert codes(items) == ["orphan_row"]
    assert len(items) == 2


def test_a_table_of_codes_that_is_none_stops_the_reading(tmp_path: Path) -> None:
    (tmp_path / "deviceproblemcodes.csv").write_text("a,b\nc,d\n", encoding="utf-8")

    with pytest.raises(Misused, match="no table of codes"):
        sent(tmp_path, device=DEVICE + "7|01/03/2020|PUMP||\n")


def test_problems_and_their_tables_are_read_from_zip_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("device2020.txt", DEVICE + "7|01/03/2020|PUMP||\n")
        archive.writestr("foidevproblem.txt", "7|1546\n")
        archive.writestr("deviceproblemcodes.csv", DEVICE_CODES)

    (case,) = cases(list(MAUDE.read(tmp_path / "all.zip")))

    assert [event.pt for event in case.events] == ["Device problem: Break"]
