"""E2B(R3) messages: what is kept of them, and what becomes of those that cannot be read."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from data import public

from surveillance.intake.e2b_r3 import E2B_R3
from surveillance.intake.format import Read
from surveillance.log.decode import decode_case

from .e2b_messages import FILES, INVENTED, numbered, pieces, sent

SCENARIOS = ("1", "2", "3", "5-1", "5-2", "8")


def scenario(name: str) -> dict[str, Any]:
    """Return one of FDA's instances as it is kept."""
    (read,) = E2B_R3.read(public(f"e2b_r3/FAERS2022Scenario{name}.xml"))
    assert isinstance(read, Read)
    found: dict[str, Any] = json.loads(read.line)
    return found


def at(record: Any, path: str) -> Any:  # noqa: ANN401 - a part of a JSON document
    """Return what stands at a path such as ``events.0.pt``; None if nothing does."""
    for name in path.split("."):
        if isinstance(record, list):
            record = record[int(name)] if int(name) < len(record) else None
        else:
            record = None if record is None else record.get(name)
    return record


# Read by hand from the XML. Everything here is the same in all six instances.
ALIKE: dict[str, Any] = {
    "source": "e2b",
    "kind": "initial",
    "reporter": "physician",
    "country": "US",
    "first_sender": "regulator",
    "sender_type": "1",
    "sender": "Big Pharma Drug",
    "has_documents": False,
    "patient.age": {"value": 48.0, "unit": "a"},
    "patient.age_years": 48.0,
    "patient.age_group": "adult",
    "patient.races": ["C41260", "C41219"],
    "patient.ethnicity": "C41222",
    "patient.history_sha256": hashlib.sha256(b"None").hexdigest(),
    "patient.past_drugs.0.name": "CureAll",
    "patient.past_drugs.0.product_id": "59762-2858",
    "patient.weight_kg": None,
    "patient.parent": None,
    "patient.death": None,
    "events.0.pt": "10027940",
    "events.0.llt": "10027940",
    "events.0.meddra_version": "25.0",
    "events.0.translation": "THROMBOSE VEINEUSE PROFONDE",
    "events.0.verbatim": None,
    "events.0.is_highlighted": True,
    "events.0.onset_on": "2014-10-10",
    "events.0.end_on": None,
    "events.0.country": "US",
    "events.0.outcome": "not_recovered",
    "events.0.seriousness": {"disabling": True, "other": True},
    "events.0.nulls": {
        "E.i.3.2a": "NI",
        "E.i.3.2b": "NI",
        "E.i.3.2c": "NI",
        "E.i.3.2e": "NI",
        "FDA.E.i.3.2h": "NI",
    },
    "events.1.pt": "10009896",
    "events.1.translation": "COLITE ISCHEMIQUE",
    "events.1.onset_on": "2014-10-10",
    "events.1.outcome": "recovered",
    "events.1.seriousness": {"other": True},
    "events.2": None,
    "products.0.role": "suspect",
    "products.0.product_id": "59762-2858",
    "products.0.country_obtained": "US",
    "products.0.indications": ["Embolism venous"],
    "products.0.coded_indications": None,
    "products.0.action_taken": "unknown",
    "products.0.doses.0.route": "Oral",
    "products.0.doses.0.lot": "UNKNOWN",
    "products.0.doses.0.nulls": {"G.k.4.r.4": "ASKU", "G.k.4.r.5": "ASKU"},
    "products.0.doses.1": None,
    "products.1.role": "suspect",
    "products.1.product_id": "894444-28525-765",
    "products.1.doses": None,
    "products.2.role": "concomitant",
    "products.2.authorisation": None,
    "products.3": None,
    "tests": None,
    "linked_case_ids": None,
    "other_ids": None,
    "nulls": {"C.1.9.1": "NI"},
    "provenance.notes": None,
}
POST_MARKET: dict[str, Any] = {
    "case_id": "US-APHARMA-8744554B",
    "report_type": None,  # spontaneous, the default
    "patient.sex": "male",
    "study": None,
    "products.0.product": "Drug A",
    "products.0.holder": "Big Pharma A Drug",
    "products.0.authorisation": "NDA012345",
    "products.0.authorisation_country": "US",
    "products.0.doses.0.route_code": "001",
    "products.1.product": "Drug B",
    "products.1.substances": ["Ingredient B"],
    "products.1.authorisation": "NDA012567",
    "products.1.holder": "Big Pharma B Drug",
    "products.2.product": "Drug C",
    "products.2.holder": "Big Pharma C Drug",
}
PRE_MARKET: dict[str, Any] = {
    "case_id": "US-APHARMA-8744554B",
    "sender_report_id": "US-APHARMA-8744554B",
    "patient.sex": "male",
    "is_expedited": True,
    "local_report_type": "1",
    "is_combination_product": False,
    "study.sponsor_number": "CT-00-00",
    "study.registrations": [{"number": "STUDY-US-001", "country": "US"}],
    "products.0.product": "MK-001",
    "products.0.substances": ["Ingredient X"],
    "products.0.authorisation": "IND123456",
    "products.1.product": "Drug B",
    "study.name": "Study ID$Abbreviated Trial Name",
    "study.ind": "123456",
    "study.pre_anda": None,
    "study.cross_reported_inds": ["222222", "333333"],
}
EXEMPT: dict[str, Any] = PRE_MARKET | {
    "case_id": "US-APHARMA-234545656",
    "sender_report_id": "US-APHARMA-234545656",
    "report_type": "study",
    "received_on": "2022-06-14",
    "first_received_on": "2022-06-14",
    "patient.sex": "female",
    "patient.past_drugs.0.start_on": "2009-01-01",
    "patient.past_drugs.0.end_on": "2009-01-01",
    "patient.past_drugs.0.indication_llt": "10001011",
    "patient.past_drugs.0.reaction_llt": "10020321",
    "study.name": "Abbreviated Trial Name",
    "study.type": "clinical_trial",
    "study.ind": None,
    "study.pre_anda": "054321",
    "study.cross_reported_inds": None,
    "products.0.substances": ["Ingredient TEST"],
    "products.0.additional_codes": None,  # FDA's list, where 1 is no counterfeit
    "products.2.product": "Drug A",
    "products.2.holder": "Generic Pharma A Drug",
}
EXPECTED: dict[str, dict[str, Any]] = {
    "1": POST_MARKET
    | {
        "sender_report_id": "US-APHARMA-8744554B",
        "received_on": "2022-06-14",
        "first_received_on": "2022-06-14",
        "is_expedited": True,
        "local_report_type": "1",
        "is_combination_product": False,
        "products.0.substances": ["Ingredient A"],
        "products.0.strengths": None,
        "products.0.devices": None,
        "assessments.0.opinions": [
            {
                "source": "PHARMACEUTICAL COMPANY",
                "method": "Global Introspection",
                "result": "Not Suspected",
            }
        ],
    },
    "2": POST_MARKET
    | {
        "sender_report_id": "US-APHARMA-8744554B-UPDATE-TESTING222",
        "received_on": "2022-06-15",
        "first_received_on": "2022-06-15",
        "is_expedited": False,
        "local_report_type": "2",
        "is_combination_product": True,
        "products.0.substances": ["ARGEMONE MEXICANA SEED OIL"],
        "products.0.strengths": [
            {
                "substance": "ARGEMONE MEXICANA SEED OIL",
                "term_id": "0Q5GP4Y4FL",
                "term_version": "12JUL2013",
                "strength": {"value": 3.0, "unit": "mg"},
            }
        ],
        "products.0.devices": [
            {
                "is_malfunction": True,
                "follow_up_types": ["2", "4"],
                "problem_codes": ["4001", "3003"],
                "brand": "Brand Name",
                "common_name": "Common Device Name",
                "product_code": "FMF",
                "manufacturer": "Manufacturer Name",
                "manufacturer_country": "US",
                "usage": "2",
                "lot": "4577BN2-product-2-device1",
                "operator": "1",
                "remedial_actions": ["6", "5"],
            }
        ],
    },
    "3": PRE_MARKET
    | {
        "report_type": "study",
        "received_on": "2022-06-15",
        "study.type": "clinical_trial",
        "products.0.doses.0.route_code": "001",
        "products.2.product": "Drug C",
    },
    "5-1": EXEMPT
    | {
        "products.0.product": "TEST",
        "products.0.authorisation": "Pre-ANDA054321",
        "products.0.fda_additional_codes": ["1"],
        "products.1.product": "RLD",
        "products.1.substances": ["Ingredient RLD"],
        "products.1.fda_additional_codes": ["2"],
    },
    "5-2": EXEMPT
    | {
        "products.0.product": "Vehicle Patch for Buprenorphine Transdermal System",
        "products.0.authorisation": "054321",
        "products.0.fda_additional_codes": ["2"],
        "products.1.product": "Positive Control System",
        "products.1.substances": None,
        "products.1.fda_additional_codes": None,
        "products.1.nulls": {"FDA.G.k.10a": "NA"},
    },
    "8": PRE_MARKET
    | {
        "report_type": None,
        "received_on": "2022-06-14",
        "study.type": None,
        "products.0.doses.0.route_code": "C38288",
        "products.2.product": "Drug C",
        "assessments.0.causality": "Related",
    },
}
# Product, event, and who found what: G.k.9.i.2.r, as the ids in the XML link them.
OPINIONS = {
    "1": [
        (0, 0, "PHARMACEUTICAL COMPANY", "Not Suspected"),
        (0, 1, "PRIMARY SOURCE REPORTER", "Suspected"),
        (1, 0, "PRIMARY SOURCE REPORTER", "Not Suspected"),
        (1, 1, "PHARMACEUTICAL COMPANY", "Not Suspected"),
    ],
    "2": [
        (0, 0, "PRIMARY SOURCE REPORTER", "Suspected"),
        (0, 1, "PHARMACEUTICAL COMPANY", "Not Suspected"),
        (1, 0, "PHARMACEUTICAL COMPANY", "Not Suspected"),
        (1, 1, "PRIMARY SOURCE REPORTER", "Not Suspected"),
    ],
    "3": [
        (0, 0, "Investigator", "Suspected"),
        (0, 1, "Sponsor", "Suspected"),
        (1, 0, "Investigator", "Not Suspected"),
        (1, 1, "Sponsor", "Suspected"),
    ],
    "5-1": [
        (0, 0, "INVESTIGATOR", "Suspected"),
        (0, 1, "SPONSOR", "Suspected"),
        (1, 0, "INVESTIGATOR", "Not Suspected"),
        (1, 1, "SPONSOR", "Suspected"),
    ],
    "5-2": [
        (0, 0, "INVESTIGATOR", "Suspected"),
        (0, 1, "SPONSOR", "Suspected"),
        (1, 0, "INVESTIGATOR", "Not Suspected"),
        (1, 1, "SPONSOR", "Suspected"),
    ],
    "8": [
        (0, 0, "INVESTIGATOR", "Related"),
        (0, 1, "SPONSOR", "Related"),
        (1, 0, "INVESTIGATOR", "Not Related"),
        (1, 1, "SPONSOR", "Related"),
    ],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_instance_of_the_fda_is_kept_field_by_field(name: str) -> None:
    found = scenario(name)

    for path, expected in (ALIKE | EXPECTED[name]).items():
        assert at(found, path) == expected, path


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_opinions_of_an_instance_link_the_drug_and_the_reaction_they_name(name: str) -> None:
    found = scenario(name)

    assert [
        (each["product"], each["event"], opinion["source"], opinion["result"])
        for each in found["assessments"]
        for opinion in each["opinions"]
    ] == OPINIONS[name]
    assert found["events"][1]["nulls"]["E.i.3.2d"] == "NI"


def test_one_worldwide_id_gathers_the_reports_of_several_senders_ids() -> None:
    found = [scenario(name) for name in SCENARIOS]

    gathered = [each for each in found if each["case_id"] == "US-APHARMA-8744554B"]
    assert len(gathered) == 4
    assert {each["sender_report_id"] for each in gathered} == {
        "US-APHARMA-8744554B",
        "US-APHARMA-8744554B-UPDATE-TESTING222",
    }


def test_an_invented_message_is_kept_field_by_field() -> None:
    (read,) = E2B_R3.read(INVENTED)

    assert isinstance(read, Read)
    expected = json.loads((FILES / "invented_e2b_r3.json").read_text(encoding="utf-8"))
    assert json.loads(read.line) == expected
    decode_case(read.line)


def test_what_is_free_text_is_digested_and_never_kept() -> None:
    (read,) = E2B_R3.read(INVENTED)

    assert isinstance(read, Read)
    found = json.loads(read.line)
    for path, text in {
        "narrative_sha256": "A narrative & its end. <PORR_IN049016UV> ",
        "patient.history_sha256": "History in words",
        "patient.parent.history_sha256": "Parent history",
        "reporter_comments_sha256": "reporter comment",
        "sender_comments_sha256": "sender comment",
        "native_summaries.0.sha256": "Zusammenfassung",
        "documents.0.sha256": "invented",
    }.items():
        assert at(found, path) == hashlib.sha256(text.encode()).hexdigest()
        assert text.encode() not in read.line or text == "invented"
    assert found["documents"][0]["n_bytes"] == len("invented")


def test_the_digest_of_a_message_is_that_of_its_bytes() -> None:
    (read,) = E2B_R3.read(INVENTED)

    assert isinstance(read, Read)
    expected = hashlib.sha256(pieces()[1]).hexdigest()
    assert decode_case(read.line).provenance.message_sha256 == expected  # type: ignore[union-attr] # it has one


def test_unknown_masked_not_asked_and_absent_are_four_things(tmp_path: Path) -> None:
    head, message, tail = pieces()
    written = b'<administrativeGenderCode code="2" codeSystem="1.0.5218"/>'
    kept = {}
    for flavour in (b"UNK", b"MSK", b"NASK", b""):
        instead = b'<administrativeGenderCode nullFlavor="%s"/>' % flavour if flavour else b""
        (read,) = sent(tmp_path, head + message.replace(written, instead, 1) + tail)
        assert isinstance(read, Read)
        patient = decode_case(read.line).patient
        assert patient.sex is None
        kept[flavour] = (patient.nulls or {}).get("D.5")

    assert kept == {b"UNK": "UNK", b"MSK": "MSK", b"NASK": "NASK", b"": None}


def test_a_batch_holds_many_messages_each_with_its_place(tmp_path: Path) -> None:
    head, message, tail = pieces()
    content = head + b"\n".join(numbered(n) for n in range(5)) + tail

    items = sent(tmp_path, content)

    assert [item.key for item in items if isinstance(item, Read)] == [
        f"DE-INVENTED-WORLD-{n}" for n in range(5)
    ]
    first, second = (decode_case(each.line).provenance for each in items[:2])  # type: ignore[union-attr] # read
    n_lines = message.count(b"\n") + 1
    assert first is not None
    assert second is not None
    assert (first.place, second.place) == ("sent.xml:10", f"sent.xml:{10 + n_lines}")


def test_a_nullification_retracts_with_its_reason(tmp_path: Path) -> None:
    head, message, tail = pieces()
    written = b'code="2" codeSystem="2.16.840.1.113883.3.989.2.1.1.5"'
    message = message.replace(written, written.replace(b'"2"', b'"1"', 1))

    (read,) = sent(tmp_path, head + message + tail)

    assert isinstance(read, Read)
    case = decode_case(read.line)
    assert (case.kind, case.reason) == ("nullification", "lot mended")


def test_a_prefix_of_the_namespace_changes_nothing(tmp_path: Path) -> None:
    whole = INVENTED.read_bytes().replace(b'xmlns="urn:hl7-org:v3"', b'xmlns:h="urn:hl7-org:v3"')
    comments = b"<!-- <PORR_IN049016UV> in a comment is no message -->"
    whole = whole.replace(comments, b"").replace(b"<!-- </PORR_IN049016UV> -->", b"")
    whole = whole.replace(b"<![CDATA[ <PORR_IN049016UV> ]]>", b" &lt;PORR_IN049016UV&gt; ")
    first, *tags = whole.split(b"<")
    whole = first + b"".join(_prefixed(tag) for tag in tags)

    (read,) = sent(tmp_path, whole)

    assert isinstance(read, Read)
    expected = json.loads((FILES / "invented_e2b_r3.json").read_text(encoding="utf-8"))
    found = json.loads(read.line)
    assert found.pop("provenance")
    assert expected.pop("provenance")
    assert found == expected


def _prefixed(tag: bytes) -> bytes:
    if tag.startswith((b"!", b"?")):
        return b"<" + tag
    return b"</h:" + tag[1:] if tag.startswith(b"/") else b"<h:" + tag


def test_elements_of_another_namespace_are_not_read_whatever_their_names(tmp_path: Path) -> None:
    begin, message, end = pieces()
    opening = re.compile(rb"(?<! )<(\w+)(?=[ />])")  # not those in character data
    inner = message.index(b"<id ")
    doubled = message[:inner] + opening.sub(rb'<xsi:\1 code="1" value="true"/><\1', message[inner:])
    (plain,), (mixed,) = (sent(tmp_path, begin + each + end) for each in (message, doubled))
    assert isinstance(plain, Read)
    assert isinstance(mixed, Read)
    found = [json.loads(each.line) for each in (plain, mixed)]
    for record in found:
        del record["provenance"]["message_sha256"]
    assert found[0] == found[1]
