"""Find XML files: plain, gzip, in zip files and folders; and read every message of each."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from surveillance.domain.errors import Misused
from surveillance.intake.archive import (
    Bounds,
    files_ending,
    members_ending,
    open_file,
    open_member,
    open_zip,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READS = "files named *.xml, *.xml.gz, or *.zip"
_ENDINGS = (".xml", ".xml.gz", ".zip")
# Tags repeat, so honest batches pack 20 to 60 times; a bomb of zeros packs 1,000 times.
_BOUNDS = Bounds(n_bytes_max=2**40, ratio_max=200)


class XmlFile(NamedTuple):
    """One file, open for reading, and its names."""

    shown: str  # in a place: without folders, the same on every machine
    named: str  # in a tally and a message: as the command named it
    stream: BinaryIO


class Unreadable(NamedTuple):
    """One file that cannot be opened, and why."""

    shown: str
    named: str
    fault: Misused


def within(directory: Path) -> list[Path]:
    """Return the files of a folder whose names end as XML batches' do, sorted."""
    return files_ending(directory, _ENDINGS)


def files(path: Path) -> Iterator[XmlFile | Unreadable]:
    """Open a file, or every XML member of a zip file in the order of their names.

    Parameters
    ----------
    path : Path
        The file; gzip and zip are known by their names.

    Yields
    ------
    XmlFile or Unreadable
        Closed when the next is asked for. One that cannot be opened costs none of the others.

    Raises
    ------
    Misused
        If there is no such file.
    """
    if not path.exists():
        raise Misused(str(path), "does not exist", "name a file that does")
    if path.suffix.lower() == ".zip":
        yield from _members(path)
        return
    try:
        stream = open_file(path, bounds=_BOUNDS)
    except Misused as error:
        yield Unreadable(path.name, str(path), error)
        return
    with closing(stream):
        yield XmlFile(path.name, str(path), stream)


def _members(path: Path) -> Iterator[XmlFile | Unreadable]:
    with open_zip(path) as archive:
        for info in members_ending(archive, path, ".xml"):
            shown, named = f"{path.name}/{info.filename}", f"{path}/{info.filename}"
            try:
                stream = open_member(archive, info, bounds=_BOUNDS)
            except Misused as error:
                yield Unreadable(shown, named, error)
                continue
            with closing(stream):
                yield XmlFile(shown, named, stream)
