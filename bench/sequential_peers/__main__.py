"""Where other sequential tools err: their value and ours, each with its level, and a simulation.

python -m bench.sequential_peers [--write FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.sequential_peers.page import report


def main(arguments: list[str]) -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.sequential_peers")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write it there")
    given = parser.parse_args(arguments)
    text = report()
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
