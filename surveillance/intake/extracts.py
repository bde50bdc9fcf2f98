"""When an extract of a source was made: of two extracts of one year, the later one stands.

A public file shows each report as it stood when the file was made. Two downloads of one year
tell of the same reports with the same days of receipt, and nothing in a row shows which is
the later. That is known of the file, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from surveillance.domain.errors import Misused
from surveillance.intake.withdrawals import Content, Withdrawn

_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_LAST_DAYS = (12, 15)  # month and day: from here on a year of reports may be whole
NO_DAYS: Mapping[str, date] = MappingProxyType({})


class Undecided(Misused):
    """Two inputs contradict each other, and only the user knows which one holds."""


class Extract(NamedTuple):
    """When an extract was made, as far as is known.

    Attributes
    ----------
    on : date or None
        The day; the least that it can be where it is not certain.
    is_certain : bool
        Whether it is the day itself.
    is_stated : bool
        Whether the user gave it.
    """

    on: date | None
    is_certain: bool
    is_stated: bool = False


class Extracts:
    """The extracts that one command reads.

    Parameters
    ----------
    stated : mapping of str to date
        Days that the user gave, by path as the command names it; under the empty string the
        day of all other paths.
    withdrawn : str
        What becomes of reports that an earlier extract shows and a later one does not:
        ``stand`` or ``nullify``.

    Attributes
    ----------
    contents : list of Content
        Which reports each extract shows, as the reader enters them.
    """

    def __init__(
        self, stated: Mapping[str, date] = NO_DAYS, *, withdrawn: Withdrawn = "stand"
    ) -> None:
        self.withdrawn = withdrawn
        self.contents: list[Content] = []
        self._stated = dict(stated)
        self._seen: dict[str, list[tuple[str, Extract]]] = {}

    def of(self, path: Path, *, archived: date | None, newest: date | None, year: str) -> Extract:
        """Find out when an extract was made.

        Parameters
        ----------
        path : Path
            Zip file or folder, as the command names it.
        archived : date or None
            The newest day on which a member of the archive was written.
        newest : date or None
            The newest day of receipt in it.
        year : str
            The year of the reports, or another name of their file.

        Returns
        -------
        Extract
            By what the user stated, else the file's name, else its members, else its content.
        """
        stated = self._stated.get(str(path), self._stated.get(""))
        if stated is not None:
            return Extract(stated, is_certain=True, is_stated=True)
        named = _day_in(path.name)
        if named is not None:
            return Extract(named, is_certain=True)
        if archived is not None and (newest is None or archived >= newest):
            return Extract(archived, is_certain=True)
        # Reports come in on most days: the newest one dates an extract of a year that ran.
        is_certain = newest is not None and (
            str(newest.year) != year or (newest.month, newest.day) < _LAST_DAYS
        )
        return Extract(newest, is_certain=is_certain)

    def enter(self, year: str, path: Path, extract: Extract) -> None:
        """Enter an extract among those of the command.

        Raises
        ------
        Undecided
            If another extract of the year was read, and it is not known which is the later.
        """
        seen = self._seen.setdefault(year, [])
        for other_path, other in seen:
            if not _are_in_order(extract, other):
                raise Undecided(
                    f"{other_path} and {path}",
                    f"are two extracts of {year}, and nothing shows which is the later",
                    f"give the day of each with --extracted-on {path}=YYYY-MM-DD, or leave out "
                    "the earlier one",
                )
        seen.append((str(path), extract))


def _are_in_order(one: Extract, other: Extract) -> bool:
    """Whether it is known which is the later; or that both are parts of one."""
    if one.on == other.on:
        return one.is_stated and other.is_stated
    earlier = min(one, other, key=lambda extract: extract.on or date.min)
    return earlier.on is not None and earlier.is_certain


def _day_in(name: str) -> date | None:
    found = {
        day
        for match in _DAY.finditer(name)
        if (day := _day(int(match[1]), int(match[2]), int(match[3]))) is not None
    }
    return max(found, default=None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def stated_days(texts: Iterable[str]) -> dict[str, date]:
    """Read what was given with ``--extracted-on``: DATE, or PATH=DATE for one path.

    Raises
    ------
    Misused
        If a text is neither.

    Examples
    --------
    >>> stated_days(["2021-06-04", "old=2021-01-29"])
    {'': datetime.date(2021, 6, 4), 'old': datetime.date(2021, 1, 29)}
    """
    found: dict[str, date] = {}
    for text in texts:
        path, _, day = text.rpartition("=")
        try:
            found[str(Path(path)) if path else ""] = date.fromisoformat(day)
        except ValueError:
            raise Misused(
                f"--extracted-on {text!r}",
                "is not a day",
                "give it as 2021-06-04, or as PATH=2021-06-04 for one of several paths",
            ) from None
    return found
