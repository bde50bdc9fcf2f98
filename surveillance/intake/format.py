"""The interface of a format: valid records, and unusable rows with their bytes.

Intake turns files into lines and sends nothing. A reader yields in its own order;
`surveillance.intake.spool` sorts the lines by day of receipt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from surveillance.domain.errors import Misused, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from surveillance.intake.extracts import Extracts
    from surveillance.intake.row_counts import RowCounts
    from surveillance.intake.withdrawals import Absence

Topic = Literal["cases", "outcomes", "decisions"]
N_BYTES_KEPT = 262_144  # of a row that cannot be used: as much as a line may have


class Read(NamedTuple):
    """One record, as the line that goes to a raw topic."""

    received_on: date
    key: str  # case_id, or programme
    line: bytes  # canonical JSON, no newline
    place: str = ""  # file and line, where the line itself does not tell


class Unusable(NamedTuple):
    """One input row or line that cannot be used."""

    place: str  # file and line; the header of a file is line 1
    code: str  # one of a bounded set
    reason: str
    remedy: str
    content: bytes  # cut at N_BYTES_KEPT
    n_bytes: int | None = None  # before the cut; None where there was none


class Format(Protocol):
    """A kind of file that can be read."""

    @property
    def name(self) -> str:
        """What a command calls it."""

    @property
    def topic(self) -> Topic:
        """Where its records belong."""

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""

    def within(self, directory: Path) -> list[Path]:
        """Return what can be read in a folder, sorted by name."""

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file.

        Parameters
        ----------
        path : Path
            One of the paths that `surveillance.intake.registry.paths` gave.
        tally : RowCounts, optional
            Counts every row on its way in and on its way out.
        today : date, optional
            Records of later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            Every row of the file ends in exactly one of the two, blank rows and
            repetitions apart, which the tally counts.

        Raises
        ------
        Misused
            If the file as a whole cannot be read.
        """


@runtime_checkable
class OfExtracts(Protocol):
    """A format whose files show each case as it stood when the file was made."""

    extracts: Extracts | None

    def with_extracts(self, extracts: Extracts) -> Format:
        """Return the reader of one command, which knows the days of its extracts."""

    def nullifications(self, absence: Absence, today: date | None) -> Iterator[Read]:
        """Yield the nullification of each report that a later extract no longer shows."""


def refuse_ahead(day: date, today: date | None) -> None:
    """Refuse a record from a day in the future.

    Old data are given ticks of their own dates. A tick of a day ahead would hold the log's
    clock there, and no later day would ever begin.

    Parameters
    ----------
    day : date
        On which the record was received, or made.
    today : date or None
        The present day in UTC; None takes every day.

    Raises
    ------
    Refused
        If the day is later.
    """
    if today is not None and day > today:
        raise Refused(
            "lies_ahead",
            f"its day, {day}, lies ahead of today, {today} (UTC)",
            "mend the date, or load it when that day has come; or set this machine's clock right",
        )


def unusable(
    place: str, fault: tuple[str, str, str], content: bytes, n_bytes: int | None = None
) -> Unusable:
    """Make an `Unusable`, its bytes cut to what is kept.

    Parameters
    ----------
    place : str
        File and line.
    fault : tuple of str
        Code, reason, remedy.
    content : bytes
        The row as it was read.
    n_bytes : int, optional
        Of the whole row, if it was cut before; the length of `content` by default.

    Returns
    -------
    Unusable
        Its reason states if bytes were cut.
    """
    code, reason, remedy = fault
    n_bytes, kept = n_bytes or len(content), content[:N_BYTES_KEPT]
    if n_bytes <= len(kept):
        return Unusable(place, code, reason, remedy, kept)
    reason = f"{reason} (its first {len(kept):,} bytes are kept)"
    return Unusable(place, code, reason, remedy, kept, n_bytes)


def unreadable(error: Misused) -> Unusable:
    """Stand for a file that cannot be used as a whole, among others that can."""
    place = error.place.replace("\\", "/").rpartition("/")[2]  # the same on every machine
    return unusable(place, ("unreadable_file", error.reason, error.remedy), b"")
