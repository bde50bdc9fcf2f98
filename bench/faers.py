"""A quarter of FAERS of true size, from its zip file to findings, beside the obvious way.

    python -m bench.faers [--cases N] [--seconds S] [--json FILE]

The obvious way is pandas: read the three tables, merge, keep suspects, count cases by substance
and term. It joins and counts, and does nothing else: no versions, dates, salts, seriousness or
criteria. Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.apart import Stopwatch, Unfinished, apart
from bench.faers_quarter import write_quarter
from bench.in_process import Ignoring
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.intake.format import Unusable
from surveillance.intake.inputs import Progress, lines_of
from surveillance.intake.registry import FORMATS
from surveillance.log.days import EndOfDay, RawMessage, messages_by_day
from surveillance.runs.in_process import Embedded

N_CASES = 400_000
PARTS = {
    "reading": "zip to case versions",
    "findings": "zip to findings, `faers` as shipped, every day an epoch",
    "pandas": "read_csv, merge, count by substance and term",
}


def reading(path: str) -> dict[str, Any]:
    """Read a quarter, and keep nothing."""
    collect_seldom()
    watch, n_cases, refused = Stopwatch(), 0, Counter[str]()
    for item in FORMATS["faers"].read(Path(path)):
        if isinstance(item, Unusable):
            refused[item.code] += 1
        else:
            n_cases += 1
    return _measured(watch, n_cases, refused=dict(refused))


def findings(path: str) -> dict[str, Any]:
    """Send a quarter through every stage, with criteria and prior as shipped."""
    collect_seldom()
    watch, n_cases = Stopwatch(), 0
    sink = Ignoring()
    configuration = read_configuration(SHIPPED / "faers")
    run = Embedded(Configurations(configuration), sink)
    refused: list[Unusable] = []
    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as spool:
        lines = lines_of(
            "faers", [Path(path)], refuse=refused.append, spool=Path(spool) / "lines",
            progress=Progress(),
        )  # fmt: skip
        for item in messages_by_day(lines, run.manifest):
            if isinstance(item, RawMessage):
                n_cases += item.value.count(b"\n") + 1
                run.put(*item[:3])
            elif isinstance(item, EndOfDay):
                run.tick(item.at)
    return _measured(
        watch, n_cases, refused=len(refused), n_epochs=sink.n_epochs, rows=dict(sink.n_rows)
    )


def pandas(path: str) -> dict[str, Any]:
    """Count cases by substance and term in the obvious way."""
    watch = Stopwatch()
    with zipfile.ZipFile(path) as archive:
        demo, drug, reac = (
            _table(archive, name, columns)
            for name, columns in (
                ("DEMO", ["primaryid", "caseid", "caseversion"]),
                ("DRUG", ["primaryid", "role_cod", "prod_ai"]),
                ("REAC", ["primaryid", "pt"]),
            )
        )
    latest = demo.sort_values("caseversion").drop_duplicates("caseid", keep="last")
    suspects = drug[drug["role_cod"].isin(["PS", "SS", "I"])].dropna(subset="prod_ai")
    pairs = latest[["primaryid"]].merge(suspects).merge(reac)[["primaryid", "prod_ai", "pt"]]
    counts = pairs.drop_duplicates().groupby(["prod_ai", "pt"]).size()
    return _measured(watch, len(latest), n_pairs=len(counts))


def _table(archive: zipfile.ZipFile, name: str, columns: list[str]) -> pd.DataFrame:
    (member,) = (one for one in archive.namelist() if Path(one).name.startswith(name))
    with archive.open(member) as stream:
        return pd.read_csv(
            stream, sep="$", usecols=columns, dtype=str, encoding="latin-1", on_bad_lines="skip",
        )  # fmt: skip


def _measured(watch: Stopwatch, n_cases: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    seconds = watch.read()
    return {"n_cases": n_cases, **seconds, "memory_mb": _peak_mb(), **more}


def _peak_mb() -> float:
    """Return this process's own peak; that of getrusage may be its parent's, from before exec."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def run(n_cases: int, seconds: float) -> dict[str, Any]:
    """Write a quarter, and run every part on it."""
    found: dict[str, Any] = {"machine": machine.describe()}
    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as home:
        path = Path(home) / "faers_ascii_2024q1.zip"
        found["rows"] = write_quarter(path, n_cases)
        found["zip_mb"] = path.stat().st_size / 2**20
        for part in PARTS:
            print(part, file=sys.stderr, flush=True)
            try:
                found[part] = apart(f"bench.faers:{part}", seconds=seconds, path=str(path))
            except Unfinished as error:
                found[part] = {"failed": str(error)}
    return found


def show(found: dict[str, Any]) -> int:
    """Print what was measured; return 1 if something could not be."""
    console = Console(width=120)
    rows = ", ".join(f"{name} {n:,}" for name, n in found["rows"].items())
    console.print(
        f"{rows}; {found['zip_mb']:.0f} MB packed; load {found['machine']['load_before']}"
    )
    table = Table()
    for name in ("", "cases", "a CPU second", "CPU s", "wall s", "MB"):
        table.add_column(name, justify="right" if name else "left")
    is_whole = True
    for part, what in PARTS.items():
        one = found[part]
        if "failed" in one:
            is_whole = False
            table.add_row(f"{part}: {one['failed']}")
            continue
        rate = one["n_cases"] / one["cpu_seconds"]
        numbers = (one["n_cases"], rate, one["cpu_seconds"], one["wall_seconds"], one["memory_mb"])
        table.add_row(f"{part}: {what}", *(f"{number:,.0f}" for number in numbers))
    console.print(table)
    return int(not is_whole)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=N_CASES)
    parser.add_argument("--seconds", type=float, default=3_600.0, help="given to each part")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all numbers")
    arguments = parser.parse_args()
    found = run(arguments.cases, arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return show(found)


if __name__ == "__main__":
    sys.exit(main())
