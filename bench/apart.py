"""Run one function in a process of its own: its CPU time and memory are then nobody else's."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Unfinished(RuntimeError):  # noqa: N818 - it says what happened
    """The function failed, or took longer than it was given; the message says which."""


def apart(function: str, /, *, seconds: float, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """Call ``module:function`` in a new process; return what it returns.

    Parameters
    ----------
    function : str
        As in ``bench.in_process:whole``; it takes and returns JSON values.
    seconds : float
        Time after which it is given up.
    **arguments
        Given by keyword.

    Raises
    ------
    Unfinished
        If there is no result.
    """
    command = [sys.executable, "-m", "bench.apart", function, json.dumps(arguments)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Unfinished(f"given up after {seconds:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unfinished(f"exit {done.returncode}: {' '.join(said[-2:])[:400]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


class Stopwatch:
    """CPU time of this process, all threads, and time on the wall."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        """Return the seconds since it was made."""
        return {
            "cpu_seconds": time.process_time() - self._cpu,
            "wall_seconds": time.perf_counter() - self._wall,
        }


def _main() -> None:
    module, _, name = sys.argv[1].partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    _main()
