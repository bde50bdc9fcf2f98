"""The whole of VAERS through `longwatch replay`, beside a table of counts made once by pandas."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import msgspec

from bench.apart import ROOT, Stopwatch, Unfinished
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


def count_once(paths: list[str]) -> dict[str, Any]:
    """Read the same files with pandas, and count every vaccine and term once a report.

    Importing pandas is not counted: it is a library, and nobody counts it twice.
    """
    import pandas as pd  # noqa: PLC0415 - of the benches alone

    watch = Stopwatch()
    tables = [_tables(pd, path) for path in paths]
    reports, vaccines, symptoms = (
        pd.concat([one[n] for one in tables], ignore_index=True) for n in range(3)
    )
    names = vaccines[["VAERS_ID", "VAX_NAME"]].drop_duplicates()
    columns = [name for name in symptoms if name.startswith("SYMPTOM") and len(name) == _N_SYMPTOM]
    terms = symptoms.melt("VAERS_ID", columns, value_name="PT")[["VAERS_ID", "PT"]]
    pairs = names.merge(terms.dropna().drop_duplicates(), on="VAERS_ID")
    counts = pairs.groupby(["VAX_NAME", "PT"]).size()
    by_vaccine, by_term = (
        names.groupby("VAX_NAME").size(),
        pairs.groupby("PT")["VAERS_ID"].nunique(),
    )
    spent = watch.read()
    if not (len(by_vaccine) and len(by_term)):
        raise AssertionError("pandas counted nothing")
    return {
        **spent,
        "n_reports": len(reports),
        "n_pairs": len(counts),
        "n_counted": int(counts.sum()),
    }


_N_SYMPTOM = len("SYMPTOM1")  # beside SYMPTOMVERSION1


def _tables(pd: Any, path: str) -> list[Any]:  # noqa: ANN401 - pandas is loaded only here
    """Return reports, vaccines and symptoms of one year."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for suffix in ("VAERSDATA.csv", "VAERSVAX.csv", "VAERSSYMPTOMS.csv"):
            name = next(one for one in archive.namelist() if one.endswith(suffix))
            with archive.open(name) as file:
                found.append(pd.read_csv(file, encoding="latin-1", dtype=str))
    return found
