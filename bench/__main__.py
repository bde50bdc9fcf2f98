"""Speed and memory in one run on one machine, against the budgets and beside other programs.

    python -m bench [--quick] [--json FILE] [--only PART]...

Rates are records a CPU second, since other work on the machine then counts for little; each is
the median of repeated runs, every one in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import data, machine, on_kafka, register, show, vaers
from bench.apart import Unfinished, apart
from bench.peers import PEERS
from bench.public import folder
from surveillance.stream.local_broker import BrokerFailed, BrokerMissing


class Size(NamedTuple):
    """How much is run."""

    n_lines: int
    n_runs: int
    n_standing: int
    n_pairs: int
    n_vaers_files: int
    register: register.Size
    seconds: float  # given to one run


FULL = Size(200_000, 3, 1_000_000, 3_000_000, 1_000, register.FULL, 300.0)
QUICK = Size(30_000, 1, 200_000, 300_000, 2, register.QUICK, 120.0)
PARTS = ("in_process", "kafka", "store", "screening", "vaers", "register")


class Bench:
    """One run of everything.

    Parameters
    ----------
    size : Size
        How much.
    home : Path
        For the data, the broker and the states.
    """

    def __init__(self, size: Size, home: Path) -> None:
        self._size, self._home = size, home
        self._path = home / "cases.ndjson"

    def run(self, parts: list[str], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Run the parts named; keep what is known after each, and return all of it."""
        found: dict[str, Any] = {"machine": machine.describe(), "size": self._size._asdict()}
        start = time.perf_counter()
        found["data"] = data.write(self._path, self._size.n_lines)
        works: dict[str, Callable[[], dict[str, Any]]] = {
            "in_process": self._in_process,
            "kafka": self._kafka,
            "store": self._store,
            "screening": self._screening,
            "vaers": self._vaers,
            "register": self._register,
        }
        for part in parts:
            print(f"{time.perf_counter() - start:5.0f} s {part}", file=sys.stderr, flush=True)
            found[part] = works[part]()
            found["machine"]["load_after"] = [round(load, 2) for load in os.getloadavg()]
            found["seconds"] = time.perf_counter() - start
            keep(found)
        return found

    def _repeated(self, work: Callable[[], dict[str, Any]], n: int | None = None) -> dict[str, Any]:
        """Run so many times; return all runs, and the one with the median CPU time."""
        runs, failures = [], []
        for _ in range(n or self._size.n_runs):
            try:
                runs.append(work())
            except (Unfinished, AssertionError) as error:
                failures.append(str(error))
        if not runs:
            return {"failed": failures}
        middle = median([run["cpu_seconds"] for run in runs])
        chosen = min(runs, key=lambda run: abs(float(run["cpu_seconds"]) - middle))
        spread = [run["cpu_seconds"] for run in runs]
        return {**chosen, "cpu_seconds_of_runs": spread} | (
            {"failed": failures} if failures else {}
        )

    def _apart(self, function: str, **arguments: Any) -> Callable[[], dict[str, Any]]:  # noqa: ANN401 - JSON values
        return lambda: apart(function, seconds=self._size.seconds, **arguments)

    def _in_process(self) -> dict[str, Any]:
        path = str(self._path)
        return {
            cut: {
                "whole": self._repeated(self._apart("bench.in_process:whole", path=path, cut=cut)),
                "stages": _once(self._apart("bench.in_process:stages", path=path, cut=cut)),
            }
            for cut in ("day", "number")
        }

    def _kafka(self) -> dict[str, Any]:
        with ExitStack() as stack:
            try:
                log = stack.enter_context(on_kafka.log_on_broker(self._path, self._home))
            except (BrokerMissing, BrokerFailed) as error:
                return {"failed": [str(error)]}
            return self._on(log)

    def _on(self, log: on_kafka.Log) -> dict[str, Any]:
        seconds = self._size.seconds
        home = iter(self._home / f"state-{index}" for index in range(100))
        peer = {"address": log.address, "n_lines": log.n_lines, "n_messages": log.n_messages}
        return {
            "loading_seconds": log.loading_seconds,
            "n_messages": log.n_messages,
            "n_epochs": log.last_epoch + 1,
            "one_worker": self._repeated(
                lambda: on_kafka.measure(log, next(home), n_workers=1, seconds=seconds)
            ),
            "rebuild": _once(lambda: on_kafka.measure_rebuild(log, next(home), seconds=seconds)),
            "two_workers": _once(
                lambda: on_kafka.measure(log, next(home), n_workers=2, seconds=seconds)
            ),
            "peers": {
                name: self._repeated(self._apart(f"bench.peers:{name}", **peer)) for name in PEERS
            },
        }

    def _store(self) -> dict[str, Any]:
        n, path = self._size.n_standing, str(self._path)
        return _once(self._apart("bench.memory:revise", path=path, n_cases=n))

    def _screening(self) -> dict[str, Any]:
        return _once(self._apart("bench.screening:screen", n_pairs=self._size.n_pairs))

    def _vaers(self) -> dict[str, Any]:
        files = vaers.files()
        if not files:
            return {"failed": [f"no VAERS files in {folder()}: see docs/data.md"]}
        chosen = files[-self._size.n_vaers_files :]
        found = _once(lambda: vaers.replay(chosen, seconds=self._size.seconds))
        names = [str(path) for path in chosen]
        once = _once(self._apart("bench.vaers:count_once", paths=names))
        ratio = {}
        if "cpu_seconds" in found and "cpu_seconds" in once:
            ratio["times_pandas"] = found["cpu_seconds"] / once["cpu_seconds"]
        return {**found, "pandas": once, **ratio, "is_whole": len(chosen) == len(files)}

    def _register(self) -> dict[str, Any]:
        path = str(self._path)
        return {
            name: _once(partial(register.measure, url, path, self._size.register))
            for name, url in register.databases(self._home)
        }


def _once(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except (Unfinished, AssertionError) as error:
        return {"failed": [str(error)]}


def main() -> int:
    """Run, print tables, and write JSON; exit 1 if something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="less data, one run of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--only", action="append", choices=PARTS, help="may be given repeatedly")
    chosen = parser.parse_args()

    def keep(found: dict[str, Any]) -> None:
        if chosen.json is not None:
            chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as home:
        bench = Bench(QUICK if chosen.quick else FULL, Path(home))
        return show.tables(bench.run(chosen.only or list(PARTS), keep))


if __name__ == "__main__":
    sys.exit(main())
