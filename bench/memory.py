"""The store of `revise`: memory by standing case, and the fold of a lost partition again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench import data
from bench.apart import Stopwatch
from bench.machine import resident_mb
from surveillance.configuration.types import Topics
from surveillance.log.days import end_of
from surveillance.log.messages import Record
from surveillance.log.stage import ReaderState
from surveillance.log.topics import CASES
from surveillance.screening.revise import Revise, ReviseState
from surveillance.stream.store import RocksStore

LINES_A_SAVE = 20_000
LINES_A_MESSAGE = 200
SOURCE = "revise/0"
N_LINES_READ = 3_000


class _Head(msgspec.Struct):
    case_id: str
    version: int
    received_on: Any = None


_head = msgspec.json.Decoder(_Head).decode


def _messages(templates: list[bytes], n: int) -> Iterator[bytes]:
    """Make messages of cases that all differ, each like one of the templates."""
    named = [(line, _head(line).case_id.encode()) for line in templates]
    waiting: list[bytes] = []
    for number in range(n):
        line, old = named[number % len(named)]
        waiting.append(line.replace(old, b"SIM-C-%0*d" % (len(old) - 6, number)))
        if len(waiting) == LINES_A_MESSAGE:
            yield b"\n".join(waiting)
            waiting = []
    if waiting:
        yield b"\n".join(waiting)


def revise(path: str, n_cases: int) -> dict[str, Any]:
    """Fold cases that all stand through `revise` with RocksDB; memory grown, and time.

    One partition, as a worker holds it: the state is saved every 20,000 lines. Reopening is
    what a worker does that comes back to its disk; the fold is what one does that lost it.
    """
    # few lines: what is freed before the fold would be used again and hide its growth
    with Path(path).open("rb") as file:
        lines = [line.removesuffix(b"\n") for line in islice(file, N_LINES_READ)]
    templates = [line for line in lines if _head(line).version == 1]
    at = end_of(max(line.on for line in data.dated(lines)))
    directory = Path(tempfile.mkdtemp(prefix="longwatch-bench-"))
    try:
        return _fold(templates, n_cases, at, directory)
    finally:
        shutil.rmtree(directory)


def _fold(templates: list[bytes], n_cases: int, at: int, directory: Path) -> dict[str, Any]:
    known = data.configuration()
    stage = Revise(msgspec.structs.replace(known, topics=Topics(cases=1)), 0)
    before = resident_mb(os.getpid())
    store = RocksStore(directory)
    held = store.open(SOURCE, stage)
    samples: list[tuple[int, float]] = []
    spent = 0.0
    watch = Stopwatch()
    n = n_output = 0
    for value in _messages(templates, n_cases):
        start = time.process_time()
        stage.apply(held.state, Record(n // LINES_A_MESSAGE, value, at))
        n += value.count(b"\n") + 1
        if n % LINES_A_SAVE == 0 or n == n_cases:
            n_output += _save(store, stage, held, at)
            samples.append((n, resident_mb(os.getpid()) - before))
        spent += time.process_time() - start
    wall = watch.read()["wall_seconds"]
    store.close()
    if n_output != n_cases:
        raise AssertionError(f"{n_cases:,} cases, {n_output:,} contributions")
    return {
        "n_cases": n_cases,
        "memory_mb": max(grown for _, grown in samples),
        "memory_mb_by_n": samples[:: max(1, len(samples) // 10)],
        "cpu_seconds": spent,
        "wall_seconds": wall,
        "per_cpu_second": n_cases / spent,
        "disk_mb": sum(file.stat().st_size for file in directory.rglob("*")) / 1e6,
        **_reopened(directory, stage, n_cases),
    }


def _save(store: RocksStore, stage: Revise, held: ReaderState[ReviseState], at: int) -> int:
    """Close an epoch and store the state; return how many assertions were emitted."""
    output = stage.close(held.state, held.epoch + 1, at)
    held.epoch += 1
    store.save(SOURCE, held)
    if output.dispositions is None:
        return sum(1 for _ in output.rows)
    return output.dispositions.applied


def _reopened(directory: Path, stage: Revise, n_cases: int) -> dict[str, float]:
    watch = Stopwatch()
    store = RocksStore(directory)
    held = store.open(SOURCE, stage)
    last = held.cells.get(b"SIM-C-%08d" % (n_cases - 1))
    seconds = watch.read()["wall_seconds"]
    store.close()
    if last is None:
        raise AssertionError(f"the last case of {n_cases:,} is not in the store of {CASES}")
    return {"seconds_to_reopen": seconds}
