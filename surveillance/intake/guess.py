"""What format a file looks like, for a message to someone who named another one."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_N_BYTES = 8_192
_GZIP = b"\x1f\x8b"
_BEGINNINGS = {  # the first that is found decides
    "e2b": rb"<MCCI_IN200100UV01\b",
    "e2b-r2": rb"<ichicsr\b",
    "openfda": rb'"(safetyreportid|mdr_report_key)"\s*:',
    "cases": rb'"case_id"\s*:',
    "vaers": rb"^\W*VAERS_ID\b",
    "faers": rb"^\W*(primaryid|ISR)\$",
    "maude": rb"^\W*MDR_REPORT_KEY\|",
    "caers": rb"^\W*(RA_Report|Report ID|Date FDA First Received)",
}
_MEMBERS = {
    "vaers": r"VAERS(DATA|VAX|SYMPTOMS)\.csv$",
    "faers": r"(^|/)(DEMO|DRUG|REAC)\d\dQ\d[^/]*\.txt$",
    "maude": r"(^|/)(mdrfoi|foidev|foitext)[^/]*\.txt$",
    "openfda": r"\.json$",
    "e2b": r"\.xml$",
}


def format_of(path: Path) -> str | None:
    """Return the format that a file looks like; None if it looks like none.

    Parameters
    ----------
    path : Path
        A file; of anything else, and of what cannot be read, nothing is known.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _of_members(archive.namelist())
        with path.open("rb") as file:
            begin = file.read(_N_BYTES)
        if begin.startswith(_GZIP):
            begin = zlib.decompressobj(31).decompress(begin, _N_BYTES)
    except (OSError, zipfile.BadZipFile, zlib.error, ValueError):
        return None
    found = (
        name for name, begins in _BEGINNINGS.items() if re.search(begins, begin, re.IGNORECASE)
    )
    return next(found, None)


def _of_members(names: list[str]) -> str | None:
    for format_name, pattern in _MEMBERS.items():
        if any(re.search(pattern, name, re.IGNORECASE) for name in names):
            return format_name
    return None
