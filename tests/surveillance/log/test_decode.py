"""One line is a record or a refusal with a code; nothing else leaves the decoder."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import a_case, a_decision, case_versions, encode

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Refused
from surveillance.log.decode import (
    N_BYTES_MAX,
    Decoder,
    decode_case,
    decode_decision,
    decode_outcome,
    refuse,
)

GOOD = encode(a_case())
CODES = {
    "too_long",
    "bad_encoding",
    "not_json",
    "wrong_shape",
    "duplicate_key",
    "control_character",
}


def code(line: bytes) -> str:
    with pytest.raises(Refused) as caught:
        decode_case(line)
    assert caught.value.remedy
    return caught.value.code


@given(case_versions())
def test_a_record_that_was_written_is_read_as_it_was(case: CaseVersion) -> None:
    assert decode_case(encode(case)) == case
    spaced = json.dumps(json.loads(encode(case)), indent=1).encode()
    assert decode_case(spaced) == case


@pytest.mark.parametrize("escape", [rb"\u0000", rb"\u001F", rb"\b", rb"\f", rb"\u000b"])
def test_a_control_character_is_refused_however_it_is_written(escape: bytes) -> None:
    assert code(GOOD.replace(b"Rash", b"R" + escape + b"sh")) == "control_character"


@pytest.mark.parametrize("escape", [rb"\n", rb"\t", rb"\u000a", rb"\\b", rb"\\u0000", rb"\u00e9"])
def test_space_and_escaped_backslashes_are_no_control_characters(escape: bytes) -> None:
    assert decode_case(GOOD.replace(b"Rash", b"R" + escape + b"sh")).events[0].pt


@pytest.mark.parametrize(
    ("line", "refused_as"),
    [
        (b"", "not_json"),
        (GOOD[:-1], "not_json"),
        (GOOD + GOOD, "not_json"),
        (GOOD.replace(b":1,", b":NaN,"), "not_json"),
        (GOOD.replace(b":1,", b":1e999,"), "wrong_shape"),
        (GOOD.replace(b":1,", b":" + b"1" * 5_000 + b","), "wrong_shape"),
        (GOOD.replace(b":1,", b':1,"version":1,'), "duplicate_key"),
        (GOOD.replace(b'"pt":', b'"pt":"x","pt":'), "duplicate_key"),
        (GOOD.replace(b"Rash", b"\xff"), "bad_encoding"),
        (GOOD.replace(b"Rash", rb"\ud800"), "not_json"),
        (GOOD.replace(b"2024-03-10", b"2024-02-30"), "wrong_shape"),
        (b" " * N_BYTES_MAX + GOOD, "too_long"),
        (b"[" * 200_000, "wrong_shape"),
        (b'{"events":' + b"[" * 200_000, "wrong_shape"),
    ],
)
def test_hostile_lines_are_refused_with_a_code(line: bytes, refused_as: str) -> None:
    assert code(line) == refused_as


def test_a_line_as_long_as_is_allowed_is_read() -> None:
    assert decode_case(b" " * (N_BYTES_MAX - len(GOOD)) + GOOD) == a_case()


def refusal_of(decode: Callable[[bytes], object], line: bytes) -> Refused | None:
    try:
        decode(line)
    except Refused as error:
        return error
    return None


@pytest.mark.parametrize("key", [b'"ki\\nd"', b'"ki\\u0000d"', b'"ki\\u2028d"'])
def test_the_reason_of_a_refusal_is_one_line_whatever_it_quotes(key: bytes) -> None:
    error = refusal_of(decode_case, GOOD.replace(b'"kind"', key))

    assert error is not None
    assert error.reason.isprintable()


mutations = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), max_size=4)


@given(
    st.sampled_from([decode_case, decode_outcome, decode_decision]),
    st.sampled_from([GOOD, encode(a_decision())]) | st.binary(max_size=60),
    mutations,
)
@settings(max_examples=1_000)
def test_whatever_the_bytes_the_answer_is_a_record_or_a_refusal(
    decode: Callable[[bytes], object], line: bytes, changes: list[tuple[int, bytes]]
) -> None:
    for place, value in changes:
        at = place % (len(line) + 1)
        line = line[:at] + value + line[at + len(value) :]

    refusal = refusal_of(decode, line)

    assert refusal is None or refusal.code in CODES
    assert refusal is None or len(refusal.reason) < 1_000


def test_every_code_has_a_remedy() -> None:
    for name in CODES:
        assert refuse(name, "reason").remedy


@pytest.mark.parametrize(
    ("decode", "line", "reason"),
    [
        (
            decode_case,
            encode(a_case()).replace(b'"kind":"initial"', b'"kind":"first"'),
            (
                "'first' is not allowed at '$.kind': give one of amendment, follow_up, initial, "
                "nullification, reinstatement"
            ),
        ),
        (
            decode_case,
            encode(a_case()).replace(b'"role":"suspect"', b'"role":"guilty"'),
            (
                "'guilty' is not allowed at '$.products[0].role': give one of concomitant, "
                "interacting, not_administered, suspect"
            ),
        ),
        (
            decode_outcome,
            b'{"type":"dose"}',
            (
                "'dose' is not allowed at '$.type': give one of end, endpoint_event, enrolment, "
                "follow_up, intervention, measurement, missed_visit, treatment"
            ),
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_answered_with_those_that_are(
    decode: Decoder[Any], line: bytes, reason: str
) -> None:
    with pytest.raises(Refused) as caught:
        decode(line)

    assert caught.value.reason == reason
