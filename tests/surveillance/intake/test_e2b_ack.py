"""Acknowledgements: what is accepted and rejected, and the form of the answer."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from data import public
from lxml import etree

from surveillance.domain.errors import Misused
from surveillance.intake.e2b_ack import Acknowledged, Numbered, acknowledged, written
from surveillance.intake.fda_rules import rules

INVENTED = Path(__file__).parent / "files/invented_e2b_r3.xml"
AT = datetime(2024, 3, 6, 12, tzinfo=UTC)
NUMBERED = Numbered("N1", AT)


def clean() -> bytes:
    """Return the invented batch, mended until no rule of FDA's is broken."""
    content = INVENTED.read_bytes()
    for written_so, instead in (
        (b'extension="CDER"', b'extension="CDER_IND"'),
        (b'extension="ZZFDA"', b'extension="ZZFDA_PREMKT"'),
        (b'<name nullFlavor="MSK"/>\n', b"<name>AGGREGATE</name>\n"),
        (b'code="C41260"', b'nullFlavor="NA"'),
        (b'<value xsi:type="CE" nullFlavor="UNK"/>', b'<value xsi:type="CE" nullFlavor="NA"/>'),
        (b"<originalText>never coded", b'<originalText language="eng">never coded'),
    ):
        assert written_so in content
        content = content.replace(written_so, instead)
    return content


def judged(tmp_path: Path, content: bytes, **options: Any) -> Acknowledged:  # noqa: ANN401 - of it
    path = tmp_path / "sent.xml"
    path.write_bytes(content)
    ((name, found),) = acknowledged(path, **options)
    assert name == "sent.xml"
    return found


def test_a_batch_that_breaks_no_rule_is_accepted(tmp_path: Path) -> None:
    found = judged(tmp_path, clean())

    assert (found.code, found.batch_id) == ("AA", "BATCH-1")
    assert (found.sender, found.receiver) == ("INVENTED", "ZZFDA_PREMKT")
    assert found.sent == "20240305120000+0100"
    (verdict,) = found.verdicts
    assert verdict.code == "CA"
    assert verdict.text == "Report Loaded Successfully"
    assert (verdict.message_id, verdict.created) == ("DE-INVENTED-1", "20240305115900+0100")


# What is changed in the batch that breaks no rule, and the rule that then is broken.
BREACHES = [
    (b'extension="CDER_IND"', b'extension="CDER"', "R0007"),
    (b'extension="INVENTED" root="2.16.840.1.113883.3.989.2.1.3.11"', b'extension="B"', "R0100"),
    (b"<title>Discharge letter</title>", b"", "R0009"),
    (b'representation="B64"', b'representation="TXT"', "R0010"),
    (b' assigningAuthorityName="Somebody"', b"", "R0017"),
    (b' extension="OTHER-1"', b"", "R0018"),
    (b"<originalText>lot mended</originalText>", b"", "C.1.11.2"),
    (b'<priorityNumber value="1"/>', b"", "R0021"),
    (b'<code code="1" codeSystem="2.16.840.1.113883.3.989.2.1.1.8"/>', b"", "R0023"),
    (b'root="2.16.840.1.113883.3.989.5.1.2.2.1.2.1"', b'root="x"', "R0024"),
    (b'root="2.16.840.1.113883.3.989.5.1.2.2.1.2.3"', b'root="x"', "R0026"),
    (b'value="18" unit="mo"', b'value="18"', "R0030"),
    (b'value="30" unit="wk"', b'unit="wk"', "R0031"),
    (b'codeSystem="2.16.840.1.113883.6.163" codeSystemVersion="27.0"/><effectiveTime',
     b'codeSystem="2.16.840.1.113883.6.163"/><effectiveTime', "R0033"),
    (b"<name>OLDDRUG</name>", b"", "R0036"),
    (b"<originalText>reported cause</originalText>", b"", "R0044"),
    (b"<originalText>autopsy cause</originalText>", b"", "R0048"),
    (b' language="deu">Ausschlag', b">Ausschlag", "R0058"),
    (b'<width value="5" unit="d"/>', b'<width value="5"/>', "R0060"),
    (b'<effectiveTime value="20240116"/>', b"", "R0061"),
    (b'value="120" unit="umol/L"', b'value="120"', "R0067"),
    (b'<doseQuantity value="2.5" unit="mg"/>', b'<doseQuantity value="2.5"/>', "R0075"),
    (b'<period value="7" unit="d"/>', b'<period value="7"/>', "R0076"),
    (b'<pauseQuantity value="36" unit="h"/>', b'<pauseQuantity value="36"/>', "R0089"),
    (b'<pauseQuantity value="30" unit="min"/>', b'<pauseQuantity unit="min"/>', "R0090"),
    (b'<code code="C54451"', b'<code code="x"', "R0093"),
    (b' language="deu">Zusammenfassung', b">Zusammenfassung", "R0099"),
    (b"AGGREGATE", b"AB", "W0010"),
]  # fmt: skip


