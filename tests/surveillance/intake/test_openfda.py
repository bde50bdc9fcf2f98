"""openFDA's drug and device events."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from data import public

from surveillance.domain.errors import Misused
from surveillance.intake.format import Read, Unusable
from surveillance.intake.json_records import N_BYTES_RECORD_MAX
from surveillance.intake.openfda import OPENFDA
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case

DRUG: dict[str, Any] = {
    "safetyreportid": "10003300",
    "safetyreportversion": "2",
    "receivedate": "20140306",
    "receiptdate": "20140312",
    "serious": "1",
    "seriousnessother": "1",
    "primarysource": {"reportercountry": "US", "qualification": "1"},
    "companynumb": 'US-"X" {[1',
    "reportduplicate": {"duplicatesource": "X", "duplicatenumb": "US-X-1"},
    "patient": {
        "patientsex": "2",
        "reaction": [{"reactionmeddrapt": "Nausea", "reactionoutcome": "1"}],
        "drug": [
            {
                "drugcharacterization": "1",
                "medicinalproduct": "TYLENOL 3",
                "openfda": {"substance_name": ["CODEINE PHOSPHATE", "ACETAMINOPHEN"]},
            },
            {
                "drugcharacterization": "2",
                "medicinalproduct": "ASPIRIN",
                "activesubstance": {"activesubstancename": "ASPIRIN\\CAFFEINE"},
                "openfda": {"substance_name": ["ASPIRIN"]},
            },
        ],
    },
}
DEVICE: dict[str, Any] = {
    "mdr_report_key": "1",
    "report_number": "R-1",
    "event_type": "Injury",
    "date_received": "20200103",
    "date_of_event": "20200101",
    "product_problems": ["Leak/Splash"],
    "device": [{"brand_name": "PUMP", "generic_name": "INTRATHECAL PUMP", "lot_number": "L1"}],
    "patient": [
        {
            "sequence_number_outcome": ["Hospitalization", "Required Intervention"],
            "patient_age": "54 YR",
            "patient_sex": "Female",
            "patient_weight": "70 KG",
            "patient_problems": ["Overdose"],
        }
    ],
    "mdr_text": [{"text": "In words."}],
}


def sent(tmp_path: Path, content: bytes | str, name: str = "sent.json") -> list[Read | Unusable]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    tally = RowCounts()
    items = list(OPENFDA.read(path, tally=tally))
    assert tally.is_balanced
    assert sum(each.n_read for each in tally.files.values()) == len(items)
    return items


def bulk(*records: dict[str, Any], indent: int | None = 2) -> str:
    return json.dumps({"meta": {"a": [{"b": "]}"}]}, "results": list(records)}, indent=indent)


def numbered(n: int) -> dict[str, Any]:
    return DRUG | {"safetyreportid": str(n)}


@pytest.mark.parametrize(
    "content",
    [
        bulk(DRUG),
        bulk(DRUG, indent=None),
        json.dumps([DRUG]),
        json.dumps(DRUG),
        '{"results":[' + json.dumps(DRUG) + "]}",
    ],
)
def test_a_bulk_file_a_page_a_list_and_a_lone_record_are_read_alike(
    tmp_path: Path, content: str
) -> None:
    (item,) = sent(tmp_path, content)

    assert isinstance(item, Read)
    case = decode_case(item.line)
    assert (case.case_id, case.source, case.version) == ("FAERS-10003300", "faers", 2)
    assert str(case.received_on) == "2014-03-12"
    assert case.other_ids == ('US-"X" {[1', "US-X-1")
    assert case.events[0].seriousness.is_inherited


def test_substances_are_those_of_the_report_or_else_openfdas(tmp_path: Path) -> None:
    (item,) = sent(tmp_path, bulk(DRUG))

    assert isinstance(item, Read)
    harmonised, own = decode_case(item.line).products
    assert harmonised.substances == ("CODEINE PHOSPHATE", "ACETAMINOPHEN")
    assert own.substances == ("ASPIRIN", "CAFFEINE")


def test_a_device_event_keeps_problems_of_the_patient_and_of_the_device(tmp_path: Path) -> None:
    (item,) = sent(tmp_path, bulk(DEVICE))

    assert isinstance(item, Read)
    case = decode_case(item.line)
    assert (case.case_id, case.source, case.sender_report_id) == ("MAUDE-R-1", "maude", "1")
    assert [event.pt for event in case.events] == ["Overdose", "Device problem: Leak/Splash"]
    assert case.events[0].seriousness.hospitalisation is True
    assert case.events[0].seriousness.intervention is True
    assert case.events[0].seriousness.death is None
    assert (case.patient.age_years, case.patient.sex, case.patient.weight_kg) == (54, "female", 70)
    (product,) = case.products
    assert (product.product, product.lot) == ("PUMP", "L1")
    assert product.devices[0].common_name == "INTRATHECAL PUMP"


def test_a_malfunction_without_a_patient_is_a_report(tmp_path: Path) -> None:
    lone = {k: v for k, v in DEVICE.items() if k not in {"patient", "product_problems"}}

    (item,) = sent(tmp_path, bulk(lone))

    assert isinstance(item, Read)
    case = decode_case(item.line)
    assert (case.events, len(case.products)) == ((), 1)


def test_one_broken_record_costs_none_of_the_others(tmp_path: Path) -> None:
    broken = json.dumps(numbered(2)).replace('"serious"', "serious")
    records = [json.dumps(numbered(1)), broken, json.dumps(numbered(3))]

    items = sent(tmp_path, '{"results": [\n' + ",\n".join(records) + "\n]}")

    assert [getattr(item, "code", "read") for item in items] == ["read", "not_json", "read"]
    refused = items[1]
    assert isinstance(refused, Unusable)
    assert refused.place == "sent.json:3"
    assert refused.content == broken.encode()


@pytest.mark.parametrize("n_bytes", [1, 40, 300, 600])
def test_a_file_that_was_cut_off_keeps_the_records_before(tmp_path: Path, n_bytes: int) -> None:
    content = bulk(numbered(1), numbered(2), indent=None)

    items = sent(tmp_path, content[:-n_bytes])

    assert isinstance(items[0], Read)
    assert isinstance(items[-1], Unusable) or n_bytes == 1
    assert all(item.code in {"cut_off", "not_json"} for item in items if isinstance(item, Unusable))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "begins with neither"),
        ("[]", "holds no report"),
        ('{"results": []}', "holds no report"),
        ('[{"a": "', "ends within a record"),
        ("[" + "[" * 1000, "not ended"),
        ('[{"a":' + "[" * 1_000, "more than 100 levels"),
    ],
)
def test_a_file_that_is_none_cannot_be_read(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(Misused, match=reason):
        sent(tmp_path, content)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"receiptdate": "x", "receivedate": "2014"}, "bad_date"),
        ({"patient": {}}, "no_event"),
        ({"patient": {"drug": [{"medicinalproduct": "X"}]}}, "no_role"),
        ({"patient": {"drug": "none", "reaction": 7}}, "no_event"),
        ({"safetyreportid": ["1"], "companynumb": {}}, "no_id"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    (item,) = sent(tmp_path, bulk(DRUG | changes))

    assert isinstance(item, Unusable)
    assert item.code == code


def test_a_record_of_another_kind_is_refused(tmp_path: Path) -> None:
    (item,) = sent(tmp_path, bulk({"recall_number": "1"}))

    assert isinstance(item, Unusable)
    assert item.code == "wrong_shape"


def test_a_record_without_end_is_refused_before_it_is_whole(tmp_path: Path) -> None:
    content = '[{"a": "' + "x" * (3 * N_BYTES_RECORD_MAX)

    with pytest.raises(Misused, match="has over"):
        sent(tmp_path, content)


def test_packed_files_are_read_as_plain_ones(tmp_path: Path) -> None:
    packed = gzip.compress(bulk(DRUG).encode())
    with zipfile.ZipFile(tmp_path / "b.json.zip", "w") as archive:
        archive.writestr("drug-event-0001-of-0001.json", bulk(DRUG, DEVICE))

    assert len(sent(tmp_path, packed, "a.json.gz")) == 1
    assert len(list(OPENFDA.read(tmp_path / "b.json.zip"))) == 2


@pytest.mark.parametrize("name", ["pre", "post"])
def test_the_samples_of_openfda_are_read(name: str) -> None:
    (item,) = OPENFDA.read(public(f"openfda/event.{name}annotation.json"))

    assert isinstance(item, Read)
    case = decode_case(item.line)  # read by hand from the JSON
    assert (case.case_id, str(case.received_on)) == ("FAERS-4562564", "2003-04-07")
    assert (case.patient.sex, case.patient.age_years) == ("female", 62)
    assert case.other_ids == ("US-MERCK-0304USA00739",)
    first = case.products[0]
    assert (first.product, first.role, first.indications) == ("VIOXX", "suspect", ("PAIN",))
    assert (str(first.doses[0].start_on), str(first.doses[0].end_on)) == (
        "2000-09-18",
        "2001-05-01",
    )
    assert first.doses[0].route == "Oral"
