"""Find the tables of FAERS quarters: in the FDA's zip files, unpacked folders, or both mixed.

Tables are recognised by name, anywhere below a folder or in an archive, whatever the case of
their letters: ``DEMO04Q1.TXT``, ``ascii/demo22q4.txt``, ``DEMO18Q1_new.txt``. So are the
deletion lists: ``Deleted/DELETE21Q4.txt``, ``ADR19Q1DeletedCases.txt``.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from surveillance.domain.errors import Misused
from surveillance.intake.archive import Bounds, open_file, open_member, open_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zipfile import ZipFile, ZipInfo

TABLES = ("DEMO", "DRUG", "REAC", "OUTC", "RPSR", "THER", "INDI")
READS = "the FDA's zip files such as faers_ascii_2022q4.zip, or the *.txt of quarters"

# The largest quarter inflates to some 600 MB in seven tables, packed 8 times.
_BOUNDS = Bounds(n_bytes_max=8 * 2**30, ratio_max=100)
_TABLE = re.compile(
    rf"(?P<table>{'|'.join(TABLES)})(?P<year>\d\d)Q(?P<quarter>[1-4])(_new)?\.txt", re.IGNORECASE
)
_DELETED = re.compile(r".*?(?P<year>\d\d)Q(?P<quarter>[1-4]).*\.txt", re.IGNORECASE)
_N_DEEP = 5  # folders below the one named, and the file


class FaersFile(NamedTuple):
    """One table or list, not yet opened."""

    shown: str  # in a place: without folders, the same from a zip file and unpacked
    named: str  # in a tally and a message: as the command named it
    open: Callable[[], BinaryIO]


class QuarterName(NamedTuple):
    """A quarter; sorts by time."""

    year: int
    quarter: int

    @property
    def last_day(self) -> date:
        """The last day of the quarter."""
        next_year, next_month = divmod(self.year * 12 + self.quarter * 3, 12)
        return date(next_year, next_month + 1, 1) - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.year}Q{self.quarter}"


@dataclass
class Quarter:
    """What was found of a quarter in one folder."""

    name: QuarterName
    tables: dict[str, FaersFile] = field(default_factory=dict)
    deletions: list[FaersFile] = field(default_factory=list)
    twice: FaersFile | None = None  # a table that is there a second time


def within(directory: Path) -> list[Path]:
    """Return a folder's zip files, sorted, and then the folder itself if it holds tables."""
    files = _files(directory)
    zips = [path for path in files if path.suffix.lower() == ".zip"]
    has_tables = any(_recognised(path.relative_to(directory)) for path in files)
    return [*zips, directory] if has_tables else zips


@contextmanager
def opened_quarters(path: Path) -> Iterator[list[Quarter]]:
    """Open the quarters of a zip file, a folder, or one deletion list.

    Parameters
    ----------
    path : Path
        Open for the time of the ``with``.

    Yields
    ------
    list of Quarter
        From the oldest on.

    Raises
    ------
    Misused
        If it holds nothing of FAERS, or is a single table.
    """
    if path.is_dir():
        yield _quarters(path, [(each.relative_to(path), _of_file(each)) for each in _files(path)])
    elif path.suffix.lower() == ".txt":
        if _TABLE.fullmatch(path.name):
            reason = "is one table of seven"
            raise Misused(str(path), reason, "name the folder that holds the whole quarter")
        yield _quarters(path, [(Path("deleted", path.name), _of_file(path))])
    else:
        with open_zip(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            yield _quarters(path, [_of_member(path, archive, info) for info in infos])


def _files(directory: Path) -> list[Path]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(path for path in found if len(path.relative_to(directory).parts) <= _N_DEEP)


def _of_file(path: Path) -> FaersFile:
    return FaersFile(path.name, str(path), partial(open_file, path, bounds=_BOUNDS))


def _of_member(path: Path, archive: ZipFile, info: ZipInfo) -> tuple[Path, FaersFile]:
    inside = Path(info.filename.replace("\\", "/"))
    opened = partial(open_member, archive, info, bounds=_BOUNDS)
    return inside, FaersFile(inside.name, f"{path}/{info.filename}", opened)


def _recognised(path: Path) -> re.Match[str] | None:
    """Recognise a table by its name, and a deletion list by its name or its folder's."""
    table = _TABLE.fullmatch(path.name)
    if table is not None or not any("delet" in part.lower() for part in path.parts):
        return table
    return _DELETED.fullmatch(path.name)


def _quarters(path: Path, files: list[tuple[Path, FaersFile]]) -> list[Quarter]:
    """Sort files into quarters; two copies in two folders are two."""
    found: dict[tuple[QuarterName, Path], Quarter] = {}
    for inside, file in files:
        match = _recognised(inside)
        if match is not None:
            name = QuarterName(2000 + int(match["year"]), int(match["quarter"]))
            quarter = found.setdefault((name, inside.parent), Quarter(name))
            _add(quarter, match.groupdict().get("table"), file)
    if not found:
        raise Misused(str(path), "holds no table of FAERS in its ASCII layout", f"name {READS}")
    return [found[key] for key in sorted(found)]


def _add(quarter: Quarter, table: str | None, file: FaersFile) -> None:
    if table is None:
        quarter.deletions.append(file)
    elif table.upper() in quarter.tables:
        quarter.twice = file
    else:
        quarter.tables[table.upper()] = file
