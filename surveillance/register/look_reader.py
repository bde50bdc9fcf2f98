"""Questions that people ask of the looks of tests in a register."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine, Subquery, and_, func, select, true

from surveillance.domain.product import key, split
from surveillance.register import schema
from surveillance.register.documents import look_of
from surveillance.register.keys import key_id
from surveillance.register.queries import KEYS, PROGRAMME_KEYS, all_rows, each_row, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from surveillance.domain.finding import Look


class ChosenLooks(NamedTuple):
    """Which looks of tests are asked for; what is None leaves all."""

    programme: str | None = None  # its name
    design: str | None = None
    product: str | None = None  # keys
    event: str | None = None
    until: date | None = None
    is_latest: bool = False  # only the last look of each test


class LookReader:
    """Reads the looks of a register.

    Parameters
    ----------
    engine : Engine
        Of a register that is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def each(self, chosen: ChosenLooks, *, limit: int | None = None) -> Iterator[Look]:
        """Read looks of tests of outcomes in the order of time, however many there are.

        Parameters
        ----------
        chosen : ChosenLooks
            Programme, design, product, event and last day.
        limit : int, optional
            At most so many, the last ones.

        Yields
        ------
        Look
            Each as it is read; those of an epoch by programme, design, product and event.
        """
        table, ids = schema.looks, _chosen(chosen)
        order = (table.c.epoch, PROGRAMME_KEYS.c.key, table.c.criterion)
        names = (KEYS["product"].c.key, KEYS["event"].c.key, table.c.patient_id)
        both = and_(table.c.epoch == ids.c.epoch, table.c.look_id == ids.c.look_id)
        query = named(table).join(ids, both).order_by(*order, *names, table.c.look_id)
        n_left_out = 0 if limit is None else max(0, self.n(chosen) - limit)
        for row in each_row(self._engine, query.offset(n_left_out or None)):
            yield look_of(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

    def n(self, chosen: ChosenLooks) -> int:
        """Count what `each` would yield without a limit."""
        return int(all_rows(self._engine, select(func.count()).select_from(_chosen(chosen)))[0][0])

    def watched(self) -> tuple[list[str], list[str]]:
        """Return the names of all programmes and of all designs that there is a look of."""
        table = schema.looks.c
        programmes = select(PROGRAMME_KEYS.c.key).where(
            PROGRAMME_KEYS.c.key_id.in_(select(table.programme))
        )
        designs = select(table.design).distinct().order_by(table.design)
        return (
            sorted(split(row[0])[1] for row in all_rows(self._engine, programmes)),
            [row[0] for row in all_rows(self._engine, designs)],
        )


def _chosen(chosen: ChosenLooks) -> Subquery:
    """Return which looks are asked for, by the two columns of their key."""
    table = schema.looks.c
    wanted = {
        table.programme: chosen.programme and key_id("product", key("programme", chosen.programme)),
        table.design: chosen.design,
        table.product: chosen.product and key_id("product", chosen.product),
        table.event: chosen.event and key_id("event", chosen.event),
    }
    conditions = [column == value for column, value in wanted.items() if value is not None]
    if chosen.until is not None:
        conditions.append(table.looked_on <= chosen.until)
    query = select(table.epoch, table.look_id).where(true(), *conditions)
    if not chosen.is_latest:
        return query.subquery()
    test = (table.programme, table.criterion, table.product, table.event, table.patient_id)
    order = (table.epoch.desc(), table.look_id.desc())
    place = func.row_number().over(partition_by=test, order_by=order).label("place")
    ranked = query.add_columns(place).subquery()
    return select(ranked.c.epoch, ranked.c.look_id).where(ranked.c.place == 1).subquery()
