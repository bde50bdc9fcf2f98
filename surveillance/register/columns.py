"""Types of columns that take fewer bytes than what they stand for."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, TypeDecorator

from surveillance.domain.errors import Defect

if TYPE_CHECKING:
    from sqlalchemy import Dialect

RowId = BigInteger().with_variant(Integer, "sqlite")  # there, the row's own number
_FIRST = date(1970, 1, 1).toordinal()
_HALF = 2**63  # what the middle of them becomes nought by: databases have no unsigned ones
SIGNAL_ID = re.compile(r"S-[0-9a-f]{16}")


class Day(TypeDecorator[date]):
    """A date as the number of days since 1970-01-01."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return the number of a day."""
        return None if value is None else value.toordinal() - _FIRST

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        """Return the day of a number."""
        return None if value is None else date.fromordinal(value + _FIRST)


class SignalNumber(TypeDecorator[str]):
    """The name of a signal as the 64 bits that its digits are, in the same order."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return the number of a signal.

        Raises
        ------
        Defect
            If it is no name that `signal_id` gives.
        """
        if value is None:
            return None
        if not SIGNAL_ID.fullmatch(value):
            raise Defect(f"{value!r} is not the name of a signal")
        return int.from_bytes(bytes.fromhex(value[2:])) - _HALF

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the name of a signal."""
        return None if value is None else f"S-{value + _HALF:016x}"
