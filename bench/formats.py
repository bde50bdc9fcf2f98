"""What each format reads of the public data: docs/formats.md, made from the files themselves.

python -m bench.formats --write docs/formats.md
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.public import folder
from surveillance.cli.inputs import SHIPPED_FOR
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.errors import Misused
from surveillance.intake.format import Format, Read, Unusable
from surveillance.intake.registry import FORMATS
from surveillance.intake.row_counts import RowCounts
from surveillance.views.contents import Contents, contents_of

_HEAD = """# Formats, and what they read of the public data

Made by `python -m bench.formats --write docs/formats.md` from the files that
[data.md](data.md) names, and from others beside them; do not edit.
What each format makes of a field is in [intake.md](intake.md).
`longwatch inspect FORMAT PATH` shows the same of your own files.

Events and products are those of all versions. A row that was refused is counted under its code:
in every file, rows read are rows used, repeated, or refused.

"""
_COLUMNS = (
    "file", "format", "cases", "versions", "events", "products", "received", "rows read", "refused",
)  # fmt: skip


class Found(NamedTuple):
    """What one format read of one file or folder."""

    name: str
    format: str
    contents: Contents
    n_rows: int
    is_balanced: bool


def look(root: Path) -> Iterator[Found]:
    """Read everything in a folder that any format of reports can read."""
    for directory in sorted(path for path in root.iterdir() if path.is_dir()):
        for one in FORMATS.values():
            if one.topic != "cases":
                continue
            for path in one.within(directory):
                found = _read(one, path, root)
                if found is not None:
                    yield found


def _read(one: Format, path: Path, root: Path) -> Found | None:
    """Return what a format reads, or None for a file of another format."""
    refused: Counter[str] = Counter()
    tally = RowCounts()

    def reads() -> Iterator[Read]:
        for item in one.read(path, tally=tally):
            if isinstance(item, Unusable):
                refused[item.code] += 1
            else:
                yield item

    configuration = read_configuration(SHIPPED / SHIPPED_FOR.get(one.name, "vaers"))
    try:
        contents = contents_of(reads(), refused, configuration)
    except Misused:
        return None
    if not contents.n_versions:
        return None
    names = [Path(file) for file in tally.files] if path.is_dir() else [path]
    name = ", ".join(f"`{name.relative_to(root)}`" for name in names)
    n_rows = sum(each.n_read for each in tally.files.values())
    return Found(name, one.name, contents, n_rows, tally.is_balanced)


def page(found: list[Found]) -> str:
    """Return the page."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(_cells(one))} |" for one in found]
    return _HEAD + "\n".join(lines) + "\n"


def _cells(one: Found) -> list[str]:
    contents = one.contents
    numbers = (contents.n_cases, contents.n_versions, contents.n_events, contents.n_products)
    refused = ", ".join(f"`{code}` {n:,}" for code, n in contents.refused.items())
    return [
        one.name,
        f"`{one.format}`",
        *(f"{number:,}" for number in numbers),
        f"{contents.first_received_on} to {contents.last_received_on}",
        f"{one.n_rows:,}",
        refused or "none",
    ]


def main() -> int:
    """Write the page; 1 if a file has rows that are in neither record nor refusal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    found = list(look(folder()))
    text = page(found)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(not all(one.is_balanced for one in found))


if __name__ == "__main__":
    sys.exit(main())
