"""Findings and signals as rows: some fields in columns, the rest in one packed document.

What has a column is not in the document as well. A field that is added to a finding or a signal
goes to the document by itself, and needs no change here.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.domain.finding import Finding, Look, WatchFinding
from surveillance.domain.product import split
from surveillance.domain.signal import Signal
from surveillance.register.predicted import lengthen, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AnyFinding = Finding | WatchFinding
_decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Form(NamedTuple):
    """How a type of row is divided.

    Attributes
    ----------
    columns : mapping of str to str
        From its fields to the columns that hold them.
    defaults : mapping of str to object
        Of fields that are left out of the row where they have this value.
    """

    columns: Mapping[str, str]
    defaults: Mapping[str, object]

    def divide(self, row: bytes, epoch: int) -> dict[str, Any]:
        """Return the values of the columns, `document` among them.

        Parameters
        ----------
        row : bytes
            JSON, as a topic carries it.
        epoch : int
            That of its message.
        """
        rest: dict[str, Any] = _decode(row)
        values: dict[str, Any] = {
            column: rest.pop(field) if field in rest else self.defaults[field]
            for field, column in self.columns.items()
        }
        for column in _DAYS.intersection(values):
            values[column] = _day(values[column])
        if values[self.columns["epoch"]] != epoch:  # it repeats what an earlier one was about
            rest["epoch"] = values[self.columns["epoch"]]
            values[self.columns["epoch"]] = epoch
        if self is PAIR_FINDING:
            shorten(rest, values["n"])
        values["document"] = _encode(rest)
        return values

    def completed(self, rest: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row as its fields: those of the document, and those of the columns."""
        for field, column in self.columns.items():
            if (value := values[column]) is not None:
                rest.setdefault(field, value)
        return rest


_DAYS = {"found_on", "looked_on", "changed_on", "first_on"}
_PAIR = {"product": "product", "event": "event", "configuration": "configuration"}
_FOUND = {
    "criterion": "criterion",
    "change": "change",
    "on": "found_on",
    "epoch": "epoch",
    "expected": "expected",
} | _PAIR
_NONE = {"configuration": ""}
PAIR_FINDING = Form({"n_pair": "n", **_FOUND}, _NONE)
WATCH_FINDING = Form({"n_events": "n", **_FOUND}, _NONE)
LOOK = Form(
    {
        "epoch": "epoch",
        "on": "looked_on",
        "criterion": "criterion",
        "design": "design",
        "programme": "programme",
        "product": "product",
        "event": "event",
        "patient_id": "patient_id",
        "n_events": "n",
        "expected": "expected",
        "statistic": "statistic",
        "boundary": "boundary",
        "is_crossing": "is_crossing",
        "has_crossed": "has_crossed",
    },
    {"patient_id": ""},
)
SIGNAL = Form(
    {
        "signal_id": "signal_id",
        "epoch": "valid_from",
        "on": "changed_on",
        "first_on": "first_on",
        "family": "family",
        "status": "status",
        "priority": "priority",
        "n": "n",
        "n_serious": "n_serious",
        "n_fatal": "n_fatal",
        "is_sentinel": "is_sentinel",
        "matter_id": "matter_id",
    }
    | _PAIR,
    _NONE | {"n_serious": 0, "n_fatal": 0, "is_sentinel": False},
)


def finding_of(values: Mapping[str, Any]) -> AnyFinding:
    """Return the finding that a row of the table holds, its keys as names."""
    rest = _decode(values["document"])
    form = WATCH_FINDING
    if rest["type"] == "pair":
        form = PAIR_FINDING
        lengthen(rest, values["n"])
    return msgspec.convert(form.completed(rest, values), AnyFinding)  # type: ignore[no-any-return]


def look_of(values: Mapping[str, Any]) -> Look:
    """Return the look that a row of the table holds, its keys as names."""
    found = LOOK.completed(_decode(values["document"]), values)
    found["programme"] = split(found["programme"])[1]
    return msgspec.convert(found, Look)


def signal_of(values: Mapping[str, Any]) -> Signal:
    """Return the signal that a row of the table holds, its keys as names."""
    return msgspec.convert(SIGNAL.completed(_decode(values["document"]), values), Signal)


@lru_cache(maxsize=4_096)
def _day(text: str) -> date:
    return date.fromisoformat(text)
