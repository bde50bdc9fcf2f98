"""Broken, hostile and packed batches of E2B(R3): what is refused, and what it costs the others."""

import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.e2b_r3 import E2B_R3
from surveillance.intake.format import Read, Unusable

from .e2b_messages import INVENTED, numbered, pieces, sent


@pytest.mark.parametrize("name", ["sent.xml.gz", "sent.zip"])
def test_packed_files_are_read_as_plain_ones(tmp_path: Path, name: str) -> None:
    content = INVENTED.read_bytes()
    if name.endswith(".gz"):
        packed = gzip.compress(content)
    else:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("../../b.xml", content)  # a name is a name, and never a path
            archive.writestr("a.xml", content)
        packed = held.getvalue()

    items = sent(tmp_path, packed, name)

    assert len(items) == (1 if name.endswith(".gz") else 2)
    assert all(isinstance(item, Read) for item in items)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


def codes(items: list[Read | Unusable]) -> list[str]:
    """Return what became of each part."""
    return [item.code if isinstance(item, Unusable) else "read" for item in items]


def test_one_broken_message_costs_none_of_the_others(tmp_path: Path) -> None:
    head, message, tail = pieces()
    broken = message.replace(b"<statusCode", b"<statusCode <")

    items = sent(tmp_path, head + numbered(1) + broken + numbered(2) + tail)

    assert codes(items) == ["read", "bad_xml", "read"]
    refused = items[1]
    assert isinstance(refused, Unusable)
    assert refused.content == broken
    line = (head + numbered(1) + broken).count(b"\n") - broken.count(b"\n") + 1
    assert refused.place == f"sent.xml:{line}"


def test_a_message_without_its_last_tag_ends_where_the_next_begins(tmp_path: Path) -> None:
    head, message, tail = pieces()
    cut = message[: len(message) // 2]

    assert codes(sent(tmp_path, head + cut + numbered(2) + tail)) == ["cut_off", "read"]


def test_a_batch_that_was_cut_off_keeps_the_messages_before(tmp_path: Path) -> None:
    head, message, _ = pieces()

    assert codes(sent(tmp_path, head + numbered(1) + message[:-200])) == ["read", "cut_off"]
    assert codes(sent(tmp_path, head + numbered(1) + b"\n<receiver>")) == ["read", "cut_off"]


WHOLE = [
    (b"", "is empty"),
    (b"VAERS_ID,RECVDATE\n", "is not XML"),
    (b"<html><body/></html>", "begins with <html>"),
    (b'<MCCI_IN200100UV01 xmlns="urn:another"></MCCI_IN200100UV01>', "another namespace"),
    (b'<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3"></MCCI_IN200100UV01>', "holds no message"),
    ("<MCCI_IN200100UV01/>".encode("utf-16"), "UTF-16"),
    (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "UTF-7"),
    (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>', "document type"),
    (b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://example.invalid/"><a/>', "document type"),
    (b"<!-- never ends", "is not XML"),
]


@pytest.mark.parametrize(("content", "reason"), WHOLE)
def test_a_file_that_is_no_batch_cannot_be_read(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(Misused, match=reason):
        sent(tmp_path, content)


def test_a_member_that_is_no_batch_costs_none_of_the_others(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number, (content, _) in enumerate(WHOLE):
            archive.writestr(f"{number}.xml", content)
        archive.writestr("z.xml", INVENTED.read_bytes())

    items = sent(tmp_path, held.getvalue(), "sent.zip")

    assert codes(items) == ["unreadable_file"] * len(WHOLE) + ["read"]
    assert isinstance(items[0], Unusable)
    assert items[0].place == "sent.zip/0.xml:1"


def test_what_follows_the_last_tag_is_refused(tmp_path: Path) -> None:
    whole = INVENTED.read_bytes()

    assert codes(sent(tmp_path, whole + whole)) == ["read", "bad_xml"]
    assert codes(sent(tmp_path, whole + b"\n<!-- the end -->\n")) == ["read"]


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        (b'<availabilityTime value="20240301"/>', b"", "bad_date"),
        (
            b'<availabilityTime value="20240301"/>',
            b'<availabilityTime value="202403"/>',
            "bad_date",
        ),
        (
            b'<availabilityTime value="20240301"/>',
            b'<availabilityTime value="20240231"/>',
            "bad_date",
        ),
        (b'root="2.16.840.1.113883.3.989.2.1.3.1"', b'root="x"', "read"),
        (b'<code code="20" codeSystem', b'<code code="999" codeSystem', "no_role"),
        (b"investigationEvent", b"anotherEvent", "no_report"),
        (b"primaryRole", b"anotherRole", "no_event"),
        (b"A narrative", b"&unknown;", "bad_xml"),
        (b"A narrative", b"\x80", "bad_xml"),
    ],
)
def test_a_message_that_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, written: bytes, instead: bytes, code: str
) -> None:
    head, message, tail = pieces()
    assert written in message

    assert codes(sent(tmp_path, head + message.replace(written, instead) + tail)) == [code]


def test_a_report_of_the_future_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sent.xml"
    path.write_bytes(INVENTED.read_bytes())

    (item,) = E2B_R3.read(path, today=date(2024, 2, 29))

    assert isinstance(item, Unusable)
    assert item.code == "lies_ahead"


def attack(name: str) -> bytes:
    """Return a file that should cost its reader much."""
    head, message, tail = pieces()
    attributes = b" ".join(b'a%d=""' % n for n in range(200_000))
    if name == "attributes":
        return head + message.replace(b"<statusCode", b"<statusCode " + attributes) + tail
    if name == "levels":
        return head + message.replace(b"A narrative", b"<a>" * 100_000) + tail
    if name == "elements":
        return head + message.replace(b"A narrative", b"<a/>" * 500_000) + tail
    if name == "first tag":
        return head.replace(b"ITSVersion", attributes + b" ITSVersion") + message + tail
    if name == "entities":
        entities = [b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10)]
        doctype = b'<!DOCTYPE l [<!ENTITY l0 "lol">' + b"".join(entities) + b"]>"
    else:
        doctype = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    return head.replace(b"<MCCI", doctype + b"<MCCI") + message + tail


@pytest.mark.parametrize("name", ["attributes", "levels", "elements"])
def test_an_attack_inside_a_message_costs_none_of_the_others(tmp_path: Path, name: str) -> None:
    _, _, tail = pieces()

    first, second = sent(tmp_path, attack(name).removesuffix(tail) + numbered(2) + tail)

    assert isinstance(first, Unusable)
    assert first.code == ("bad_xml" if name == "levels" else "too_many_elements")
    assert isinstance(second, Read)


@pytest.mark.parametrize("name", ["first tag", "entities", "files"])
def test_an_attack_at_the_head_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misused):
        sent(tmp_path, attack(name))


@pytest.mark.parametrize("name", ["bomb.xml.gz", "bomb.zip"])
def test_a_bomb_is_refused_before_it_is_whole(tmp_path: Path, name: str) -> None:
    head, message, _ = pieces()
    content = head + message[:1_000] + b" " * 80_000_000
    if name.endswith(".gz"):
        packed = gzip.compress(content)
    else:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.xml", content)
        packed = held.getvalue()

    if name.endswith(".gz"):
        with pytest.raises(Misused, match="inflates"):
            sent(tmp_path, packed, name)
    else:
        assert codes(sent(tmp_path, packed, name)) == ["unreadable_file"]
