"""CAERS: a row for each product, joined by report; layouts with and without dates."""

from pathlib import Path

import pytest
from data import public

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused
from surveillance.intake.caers import CAERS
from surveillance.intake.format import Read, Unusable
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case

OLD = (
    "RA_Report #,RA_CAERS Created Date,AEC_Event Start Date,PRI_Product Role,"
    "PRI_Reported Brand/Product Name,PRI_FDA Industry Name,CI_Age at Adverse Event,CI_Age Unit,"
    "CI_Gender,AEC_One Row Outcomes,SYM_One Row Coded Symptoms\n"
)
NEW = (
    "Date FDA First Received Case,Report ID,Date Event Occurred,Product Type,Product,"
    "Product Code,Description,Patient Age,Age Units,Sex,Case MedDRA Preferred Terms,Case Outcome\n"
)


def sent(tmp_path: Path, content: str) -> list[Read | Unusable]:
    path = tmp_path / "sent.csv"
    path.write_text(content, encoding="utf-8")
    tally = RowCounts()
    items = list(CAERS.read(path, tally=tally))
    assert tally.is_balanced
    return items


def cases(items: list[Read | Unusable]) -> list[CaseVersion]:
    assert all(isinstance(item, Read) for item in items)
    found = [decode_case(item.line) for item in items if isinstance(item, Read)]
    return sorted(found, key=lambda case: case.case_id)


@pytest.mark.parametrize(
    "content",
    [
        OLD + '1,1/2/2014,1/1/2014,Suspect,"A, B",Vit,18,Month(s),Female,"LIFE THREATENING, DEATH",'
        '"NAUSEA, RASH"\n2,1/3/2014,,Suspect,D,Vit,,Not Available,Male,,DEATH\n'
        '1,1/2/2014,1/1/2014,Concomitant,C,Vit,18,Month(s),Female,,"NAUSEA, RASH"\n',
        NEW + '1/2/2014,1,1/1/2014,SUSPECT,"A, B",54,Vit,18,month(s),Female,"Nausea, Rash",'
        '"Life Threatening, Death"\n1/3/2014,2,,SUSPECT,D,54,Vit,,,Male,Death,\n'
        '1/2/2014,1,1/1/2014,CONCOMITANT,C,54,Vit,18,month(s),Female,"Nausea, Rash",\n',
    ],
)
def test_both_layouts_give_a_case_a_report_with_all_its_products(
    tmp_path: Path, content: str
) -> None:
    first, second = cases(sent(tmp_path, content))

    assert (first.case_id, first.source) == ("CAERS-1", "caers")
    assert (str(first.received_on), str(first.events[0].onset_on)) == ("2014-01-02", "2014-01-01")
    assert [(each.product, each.role) for each in first.products] == [
        ("A, B", "suspect"),
        ("C", "concomitant"),
    ]
    assert [each.pt.upper() for each in first.events] == ["NAUSEA", "RASH"]
    assert first.events[0].seriousness.life_threatening is True
    assert first.events[0].seriousness.is_inherited
    assert (first.patient.sex, first.patient.age_years) == ("female", 1.5)
    assert second.patient.age_years is None


def test_a_report_without_a_day_of_receipt_is_refused(tmp_path: Path) -> None:
    items = sent(tmp_path, OLD + "1,,,Suspect,A,Vit,,,,,NAUSEA\n,1/2/2014,,Suspect,A,Vit,,,,,X\n")

    assert {item.code for item in items if isinstance(item, Unusable)} == {"bad_date", "bad_id"}
    assert len(items) == 2


def test_a_sample_without_dates_is_refused_row_by_row_with_the_remedy() -> None:
    items = list(CAERS.read(public("caers/caers_raw_sample.csv")))

    assert len(items) == 117
    assert all(isinstance(item, Unusable) and item.code == "bad_date" for item in items)
    assert "CAERS Created Date" in items[0].remedy  # type: ignore[union-attr] # refused


def test_a_day_that_the_user_adds_as_a_column_lets_such_reports_count(tmp_path: Path) -> None:
    text = public("caers/caers_raw_sample.csv").read_text(encoding="utf-8")
    header, *rows = text.splitlines()
    dated = [f"{header},CAERS Created Date", *(f"{row},2016-07-01" for row in rows)]

    found = cases(sent(tmp_path, "\n".join(dated)))

    assert {str(case.received_on) for case in found} == {"2016-07-01"}
    assert sum(len(case.products) for case in found) == 117


def test_a_file_without_its_columns_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="no column for product"):
        sent(tmp_path, "Report ID,Case MedDRA Preferred Terms\n1,X\n")
    with pytest.raises(Misused, match="holds no row"):
        sent(tmp_path, OLD)
