"""Decisions are said on once, as they were made."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from strategies import AT, a_configuration, a_decision, encode, record

from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output
from surveillance.triage.admit import Admit


class PartitionTask:
    """The stage, stored and restored at every close."""

    def __init__(self) -> None:
        self._stage = Admit(a_configuration(), 0)
        self._state = self._stage.init(Cells(nothing_stored))

    def close(self, *lines: bytes) -> Output:
        self._stage.apply(self._state, record(*lines))
        said = self._stage.close(self._state, 0, AT)
        self._state = self._stage.load(self._stage.dump(self._state), Cells(nothing_stored))
        return said


def code(line: bytes) -> str:
    (fact,) = PartitionTask().close(line).facts
    assert msgspec.json.decode(fact.value, type=RefusedRecord).content_bytes == line
    return fact.code


def test_decisions_are_said_in_the_order_of_the_log() -> None:
    made = [a_decision(decision_id=f"D{n}") for n in (2, 1, 3)]

    assert PartitionTask().close(*map(encode, made)).rows == made


def test_a_decision_said_twice_is_said_on_once() -> None:
    desk, line = PartitionTask(), encode(a_decision())

    first, second = desk.close(line, line), desk.close(line)

    assert (first.rows, second.rows) == ([a_decision()], [])
    assert first.dispositions is not None
    assert (first.dispositions.applied, first.dispositions.repeated) == (1, 1)
    assert second.dispositions is not None
    assert (second.dispositions.repeated, second.dispositions.n_read) == (1, 1)


def test_a_decision_is_never_changed() -> None:
    desk = PartitionTask()
    desk.close(encode(a_decision()))

    said = desk.close(encode(a_decision(reason="quite another reason")))

    (row,) = said.rows
    assert (row.code, row.author, row.is_admitted) == ("said_otherwise", "first person", False)
    assert [fact.code for fact in said.facts] == ["said_otherwise"]


def test_a_decision_from_the_future_is_refused_after_a_day_of_grace() -> None:
    at = datetime.fromtimestamp(AT, UTC)
    tomorrow = a_decision(decided_at=at + timedelta(days=1))

    assert PartitionTask().close(encode(tomorrow)).rows == [tomorrow]
    assert code(encode(a_decision(decided_at=at + timedelta(days=1, seconds=1)))) == "lies_ahead"


GOOD = encode(a_decision())


@pytest.mark.parametrize(
    ("line", "refused_as"),
    [
        (GOOD.replace(b'"second person"', b'"first person"'), "wrong_shape"),
        (GOOD.replace(b'"second person"', b'" First  PERSON "'), "wrong_shape"),
        (GOOD.replace(b',"approver_role":"committee_chair"', b""), "wrong_shape"),
        (GOOD.replace(b"ten letters or more", b"short"), "wrong_shape"),
        (GOOD.replace(b"start_validation", b"With draw"), "wrong_shape"),
        (GOOD.replace(b"+00:00", b"").replace(b'00Z"', b'00"'), "wrong_shape"),
        (GOOD.replace(b'"type":"decision"', b'"type":"pair"'), "wrong_shape"),
        (b"{", "not_json"),
    ],
    ids=[
        "the proposer approves",
        "the proposer approves in other letters",
        "an approver without a role",
        "no reason to speak of",
        "no name of an action",
        "a time without a zone",
        "not a decision",
        "not JSON",
    ],
)
def test_a_malformed_decision_is_refused(line: bytes, refused_as: str) -> None:
    assert line != GOOD
    assert code(line) == refused_as
