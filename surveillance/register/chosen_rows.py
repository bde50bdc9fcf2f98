"""Which rows of findings and of states of signals a question is about."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, Table, and_, func, select, true

from surveillance.register import schema
from surveillance.register.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Sequence


class Chosen(NamedTuple):
    """Which rows are asked for; what is None leaves all."""

    product: str | None = None  # keys
    event: str | None = None
    until: date | None = None


def conditions(
    table: Table, chosen: Chosen, day: ColumnElement[date], *, criterion: str | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions on rows of a product, an event, a criterion, until a day.

    Parameters
    ----------
    table : Table
        Of findings or of states of signals.
    chosen : Chosen
        Product, event and last day.
    day : ColumnElement
        Its column of days.
    criterion : str, optional
        Only of this criterion.
    """
    found: list[ColumnElement[bool]] = []
    if chosen.product is not None:
        found.append(table.c.product == key_id("product", chosen.product))
    if chosen.event is not None:
        found.append(table.c.event == key_id("event", chosen.event))
    if criterion is not None:
        found.append(table.c.criterion == criterion)
    return [*found, day <= chosen.until] if chosen.until else found


def of_findings(chosen: Chosen, criterion: str | None) -> ColumnElement[bool]:
    """Return the condition on findings of a product, an event, a criterion, until a day."""
    table = schema.findings
    return and_(true(), *conditions(table, chosen, table.c.found_on, criterion=criterion))


def first_met(condition: ColumnElement[bool]) -> Select[Any]:
    """Return the ids of the findings by which a criterion was first met for a pair."""
    table = schema.findings.c
    rank = func.row_number().over(
        partition_by=(table.criterion, table.product, table.event),
        order_by=(table.epoch, table.finding_id),
    )
    met = select(table.finding_id, rank.label("place")).where(condition, table.change == "met")
    inner = met.subquery()
    return select(inner.c.finding_id).where(inner.c.place == 1)


def standing(chosen: Chosen, statuses: Sequence[str] | None) -> ColumnElement[bool]:
    """Return the condition on states of signals that stood at the end of a day, or stand now."""
    table = schema.signal_states
    condition = and_(
        _held_at(chosen.until),
        *conditions(table, chosen._replace(until=None), table.c.changed_on),
    )
    return condition if statuses is None else and_(condition, table.c.status.in_(statuses))


def _held_at(until: date | None) -> ColumnElement[bool]:
    """Return the condition on the span of a state: at the end of a day, or now."""
    table = schema.signal_states.c
    if until is None:
        return table.valid_to == schema.OPEN
    last = last_epoch(until)
    return and_(table.valid_from <= last, table.valid_to > last)


def last_epoch(until: date) -> ScalarSelect[Any]:
    """Return the last epoch of a day or before it."""
    epochs = schema.epochs.c
    return select(func.max(epochs.epoch)).where(epochs.happened_on <= until).scalar_subquery()
