"""Public data that stay outside the repository: where they are, and which are missing.

    python -m bench.public

docs/data.md lists every file with its publisher; a file that is not listed there cannot be asked
for. The folder is that of LONGWATCH_DATA, else `../shared/data` beside the repository.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs/data.md"
BESIDE = ROOT.parent / "shared/data"
REFERENCE = ROOT / "tests/reference"  # numbers, which the repository carries
VAERS = tuple(f"vaers/{year}VAERSData.zip" for year in range(1990, 2001))
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|.*\| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)


class DataMissing(FileNotFoundError):  # noqa: N818 - it names what is the matter
    """A public file is not where it is looked for; the message says which, where and what to do."""


def folder() -> Path:
    """Return the folder in which public data are looked for, which need not exist."""
    return Path(os.environ.get("LONGWATCH_DATA") or BESIDE)


@cache
def listed() -> dict[str, str]:
    """Return the SHA-256 of every file of docs/data.md, by its name in the folder."""
    text = LIST.read_text(encoding="utf-8")
    return {row["name"]: row["sha256"] for row in ROW.finditer(text)}


def public(name: str) -> Path:
    """Return the path of a listed file.

    Raises
    ------
    DataMissing
        If it is not there.
    """
    if name not in listed():
        raise KeyError(f"{name} has no row in {LIST.relative_to(ROOT)}")
    path = folder() / name
    if not path.is_file():
        raise DataMissing(
            f"no {name} in LONGWATCH_DATA or ../shared/data; docs/data.md has its source"
        )
    return path


def state(name: str) -> str:
    """Return ``present``, ``absent``, or ``differs`` where the bytes are not those of the list."""
    try:
        content = public(name).read_bytes()
    except DataMissing:
        return "absent"
    return "present" if hashlib.sha256(content).hexdigest() == listed()[name] else "differs"


def main() -> int:
    """Print what became of every file; return 1 unless all are present."""
    states = {name: state(name) for name in listed()}
    print(f"public data in {folder()}")
    for name, found in states.items():
        print(f"{found:8} {name}")
    return int(set(states.values()) != {"present"})


if __name__ == "__main__":
    sys.exit(main())
