"""Acknowledgements of E2B(R3) batches, in the form that FDA's samples have.

Each message is accepted (CA) or rejected (CR) with the reasons; the batch is accepted (AA),
accepted with errors in some messages (AE), or rejected as a whole (AR).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from surveillance.domain.errors import Misused, Refused
from surveillance.intake import xml_files
from surveillance.intake.e2b_r3 import KIND, case_of
from surveillance.intake.e2b_r3_nodes import child
from surveillance.intake.fda_rules import Envelope, broken_rules
from surveillance.intake.xml_parts import Broken, Head, Message, Outside, parse, split

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime
    from pathlib import Path

    from surveillance.intake.xml_parts import Element

BatchCode = Literal["AA", "AE", "AR"]
MessageCode = Literal["CA", "CR"]
_N_TEXT_MAX = 250  # ACK.B.r.7 and ACK.A.5
_IDS = "2.16.840.1.113883.3.989.2.1.3."
_FIRST_TAG = (
    '<MCCI_IN200101UV01 xmlns="urn:hl7-org:v3"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ITSVersion="XML_1.0">'
)
_TEXTS = {
    "AA": "message successfully processed, no further action",
    "AE": "some ICSR message(s) need further action",
}


class Verdict(NamedTuple):
    """What became of one message."""

    code: MessageCode
    text: str
    message_id: str = ""  # N.2.r.1
    sender: str = ""  # N.2.r.2
    receiver: str = ""  # N.2.r.3
    created: str = ""  # N.2.r.4


class Acknowledged(NamedTuple):
    """What became of a batch."""

    code: BatchCode
    text: str
    batch_id: str  # N.1.2
    sender: str  # N.1.3
    receiver: str  # N.1.4
    sent: str  # N.1.5
    verdicts: tuple[Verdict, ...]


class Numbered(NamedTuple):
    """The receiver's own numbers, and the time of the acknowledgement."""

    number: str  # ACK.A.2, and the beginning of the others
    at: datetime


def acknowledged(path: Path, *, today: date | None = None) -> Iterator[tuple[str, Acknowledged]]:
    """Judge every batch of a file, or of the XML members of a zip file.

    Parameters
    ----------
    path : Path
        The file.
    today : date, optional
        Reports of later days are rejected; None takes every day.

    Yields
    ------
    tuple of str and Acknowledged
        Name of the file, and what became of it.

    Raises
    ------
    Misused
        If a file cannot be read at all: there is nobody to acknowledge it to.
    """
    for file in xml_files.files(path):
        if isinstance(file, xml_files.Unreadable):
            raise file.fault
        yield file.shown, _judged(file, today)


def _judged(file: xml_files.XmlFile, today: date | None) -> Acknowledged:
    head: Head | None = None
    found: list[tuple[Verdict, Element | None]] = []
    faults: list[str] = []
    outside = Outside(1, b"")
    for part in split(file.stream, KIND):
        if isinstance(part, Head):
            head = part
        elif head is None:
            reason = part.reason if isinstance(part, Broken) else ""
            raise Misused(file.named, reason, "send an E2B(R3) batch")
        elif isinstance(part, Message):
            found.append(_judge(head, part, today))
        elif isinstance(part, Broken):
            faults.append(f"line {part.line}: {part.reason}")
        else:
            outside = part
    return _batch(head, outside, found, faults)


def _judge(head: Head | None, part: Message, today: date | None) -> tuple[Verdict, Element | None]:
    """Judge a message by itself; FDA's rules wait for the end of the batch, where N.1.4 stands."""
    message = None
    try:
        assert head is not None  # noqa: S101 - a message comes after the head
        message = parse(head, part)[0]
        case = case_of(message, part.content, str(part.line))
        if today is not None and case.received_on > today:
            reason = "C.1.5 contains Future date"
            return _verdict("CR", reason, message), message
    except Refused as error:
        return _verdict("CR", error.reason, message), message
    return _verdict("CA", "Report Loaded Successfully", message), message


def _verdict(code: MessageCode, text: str, message: Element | None) -> Verdict:
    if message is None:
        return Verdict(code, text)
    receiver, sender = child(message, "receiver", "device"), child(message, "sender", "device")
    created = child(message, "creationTime")
    return Verdict(
        code,
        text,
        _extension(message),
        _extension(sender),
        _extension(receiver),
        "" if created is None else created.get("value") or "",
    )


def _extension(node: Element | None) -> str:
    found = child(node, "id")
    return "" if found is None else found.get("extension") or ""


def _batch(
    head: Head | None,
    outside: Outside,
    found: list[tuple[Verdict, Element | None]],
    faults: list[str],
) -> Acknowledged:
    tree = None
    try:
        tree = parse(head, outside) if head is not None and not faults else None
    except Refused as error:
        faults.append(error.reason)
    sender = _extension(child(tree, "sender", "device"))
    receiver = _extension(child(tree, "receiver", "device"))
    verdicts = tuple(_by_rules(each, message, sender, receiver) for each, message in found)
    sent = child(tree, "creationTime")
    code, text = _code(verdicts, faults)
    return Acknowledged(
        code,
        text,
        _extension(tree),
        sender,
        receiver,
        "" if sent is None else sent.get("value") or "",
        verdicts,
    )


