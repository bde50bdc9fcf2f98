"""The only clock of the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def today() -> date:
    """Return the present day in UTC."""
    return now().date()
