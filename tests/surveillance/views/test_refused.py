from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec
import pytest
from strategies import AT

from surveillance.domain.errors import Misused, Refused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.intake.format import N_BYTES_KEPT, unusable
from surveillance.intake.inputs import refused_at_intake
from surveillance.log.refusals import N_CONTENT_MAX, refused_fact
from surveillance.views.refused import at_place, in_order, sort_out, write_lines

if TYPE_CHECKING:
    from pathlib import Path

FAULT = ("not_json", "the line ends too soon", "send one JSON object a line")


def from_file(place: str, content: bytes = b"{") -> RefusedRecord:
    return refused_at_intake(unusable(place, FAULT, content))


def from_topic(content: bytes = b"{") -> RefusedRecord:
    return RefusedRecord(
        topic="cases-received.v1",
        partition=2,
        offset=41,
        line=3,
        code="not_json",
        reason="the line ends too soon",
        remedy="send one JSON object a line",
        at=None,
        content=base64.b64encode(content).decode(),
    )


def test_only_whole_lines_of_json_can_be_mended_as_lines() -> None:
    line, topic = from_file("cases.ndjson:12"), from_topic()
    zipped = from_file("cases.zip/cases.jsonl:3")
    row = from_file("1999VAERSData.zip/1999VAERSVAX.csv:7", b"117862,VAX")
    cut = from_file("cases.ndjson:13", b"x" * (N_BYTES_KEPT + 1))
    cut_before = refused_at_intake(unusable("cases.ndjson:14", FAULT, b"x" * 9, 10))
    cut_on_topic = msgspec.json.decode(
        refused_fact(
            ("cases-received.v1", 0), 0, 0, Refused(*FAULT), b"x" * (N_CONTENT_MAX + 1), AT
        ).value,
        type=RefusedRecord,
    )

    found = sort_out([line, topic, zipped, row, cut, cut_before, cut_on_topic])

    assert found.lines == [line, topic, zipped]
    assert found.cut == [cut, cut_before, cut_on_topic]
    assert found.elsewhere == [row]


def test_lines_are_written_just_as_they_came(tmp_path: Path) -> None:
    records = [from_topic(b'{"a": \xff'), from_file("cases.ndjson:1", b"{}\r\n")]

    write_lines(records, tmp_path / "mend.ndjson")

    assert (tmp_path / "mend.ndjson").read_bytes() == b'{"a": \xff\n{}\n'


def test_a_file_is_not_written_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="cannot be written"):
        write_lines([from_topic()], tmp_path / "none" / "mend.ndjson")


def test_a_record_is_found_by_the_place_that_is_shown_and_by_the_whole_one() -> None:
    record = from_file("cases.ndjson:12")

    assert at_place([record, from_topic()], "cases.ndjson:12") == [record]
    assert at_place([record, from_topic()], record.place) == [record]
    assert at_place([record, from_topic()], "cases-received.v1/2@41:3") == [from_topic()]


def test_places_are_listed_in_the_order_of_their_numbers() -> None:
    places = ["a.zip/2.ndjson:9", "a.zip/2.ndjson:10", "a.zip/2.ndjson:101", "a.zip/10.ndjson:1"]
    records = [from_file(place) for place in (places[1], places[3], places[0], places[2])]

    assert [record.place for record in in_order(records)] == places