@pytest.mark.parametrize(("written_so", "instead", "rule"), BREACHES)
def test_a_broken_rule_is_named(
    tmp_path: Path, written_so: bytes, instead: bytes, rule: str
) -> None:
    content = clean()
    assert written_so in content

    (verdict,) = judged(tmp_path, content.replace(written_so, instead)).verdicts

    named = [each.partition(":")[0] for each in verdict.text.split(";")]
    assert rule in named
    assert verdict.code == ("CA" if all(each.startswith("W") for each in named) else "CR")


def test_the_rules_are_applied_to_batches_sent_to_fda_alone(tmp_path: Path) -> None:
    content = INVENTED.read_bytes()

    (verdict,) = judged(tmp_path, content.replace(b"ZZFDA", b"EVHUMAN")).verdicts

    assert verdict.code == "CA"


def test_messages_that_cannot_be_read_are_rejected_and_the_others_accepted(tmp_path: Path) -> None:
    content = clean()
    begin = content.index(b"\n<PORR_IN049016UV>") + 1
    end = content.index(b"\n</PORR_IN049016UV>") + len(b"\n</PORR_IN049016UV>")
    message = content[begin:end]
    undated = message.replace(b'<availabilityTime value="20240301"/>', b"")

    found = judged(tmp_path, content[:end] + undated + content[end:])

    assert found.code == "AE"
    assert [each.code for each in found.verdicts] == ["CA", "CR"]
    assert found.verdicts[1].text.startswith("C.1.5 is missing")


def test_a_batch_that_is_cut_off_is_rejected_as_a_whole(tmp_path: Path) -> None:
    found = judged(tmp_path, clean()[:-40])

    assert found.code == "AR"
    assert "ends before its last tag" in found.text


def test_a_report_of_the_future_is_rejected(tmp_path: Path) -> None:
    found = judged(tmp_path, clean(), today=date(2024, 2, 1))

    assert found.verdicts[0].text == "C.1.5 contains Future date"


def test_nobody_is_answered_who_sent_no_batch(tmp_path: Path) -> None:
    with pytest.raises(Misused):
        judged(tmp_path, b"<html/>")


def shape(content: bytes) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield the elements of a document with their attributes, those apart that differ by batch."""
    varied = {"extension", "value", "typeCode", "schemaLocation"}
    for node in etree.fromstring(content).iter(etree.Element):
        kept = {name.rpartition("}")[2]: value for name, value in node.attrib.items()}
        attributes = sorted(item for item in kept.items() if item[0] not in varied)
        yield node.tag, tuple(attributes)


@pytest.mark.parametrize(("sample", "code"), [("positive", "AA"), ("negative", "AE")])
def test_an_acknowledgement_has_the_form_of_fdas_samples(
    tmp_path: Path, sample: str, code: str
) -> None:
    expected = public(f"e2b_r3/R3ack-{sample}.ack").read_bytes()
    content = clean() if code == "AA" else INVENTED.read_bytes()

    found = judged(tmp_path, content)

    assert found.code == code
    assert list(shape(written(found, NUMBERED).encode())) == list(shape(expected))


def test_the_batch_that_fda_accepted_in_its_sample_is_accepted_here() -> None:
    sample = etree.fromstring(public("e2b_r3/R3ack-positive.ack").read_bytes())
    space = {"h": "urn:hl7-org:v3"}

    ((_, found),) = acknowledged(public("e2b_r3/FAERS2022Scenario1.xml"))

    (stated,) = sample.xpath("h:acknowledgement", namespaces=space)
    assert found.code == stated.get("typeCode") == "AA"
    assert found.batch_id == stated.xpath("h:targetBatch/h:id/@extension", namespaces=space)[0]
    (verdict,) = found.verdicts
    assert (verdict.code, verdict.text) == ("CA", "Report Loaded Successfully")


def test_every_published_rule_is_evaluated_or_says_why_not() -> None:
    path = public("e2b_r3/rejection_warning_rules.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        published = {
            row[5].strip() for row in csv.reader(file) if len(row) > 6 and row[3:5] != ["", ""]
        }

    ours = {rule.id for rule in rules()}
    assert {each for each in published if each[:1] in "RW" and each[1:].isdigit()} <= ours
    assert all(bool(rule.broken) != bool(rule.not_evaluated_because) for rule in rules())


def test_words_that_xml_cannot_hold_are_written_so_that_it_can(tmp_path: Path) -> None:
    found = judged(tmp_path, clean())
    verdict = found.verdicts[0]._replace(code="CR", text='a < b & "c"\x00' + "d" * 300)

    text = written(found._replace(verdicts=(verdict,)), NUMBERED)

    (kept,) = etree.fromstring(text.encode()).xpath(
        "//h:targetMessage/../h:acknowledgementDetail/h:text/text()",
        namespaces={"h": "urn:hl7-org:v3"},
    )
    assert kept.startswith('a < b & "c" ddd')
    assert len(kept) == 250
