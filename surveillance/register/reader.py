"""Questions that people ask of a register."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import (
    Select,
    and_,
    func,
    select,
    union,
)

from surveillance.configuration.types import Configuration
from surveillance.domain.decision import CausalityAssessment, PersonRecord, Standalone
from surveillance.domain.finding import PriorFitted
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import Signal, SignalOutline, SignalStep, Status
from surveillance.register import chosen_rows, database, schema
from surveillance.register.case_reader import CaseReader
from surveillance.register.chosen_rows import Chosen
from surveillance.register.counted_reader import CountedReader
from surveillance.register.documents import AnyFinding, finding_of, signal_of
from surveillance.register.keys import KeyKind
from surveillance.register.look_reader import LookReader
from surveillance.register.outcome_reader import OutcomeReader
from surveillance.register.queries import KEYS, all_rows, each_row, named
from surveillance.register.review_reader import ReviewReader
from surveillance.triage.case_assessments import ACTION as ASSESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_decode_configuration = msgspec.json.Decoder(Configuration).decode
_decode_person = msgspec.json.Decoder(PersonRecord).decode
_decode_prior = msgspec.json.Decoder(PriorFitted).decode
_decode_step = msgspec.json.Decoder(SignalStep).decode
_REFUSED_COLUMNS = [
    column for column in schema.refused.c if column.name not in ("refused_id", "place")
]


class Change(NamedTuple):
    """One state of a signal, as far as ranking needs it."""

    signal_id: str
    changed_on: date
    product: str
    event: str
    level: str
    status: str
    priority: float
    n: int
    n_serious: int
    n_fatal: int
    is_sentinel: bool


class Met(NamedTuple):
    """When a criterion was first met."""

    criterion: str
    epoch: int
    on: date


class EpochRow(NamedTuple):
    """An epoch: when its tick came, and the configuration that was in force."""

    epoch: int
    at: int  # seconds since 1970 (UTC)
    on: date
    configuration: str | None  # its digest


class Counted(NamedTuple):
    """How many there were on a day."""

    on: date
    level: str
    n: int


class RegisterReader:
    """Reads a register.

    Parameters
    ----------
    url : str
        SQLite or PostgreSQL, as SQLAlchemy has it.

    Raises
    ------
    Misused
        If there is no register there, or this program does not know its schema.
    """

    def __init__(self, url: str) -> None:
        self._engine = database.open_existing(url)
        self.cases = CaseReader(self._engine)
        self.counted = CountedReader(self._engine)
        self.outcomes = OutcomeReader(self._engine)
        self.looks = LookReader(self._engine)
        self.reviews = ReviewReader(self._engine)

    def configuration(self) -> Configuration | None:
        """Return the configuration of the last epoch; None where the register was not given it."""
        last = select(func.max(schema.epochs.c.epoch)).scalar_subquery()
        digest = select(schema.epochs.c.configuration).where(schema.epochs.c.epoch == last)
        table = schema.configurations.c
        found = self._all(select(table.document).where(table.digest == digest.scalar_subquery()))
        return _decode_configuration(found[0][0]) if found else None

    @property
    def address(self) -> str:
        """Where the register is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _all(self, query: Select[Any]) -> list[Any]:
        return all_rows(self._engine, query)

    def _each(self, query: Select[Any]) -> Iterator[Any]:
        return each_row(self._engine, query)

    def findings(
        self,
        chosen: Chosen,
        *,
        criterion: str | None = None,
        first: bool = False,
        limit: int | None = None,
    ) -> list[AnyFinding]:
        """Return what `each_finding` yields."""
        return list(self.each_finding(chosen, criterion=criterion, first=first, limit=limit))

    def each_finding(
        self,
        chosen: Chosen,
        *,
        criterion: str | None = None,
        first: bool = False,
        limit: int | None = None,
        since: int = 0,
        skip: int = 0,
    ) -> Iterator[AnyFinding]:
        """Read findings in the order in which they were emitted, however many there are.

        Parameters
        ----------
        chosen : Chosen
            Product, event and last day.
        criterion : str, optional
            Only of this criterion.
        first : bool
            Only the first time that each criterion was met for each pair.
        limit : int, optional
            At most so many, from the first on.
        since, skip : int
            Begin with this epoch, and there behind so many.

        Yields
        ------
        Finding or WatchFinding
            Each as it is read.
        """
        table = schema.findings
        condition = chosen_rows.of_findings(chosen, criterion)
        query = named(table).where(condition)
        if first:
            query = query.where(table.c.finding_id.in_(chosen_rows.first_met(condition)))
        if since:
            query = query.where(table.c.epoch >= since)
        names = (KEYS["product"].c.key, KEYS["event"].c.key)
        query = query.order_by(table.c.epoch, *names, table.c.criterion, table.c.finding_id)
        for row in self._each(query.limit(limit).offset(skip or None)):
            yield finding_of(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

    def newest_findings(
        self, chosen: Chosen, n: int, *, criterion: str | None = None
    ) -> list[AnyFinding]:
        """Return the last findings, the newest first.

        Parameters
        ----------
        chosen, criterion
            As for `each_finding`.
        n : int
            At most so many.
        """
        table = schema.findings
        condition = chosen_rows.of_findings(chosen, criterion)
        if chosen.until is not None:  # what an index finds; the day alone would be read row by row
            condition = and_(condition, table.c.epoch <= chosen_rows.last_epoch(chosen.until))
        # First which, from an index alone; only then the rows.
        newest = (table.c.epoch.desc(), table.c.finding_id.desc())
        some = select(table.c.epoch, table.c.finding_id).where(condition).order_by(*newest).limit(n)
        which = some.subquery()
        both = and_(table.c.epoch == which.c.epoch, table.c.finding_id == which.c.finding_id)
        query = named(table).join(which, both).order_by(*newest)
        return [finding_of(row._mapping) for row in self._all(query)]  # noqa: SLF001

    def steps(self, signal_id: str, until: date | None = None) -> list[SignalStep]:
        """Return all steps that people made with a signal, in their order.

        Parameters
        ----------
        signal_id : str
            Name of the signal.
        until : date, optional
            Nothing later is returned.
        """
        table = schema.signal_steps.c
        query = select(table.document).where(table.signal_id == signal_id).order_by(table.number)
        if until is not None:
            query = query.where(table.made_on <= until)
        return [_decode_step(row.document) for row in self._all(query)]

    def priors(self, until: date | None = None) -> list[PriorFitted]:
        """Return the fits of the prior, those that failed as well, in the order of time.

        Parameters
        ----------
        until : date, optional
            Nothing later is returned.
        """
        table = schema.priors.c
        query = select(table.document).order_by(table.fitted_on, table.epoch)
        if until is not None:
            query = query.where(table.fitted_on <= until)
        return [_decode_prior(row.document) for row in self._all(query)]

    def n_findings(
        self, chosen: Chosen, *, criterion: str | None = None, first: bool = False
    ) -> int:
        """Count what `findings` would return without a limit."""
        table = schema.findings
        condition = chosen_rows.of_findings(chosen, criterion)
        found = (
            chosen_rows.first_met(condition)
            if first
            else select(table.c.finding_id).where(condition)
        )
        rows = self._all(select(func.count()).select_from(found.subquery()))
        return int(rows[0][0])

    def signals(
        self,
        chosen: Chosen,
        *,
        status: Status | None = None,
        ids: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> list[Signal]:
        """Return signals as `each_signal` yields them.

        Parameters
        ----------
        chosen, limit
            As for `each_signal`.
        status : str, optional
            Only those in this status on that day.
        ids : iterable of str, optional
            Only these.
        """
        statuses = None if status is None else (status,)
        return list(self.each_signal(chosen, statuses=statuses, ids=ids, limit=limit))

    def each_signal(
        self,
        chosen: Chosen,
        *,
        statuses: Sequence[str] | None = None,
        level: str | None = None,
        ids: Iterable[str] | None = None,
        limit: int | None = None,
        skip: int = 0,
    ) -> Iterator[Signal]:
        """Read signals as they stood at the end of a day, by priority, however many there are.

        Parameters
        ----------
        chosen : Chosen
            Product, event, and the day; without a day as they stand now.
        statuses : sequence of str, optional
            Only those in one of these statuses on that day.
        level : str, optional
            Only those whose product is at this level.
        ids : iterable of str, optional
            Only these.
        limit : int, optional
            At most so many, from the greatest priority on.
        skip : int
            Begin behind so many.

        Yields
        ------
        Signal
            Each as it is read; of equal ones, in the order of the names.
        """
        table, products = schema.signal_states, KEYS["product"]
        order = (table.c.priority.desc(), table.c.signal_id)
        some = select(table.c.signal_id, table.c.valid_from).where(
            chosen_rows.standing(chosen, statuses)
        )
        if ids is not None:
            some = some.where(table.c.signal_id.in_(list(ids)))
        if level is not None:
            some = some.join(products, products.c.key_id == table.c.product)
            some = some.where(products.c.level == level)
        # First which, as far as it goes from an index; only then the rows.
        which = some.order_by(*order).limit(limit).offset(skip or None).subquery()
        both = (
            table.c.signal_id == which.c.signal_id,
            table.c.valid_from == which.c.valid_from,
        )
        for row in self._each(named(table).join(which, and_(*both)).order_by(*order)):
            yield signal_of(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

    def outlines(
        self, chosen: Chosen, statuses: Sequence[str], level: str | None = None
    ) -> list[SignalOutline]:
        """Return what lists need of signals as they stood at the end of a day, in no order.

        Parameters
        ----------
        chosen, statuses, level
            As for `each_signal`.
        """
        table = schema.signal_states.c
        products, events = KEYS["product"], KEYS["event"]
        held = {"product": products.c.key, "event": events.c.key, "epoch": table.valid_from}
        query = (
            select(*(held[n] if n in held else table[n] for n in SignalOutline.__struct_fields__))
            .join(products, products.c.key_id == table.product)
            .join(events, events.c.key_id == table.event)
            .where(chosen_rows.standing(chosen, statuses))
        )
        if level is not None:
            query = query.where(products.c.level == level)
        return [SignalOutline(*row) for row in self._all(query)]

    def n_signals(self, chosen: Chosen, *, status: Status | None = None) -> int:
        """Count what `signals` would return without a limit."""
        query = select(func.count()).select_from(schema.signal_states)
        condition = chosen_rows.standing(chosen, None if status is None else (status,))
        return int(self._all(query.where(condition))[0][0])

    def changes(self, until: date | None = None) -> list[Change]:
        """Return every state of every signal up to a day, in the order of the epochs."""
        table = schema.signal_states.c
        products, events = KEYS["product"], KEYS["event"]
        query = (
            select(
                table.signal_id,
                table.changed_on,
                products.c.key.label("product_key"),
                events.c.key.label("event_key"),
                products.c.level,
                table.status,
                table.priority,
                table.n,
                table.n_serious,
                table.n_fatal,
                table.is_sentinel,
            )
            .join(products, products.c.key_id == table.product)
            .join(events, events.c.key_id == table.event)
            .order_by(table.valid_from, table.signal_id)
        )
        if until is not None:
            query = query.where(table.changed_on <= until)
        return [Change(*row) for row in self._all(query)]

    def first_met(self) -> list[tuple[str, str, str, date]]:
        """Return criterion, product, event and the day on which it was first met, for all pairs."""
        table, products, events = schema.findings.c, KEYS["product"], KEYS["event"]
        keys = (table.criterion, products.c.key, events.c.key)
        query = (
            select(*keys, func.min(table.found_on))
            .join(products, products.c.key_id == table.product)
            .join(events, events.c.key_id == table.event)
            .where(table.change == "met")
        )
        return [(row[0], row[1], row[2], row[3]) for row in self._all(query.group_by(*keys))]

    def first_met_of(self, product: str, event: str) -> list[Met]:
        """Return the criteria that a pair ever met, in the order in which it first did."""
        table, epoch = schema.findings.c, func.min(schema.findings.c.epoch)
        pair = Chosen(product, event)
        conditions = chosen_rows.conditions(schema.findings, pair, table.found_on)
        query = (
            select(table.criterion, epoch, func.min(table.found_on))
            .where(*conditions, table.change == "met")
            .group_by(table.criterion)
            .order_by(epoch, table.criterion)
        )
        return [Met(*row) for row in self._all(query)]

    def states_at(self, signal_ids: Iterable[str], epoch: int) -> dict[str, Signal]:
        """Return some signals as they stood at the end of an epoch, those that there were."""
        table = schema.signal_states.c
        query = named(schema.signal_states).where(
            table.signal_id.in_(list(signal_ids)), table.valid_from <= epoch, table.valid_to > epoch
        )
        found = (signal_of(row._mapping) for row in self._all(query))  # noqa: SLF001
        return {signal.signal_id: signal for signal in found}

    def pairs_of_signals(self) -> dict[str, tuple[str, str]]:
        """Return product and event of every signal that there ever was."""
        table, products, events = schema.signal_states.c, KEYS["product"], KEYS["event"]
        query = (
            select(table.signal_id, products.c.key, events.c.key)
            .join(products, products.c.key_id == table.product)
            .join(events, events.c.key_id == table.event)
            .distinct()
        )
        return {row[0]: (row[1], row[2]) for row in self._all(query)}

    def person_records(self, until: int) -> list[tuple[int, Standalone]]:
        """Return decisions and acknowledgements that took effect by an epoch, in its order."""
        records = self.all_person_records(until)
        return [(epoch, one) for epoch, one in records if isinstance(one, Standalone)]

    def all_person_records(self, until: int | None = None) -> list[tuple[int, PersonRecord]]:
        """Return every record of people that was admitted and not passed over, in its order."""
        table, passed = schema.decisions.c, schema.decisions_passed_over.c
        kept = select(passed.decision_id)
        query = (
            select(table.epoch, table.document)
            .where(table.decision_id.not_in(kept))
            .order_by(table.epoch, table.decision_id)
        )
        if until is not None:
            query = query.where(table.epoch <= until)
        return [(row[0], _decode_person(row[1])) for row in self._all(query)]

    def case_assessments(
        self, case_ids: Iterable[str], until: int
    ) -> list[tuple[int, CausalityAssessment]]:
        """Return how people assessed cases by an epoch, in the order of the log.

        Parameters
        ----------
        case_ids : iterable of str
            Of the cases.
        until : int
            The epoch.
        """
        table = schema.decisions.c
        query = (
            select(table.epoch, table.document)
            .where(table.action == ASSESS, table.epoch <= until)
            .order_by(table.epoch, table.decision_id)
        )
        wanted = set(case_ids)
        records = ((row[0], _decode_person(row[1])) for row in self._all(query))
        found = [
            (epoch, one)
            for epoch, one in records
            if isinstance(one, CausalityAssessment) and one.case_id in wanted
        ]
        return sorted(found, key=lambda row: (row[0], row[1].decided_at))

    def first_alert(self, product: str, event: str) -> date | None:
        """Return the day of the first finding of a pair."""
        table = schema.alerts.c
        query = select(func.min(table.alerted_on)).where(
            table.product == product, table.event == event
        )
        day: date | None = self._all(query)[0][0]
        return day

    def alerts_by_day(self) -> list[Counted]:
        """Count alerts by day and by level of the product."""
        table = schema.alerts
        return self._by_day(select(table.c.alerted_on, table.c.level))

    def newly_met_by_day(self) -> list[Counted]:
        """Count findings that are newly met, by day and by level of the product."""
        table, products = schema.findings, KEYS["product"]
        query = select(table.c.found_on, products.c.level).where(table.c.change == "met")
        return self._by_day(query.join(products, products.c.key_id == table.c.product))

    def _by_day(self, query: Select[Any]) -> list[Counted]:
        columns = list(query.selected_columns)
        grouped = query.add_columns(func.count()).group_by(*columns).order_by(*columns)
        return [Counted(*row) for row in self._all(grouped)]

    def known_keys(self) -> tuple[list[str], list[str]]:
        """Return the keys of all products and of all events that there is a row about."""
        return self._keys("product"), self._keys("event")

    def _keys(self, kind: KeyKind) -> list[str]:
        tables = (schema.findings, schema.signal_states, schema.looks)
        named = union(*(select(table.c[kind]) for table in tables))
        keys = schema.keys.c
        query = select(keys.key).where(keys.key_id.in_(named)).order_by(keys.key)
        return [row[0] for row in self._all(query)]

    def criteria(self) -> list[str]:
        """Return the names of all criteria that there is a finding of."""
        column = schema.findings.c.criterion
        return [row[0] for row in self._all(select(column).distinct().order_by(column))]

    def days(self) -> dict[int, date]:
        """Return the day of every epoch, in the order of the epochs."""
        table = schema.epochs.c
        query = select(table.epoch, table.happened_on).order_by(table.epoch)
        return {row[0]: row[1] for row in self._all(query)}

    def epoch_rows(self) -> list[EpochRow]:
        """Return every epoch, in order."""
        table = schema.epochs.c
        query = select(table.epoch, table.at, table.happened_on, table.configuration)
        return [EpochRow(*row) for row in self._all(query.order_by(table.epoch))]

    def dispositions(self, until: int) -> dict[str, dict[str, int]]:
        """Return what became of the records of each topic by an epoch: how many of each kind."""
        table = schema.dispositions.c
        kinds = ("applied", "superseded", "repeated", "refused", "control")
        sums = [func.sum(table[kind]) for kind in kinds]
        query = select(table.topic, *sums).where(table.epoch <= until)
        rows = self._all(query.group_by(table.topic).order_by(table.topic))
        return {row[0]: dict(zip(kinds, map(int, row[1:]), strict=True)) for row in rows}

    def last_day(self) -> date | None:
        """Return the day of the last epoch; None before the first."""
        day: date | None = self._all(select(func.max(schema.epochs.c.happened_on)))[0][0]
        return day

    def refused(self, *, code: str | None = None, limit: int | None = None) -> list[RefusedRecord]:
        """Return refused records by code, then by place."""
        table = schema.refused.c
        query = select(*_REFUSED_COLUMNS).order_by(
            table.code, table.topic, table.partition, table.offset, table.line
        )
        if code is not None:
            query = query.where(table.code == code)
        return [_refused(row) for row in self._all(query.limit(limit))]

    def refused_at(self, place: str) -> list[RefusedRecord]:
        """Return what was refused at a place."""
        query = select(*_REFUSED_COLUMNS).where(schema.refused.c.place == place)
        return [_refused(row) for row in self._all(query)]

    def refused_by_code(self) -> list[tuple[str, int]]:
        """Count refused records by code, the most frequent first."""
        table, n = schema.refused.c, func.count()
        query = select(table.code, n).group_by(table.code).order_by(n.desc(), table.code)
        return [(row[0], row[1]) for row in self._all(query)]


def _refused(row: Any) -> RefusedRecord:  # noqa: ANN401 - a row of the refused records
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    at: datetime | None = values.pop("refused_at")
    return RefusedRecord(at=at and at.replace(tzinfo=at.tzinfo or UTC), **values)
