"""The table of detectors in docs/detectors.md, with who uses each.

python -m bench.detector_users [--write FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from detectors.catalogue import CATALOGUE
from surveillance.views.detector_users import NOBODY, detector_users

FIRST = "<!-- Written by `python -m bench.detector_users`; do not edit. -->"
LAST = "<!-- End of what is written. -->"


def table() -> str:
    """Make the table, in the order of the catalogue."""
    rows = [
        f"| `{name}` | {CATALOGUE[name].statistic} | {', '.join(found) or NOBODY} |"
        for name, found in detector_users().items()
    ]
    return "\n".join(["| detector | what it computes | used by |", "|---|---|---|", *rows])


def written(page: str) -> str:
    """Put the table between its two marks on a page."""
    before, first, rest = page.partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not first or not last:
        raise ValueError(f"the page lacks {FIRST!r} or {LAST!r}")
    return f"{before}{FIRST}\n\n{table()}\n\n{LAST}{after}"


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", type=Path, help="a page with the marks, in place of output")
    given = parser.parse_args()
    if given.write:
        page = given.write.read_text(encoding="utf-8")
        given.write.write_text(written(page), encoding="utf-8")
    else:
        sys.stdout.write(f"{table()}\n")


if __name__ == "__main__":
    main()
