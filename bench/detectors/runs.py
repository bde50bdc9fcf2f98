"""Repeat a piece of work in one process, and say what it took."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TypeVar

from bench.apart import Stopwatch

Result = TypeVar("Result")


class Cache(Protocol):
    """What keeps results between calls, as `functools.lru_cache` does."""

    def cache_clear(self) -> None:
        """Forget them."""


def caches() -> list[Cache]:
    """Find what keeps results in the modules of the detectors that are loaded."""
    modules = [module for name, module in sys.modules.items() if name.startswith("detectors.")]
    found = {
        id(value): value
        for module in modules
        for value in vars(module).values()
        if hasattr(value, "cache_clear")
    }
    return list(found.values())


def forget(kept: list[Cache]) -> None:
    """Empty caches, so that work is done again."""
    for cache in kept:
        cache.cache_clear()


def repeated(work: Callable[[], Result], n_runs: int) -> tuple[Result, dict[str, Any]]:
    """Run so many times; return the last result, and the median seconds of CPU and wall."""
    readings = []
    for _ in range(n_runs - 1):
        watch = Stopwatch()
        work()
        readings.append(watch.read())
    watch = Stopwatch()
    result = work()
    readings.append(watch.read())
    return result, summed_up(readings)


def summed_up(readings: list[dict[str, float]]) -> dict[str, Any]:
    """Give the medians of readings of a stopwatch, and every CPU time."""
    return {
        "cpu_seconds": median(reading["cpu_seconds"] for reading in readings),
        "wall_seconds": median(reading["wall_seconds"] for reading in readings),
        "cpu_seconds_of_runs": [reading["cpu_seconds"] for reading in readings],
    }


def added(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Add up two pieces of work run by run."""
    both = zip(first["cpu_seconds_of_runs"], second["cpu_seconds_of_runs"], strict=True)
    of_runs = [one + other for one, other in both]
    return {
        "cpu_seconds": median(of_runs),
        "wall_seconds": first["wall_seconds"] + second["wall_seconds"],
        "cpu_seconds_of_runs": of_runs,
    }


def greatest_memory_mb() -> float:
    """Return the most memory that this process has had, of its program alone.

    `ru_maxrss` would not do: a child takes over that of the process that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    if found is None:
        sys.exit("/proc/self/status has no VmHWM")
    return int(found[1]) / 1_024
