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
_MATTER_ID = re.compile(r"M-[0-9a-f]{16}")


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


class _Digits(TypeDecorator[str]):
    """A letter and sixteen hexadecimal digits as the 64 bits that these are, in the same order."""

    impl = BigInteger
    cache_ok = True
    form: re.Pattern[str]
    prefix: str
    meaning: str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return the number of a name.

        Raises
        ------
        Defect
            If it is no such name.
        """
        if value is None:
            return None
        if not self.form.fullmatch(value):
            raise Defect(f"{value!r} is not the name of a {self.meaning}")
        return int.from_bytes(bytes.fromhex(value[2:])) - _HALF

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the name of a number."""
        return None if value is None else f"{self.prefix}{value + _HALF:016x}"


class SignalNumber(_Digits):
    """The name of a signal as a number."""

    cache_ok = True
    form, prefix, meaning = SIGNAL_ID, "S-", "signal"


class MatterNumber(_Digits):
    """The name of a matter as a number."""

    cache_ok = True
    form, prefix, meaning = _MATTER_ID, "M-", "matter"
