"""What was measured, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.budgets import Verdict, verdicts

Found = dict[str, Any]
WIDTH = 150


def tables(found: Found) -> int:
    """Print everything; return 1 if something could not be measured."""
    console = Console(width=WIDTH, soft_wrap=False)
    here = found["machine"]
    console.print(
        f"{here['cores']} cores, {here['processor']}, {here['memory_mb']:,} MB; Python "
        f"{here['python']}; load before {here['load_before']}, after {here['load_after']}"
    )
    console.print(
        f"{found['data']['n_lines']:,} case versions of {found['data']['bytes_a_line']:,.0f} bytes "
        f"of {found['data']['n_cases']:,} cases, {found['data']['n_days']} days of receipt; "
        f"{found['seconds']:.0f} s in all"
    )
    for table in (_rates(found), _stages(found), _registers(found), _budgets(verdicts(found))):
        console.print(table)
    failures = list(failed(found))
    for place, reason in failures:
        console.print(f"not measured: {place}: {reason}", markup=False)
    missing = found.get("screening", {}).get("missing")
    if missing:
        console.print(f"not in the screen, since there is no such detector: {', '.join(missing)}")
    return int(bool(failures))


def failed(found: Found, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield what could not be measured, and why."""
    for key, value in found.items():
        if key == "failed":
            yield from ((place, reason) for reason in value)
        elif isinstance(value, dict):
            yield from failed(value, f"{place} {key}".strip())


def _rates(found: Found) -> Table:
    table = Table(title="case versions a second", title_justify="left")
    columns = ("", "a CPU second", "after start", "on the wall", "CPU s of each run", "to Bytewax")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    rows = list(_measured(found))
    anchor = next((run for name, run in rows if name.startswith("Bytewax")), {})
    for name, run in rows:
        if "cpu_seconds" in run:
            table.add_row(name, *_cells(run, anchor))
    return table


def _cells(run: Found, anchor: Found) -> list[str]:
    rate = run["n_lines"] / run["cpu_seconds"]
    after = run.get("per_cpu_second_after_start", rate)
    of_anchor = anchor.get("per_cpu_second_after_start")
    of_runs = run.get("cpu_seconds_of_runs", [run["cpu_seconds"]])
    return [
        f"{rate:,.0f}",
        f"{after:,.0f}",
        f"{run['n_lines'] / run['wall_seconds']:,.0f}",
        " ".join(f"{seconds:.1f}" for seconds in of_runs),
        f"{after / of_anchor:.2f}" if of_anchor else "",
    ]


def _measured(found: Found) -> Iterator[tuple[str, Found]]:
    inside, kafka = found.get("in_process", {}), found.get("kafka", {})
    yield "in process, an epoch a day", inside.get("day", {}).get("whole", {})
    yield "in process, an epoch per 10,000", inside.get("number", {}).get("whole", {})
    yield "Kafka, one worker", kafka.get("one_worker", {})
    yield "Kafka, two workers", kafka.get("two_workers", {})
    yield "Kafka, one worker without its disk", kafka.get("rebuild", {})
    peers = kafka.get("peers", {})
    yield "Quix Streams, decoding only", peers.get("quix", {})
    yield "Bytewax, decoding only", peers.get("bytewax", {})
    yield "librdkafka alone, decoding only", peers.get("client_alone", {})


def _stages(found: Found) -> Table:
    table = Table(title="in process: where the CPU time goes", title_justify="left")
    for column in ("", "us a line, epoch a day", "share", "us a line, per 10,000", "share"):
        table.add_column(column, justify="right" if column else "left")
    parts = [
        found.get("in_process", {}).get(cut, {}).get("stages", {}) for cut in ("day", "number")
    ]
    if not all("seconds" in part for part in parts):
        return table
    for name in parts[0]["seconds"]:
        cells = []
        for part in parts:
            seconds = part["seconds"][name]
            cells += [f"{seconds / part['n_lines'] * 1e6:.2f}", f"{seconds / part['whole']:.0%}"]
        table.add_row(name, *cells)
    return table


def _registers(found: Found) -> Table:
    table = Table(title="registers", title_justify="left")
    columns = (
        "",
        "filled in s",
        "CPU s",
        "MB",
        "query",
        "rows",
        "median ms",
        "p95 ms",
        "most",
        "p95 CPU",
    )
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "query") else "right")
    for name, one in found.get("register", {}).items():
        if "fill" not in one:
            continue
        fill, first = one["fill"], [name]
        first += [f"{fill[key]:,.0f}" for key in ("wall_seconds", "cpu_seconds", "mb")]
        for query, times in one["queries"].items():
            keys = ("median_ms", "p95_ms", "max_ms", "p95_cpu_ms")
            cells = [query, f"{times['n_rows']:,}", *(f"{times[key]:,.1f}" for key in keys)]
            table.add_row(*first, *cells)
            first = [""] * 4
    return table


def _budgets(found: list[Verdict]) -> Table:
    table = Table(title="budgets (ratio: how many times as good)", title_justify="left")
    for column in ("budget", "bound", "measured", "ratio", "", "note"):
        table.add_column(column, justify="right" if column in ("bound", "measured") else "left")
    for verdict in found:
        budget = verdict.budget
        sign = ">=" if budget.is_least else "<="
        table.add_row(
            budget.what,
            f"{sign} {budget.bound:,} {budget.unit}",
            "-" if verdict.measured is None else f"{verdict.measured:,.4g}",
            "-" if verdict.ratio is None else f"{verdict.ratio:.2f}",
            {None: "not measured", True: "met", False: "missed"}[verdict.is_met],
            budget.note,
        )
    return table
