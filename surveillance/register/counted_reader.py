"""Which case versions counted for a key, and what they say: for tables that no index holds."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Engine, and_, func, or_, select

from surveillance.register.case_tables import case_postings, case_versions
from surveillance.register.keys import key_id
from surveillance.register.packing import unpack
from surveillance.register.queries import KEYS, all_rows, each_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.register.keys import KeyKind

_columns = case_versions.c


class CountedReader:
    """Reads what counted at the end of an epoch.

    Parameters
    ----------
    engine : Engine
        Of a register that is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ids(self, kind: KeyKind, key: str, epoch: int) -> frozenset[int]:
        """Return the versions that counted for a product or an event."""
        query = (
            select(case_postings.c.version_id)
            .join(case_versions, _columns.version_id == case_postings.c.version_id)
            .where(case_postings.c.key_id == key_id(kind, key), _counted_at(epoch))
        )
        return frozenset(row[0] for row in all_rows(self._engine, query))

    def products_with(self, event: str, epoch: int) -> dict[str, int]:
        """Return how many versions counted for each product together with an event."""
        of_event = case_postings.alias("of_event")
        product = KEYS["product"]
        query = (
            select(product.c.key, func.count())
            .select_from(of_event)
            .join(case_versions, _columns.version_id == of_event.c.version_id)
            .join(case_postings, case_postings.c.version_id == of_event.c.version_id)
            .join(product, product.c.key_id == case_postings.c.key_id)
            .where(
                of_event.c.key_id == key_id("event", event),
                product.c.kind == "product",
                _counted_at(epoch),
            )
            .group_by(product.c.key)
        )
        return {row[0]: row[1] for row in all_rows(self._engine, query)}

    def each(self, epoch: int) -> Iterator[tuple[int, Described]]:
        """Read what every version that counted says of its patient and its report."""
        query = select(_columns.version_id, _columns.record).where(_counted_at(epoch))
        for row in each_row(self._engine, query.order_by(_columns.version_id)):
            yield row.version_id, _decode(unpack(row.record))


class Patient(Struct, frozen=True):
    """What strata need of a patient."""

    sex: str | None = None
    age_years: float | None = None


class Described(Struct, frozen=True):
    """What strata need of a case; to read all of it would take ten times as long."""

    received_on: date
    first_received_on: date | None = None
    country: str | None = None
    reporter: str = "unknown"
    patient: Patient = Patient()


_decode = msgspec.json.Decoder(Described).decode


def _counted_at(epoch: int) -> ColumnElement[Any]:
    return and_(
        _columns.is_counted,
        _columns.valid_from <= epoch,
        or_(_columns.valid_to.is_(None), _columns.valid_to > epoch),
    )
