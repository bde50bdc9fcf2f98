"""Draw histories of every scenario, and write how often the watches err and find.

python -m bench.study [--histories N] [--cells NAME ...] [--minutes M] [--write FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.study.cells import CELLS
from bench.study.history import Drawn, draw
from bench.study.page import pages

AT_ONCE = 5  # histories a task


class Task(NamedTuple):
    """Histories that one process draws."""

    cell: str
    seeds: tuple[int, ...]


def kept(folder: Path) -> dict[str, dict[int, Drawn]]:
    """Read what was drawn before.

    Parameters
    ----------
    folder : Path
        A line that was cut off is left out.

    Returns
    -------
    dict of str to dict of int to Drawn
        By cell and seed.
    """
    found: dict[str, dict[int, Drawn]] = {name: {} for name in CELLS}
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            try:
                one = msgspec.json.decode(line, type=Drawn)
            except msgspec.DecodeError:
                continue
            found.setdefault(one.cell, {})[one.seed] = one
    return found


def _tasks(names: list[str], n: int, known: dict[str, dict[int, Drawn]]) -> Iterator[Task]:
    """Return what is missing, a few of every cell at a time."""
    for start in range(0, n, AT_ONCE):
        for name in names:
            block = range(start, min(start + AT_ONCE, n))
            seeds = tuple(seed for seed in block if seed not in known[name])
            if seeds:
                yield Task(name, seeds)


def _work(task: Task) -> list[Drawn]:
    return [draw(CELLS[task.cell], seed) for seed in task.seeds]


def run(folder: Path, names: list[str], n: int, *, processes: int, minutes: float) -> None:
    """Draw what is missing, and keep each task as it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    tasks = list(_tasks(names, n, kept(folder)))
    until, left = time.monotonic() + 60 * minutes, iter(tasks)
    n_done = 0
    with ProcessPoolExecutor(processes) as pool:
        while time.monotonic() < until and (some := list(islice(left, 2 * processes))):
            for task, drawn in zip(some, pool.map(_work, some), strict=True):
                with (folder / f"{task.cell}.ndjson").open("ab") as file:
                    file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in drawn))
                n_done += 1
                print(f"\r{n_done} of {len(tasks)} parts", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if n_done < len(tasks):
        print("the time is up: run it again to go on", file=sys.stderr)


def main(arguments: list[str]) -> None:
    """Draw, and write the pages."""
    parser = argparse.ArgumentParser(prog="python -m bench.study")
    parser.add_argument("--histories", type=int, default=1_000, help="of each cell")
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after these")
    parser.add_argument("--keep", type=Path, default=Path("run/study"), help="what was drawn")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write page and figures there")
    given = parser.parse_args(arguments)
    run(
        given.keep, given.cells, given.histories,
        processes=given.processes, minutes=given.minutes,
    )  # fmt: skip
    for name, text in pages(kept(given.keep)).items():
        if given.write:
            (given.write / name).write_text(text, encoding="utf-8")
        elif name.endswith(".md"):
            print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
