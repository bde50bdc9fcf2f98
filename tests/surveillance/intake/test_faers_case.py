"""What a report's fields mean. How its rows are found: test_faers.py."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from data import public
from faers_quarters import DEMO, DRUG, THER, Layout, Tables, files, packed, tables

from surveillance.domain.case import CaseVersion, Dose
from surveillance.intake.faers import FAERS
from surveillance.intake.format import Read
from surveillance.log.decode import decode_case


def the_case(tmp_path: Path, facts: Tables, layout: Layout = "2014Q3") -> CaseVersion:
    """Write a report, and read it."""
    (found,) = FAERS.read(packed(tmp_path / "q.zip", files(facts, layout=layout)))
    assert isinstance(found, Read)
    return decode_case(found.line)


def of_demo(tmp_path: Path, **changed: str) -> CaseVersion:
    return the_case(tmp_path, tables(demo=DEMO | changed))


def notes(case: CaseVersion) -> tuple[str, ...]:
    assert case.provenance is not None
    return case.provenance.notes


def test_three_real_reports_read_by_hand() -> None:
    lines = {
        read.key: decode_case(read.line)
        for name in ("faers/aers_ascii_2004q1.zip", "faers/faers_ascii_2017q2.zip")
        for read in FAERS.read(public(name))
        if isinstance(read, Read)
    }

    legacy = lines["FAERS-4061110"]  # ISR 4263742
    assert (legacy.version, legacy.kind, legacy.received_on) == (
        4_263_742,
        "initial",
        date(2004, 1, 2),
    )
    assert (legacy.patient.sex, legacy.patient.age_years) == ("female", 42)
    assert [event.pt for event in legacy.events][:2] == ["DIARRHOEA", "INTENTIONAL OVERDOSE"]
    assert [product.product for product in legacy.products] == [
        "TAVOR", "ALCOHOL", "CITALOPRAM", "ZYPREXA",
    ]  # fmt: skip
    assert all(event.seriousness.hospitalisation for event in legacy.events)
    weighed = lines["FAERS-4057482"]  # ISR 4265584: 152 LBS, reported directly
    assert weighed.patient.weight_kg == 68.946
    assert (weighed.report_type, weighed.reporter) == ("spontaneous", "physician")
    modern = lines["FAERS-10979236"]  # version 4
    assert (modern.version, modern.kind, modern.reporter) == (4, "follow_up", "consumer")
    assert (modern.received_on, modern.first_received_on) == (date(2017, 4, 6), date(2015, 4, 2))
    assert modern.events[0].dates_as_stated == {"E.i.4": "2003"}
    assert modern.products[0].substances == ("RISPERIDONE",)
    assert modern.sender == "JANSSEN"
    assert modern.other_ids == ("US-JNJFOC-20150315823",)


@pytest.mark.parametrize(
    ("code", "criterion"),
    [
        ("DE", "death"), ("LT", "life_threatening"), ("HO", "hospitalisation"),
        ("DS", "disabling"), ("CA", "congenital_anomaly"), ("RI", "intervention"), ("OT", "other"),
    ],
)  # fmt: skip
def test_an_outcome_is_a_criterion_of_every_event_and_inherited(
    tmp_path: Path, code: str, criterion: str
) -> None:
    case = the_case(tmp_path, tables(reac=["Rash", "Pyrexia"], outc=[code]))

    for event in case.events:
        assert event.seriousness.is_inherited
        assert getattr(event.seriousness, criterion) is True
        assert event.is_fatal == (code == "DE")


def test_a_report_without_outcomes_does_not_state_that_it_is_not_serious(tmp_path: Path) -> None:
    seriousness = the_case(tmp_path, tables(outc=[])).events[0].seriousness

    assert seriousness.death is None
    assert seriousness.is_inherited


@pytest.mark.parametrize(
    ("text", "unit", "years"),
    [
        ("42", "YR", 42), ("18", "MON", 1.5), ("4", "DEC", 40), ("2", "dy", 0.0055),
        ("131", "YR", None), ("-1", "YR", None), ("5", "", None), ("x", "YR", None),
    ],
)  # fmt: skip
def test_an_age_is_in_years_or_left_out_with_a_note(
    tmp_path: Path, text: str, unit: str, years: float | None
) -> None:
    case = of_demo(tmp_path, age=text, age_cod=unit)

    assert case.patient.age_years == years
    assert [note.split(":")[0] for note in notes(case)] == ([] if years else ["AGE"])


@pytest.mark.parametrize(
    ("text", "onset_on", "stated"),
    [
        ("20120105", date(2012, 1, 5), None),
        ("201201", None, {"E.i.4": "2012-01"}),
        ("2012", None, {"E.i.4": "2012"}),
        ("20120303", None, None),  # the day after receipt
        ("20120230", None, None),
        ("201213", None, None),
    ],
)
def test_a_date_is_a_day_or_what_was_stated_and_never_invented(
    tmp_path: Path, text: str, onset_on: date | None, stated: dict[str, str] | None
) -> None:
    case = of_demo(tmp_path, event_dt=text)

    assert case.events[0].onset_on == onset_on
    assert case.events[0].dates_as_stated == stated
    assert bool(notes(case)) == (onset_on is None and stated is None)


def test_the_primary_suspect_comes_first_and_every_role_is_known(tmp_path: Path) -> None:
    roles = {"1": "C", "2": "SS", "3": "PS", "4": "I", "5": "DN"}
    drugs = [DRUG | {"drug_seq": seq, "role_cod": role} for seq, role in roles.items()]

    case = the_case(tmp_path, tables(drug=drugs))

    assert [product.role for product in case.products] == [
        "suspect", "concomitant", "suspect", "interacting", "not_administered",
    ]  # fmt: skip


def test_a_combination_is_split_at_the_separator_of_the_fda(tmp_path: Path) -> None:
    drug = DRUG | {"prod_ai": "ATOVAQUONE\\PROGUANIL  HYDROCHLORIDE\\ATOVAQUONE"}

    (product,) = the_case(tmp_path, tables(drug=[drug])).products

    assert product.substances == ("ATOVAQUONE", "PROGUANIL HYDROCHLORIDE")


def test_a_drug_without_a_name_has_that_of_its_substance_or_is_left_out(tmp_path: Path) -> None:
    drugs = [
        DRUG | {"drugname": "", "prod_ai": "ROFECOXIB"},
        DRUG | {"drug_seq": "2", "drugname": ""},
    ]

    case = the_case(tmp_path, tables(drug=drugs))

    assert [product.product for product in case.products] == ["ROFECOXIB"]
    assert notes(case) == ("DRUGNAME: empty, and no PROD_AI; drug left out",)


def test_each_therapy_is_a_dose_of_its_own_drug(tmp_path: Path) -> None:
    ther = [THER, THER | {"start_dt": "201202", "end_dt": ""}, THER | {"drug_seq": "2"}]
    drugs = [DRUG | {"dose_amt": "25", "dose_unit": "MG"}, DRUG | {"drug_seq": "2", "route": ""}]

    one, other = the_case(tmp_path, tables(drug=drugs, ther=ther)).products

    given: dict[str, Any] = {"amount": 25.0, "unit": "MG", "route": "Oral"}
    assert one.doses == (
        Dose(start_on=date(2011, 12, 1), end_on=date(2012, 1, 6), **given),
        Dose(dates_as_stated={"G.k.4.r.4": "2012-02"}, **given),
    )
    assert other.doses == (Dose(start_on=date(2011, 12, 1), end_on=date(2012, 1, 6)),)


@pytest.mark.parametrize(
    ("text", "code"),
    [("US", "US"), ("UNITED KINGDOM", "GB"), ("Korea, Republic of", "KR"), ("ATLANTIS", None)],
)
def test_a_country_is_a_code_or_a_name_that_is_known(
    tmp_path: Path, text: str, code: str | None
) -> None:
    case = the_case(tmp_path, tables(demo=DEMO | {"reporter_country": text}), "legacy")

    assert case.country == code
    assert bool(notes(case)) == (code is None)


@pytest.mark.parametrize(
    ("rpsr", "rept_cod", "report_type"),
    [(["FGN", "SDY"], "EXP", "study"), (["HP"], "EXP", "spontaneous"), ([], "DIR", "spontaneous"),
     ([], "PER", "unknown")],
)  # fmt: skip
def test_the_type_of_a_report_is_what_its_sources_state(
    tmp_path: Path, rpsr: list[str], rept_cod: str, report_type: str
) -> None:
    case = the_case(tmp_path, tables(demo=DEMO | {"rept_cod": rept_cod}, rpsr=rpsr))

    assert case.report_type == report_type


def test_dechallenge_and_rechallenge_stay_with_the_drug(tmp_path: Path) -> None:
    (product,) = the_case(tmp_path, tables(reac=["Rash", "Pyrexia"])).products

    assert (product.dechallenge, product.rechallenge) == ("positive", "not_done")


def test_what_is_too_long_is_cut_with_a_note(tmp_path: Path) -> None:
    case = of_demo(tmp_path, lit_ref="x" * 600, mfr_num="y" * 200)

    assert case.literature_ref == "x" * 500
    assert len(case.other_ids[0]) == 120
    assert len(notes(case)) == 2


@pytest.mark.parametrize("name", ["faers/aers_ascii_2004q1.zip", "faers/faers_ascii_2017q2.zip"])
def test_a_line_is_what_the_encoder_makes_of_the_record(name: str) -> None:
    encode = msgspec.json.Encoder().encode

    for read in FAERS.read(public(name)):
        assert isinstance(read, Read)
        assert encode(decode_case(read.line)) == read.line


def test_a_line_of_odd_values_is_what_the_encoder_makes_of_the_record(tmp_path: Path) -> None:
    drug = DRUG | {
        "drugname": 'OF "A"', "prod_ai": "a\\B \\é", "dose_amt": "1.50", "dose_unit": "\u00b5g",
        "nda_num": " 7\t8 ", "rechal": "y", "lot_num": "\\",
    }  # fmt: skip
    demo = DEMO | {"mfr_num": "x\u2028y", "age": ".5", "event_dt": "201201", "sex": "?"}

    (read,) = FAERS.read(packed(tmp_path / "q.zip", files(tables(demo=demo, drug=[drug]))))

    assert isinstance(read, Read)
    case = decode_case(read.line)
    assert msgspec.json.encode(case) == read.line
    (product,) = case.products
    assert (product.product, product.substances) == ('OF "A"', ("a", "B", "é"))
    assert (product.lot, product.authorisation, product.rechallenge) == ("\\", "7 8", "positive")
    assert product.doses[0].amount == 1.5
    assert notes(case) == ("SEX: not a code of ASC_NTS (?)",)
