"""Questions that people ask of the requests for review in a register."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine, select

from surveillance.register import schema
from surveillance.register.queries import all_rows

if TYPE_CHECKING:
    from datetime import date


class Opened(NamedTuple):
    """A request for review, as far as it never changes."""

    review_id: str
    signal_id: str  # that met the rule
    opened_on: date


class ReviewReader:
    """Reads the requests for review of a register.

    Parameters
    ----------
    engine : Engine
        Of a register that is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def opened(self, until: date) -> list[Opened]:
        """Return the requests that were opened by a day, the first one first."""
        table = schema.reviews.c
        query = select(table.review_id, table.signal_id, table.opened_on)
        query = query.where(table.opened_on <= until).order_by(table.opened_on, table.review_id)
        return [Opened(*row) for row in all_rows(self._engine, query)]
