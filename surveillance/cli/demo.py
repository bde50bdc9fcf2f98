"""The demo: simulate a platform inside a national stream, run the pipeline, compare with truth.

Everything in it is simulated, and labelled so.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from surveillance.cli.gc_tuning import collect_seldom
from surveillance.cli.options import Seed
from surveillance.cli.patient_figures import figures, save
from surveillance.cli.screen import (
    print_drawing,
    print_errors,
    print_laid_out,
    print_lines,
    text,
)
from surveillance.cli.terminal import Bar, called
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.errors import Misused
from surveillance.domain.finding import Finding, WatchFinding
from surveillance.domain.product import split
from surveillance.log.messages import ClosedEpoch
from surveillance.pipeline import Source
from surveillance.runs.replay import replay
from surveillance.simulate import SCENARIOS, Truth, simulate
from surveillance.simulate.truth import Planted
from surveillance.triage.triage import TriageState, signal_of

PARITY_SECONDS = 600.0


class RankFound(NamedTuple):
    """Where a signal stood on a day among all at its level, by priority."""

    rank: int
    n_signals: int
    is_reviewed: bool  # a request for review was opened

    def __str__(self) -> str:
        return f"{self.rank} of {self.n_signals:,}"


class Found(NamedTuple):
    """How one planted effect was found."""

    finding: Finding | WatchFinding
    then: RankFound


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo_command)


def demo_command(
    *,
    kafka: Annotated[bool, typer.Option(help="Also on a Kafka started here.")] = False,
    seed: Seed = 1,
    scenario: Annotated[str, typer.Option(help="One of `longwatch simulate --help`.")] = "ucd",
    directory: Annotated[Path, typer.Option("--out", help="Where to keep it.")] = Path("demo"),
) -> int:
    """Run the main job on a simulated gene-therapy platform, and compare with the truth."""
    collect_seldom()
    return demo(kafka=kafka, seed=seed, scenario=scenario, directory=directory)


def demo(*, kafka: bool, seed: int, scenario: str, directory: Path) -> int:
    """Run the demo.

    Parameters
    ----------
    kafka : bool
        Run it on a Kafka that is started here as well, and compare the bytes.
    seed : int
        Of the simulation.
    scenario : str
        Name of a scenario.
    directory : Path
        Where simulation and run are kept.

    Returns
    -------
    int
        0 if the excess and the sentinel event were found and Kafka gave the same bytes,
        else 1.
    """
    if scenario not in SCENARIOS:
        raise Misused(
            f"scenario {scenario!r}", "is not known", f"use one of {', '.join(SCENARIOS)}"
        )
    simulation, run = directory / "simulation", directory / "run"
    print_lines(f"simulating {scenario!r}, seed {seed}: nothing here happened to anybody")
    with Bar() as bar:
        truth = simulate(SCENARIOS[scenario], seed, simulation, lambda n, _of: bar.reading(n))
    seen = _Seen(truth)
    summary = _run(simulation, run, seen)
    _show(truth, seen, summary)
    _show_patients(truth, simulation, directory / "figures")
    is_equal = not kafka or _on_kafka(simulation, run)
    _print_next(run, kafka=kafka)
    is_found = all(
        found or planted.kind == "lost_effect"
        for planted, found in zip(truth.planted, seen.found.values(), strict=True)
    )
    return 0 if is_equal and is_found else 1


class _Seen:
    """Observes the run, and notes when each planted effect is found."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.found: dict[int, Found | None] = dict.fromkeys(range(len(truth.planted)))
        self.false: dict[str, int] = {}
        self.n_findings = 0
        self._new: list[tuple[int, Finding | WatchFinding]] = []
        self._state = TriageState()

    def __call__(self, _source: Source, closing: ClosedEpoch, state: Any) -> None:  # noqa: ANN401
        for row in closing.output.rows:
            if isinstance(row, Finding | WatchFinding) and row.change == "met":
                self._look(row)
        if isinstance(state, TriageState):
            self._state = state
            for index, finding in self._new:
                self.found[index] = Found(finding, self.rank(finding))
            self._new = []

    def rank(self, finding: Finding | WatchFinding) -> RankFound:
        """Return where the signal of a finding stands now."""
        signal = self._state.signals[signal_of(finding)]
        level = split(signal.product)[0]
        peers = [s for s in self._state.signals.values() if split(s.product)[0] == level]
        rank = 1 + sum(other.priority > signal.priority for other in peers)
        return RankFound(rank, len(peers), bool(signal.reviews))

    def _look(self, finding: Finding | WatchFinding) -> None:
        self.n_findings += 1
        nulls = self.truth.nulls
        null = nulls.constructs if isinstance(finding, WatchFinding) else nulls.products
        if isinstance(finding, Finding):
            self.false.setdefault(finding.criterion, 0)  # show zero as well
        is_test = isinstance(finding, Finding) or finding.scale != "count"
        if is_test and finding.product in null:
            self.false[finding.criterion] = self.false.get(finding.criterion, 0) + 1
        for index, planted in enumerate(self.truth.planted):
            is_new = self.found[index] is None and all(i != index for i, _ in self._new)
            if is_new and _is_of(finding, planted):
                self._new.append((index, finding))


