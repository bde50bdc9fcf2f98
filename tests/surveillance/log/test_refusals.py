"""A refused record keeps its bytes, and always fits into a message."""

import msgspec
import pytest
from strategies import AT

from surveillance.domain.errors import Refused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.refusals import N_CONTENT_MAX, refused_fact

N_BROKER_MAX = 1_000_000  # a broker and its clients take a little more by default
ERROR = Refused("not_json", "it is not JSON", "mend it")


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"x" * N_CONTENT_MAX])
def test_a_refused_record_keeps_its_bytes(content: bytes) -> None:
    fact = refused_fact(("raw", 3), 7, 2, ERROR, content, AT)
    found = msgspec.json.decode(fact.value, type=RefusedRecord)

    assert found.content_bytes == content
    assert not found.is_cut
    assert b"n_bytes" not in fact.value
    assert (found.code, found.reason, found.remedy) == ("not_json", "it is not JSON", "mend it")
    assert found.place == fact.key.decode() == "raw/3@7:2"


def test_a_record_too_long_to_be_said_again_is_cut_and_says_so() -> None:
    content = bytes(range(256)) * 4_096  # the longest message that a broker takes

    fact = refused_fact(("raw", 0), 0, 0, ERROR, content, AT)

    found = msgspec.json.decode(fact.value, type=RefusedRecord)
    assert len(fact.value) < N_BROKER_MAX
    assert found.content_bytes == content[:N_CONTENT_MAX]
    assert found.reason == "it is not JSON; here are its first 600,000 bytes"
    assert found.n_bytes == len(content)
    assert found.is_cut


def test_a_row_refused_at_intake_is_placed_in_its_file() -> None:
    record = RefusedRecord(
        topic="file:2020.csv row 7",
        partition=-1,
        offset=-1,
        line=0,
        code="c",
        reason="r",
        remedy="m",
        at=None,
        content="",
    )

    assert record.place == "2020.csv row 7"
