"""What the pipeline emits → rows of the register's tables. No database here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from surveillance.domain.contribution import Dispositions
from surveillance.domain.decision import (
    Acknowledgement,
    Approval,
    CausalityAssessment,
    Decision,
    KeyRegistered,
    PersonRecord,
    Proposal,
    Revocation,
    RoleGranted,
    Suppression,
    Withdrawal,
)
from surveillance.domain.finding import Finding, Look, PriorFitted, WatchFinding
from surveillance.domain.product import key, split
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import DecisionPassedOver, Review, Signal, SignalStep
from surveillance.log.cloudevents import CloudEvent
from surveillance.log.messages import Fact
from surveillance.log.ticks import Tick
from surveillance.log.topics import ALERTS, REFUSED, REVIEWS, FindingsRow, SignalsRow
from surveillance.register import schema
from surveillance.register.documents import LOOK, PAIR_FINDING, SIGNAL, WATCH_FINDING, Form
from surveillance.triage.case_assessments import ACTION as ASSESS
from surveillance.triage.reviews import ReviewRequest
from surveillance.triage.triage import Alert, is_of_screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

    from surveillance.configuration.types import Configuration
    from surveillance.register.keys import NamedKeys

Values = dict[str, Any]
T = TypeVar("T")


class RegisterRow(NamedTuple):
    """One row, and the table that it goes to."""

    table: Table
    values: Values


class _Evidence(msgspec.Struct):
    """What is read of a signal that no column and no document shows by itself."""

    evidence: float


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_row = msgspec.json.Decoder(FindingsRow | SignalsRow).decode
_decode_event = msgspec.json.Decoder(CloudEvent).decode
_decode_signal = msgspec.json.Decoder(Signal).decode
_decode_evidence = msgspec.json.Decoder(_Evidence).decode
_decode_refused = msgspec.json.Decoder(RefusedRecord).decode


def entries_of_row(row: object, epoch: int, keys: NamedKeys) -> list[RegisterRow]:
    """Return the entries of one row of a derived topic; none for what is not kept.

    Parameters
    ----------
    row : object
        A finding, a look, a signal, a step, a decision, dispositions, a tick; or one of the topics'
        rows as it is carried there. Others are passed by.
    epoch : int
        The epoch that it belongs to.
    keys : NamedKeys
        Takes the keys that the entries name.
    """
    if isinstance(row, msgspec.Raw):
        return _entries_of_encoded(bytes(row), epoch, keys)
    if isinstance(row, (Finding, WatchFinding, Look, Signal)):
        return _entries_of_encoded(_encode(row), epoch, keys)
    make = _ROWS.get(type(row))
    return make(row, epoch) if make else []


def _entries_of_encoded(row: bytes, epoch: int, keys: NamedKeys) -> list[RegisterRow]:
    """Return the entries of a row that is encoded: most are never decoded whole."""
    if row.startswith(_PAIR):
        return [_found(PAIR_FINDING, row, epoch, keys)]
    if row.startswith(_WATCH):
        return [_found(WATCH_FINDING, row, epoch, keys)]
    if row.startswith(_LOOK):
        return [_looked(row, epoch, keys)]
    if row.startswith(_SIGNAL):
        return _signal(row, epoch, keys)
    return entries_of_row(_decode_row(row), epoch, keys)


def entries_of_fact(fact: Fact, epoch: int) -> list[RegisterRow]:
    """Return the entries of one outward message; none for a topic that is not kept."""
    make = _FACTS.get(fact.topic)
    return make(fact.value, epoch) if make else []


_PAIR, _WATCH, _LOOK, _SIGNAL = (
    f'{{"type":"{kind}"'.encode() for kind in ("pair", "watch", "look", "signal")
)
_REVIEWS = b'"reviews":['


def epoch_entry(epoch: int, at: int, configuration: str | None = None) -> RegisterRow:
    """Return the entry of an epoch; the configuration is known where its tick is."""
    day = datetime.fromtimestamp(at, tz=UTC).date()
    values = {"epoch": epoch, "at": at, "happened_on": day, "configuration": configuration}
    return RegisterRow(schema.epochs, values)


def configuration_entry(configuration: Configuration) -> RegisterRow:
    """Return the entry of a configuration, whole: names and groups are read from it."""
    values = {"digest": configuration.digest, "document": _encode(configuration)}
    return RegisterRow(schema.configurations, values)


def refused_entry(record: RefusedRecord) -> RegisterRow:
    """Return the entry of a refused record, from a topic or from an input file."""
    content = f"{record.place}\n{record.code}\n{record.reason}\n{record.content}"
    values = msgspec.structs.asdict(record)
    values["refused_at"] = values.pop("at")
    values["refused_id"] = "X-" + sha256(content.encode()).hexdigest()[:32]
    values["place"] = record.place
    return RegisterRow(schema.refused, values)


def _prior(row: PriorFitted, epoch: int) -> list[RegisterRow]:
    values = {
        "version": row.version,
        "epoch": epoch,
        "fitted_on": row.on,
        "failure": row.failure,
        "document": _encode(row),
    }
    return [RegisterRow(schema.priors, values)]


def _found(form: Form, row: bytes, epoch: int, keys: NamedKeys) -> RegisterRow:
    values = _divided(form, row, epoch, keys)
    values["finding_id"] = _digest(row)
    return RegisterRow(schema.findings, values)


def _looked(row: bytes, epoch: int, keys: NamedKeys) -> RegisterRow:
    values = _divided(LOOK, row, epoch, keys)
    values["programme"] = keys.name("product", key("programme", values["programme"]))
    values["look_id"] = _digest(row)
    return RegisterRow(schema.looks, values)


def _digest(row: bytes) -> int:
    return int.from_bytes(sha256(row).digest()[:8], "big") >> 1


def _signal(row: bytes, epoch: int, keys: NamedKeys) -> list[RegisterRow]:
    values = _signal_values(row, epoch, keys)
    values["valid_to"] = schema.OPEN  # the writer ends the span when the next state comes
    entries = [RegisterRow(schema.signal_states, values)]
    if _REVIEWS in row:
        signal = _decode_signal(row)
        entries += [_review(review) for review in signal.reviews]
    return entries


def _signal_values(row: bytes, epoch: int, keys: NamedKeys) -> Values:
    values = SIGNAL.divide(row, epoch)
    values["has_excess"] = _decode_evidence(row).evidence > 0
    values["is_screened"] = is_of_screen(values["signal_id"], values["product"], values["event"])
    return _keyed(values, keys)


def _divided(form: Form, row: bytes, epoch: int, keys: NamedKeys) -> Values:
    return _keyed(form.divide(row, epoch), keys)


def _keyed(values: Values, keys: NamedKeys) -> Values:
    values["product"] = keys.name("product", values["product"])
    values["event"] = keys.name("event", values["event"])
    if digest := values.get("configuration"):
        values["configuration"] = keys.name("configuration", digest)
    elif "configuration" in values:
        values["configuration"] = None
    return values


def _review(review: Review) -> RegisterRow:
    values = {
        "review_id": review.review_id,
        "signal_id": review.signal_id,
        "rule": review.rule,
        "opened_on": review.opened_on,
        "product": review.product,
        "event": review.event,
        "ground": review.ground,
        "answer": review.answer,
        "answered_on": review.answered_on,
        "document": None,
    }
    return RegisterRow(schema.reviews, values)


def _step(row: SignalStep, epoch: int) -> list[RegisterRow]:
    values = {
        "signal_id": row.signal_id,
        "number": row.number,
        "epoch": epoch,
        "made_on": row.step.on,
        "action": row.step.action,
        "status": row.step.status,
        "document": _encode(row),
    }
    return [RegisterRow(schema.signal_steps, values)]


N_ID_MAX = 120  # characters of a column
_SUBJECTS = ("signal_id", "matter_id", "case_id", "person")
ACTIONS_OF_RECORDS: dict[type, str] = {
    Acknowledgement: "acknowledge",
    CausalityAssessment: ASSESS,
    Suppression: "suppress",
    Proposal: "propose",
    Approval: "approve",
    Withdrawal: "withdraw",
    KeyRegistered: "register_key",
    RoleGranted: "grant_role",
    Revocation: "revoke",
}


def _decision(row: PersonRecord, epoch: int) -> list[RegisterRow]:
    about = (getattr(row, name, None) for name in _SUBJECTS)
    values = {
        "decision_id": row.decision_id,
        "epoch": epoch,
        "signal_id": next((one for one in about if one), ""),
        "action": row.action if isinstance(row, Decision) else ACTIONS_OF_RECORDS[type(row)],
        "decided_by": row.decided_by,
        "document": _encode(row),
    }
    return [RegisterRow(schema.decisions, values)]


def _passed_over(row: DecisionPassedOver, epoch: int) -> list[RegisterRow]:
    values = {
        "decision_id": row.decision_id if row.is_admitted else _refused_id(row.decision_id),
        "epoch": epoch,
        "signal_id": row.signal_id or row.matter_id,
        "passed_over_on": row.on,
        "reason": row.reason,
        "code": row.code,
        "remedy": row.remedy,
        "author": row.author,
    }
    return [RegisterRow(schema.decisions_passed_over, values)]


def _refused_id(decision_id: str) -> str:
    """Return the key of a refused record: anybody can send one with the id of another record."""
    mark = " (refused)"
    if len(decision_id) + len(mark) <= N_ID_MAX:
        return decision_id + mark
    digest = sha256(decision_id.encode()).hexdigest()[:12]
    return decision_id[: N_ID_MAX - len(mark) - len(digest)] + digest + mark


def _dispositions(row: Dispositions, epoch: int) -> list[RegisterRow]:
    return [RegisterRow(schema.dispositions, {"epoch": epoch, **msgspec.structs.asdict(row)})]


def _tick(row: Tick, epoch: int) -> list[RegisterRow]:
    return [epoch_entry(epoch, row.at, row.configuration)]


def _alert(value: bytes, epoch: int) -> list[RegisterRow]:  # noqa: ARG001 - one shape for all
    event, alert = _read(value, Alert)
    values = {
        "alert_id": event.id,
        "epoch": alert.signal.epoch,  # the message names no other
        "alerted_at": event.time,
        "alerted_on": _day(event.time),
        "kind": alert.kind,
        "signal_id": alert.signal.signal_id,
        "level": split(alert.signal.product)[0],
        "product": alert.signal.product,
        "event": alert.signal.event,
        "priority": alert.signal.priority,
        "document": value,
    }
    return [RegisterRow(schema.alerts, values)]


def _review_opened(value: bytes, epoch: int) -> list[RegisterRow]:  # noqa: ARG001 - one shape for all
    _, request = _read(value, ReviewRequest)
    review = next(r for r in request.signal.reviews if r.review_id == request.review_id)
    entry = _review(review)
    return [RegisterRow(entry.table, entry.values | {"document": value})]


def _refused(value: bytes, epoch: int) -> list[RegisterRow]:  # noqa: ARG001 - one shape for all
    return [refused_entry(_decode_refused(value))]


def _read(value: bytes, kind: type[T]) -> tuple[CloudEvent, T]:
    event = _decode_event(value)
    return event, msgspec.convert(event.data, kind)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


_ROWS: dict[type, Callable[[Any, int], list[RegisterRow]]] = {
    PriorFitted: _prior,
    SignalStep: _step,
    Decision: _decision,
    **dict.fromkeys(ACTIONS_OF_RECORDS, _decision),
    DecisionPassedOver: _passed_over,
    Dispositions: _dispositions,
    Tick: _tick,
}
_FACTS: dict[str, Callable[[bytes, int], list[RegisterRow]]] = {
    ALERTS: _alert,
    REVIEWS: _review_opened,
    REFUSED: _refused,
}
