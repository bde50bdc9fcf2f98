"""The register: what the pipeline emitted, kept for people in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from surveillance.log.topics import CONTRIBUTIONS
from surveillance.register import database, schema
from surveillance.register.keys import NamedKeys
from surveillance.register.rows import (
    RegisterRow,
    Values,
    configuration_entry,
    entries_of_fact,
    entries_of_row,
    epoch_entry,
    refused_entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from surveillance.configuration.types import Configuration
    from surveillance.domain.refused_record import RefusedRecord
    from surveillance.log.messages import ClosedEpoch, Fact
    from surveillance.register.case_index import CaseIndex
    from surveillance.register.outcome_index import OutcomeIndex

N_ROWS_A_BATCH = 5_000
_TABLES = {table.name: table for table in schema.metadata.sorted_tables}


class Register:
    """Takes rows as the pipeline emits them, and writes them in batches.

    Writing the same row twice is harmless: rows are keyed by their content. Nothing here
    knows where rows come from.

    Parameters
    ----------
    url : str
        SQLite or PostgreSQL, as SQLAlchemy has it.
    cases : CaseIndex, optional
        Written in the same transactions, if the messages of the cases are at hand.
    outcomes : OutcomeIndex, optional
        The same for the outcomes.

    Raises
    ------
    Misused
        If the URL cannot be used.
    """

    n_rows_a_batch = N_ROWS_A_BATCH

    def __init__(
        self, url: str, cases: CaseIndex | None = None, outcomes: OutcomeIndex | None = None
    ) -> None:
        self._engine = database.open_engine(url)
        self.cases = cases
        self._indexes = [index for index in (cases, outcomes) if index is not None]
        self._keys = NamedKeys()
        self._waiting: dict[str, list[Values]] = {}
        self.n_waiting = 0

    def __enter__(self) -> Self:
        self.create()
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self.flush()
        self.close()

    def create(self) -> None:
        """Make the tables, where they are not there.

        Raises
        ------
        Misused
            If the database cannot be reached, or its schema is of another version.
        """
        database.create_tables(self._engine)

    def take_configuration(self, configuration: Configuration) -> None:
        """Take a configuration that epochs name."""
        self._enter(configuration_entry(configuration))

    def take_epoch(self, epoch: int, at: int, configuration: str | None = None) -> None:
        """Take an epoch that was cut.

        Parameters
        ----------
        epoch : int
            The offset of its tick.
        at : int
            Seconds since 1970 (UTC).
        configuration : str, optional
            The hash that the tick carries.
        """
        self._enter(epoch_entry(epoch, at, configuration))
        if any(index.n_waiting >= self.n_rows_a_batch for index in self._indexes):
            self.flush()

    def take(self, topic: str | None, closing: ClosedEpoch) -> None:
        """Take all that a stage in this process emitted of an epoch.

        Parameters
        ----------
        topic : str or None
            Where its rows go. Contributions are not kept, and not looked at.
        closing : ClosedEpoch
            What it emitted.
        """
        output = closing.output
        rows: Iterable[object] = () if topic == CONTRIBUTIONS else output.rows
        self.take_output(closing.epoch, rows, output.facts)
        if output.dispositions is not None:
            self.take_output(closing.epoch, [output.dispositions], [])

    def take_output(self, epoch: int, rows: Iterable[object], facts: Iterable[Fact]) -> None:
        """Take rows and outward messages, wherever they were read.

        Parameters
        ----------
        epoch : int
            The epoch that they belong to.
        rows : iterable
            Findings, signals, decisions, dispositions, ticks; others are passed by. Those that
            a topic carries may be encoded as they are there.
        facts : iterable of Fact
            Messages for outward topics, and refused records.
        """
        for row in rows:
            for entry in entries_of_row(row, epoch, self._keys):
                self._enter(entry)
        for fact in facts:
            for entry in entries_of_fact(fact, epoch):
                self._enter(entry)

    def take_refused(self, records: Iterable[RefusedRecord]) -> None:
        """Take records that were refused before they reached a log."""
        for record in records:
            self._enter(refused_entry(record))

    def _enter(self, entry: RegisterRow) -> None:
        self._waiting.setdefault(entry.table.name, []).append(entry.values)
        self.n_waiting += 1
        if self.n_waiting >= self.n_rows_a_batch:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one transaction.

        Raises
        ------
        Misused
            If the database cannot be written to.
        """
        if not self.n_waiting and not any(index.n_waiting for index in self._indexes):
            return
        with database.reached(self._engine) as connection:
            self.write(connection)
        self.forget()

    def write(self, connection: Connection) -> None:
        """Write what waits, in a transaction of the caller's."""
        database.write_rows(connection, schema.keys, self._keys.rows)
        for name, rows in self._waiting.items():
            database.write_rows(connection, _TABLES[name], rows)
        for index in self._indexes:
            index.write(connection)

    def forget(self) -> None:
        """Drop what waits: it is written."""
        self._keys.written()
        self._waiting, self.n_waiting = {}, 0

    def compact(self) -> None:
        """Give back what room the database does not need, once all is written."""
        database.compact(self._engine)

    def close(self) -> None:
        """Let go of the database; what was not flushed is dropped."""
        database.close(self._engine)