def _is_of(finding: Finding | WatchFinding, planted: Planted) -> bool:
    return (
        finding.criterion in planted.criteria
        and finding.product in planted.products
        and finding.event in planted.events
        and finding.on >= planted.from_on
    )


def _run(simulation: Path, run: Path, seen: _Seen) -> dict[str, Any]:
    configuration = read_configuration(SHIPPED / "ucd")
    with Bar(seen.truth.n_case_lines + seen.truth.n_outcome_lines) as bar:
        return replay(
            "folder",
            [simulation],
            out=run,
            configurations=Configurations(configuration),
            configuration_directory=SHIPPED / "ucd",
            progress=bar,
            clock=time.monotonic,
            observe=seen,
        )


def _show(truth: Truth, seen: _Seen, summary: dict[str, Any]) -> None:
    print_lines(
        f"{summary['n_lines']:,} simulated records, {summary['n_epochs']:,} days, "
        f"{summary['seconds']['whole']:.1f} s, {summary['memory_mb']:.0f} MB"
    )
    table = Table(
        title="What was planted (simulated), and what was found", show_lines=True, box=SIMPLE
    )
    for column in ("planted", "product and event", "found", "rank at its level"):
        table.add_column(column, overflow="fold")
    for index, planted in enumerate(truth.planted):
        cells = _row(planted, seen, seen.found[index])
        table.add_row(*(Text("\n").join(map(text, cell.split("\n"))) for cell in cells))
    print_laid_out(table)
    if any(planted.kind == "lost_effect" for planted in truth.planted):
        print_lines(
            "Whether a lost effect in ten patients is found depends on chance (docs/simulation.md)."
        )
    false = ", ".join(f"{name} {n}" for name, n in sorted(seen.false.items())) or "none"
    print_lines(
        f"{seen.n_findings:,} pairs newly met a criterion; of products that were given nothing to "
        f"find: {false}.",
        "Evans, ROR and IC look at every pair every day without correction: rank, "
        "and not the number of findings, is what a reviewer works from.",
    )


def _show_patients(truth: Truth, simulation: Path, folder: Path) -> None:
    """Draw the patients of the construct whose effect was lost, and print one of them."""
    lost = [planted for planted in truth.planted if planted.kind == "lost_effect"]
    if not lost:
        return
    construct = split(lost[0].products[0])[1]
    programmes = read_configuration(SHIPPED / "ucd").programmes
    found = figures(simulation / "outcomes.ndjson", programmes, construct, truth.until_on)
    if not found:
        return
    save(found, folder)
    print_lines(
        "",
        f"Each patient of {construct} against natural history, given what the same patient had "
        f"before the first dose: {len(found)} figures in {folder}. "
        "The one furthest above a kept effect:",
    )
    print_drawing(found[0].drawing)


