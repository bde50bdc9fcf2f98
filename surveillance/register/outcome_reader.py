"""Questions that people ask of the outcomes in a register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, Select, and_, or_, select

from surveillance.domain.names import upper
from surveillance.log.decode import decode_outcome
from surveillance.register import database
from surveillance.register.outcome_tables import outcome_versions

if TYPE_CHECKING:
    from surveillance.domain.outcome import OutcomeRecord

_columns = outcome_versions.c


class StoredOutcome(NamedTuple):
    """One version of an outcome record as the register keeps it."""

    version_id: int
    epoch: int  # in which it was first received
    valid_from: int | None  # first epoch at which it stood; None if it never did
    valid_to: int | None  # first epoch at which it stood no longer; None if it stands
    record: OutcomeRecord


class OutcomeReader:
    """Reads the outcomes of a register.

    Parameters
    ----------
    engine : Engine
        Of a register that is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def standing(
        self, epoch: int, *, programme: str | None = None, patient_id: str | None = None
    ) -> list[OutcomeRecord]:
        """Return the records that stood at the end of an epoch, without those taken back.

        Parameters
        ----------
        epoch : int
            The epoch.
        programme, patient_id : str, optional
            Only of this programme, and of this patient in it.

        Returns
        -------
        list of OutcomeRecord
            In the order of receipt.
        """
        query = select(*_columns).where(
            _columns.valid_from <= epoch,
            or_(_columns.valid_to.is_(None), _columns.valid_to > epoch),
            _columns.is_nullified.is_(False),
        )
        if programme is not None:
            query = query.where(_columns.programme == upper(programme))
        if patient_id is not None:
            query = query.where(_columns.patient_id == patient_id)
        return [one.record for one in self._all(query)]

    def versions(self, record_id: str, epoch: int) -> list[StoredOutcome]:
        """Return all versions of a record that were received by an epoch, in that order."""
        return self._all(
            select(*_columns).where(and_(_columns.record_id == record_id, _columns.epoch <= epoch))
        )

    def _all(self, query: Select[Any]) -> list[StoredOutcome]:
        with database.reached(self._engine) as connection:
            return [
                StoredOutcome(
                    row.version_id,
                    row.epoch,
                    row.valid_from,
                    row.valid_to,
                    decode_outcome(row.record),
                )
                for row in connection.execute(query.order_by(_columns.version_id))
            ]
