"""Reports that an earlier extract of a year shows and a later one does not.

A publisher withdraws reports without a word: they are missing from the next extract. So are
all reports that a person filtered out, or that a broken download lost, and nothing in such a
file tells the three apart. The reports therefore stand, and their number is reported,
unless the user declares that the later extracts are whole.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Literal, NamedTuple

from surveillance.domain.errors import Misused

Withdrawn = Literal["stand", "nullify"]


@dataclass
class Content:
    """Which reports an extract shows.

    Attributes
    ----------
    year : str
        The year of the reports, or another name of their file.
    on : date or None
        The day of the extract.
    newest : date or None
        The newest day of receipt in it.
    place : str
        Its path, as the command names it.
    ids : array
        The number of each report with any row, also one that was refused: eight bytes each.
    n_unplaced : int
        Rows that belong to no report that is known.
    """

    year: str
    on: date | None
    newest: date | None
    place: str
    ids: array[int] = field(default_factory=lambda: array("q"))
    n_unplaced: int = 0


class Absence(NamedTuple):
    """Reports of one extract that are in no later one.

    Attributes
    ----------
    ids : list of int
        The reports, in ascending order.
    earlier, later : Content
        The last extract that shows them, and the first that does not.
    """

    ids: list[int]
    earlier: Content
    later: Content

    @property
    def fault(self) -> str:
        """Why the later extract cannot be whole; empty if it may be."""
        if self.later.n_unplaced:
            return f"{self.later.n_unplaced:,} of its rows have no report number that can be read"
        newest, before = self.later.newest, self.earlier.newest
        if newest is not None and before is not None and newest < before:
            return f"its newest report came on {newest}, before {before}, that of the earlier one"
        return ""

    def told(self, withdrawn: Withdrawn) -> str:
        """Return one line for the user: how many, of which extracts, and what becomes of them."""
        earlier, later = self.earlier, self.later
        line = (
            f"{later.place}: {len(self.ids):,} report(s) of the extract of {earlier.on} of "
            f"{earlier.year}, as VAERS-{self.ids[0]}, are not in that of {later.on}"
        )
        if withdrawn == "nullify" and not self.fault:
            return f"{line}: nullified on {later.on}"
        if withdrawn == "nullify":
            return f"{line}, which is not whole ({self.fault}): they stand; fetch it again"
        return f"{line}: they stand; if it is whole, give --withdrawn nullify"

    @property
    def reason(self) -> str:
        """Why a report of these is nullified, C.1.11.2."""
        return (
            f"withdrawn by the source: in its extract of {self.earlier.on}, not in that of "
            f"{self.later.on}"
        )

    @property
    def sha256(self) -> str:
        """A digest of what the nullifications rest on, since no row of a file does."""
        return hashlib.sha256(",".join(map(str, self.ids)).encode()).hexdigest()


def what_becomes(text: str) -> Withdrawn:
    """Read what was given with ``--withdrawn``.

    Raises
    ------
    Misused
        If it is neither.
    """
    if text == "stand":
        return "stand"
    if text == "nullify":
        return "nullify"
    raise Misused(f"--withdrawn {text!r}", "is not known", "give stand or nullify")


def absences(contents: list[Content]) -> Iterator[Absence]:
    """Compare extracts.

    Parameters
    ----------
    contents : list of Content
        Of all years; those of one year and one day are parts of one extract.

    Yields
    ------
    Absence
        For each two successive extracts of a year of which the later lacks reports. A report
        that any extract of that day or after shows, be it of another year, is not absent.
    """
    for year in sorted({one.year for one in contents}):
        days = sorted({one.on for one in contents if one.year == year and one.on is not None})
        for day, following in pairwise(days):
            shown = [one for one in contents if one.year == year and one.on == day]
            gone = set().union(*(one.ids for one in shown))
            for one in contents:
                if one.on is not None and one.on >= following:
                    gone.difference_update(one.ids)
            if gone:
                later = [one for one in contents if (one.year, one.on) == (year, following)]
                yield Absence(sorted(gone), _together(shown), _together(later))


def _together(parts: list[Content]) -> Content:
    first = parts[0]
    newest = max((one.newest for one in parts if one.newest is not None), default=None)
    n_unplaced = sum(one.n_unplaced for one in parts)
    return Content(first.year, first.on, newest, first.place, n_unplaced=n_unplaced)