def _row(planted: Planted, seen: _Seen, found: Found | None) -> Iterator[str]:
    yield f"{planted.kind.replace('_', ' ')}\nfrom {planted.from_on}"
    product = found.finding.product if found else planted.products[0]
    yield f"{product}\n{found.finding.event if found else planted.events[0]}"
    if found is None:
        yield from ("not found", "")
        return
    finding = found.finding
    n = finding.n_events if isinstance(finding, WatchFinding) else finding.n_pair
    days = (finding.on - planted.from_on) // timedelta(days=1)
    yield f"{finding.on}, after {days} d\n{finding.criterion}, n = {n}"
    now = seen.rank(finding)
    yield f"{found.then}; at end {now}" + ("\nreview opened" if now.is_reviewed else "")


def _print_next(run: Path, *, kafka: bool) -> None:
    print_lines("next:")
    print_lines(f"  {called()} ranking --from-run {run} --top 10")
    print_lines(f"  {called()} looks --from-run {run} --design effect --latest")
    print_lines(f"  {called()} signals --from-run {run} --status detected --limit 20")
    print_lines(f"  {called()} console --from-run {run}      (the same as pages in a browser)")
    if not kafka:
        print_lines(f"  {called()} demo --kafka      (the same on a real Kafka, byte for byte)")


def _on_kafka(simulation: Path, run: Path) -> bool:
    """Run the same records on a real Kafka with two workers; return whether the bytes are equal."""
    from surveillance.stream import manifest  # noqa: PLC0415 - Kafka clients load slowly
    from surveillance.stream.loader import Loader  # noqa: PLC0415
    from surveillance.stream.local_broker import BrokerMissing, LocalBroker  # noqa: PLC0415
    from surveillance.stream.parity import compare  # noqa: PLC0415

    configuration = read_configuration(SHIPPED / "ucd")
    directory = run.parent / f"kafka-{time.time_ns()}"
    try:
        with LocalBroker(directory / "broker") as broker:
            print_lines(f"Kafka at {broker.address}: making topics, loading, two workers")
            manifest.apply(broker.address, configuration.topics)
            loader = Loader(broker.address, configuration)
            _load(loader, simulation, directory)
            workers = [_worker(broker.address, directory / f"worker-{n}") for n in (1, 2)]
            try:
                until = time.monotonic() + PARITY_SECONDS
                found = compare(run, broker.address, until=until, clock=time.monotonic)
            finally:
                for worker in workers:
                    worker.terminate()
                for worker in workers:
                    worker.wait(timeout=30)
    except BrokerMissing as error:
        raise Misused("--kafka", str(error), "or run `longwatch demo` without it") from None
    for topic, n in found.n_messages.items():
        print_lines(f"  {topic:<20} {n:>8,} messages")
    print_lines(f"Kafka against the embedded run: {found.difference or 'equal bytes'}")
    return found.difference is None


def _load(loader: Any, simulation: Path, directory: Path) -> None:  # noqa: ANN401 - a Loader
    from surveillance.intake.inputs import lines_of  # noqa: PLC0415 - as above

    with Bar() as bar:
        lines = lines_of(
            "folder",
            [simulation],
            refuse=lambda row: print_errors(f"refused: {row.place} {row.reason}"),
            spool=directory / "spool",
            progress=bar,
        )
        loader.load(lines, progress=bar)
        loader.close()


def _worker(address: str, state: Path) -> subprocess.Popen[bytes]:
    command = (
        sys.executable, "-m", "surveillance", "worker", "--broker", address,
        "--config", str(SHIPPED / "ucd"), "--state", str(state), "--metrics-address", "off",
    )  # fmt: skip
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
