"""Four worked examples for a safety scientist, with their figures.

python -m bench.worked [--write FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.worked.page import report


def main(arguments: list[str]) -> None:
    """Print the page, or write it with its figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.worked")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it and figures there")
    given = parser.parse_args(arguments)
    found = report()
    if given.write is None:
        print(found["worked-examples.md"], end="")
        return
    for name, text in found.items():
        path = given.write / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
