"""The whole of VAERS through `longwatch replay`: time, CPU time, memory and disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.apart import ROOT, Unfinished
from bench.machine import family, resident_mb
from bench.public import folder


def files() -> list[Path]:
    """Return the yearly files that are there."""
    return sorted((folder() / "vaers").glob("*.zip"))


def replay(paths: list[Path], *, seconds: float) -> dict[str, Any]:
    """Replay files in a process of its own, and look at what it takes.

    The memory is that of the replay and of the process that writes its register, together.
    """
    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as home:
        out = Path(home) / "run"
        command = [
            sys.executable, "-m", "surveillance", "replay", "vaers", *map(str, paths),
            "--out", str(out),
        ]  # fmt: skip
        before, start = os.times(), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        peak = _watch(process, start + seconds)
        wall, after = time.perf_counter() - start, os.times()
        if process.returncode not in (0, 3):  # 3: rows were refused, which VAERS has
            raise Unfinished(f"replay ended with {process.returncode}")
        n_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
        summary: dict[str, Any] = msgspec.json.decode((out / "run.json").read_bytes())
    return {
        "n_files": len(paths),
        "n_lines": summary["n_lines"],
        "n_epochs": summary["n_epochs"],
        "wall_seconds": wall,
        "cpu_seconds": after.children_user + after.children_system
        - before.children_user - before.children_system,
        "memory_mb": peak,
        "disk_bytes_a_report": n_bytes / summary["n_lines"],
        "reading_seconds": summary["seconds"]["reading"],
    }  # fmt: skip


def _watch(process: subprocess.Popen[bytes], end: float) -> float:
    """Wait for a process; return the greatest memory of it and its children together."""
    peak = 0.0
    while process.poll() is None:
        if time.perf_counter() > end:
            process.kill()
            process.wait()
            raise Unfinished("the replay took longer than it was given")
        peak = max(peak, sum(resident_mb(one) for one in family(process.pid)))
        time.sleep(0.1)
    return peak
