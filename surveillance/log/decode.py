"""Bytes of one line → one domain record, or a refusal that names what to mend.

A line that the canonical encoder could have written is accepted after one comparison.
Any other spelling is looked at again for what msgspec lets pass: a key given twice
(the last would win silently), and control characters inside strings.
"""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

import msgspec

from surveillance.domain.allowed import with_allowed
from surveillance.domain.case import CaseVersion
from surveillance.domain.decision import PersonRecord
from surveillance.domain.errors import Refused
from surveillance.domain.names import clean
from surveillance.domain.outcome import OutcomeRecord

T = TypeVar("T")
N_REASON_MAX = 400  # characters
N_BYTES_MAX = 262_144  # a line; a case with more is a mistake or an attack

_encode = msgspec.json.Encoder().encode
_ESCAPES = (b"\\u00", b"\\b", b"\\f")  # how JSON writes control characters
_REMEDIES = {
    "too_long": f"send a line of at most {N_BYTES_MAX:,} bytes",
    "bad_encoding": "send UTF-8",
    "not_json": "send one JSON object a line",
    "wrong_shape": "compare the record with the schema in docs/schema",
    "duplicate_key": "give every key once",
    "control_character": "remove control characters from names and texts",
}


def refuse(code: str, reason: str) -> Refused:
    """Make a refusal with the remedy that goes with its code."""
    return Refused(code, reason, _REMEDIES[code])


class Decoder(Generic[T]):
    """Strict decoder of one kind of record.

    Parameters
    ----------
    kind : type
        A msgspec type whose structs forbid unknown fields.
    """

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 - a type or a union of types
        self._decode = msgspec.json.Decoder(kind).decode
        self._kind = kind

    def __call__(self, line: bytes) -> T:
        """Decode one line.

        Raises
        ------
        Refused
            With a code of a bounded set, the path inside the record, and a remedy.
        """
        if len(line) > N_BYTES_MAX:
            raise refuse("too_long", f"the line has {len(line):,} bytes")
        try:
            record: T = self._decode(line)
        except msgspec.ValidationError as error:
            reason = with_allowed(str(error), self._kind)
            raise refuse("wrong_shape", clean(reason)[:N_REASON_MAX]) from None
        except UnicodeDecodeError as error:  # msgspec lets this one out as it is
            raise refuse("bad_encoding", f"byte {error.start} is not UTF-8") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise refuse("not_json", _plain(str(error))) from None
        if _encode(record) != line or (b"\\" in line and _has_control(line)):
            _look_again(line)
        return record


def _has_control(line: bytes) -> bool:
    return any(escape in line for escape in _ESCAPES)


def _plain(message: str) -> str:
    return message.replace("`", "'")[:N_REASON_MAX]


def _look_again(line: bytes) -> None:
    _refuse_control(json.loads(line, object_pairs_hook=_once))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refuse("duplicate_key", f"the key {twice!r} is given more than once")
    return seen


def _refuse_control(value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        bad = next((c for c in value if ord(c) < 32 and c not in "\n\r\t"), None)  # noqa: PLR2004
        if bad is not None:
            raise refuse("control_character", f"a string holds the character {ord(bad):#04x}")
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            _refuse_control(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_control(item)


decode_case: Decoder[CaseVersion] = Decoder(CaseVersion)
decode_outcome: Decoder[OutcomeRecord] = Decoder(OutcomeRecord)
decode_decision: Decoder[PersonRecord] = Decoder(PersonRecord)
