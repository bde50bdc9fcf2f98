"""What the pipeline emits → rows of the register's tables. No database here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from surveillance.domain.contribution import Dispositions
from surveillance.domain.decision import Decision
from surveillance.domain.finding import Finding, PriorFitted, WatchFinding
from surveillance.domain.product import split
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import DecisionPassedOver, Review, Signal
from surveillance.log.cloudevents import CloudEvent
from surveillance.log.messages import Fact
from surveillance.log.ticks import Tick
from surveillance.log.topics import ALERTS, REFUSED, REVIEWS
from surveillance.register import schema
from surveillance.triage.triage import Alert, ReviewRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

Values = dict[str, Any]
T = TypeVar("T")


class RegisterRow(NamedTuple):
    """One row, and the table that it goes to."""

    table: Table
    values: Values


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_event = msgspec.json.Decoder(CloudEvent).decode
_decode_refused = msgspec.json.Decoder(RefusedRecord).decode


def entries_of_row(row: object, epoch: int) -> list[RegisterRow]:
    """Return the entries of one row of a derived topic; none for what is not kept.

    Parameters
    ----------
    row : object
        A finding, a signal, a decision, dispositions; contributions are passed by.
    epoch : int
        The epoch that it belongs to.
    """
    make = _ROWS.get(type(row))
    return make(row, epoch) if make else []


def entries_of_fact(fact: Fact, epoch: int) -> list[RegisterRow]:
    """Return the entries of one outward message; none for a topic that is not kept."""
    make = _FACTS.get(fact.topic)
    return make(fact.value, epoch) if make else []


def epoch_entry(epoch: int, at: int, configuration: str | None = None) -> RegisterRow:
    """Return the entry of an epoch; the configuration is known where its tick is."""
    day = datetime.fromtimestamp(at, tz=UTC).date()
    values = {"epoch": epoch, "at": at, "happened_on": day, "configuration": configuration}
    return RegisterRow(schema.epochs, values)


def refused_entry(record: RefusedRecord) -> RegisterRow:
    """Return the entry of a refused record, from a topic or from an input file."""
    content = f"{record.place}\n{record.code}\n{record.reason}\n{record.content}"
    values = msgspec.structs.asdict(record)
    values["refused_at"] = values.pop("at")
    values["refused_id"] = "X-" + sha256(content.encode()).hexdigest()[:32]
    values["place"] = record.place
    return RegisterRow(schema.refused, values)


def _finding(row: Finding, epoch: int) -> list[RegisterRow]:
    return [_found(row, epoch, "pair", row.n_pair)]


def _watch_finding(row: WatchFinding, epoch: int) -> list[RegisterRow]:
    return [_found(row, epoch, "watch", row.n_events)]


def _prior(row: PriorFitted, epoch: int) -> list[RegisterRow]:
    values = {
        "version": row.version,
        "epoch": epoch,
        "fitted_on": row.on,
        "failure": row.failure,
        "document": _encode(row).decode(),
    }
    return [RegisterRow(schema.priors, values)]


def _found(row: Finding | WatchFinding, epoch: int, kind: str, n: int) -> RegisterRow:
    document = _encode(row)
    values = {
        "finding_id": "F-" + sha256(document).hexdigest()[:32],
        "epoch": epoch,
        "found_on": row.on,
        "kind": kind,
        "criterion": row.criterion,
        "change": row.change,
        "level": split(row.product)[0],
        "product": row.product,
        "event": row.event,
        "n": n,
        "expected": row.expected,
        "document": document.decode(),
    }
    return RegisterRow(schema.findings, values)


def _signal(row: Signal, epoch: int) -> list[RegisterRow]:
    values = {
        "signal_id": row.signal_id,
        "valid_from": epoch,
        "valid_to": schema.OPEN,  # the writer ends the span when the next state comes
        "changed_on": row.on,
        "first_on": row.first_on,
        "level": split(row.product)[0],
        "product": row.product,
        "event": row.event,
        "family": row.family,
        "status": row.status,
        "priority": row.priority,
        "n": row.n,
        "n_serious": row.n_serious,
        "n_fatal": row.n_fatal,
        "is_sentinel": row.is_sentinel,
        "document": _encode(row).decode(),
    }
    reviews = [_review(review, row) for review in row.reviews]
    return [RegisterRow(schema.signal_states, values), *reviews]


def _review(review: Review, signal: Signal) -> RegisterRow:
    values = {
        "review_id": review.review_id,
        "signal_id": signal.signal_id,
        "rule": review.rule,
        "opened_on": review.opened_on,
        "product": signal.product,
        "event": signal.event,
        "ground": None,
        "answer": review.answer,
        "answered_on": review.answered_on,
        "document": None,
    }
    return RegisterRow(schema.reviews, values)


def _decision(row: Decision, epoch: int) -> list[RegisterRow]:
    values = {
        "decision_id": row.decision_id,
        "epoch": epoch,
        "signal_id": row.signal_id,
        "action": row.action,
        "decided_by": row.decided_by,
        "document": _encode(row).decode(),
    }
    return [RegisterRow(schema.decisions, values)]


def _passed_over(row: DecisionPassedOver, epoch: int) -> list[RegisterRow]:
    values = {
        "decision_id": row.decision_id,
        "epoch": epoch,
        "signal_id": row.signal_id,
        "passed_over_on": row.on,
        "reason": row.reason,
    }
    return [RegisterRow(schema.decisions_passed_over, values)]


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
        "document": value.decode(),
    }
    return [RegisterRow(schema.alerts, values)]


def _review_opened(value: bytes, epoch: int) -> list[RegisterRow]:  # noqa: ARG001 - one shape for all
    _, request = _read(value, ReviewRequest)
    review = next(r for r in request.signal.reviews if r.review_id == request.review_id)
    entry = _review(review, request.signal)
    known = {"ground": request.ground, "document": value.decode()}
    return [RegisterRow(entry.table, entry.values | known)]


def _refused(value: bytes, epoch: int) -> list[RegisterRow]:  # noqa: ARG001 - one shape for all
    return [refused_entry(_decode_refused(value))]


def _read(value: bytes, kind: type[T]) -> tuple[CloudEvent, T]:
    event = _decode_event(value)
    return event, msgspec.convert(event.data, kind)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


_ROWS: dict[type, Callable[[Any, int], list[RegisterRow]]] = {
    Finding: _finding,
    WatchFinding: _watch_finding,
    PriorFitted: _prior,
    Signal: _signal,
    Decision: _decision,
    DecisionPassedOver: _passed_over,
    Dispositions: _dispositions,
    Tick: _tick,
}
_FACTS: dict[str, Callable[[bytes, int], list[RegisterRow]]] = {
    ALERTS: _alert,
    REVIEWS: _review_opened,
    REFUSED: _refused,
}
