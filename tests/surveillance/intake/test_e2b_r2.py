"""E2B(R2), which FAERS publishes as XML."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from data import public

from surveillance.domain.errors import Misused
from surveillance.intake.e2b_r2 import E2B_R2
from surveillance.intake.format import Read, Unusable
from surveillance.log.decode import decode_case

INVENTED = Path(__file__).parent / "files/invented_e2b_r2.xml"
HEADER = b"<ichicsrmessageheader><messagetype>ichicsr</messagetype></ichicsrmessageheader>"


def invented() -> bytes:
    """Return the one report of the invented file."""
    after = INVENTED.read_bytes().partition(b"</ichicsrmessageheader>\n")[2]
    return after.removesuffix(b"\n</ichicsr>\n")


def sent(tmp_path: Path, report: bytes | None = None, doctype: bytes | None = None) -> Any:  # noqa: ANN401 - Read or Unusable
    report = invented() if report is None else report
    doctype = INVENTED.read_bytes().splitlines()[1] if doctype is None else doctype
    path = tmp_path / "sent.xml"
    whole = b'<?xml version="1.0" encoding="ISO-8859-1"?>\n' + doctype + b'<ichicsr lang="en">'
    path.write_bytes(whole + HEADER + report + b"</ichicsr>")
    (item,) = E2B_R2.read(path)
    return item


def test_a_report_is_kept_field_by_field(tmp_path: Path) -> None:
    case = decode_case(sent(tmp_path).line)

    assert (case.case_id, case.source, case.version) == ("DE-AUTHORITY-1", "e2b", 1)
    assert (case.sender_report_id, case.kind) == ("DE-INVENTED-1", "initial")
    assert (str(case.received_on), str(case.first_received_on)) == ("2010-02-02", "2010-01-01")
    assert (case.reporter, case.country, case.literature_ref) == (
        "other_professional",
        "DE",
        "J Inv 1",
    )
    assert case.linked_case_ids == ("L-1",)
    assert case.other_ids == ("DE-AUTHORITY-1", "D-1")
    assert case.patient.age_years == 1.5
    assert case.patient.death is not None
    assert case.patient.death.dates_as_stated == {"D.9.1": "2010-01"}
    assert case.patient.death.causes[0].name == "Sepsis"
    assert [(each.name, each.value, each.text) for each in case.tests] == [
        ("Ammonia", 120.0, None),
        ("Culture", None, "grew nothing"),
    ]
    assert case.narrative_sha256 is not None


def test_seriousness_is_inherited_from_the_report(tmp_path: Path) -> None:
    (event,) = decode_case(sent(tmp_path).line).events

    assert (event.pt, event.verbatim, event.outcome) == ("Rash", "Ausschlag", "unknown")
    assert event.seriousness.is_inherited
    assert event.seriousness.hospitalisation is True
    assert event.seriousness.death is False  # stated
    assert event.seriousness.disabling is None  # not stated


def test_a_report_that_is_not_serious_meets_no_criterion(tmp_path: Path) -> None:
    report = (
        invented()
        .replace(b"<serious>1", b"<serious>2")
        .replace(b"<seriousnesshospitalization>1</seriousnesshospitalization>", b"")
    )

    (event,) = decode_case(sent(tmp_path, report).line).events

    assert event.seriousness.disabling is False
    assert not event.seriousness.is_serious


def test_a_drug_keeps_dose_interval_and_opinion(tmp_path: Path) -> None:
    case = decode_case(sent(tmp_path).line)

    (product,) = case.products
    assert (product.role, product.product, product.lot) == ("suspect", "INVENTOGENE", "LOT-1")
    assert product.substances == ("INVENTOGENE VECTOR",)
    assert (product.action_taken, product.rechallenge) == ("withdrawn", "positive")
    (dose,) = product.doses
    assert (dose.amount, dose.unit) == (5.0, "mg")
    assert dose.route == "Intravenous (not otherwise specified)"
    assert (dose.start_on, str(dose.end_on)) == (None, "2010-01-01")
    assert dose.dates_as_stated == {"G.k.4.r.4": "2009"}
    (pair,) = case.assessments
    assert (pair.onset_days, pair.causality) == (1, "related")


def test_a_document_type_is_skipped_and_one_that_declares_anything_is_refused(
    tmp_path: Path,
) -> None:
    assert isinstance(sent(tmp_path, doctype=b""), Read)
    with pytest.raises(Misused, match="document type"):
        sent(tmp_path, doctype=b'<!DOCTYPE ichicsr [<!ENTITY a "b">]>')


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        (b"<receiptdate>20100202<", b"<receiptdate>soon<", "read"),  # the first day stands for it
        (b"<drugcharacterization>1<", b"<drugcharacterization>9<", "no_role"),
        (b"<patient>", b"<patient>&amp", "bad_xml"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, written: bytes, instead: bytes, code: str
) -> None:
    item = sent(tmp_path, invented().replace(written, instead))

    assert (item.code if isinstance(item, Unusable) else "read") == code


def test_a_nullification_retracts(tmp_path: Path) -> None:
    report = invented().replace(
        b"<reporttype>", b"<casenullification>1</casenullification><reporttype>"
    )

    assert decode_case(sent(tmp_path, report).line).kind == "nullification"


def test_the_sample_of_faers_is_read_report_by_report() -> None:
    items = list(E2B_R2.read(public("faers/faers_xml_ADR12Q4_e2br2_sample.xml")))

    assert all(isinstance(item, Read) for item in items)
    cases = [decode_case(item.line) for item in items if isinstance(item, Read)]
    assert [(case.case_id, case.version) for case in cases] == [
        ("FAERS-7795712", 2),
        ("FAERS-7795970", 5),
        ("FAERS-7668475", 3),
        ("FAERS-7757074", 2),
        ("FAERS-7735661", 3),
    ]
    assert {case.source for case in cases} == {"faers"}
    first = cases[0]  # read by hand from the XML
    assert (str(first.received_on), str(first.first_received_on)) == ("2012-10-03", "2011-01-18")
    assert (first.reporter, first.country, first.patient.sex) == ("lawyer", "US", "male")
    assert first.patient.weight_kg == 87.09
    assert first.other_ids == ("2011MA000142",)
    assert first.events[0].pt == "Tardive dyskinesia"
    assert first.events[0].meddra_version == "16.0"
    assert first.events[0].seriousness.other is True
    assert first.products[0].product == "METOCLOPRAMIDE"
    assert (first.products[0].doses[0].amount, first.products[0].doses[0].unit) == (10.0, "mg")
    assert sum(len(case.events) for case in cases) == 43
    assert sum(len(case.products) for case in cases) == 69
    assert msgspec.json.encode(cases[3].country) == b"null"  # COUNTRY NOT SPECIFIED
