"""Find the three parts of a VAERS year, in a zip file or in a folder.

Members are recognised by name, anywhere in an archive, and are read in place.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from surveillance.domain.errors import Misused
from surveillance.intake.archive import Bounds, open_file, open_member, open_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from zipfile import ZipFile, ZipInfo

PARTS = ("DATA", "VAX", "SYMPTOMS")
READS = "year files such as 1999VAERSData.zip, or their DATA, VAX and SYMPTOMS csv"

# The largest year, 2021, holds about 1 GB in a part, packed 6 times.
_BOUNDS = Bounds(n_bytes_max=8 * 2**30, ratio_max=60)
_NO_DAY = date(1980, 1, 1)
_MEMBER = re.compile(
    r"(?P<year>\d{4}|NonDomestic)VAERS(?P<part>DATA|VAX|SYMPTOMS)(?: ?\(\d+\))?\.csv",
    re.IGNORECASE,  # a browser that saves a name twice numbers the second
)


class VaersFile(NamedTuple):
    """One part of a year, not yet opened."""

    shown: str  # in a place: without folders, the same on every machine
    named: str  # in a tally and a message: as the command named it
    open: Callable[[], BinaryIO]
    written_on: date | None = None  # as its archive says


Year = dict[str, VaersFile]  # by part


def within(directory: Path) -> list[Path]:
    """Return a folder's zip files, sorted, and then the folder itself if it holds csv."""
    names = sorted(path for path in directory.iterdir() if path.is_file())
    zips = [path for path in names if path.suffix.lower() == ".zip"]
    has_csv = any(_MEMBER.fullmatch(path.name) for path in names)
    return [*zips, directory] if has_csv else zips


@contextmanager
def opened_years(path: Path) -> Iterator[dict[str, Year]]:
    """Open the years of a zip file or folder, each with its three parts.

    Parameters
    ----------
    path : Path
        Open for the time of the ``with``.

    Yields
    ------
    dict of str to Year
        By year, sorted; ``nondomestic`` for the reports from abroad.

    Raises
    ------
    Misused
        If it holds no year, a part is missing, or a part is there twice.
    """
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file())
        yield _years(path, [(each.name, _file_source(path, each)) for each in files])
        return
    if path.suffix.lower() == ".csv":
        raise Misused(str(path), "is one part of three", "name the folder that holds all three")
    with open_zip(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        members = [(info.filename, _member_source(path, archive, info)) for info in infos]
        yield _years(path, members)


def _file_source(folder: Path, file: Path) -> VaersFile:
    shown = f"{folder.resolve().name}/{file.name}"
    return VaersFile(shown, str(file), lambda: open_file(file, bounds=_BOUNDS))


def _member_source(path: Path, archive: ZipFile, info: ZipInfo) -> VaersFile:
    shown = f"{path.name}/{_base(info.filename)}"
    named = f"{path}/{info.filename}"
    return VaersFile(
        shown, named, lambda: open_member(archive, info, bounds=_BOUNDS), _written_on(info)
    )


def _written_on(info: ZipInfo) -> date | None:
    """Return the day of a member; 1980-01-01 stands where a program gave none."""
    try:
        day = date(*info.date_time[:3])
    except ValueError:
        return None
    return day if day > _NO_DAY else None


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _years(path: Path, files: list[tuple[str, VaersFile]]) -> dict[str, Year]:
    years: dict[str, Year] = {}
    for name, source in files:
        match = _MEMBER.fullmatch(_base(name))
        if match is None:
            continue
        year, part = match["year"].lower(), match["part"].upper()
        if part in years.setdefault(year, {}):
            raise Misused(str(path), f"holds {_base(name)} twice", "keep the one that holds")
        years[year][part] = source
    if not years:
        raise Misused(str(path), "holds no VAERS file", f"name {READS}")
    for year, found in years.items():
        missing = [part for part in PARTS if part not in found]
        if missing:
            reason = f"has no {year}VAERS{missing[0]}.csv"
            raise Misused(str(path), reason, "fetch it again: a year is DATA, VAX and SYMPTOMS")
    return dict(sorted(years.items()))
