"""Questions that people ask of the cases in a register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Select, and_, func, literal, or_, select

from surveillance.domain.errors import Misused
from surveillance.log.decode import decode_case
from surveillance.register.case_tables import (
    case_postings,
    case_repeats,
    case_versions,
)
from surveillance.register.keys import key_id
from surveillance.register.packing import unpack
from surveillance.register.queries import all_rows
from surveillance.register.schema import epochs
from surveillance.register.schema import keys as key_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from surveillance.domain.case import CaseVersion
    from surveillance.register.keys import KeyKind

_N_CASES_A_QUERY = 500
_columns = case_versions.c
_of_product, _of_event = case_postings.alias("products"), case_postings.alias("events")


class StoredVersion(NamedTuple):
    """One version of a case as the register keeps it."""

    version_id: int
    case_id: str
    epoch: int  # in which it was first received
    valid_from: int | None  # first epoch at which it stood; None if it never did
    valid_to: int | None  # first epoch at which it stood no longer; None if it stands
    is_counted: bool
    case: CaseVersion

    def stands_at(self, epoch: int) -> bool:
        """Return whether the version stood at the end of an epoch."""
        begun = self.valid_from is not None and self.valid_from <= epoch
        return begun and (self.valid_to is None or epoch < self.valid_to)


class CountedSpan(NamedTuple):
    """So many case versions that counted from one epoch on, until another."""

    valid_from: int
    valid_to: int | None  # None: they still do
    flags: int  # of the event, as in a contribution; 0 where none was asked for
    n: int


class CaseReader:
    """Reads the cases of a register.

    Parameters
    ----------
    engine : Engine
        Of a register that is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _all(self, query: Select[Any]) -> list[Any]:
        return all_rows(self._engine, query)

    def require_any(self) -> None:
        """Refuse a register that was written without the cases.

        Raises
        ------
        Misused
            If it knows epochs and not one case.
        """
        if not self._all(select(_columns.version_id).limit(1)):
            place = self._engine.url.render_as_string(hide_password=True)
            raise Misused(place, "holds no cases", "make it again from the log")

    def epoch_on(self, day: date | None) -> int | None:
        """Return the last epoch of a day, or the last of all; None before the first."""
        query = select(func.max(epochs.c.epoch))
        if day is not None:
            query = query.where(epochs.c.happened_on <= day)
        epoch: int | None = self._all(query)[0][0]
        return epoch

    def days(self, numbers: Iterable[int]) -> dict[int, date]:
        """Return the days of some epochs."""
        wanted = sorted(set(numbers))
        found: dict[int, date] = {}
        for start in range(0, len(wanted), _N_CASES_A_QUERY):
            some = wanted[start : start + _N_CASES_A_QUERY]
            query = select(epochs.c.epoch, epochs.c.happened_on).where(epochs.c.epoch.in_(some))
            found.update((row[0], row[1]) for row in self._all(query))
        return found

    def keys(self, kind: KeyKind) -> list[str]:
        """Return all keys of products, or of events, that a case was ever found under."""
        query = select(key_table.c.key).where(key_table.c.kind == kind)
        return [row[0] for row in self._all(query.order_by(key_table.c.key))]

    def counted_keys(self, kind: KeyKind) -> list[str]:
        """Return the keys of products, or of events, that a case counted under, now or once."""
        counted = (
            select(case_postings.c.version_id)
            .join(case_versions, _columns.version_id == case_postings.c.version_id)
            .where(case_postings.c.key_id == key_table.c.key_id, _columns.is_counted)
        )
        query = select(key_table.c.key).where(key_table.c.kind == kind, counted.exists())
        return [row[0] for row in self._all(query.order_by(key_table.c.key))]

    def counted_spans(
        self, product: str | None = None, event: str | None = None
    ) -> list[CountedSpan]:
        """Return from when to when cases counted.

        Parameters
        ----------
        product, event : str, optional
            Only cases that name this key.

        Raises
        ------
        Misused
            If a program wrote the rows that did not keep whether an event was serious.
        """
        query = select(_columns.valid_from, _columns.valid_to)
        flags: ColumnElement[Any] = literal(0)
        for kind, key in (("product", product), ("event", event)):
            if key is None:
                continue
            postings = case_postings.alias(f"{kind}_postings")
            flags = postings.c.flags
            query = query.join(postings, postings.c.version_id == _columns.version_id)
            query = query.where(postings.c.key_id == key_id(kind, key))
        columns = (_columns.valid_from, _columns.valid_to, flags)
        query = query.with_only_columns(*columns, func.count(), maintain_column_froms=True)
        query = query.where(_columns.is_counted, _columns.valid_from.is_not(None))
        found = [CountedSpan(*row) for row in self._all(query.group_by(*columns[:2], flags))]
        if any(one.flags is None for one in found):
            place = self._engine.url.render_as_string(hide_password=True)
            reason = "was upgraded, and does not hold the serious cases over time"
            raise Misused(place, reason, "make it again from the log")
        return found

    def n_counted(self, product: str, event: str, epoch: int) -> int:
        """Return how many cases count for a pair at the end of an epoch: its n_pair."""
        condition = and_(_stands_at(epoch), _columns.is_counted)
        query = _named_by(product, event, func.count()).where(condition)
        return int(self._all(query)[0][0])

    def standing(
        self, product: str, event: str, epoch: int, *, after: int = -1, limit: int | None = None
    ) -> list[StoredVersion]:
        """Return the versions that stood at the end of an epoch and name a pair.

        Parameters
        ----------
        product, event : str
            Keys.
        epoch : int
            The epoch.
        after : int, optional
            Only versions with a greater number: the last one of the page before.
        limit : int, optional
            At most so many.

        Returns
        -------
        list of StoredVersion
            In the order of receipt; those that do not count as well.
        """
        # Ordered by the number in the index, so that a page is read without all that follow.
        number = _of_product.c.version_id
        query = _named_by(product, event, *_columns).where(_stands_at(epoch))
        query = query.where(number > after).order_by(number)
        return [_stored(row) for row in self._all(query.limit(limit))]

    def counted_cases(self, product: str, event: str, epoch: int) -> dict[str, int]:
        """Return the cases that count for a pair at the end of an epoch, with their versions."""
        condition = and_(_stands_at(epoch), _columns.is_counted)
        query = _named_by(product, event, _columns.case_id, _columns.version_id).where(condition)
        return {row[0]: row[1] for row in self._all(query.order_by(_columns.version_id))}

    def counted_before(self, product: str, event: str, epoch: int) -> list[str]:
        """Return the cases that counted for a pair once, and whose version was followed."""
        condition = and_(_columns.is_counted, _columns.valid_to <= epoch)
        query = _named_by(product, event, _columns.case_id).where(condition).distinct()
        return [row[0] for row in self._all(query.order_by(_columns.case_id))]

    def standing_of(self, case_ids: Iterable[str], epoch: int) -> list[StoredVersion]:
        """Return the version of each case that stood at the end of an epoch."""
        return self._in_parts(case_ids, _columns.case_id, _stands_at(epoch))

    def duplicates_of(self, case_ids: Iterable[str], epoch: int) -> dict[str, list[str]]:
        """Return, for each case, those that are marked as its duplicates at an epoch."""
        found: dict[str, list[str]] = {}
        for one in self._in_parts(case_ids, _columns.duplicate_of, _stands_at(epoch)):
            found.setdefault(one.case.duplicate_of or "", []).append(one.case_id)
        return {case_id: sorted(copies) for case_id, copies in found.items()}

    def versions(self, case_id: str, epoch: int) -> list[StoredVersion]:
        """Return all versions of a case that were received by an epoch, in that order."""
        query = select(*_columns).where(_columns.case_id == case_id, _columns.epoch <= epoch)
        return [_stored(row) for row in self._all(query.order_by(_columns.version_id))]

    def n_repeats(self, case_id: str, epoch: int) -> dict[int, int]:
        """Return how often each version of a case was received again by an epoch."""
        query = (
            select(case_repeats.c.version_id, func.count())
            .join(case_versions, _columns.version_id == case_repeats.c.version_id)
            .where(_columns.case_id == case_id, case_repeats.c.epoch <= epoch)
            .group_by(case_repeats.c.version_id)
        )
        return {row[0]: row[1] for row in self._all(query)}

    def near(self, case_id: str, n: int) -> list[str]:
        """Return some cases whose identification begins alike."""
        pattern = _columns.case_id.startswith(case_id[: max(len(case_id) - 1, 1)], autoescape=True)
        query = select(_columns.case_id).where(pattern).distinct().order_by(_columns.case_id)
        return [row[0] for row in self._all(query.limit(n))]

    def _in_parts(
        self, names: Iterable[str], column: ColumnElement[Any], condition: ColumnElement[bool]
    ) -> list[StoredVersion]:
        wanted = sorted(names)
        found: list[StoredVersion] = []
        for start in range(0, len(wanted), _N_CASES_A_QUERY):
            some = wanted[start : start + _N_CASES_A_QUERY]
            query = select(*_columns).where(column.in_(some), condition)
            found += [_stored(row) for row in self._all(query.order_by(_columns.version_id))]
        return found


def _stands_at(epoch: int) -> ColumnElement[bool]:
    return and_(
        _columns.valid_from <= epoch, or_(_columns.valid_to.is_(None), _columns.valid_to > epoch)
    )


def _named_by(product: str, event: str, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns
    """Return a query of the versions that are posted under both keys."""
    number = _of_product.c.version_id
    return (
        select(*columns)
        .select_from(_of_product)
        .join(_of_event, _of_event.c.version_id == number)
        .join(case_versions, _columns.version_id == number)
        .where(
            _of_product.c.key_id == key_id("product", product),
            _of_event.c.key_id == key_id("event", event),
        )
    )


def _stored(row: Any) -> StoredVersion:  # noqa: ANN401 - a row of `case_versions`
    return StoredVersion(
        row.version_id,
        row.case_id,
        row.epoch,
        row.valid_from,
        row.valid_to,
        row.is_counted,
        decode_case(unpack(row.record)),
    )