def _by_rules(verdict: Verdict, message: Element | None, sender: str, receiver: str) -> Verdict:
    """Apply FDA's rules to a message that is sent to FDA."""
    if verdict.code == "CR" or message is None or not receiver.startswith("ZZFDA"):
        return verdict
    broken = broken_rules(message, Envelope(sender, receiver, verdict.receiver))
    if not broken:
        return verdict
    texts = ";".join(f"{rule.id}: {rule.description}" for rule in broken)
    is_rejected = any(rule.severity == "rejection" for rule in broken)
    return verdict._replace(code="CR" if is_rejected else "CA", text=texts)


def _code(verdicts: tuple[Verdict, ...], faults: list[str]) -> tuple[BatchCode, str]:
    if faults or not verdicts:
        return "AR", ";".join(faults) or "the batch holds no message"
    is_clean = all(each.code == "CA" for each in verdicts)
    code: BatchCode = "AA" if is_clean else "AE"
    return code, _TEXTS[code]


def written(found: Acknowledged, numbered: Numbered) -> str:
    """Write an acknowledgement.

    Parameters
    ----------
    found : Acknowledged
        What became of the batch.
    numbered : Numbered
        Numbers and time.

    Returns
    -------
    str
        MCCI_IN200101UV01.
    """
    at = _stamp(numbered.at)
    messages = [
        _message(each, f"{numbered.number}-{number}", at)
        for number, each in enumerate(found.verdicts, start=1)
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            _FIRST_TAG,
            _id(numbered.number, 20, "ACK.M.1"),
            f'\t<creationTime value="{at}"/>\n\t<!-- ACK.M.4 -->',
            '\t<responseModeCode code="D"/>',
            '\t<interactionId extension="MCCI_IN200101UV01" root="2.16.840.1.113883.1.6"/>',
            *messages,
            _device("receiver", "RCV", found.sender, 18, "ACK.M.3"),
            _device("sender", "SND", found.receiver, 17, "ACK.M.2"),
            _attention(2, f"<value extension={quoteattr(numbered.number)}"
                          f' root="{_IDS}21" xsi:type="II"/>', "ACK.A.2"),
            _attention(3, f'<value {_time(found.sent)} xsi:type="TS"/>', "ACK.A.3"),
            _result(found.code, "targetBatch", found.batch_id, 22, found.text, "ACK.A"),
            "</MCCI_IN200101UV01>",
            "",
        ]
    )  # fmt: skip


def _message(verdict: Verdict, number: str, at: str) -> str:
    inner = [
        "\t<MCCI_IN000002UV01>",
        _id(number, 19, "ACK.B.r.2"),
        f'\t<creationTime value="{at}"/>',
        '\t<interactionId extension="MCCI_IN000002UV01" root="2.16.840.1.113883.1.6"/>',
        '\t<processingCode code="P"/>\n\t<processingModeCode code="T"/>',
        '\t<acceptAckCode code="NE"/>',
        _device("receiver", "RCV", verdict.sender, 16, "ACK.B.r.3"),
        _device("sender", "SND", verdict.receiver, 15, "ACK.B.r.4"),
        _attention(1, f'<value {_time(verdict.created)} xsi:type="TS"/>', "ACK.B.r.5"),
        _result(verdict.code, "targetMessage", verdict.message_id, 1, verdict.text, "ACK.B.r"),
        "\t</MCCI_IN000002UV01>",
    ]
    return "\n".join(inner)


def _id(extension: str, root: int, element: str) -> str:
    stated = f"extension={quoteattr(extension)}" if extension else 'nullFlavor="NI"'
    return f'\t<id {stated} root="{_IDS}{root}"/>\n\t<!-- {element} -->'


def _time(value: str) -> str:
    return f"value={quoteattr(value)}" if value else 'nullFlavor="NI"'


def _device(name: str, kind: str, extension: str, root: int, element: str) -> str:
    return (
        f'\t<{name} typeCode="{kind}">\n'
        '\t\t<device classCode="DEV" determinerCode="INSTANCE">\n'
        f"\t\t{_id(extension, root, element)}\n"
        f"\t\t</device>\n\t</{name}>"
    )


_KEY_WORDS = {
    1: "dateOfIcsrMessageCreation",
    2: "acknowledgementLocalMessageNumber",
    3: "dateOfIcsrBatchTransmission",
}


def _attention(code: int, value: str, element: str) -> str:
    return (
        "\t<attentionLine>\n"
        f'\t\t<keyWordText code="{code}" codeSystem="2.16.840.1.113883.3.989.2.1.1.24"'
        f' codeSystemVersion="1.0" displayName="{_KEY_WORDS[code]}"/>\n'
        f"\t\t{value}\n\t\t<!-- {element} -->\n\t</attentionLine>"
    )


def _result(code: str, target: str, extension: str, root: int, text: str, element: str) -> str:
    return (
        f'\t<acknowledgement typeCode="{code}">\n'
        f"\t\t<{target}>\n\t\t{_id(extension, root, f'{element}.1')}\n\t\t</{target}>\n"
        f"\t\t<acknowledgementDetail>\n\t\t\t<text>{escape(_cut(text))}</text>\n"
        "\t\t</acknowledgementDetail>\n\t</acknowledgement>"
    )


def _cut(text: str) -> str:
    clean = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd]", " ", text)
    return clean if len(clean) <= _N_TEXT_MAX else f"{clean[: _N_TEXT_MAX - 3]}..."


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%z")
