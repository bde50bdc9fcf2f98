"""Commands on Kafka: topics, load, ticker, worker, parity."""

from __future__ import annotations

import importlib.metadata
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import msgspec
import typer

from surveillance.cli import clock
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.cli.inputs import (
    SHIPPED_FOR,
    Config,
    ExtractedOn,
    WithdrawnOption,
    notes_on_sources,
    print_notes,
)
from surveillance.cli.options import AsJson, number_of
from surveillance.cli.screen import print_errors, print_json_line, print_lines
from surveillance.cli.service import ending_on_signals
from surveillance.cli.terminal import Bar, a_period, configurations
from surveillance.domain.errors import Misused
from surveillance.intake.extracts import stated_days
from surveillance.intake.format import Unusable
from surveillance.intake.inputs import Period, lines_of, refused_at_intake
from surveillance.intake.row_counts import RowCounts
from surveillance.intake.withdrawals import what_becomes

if TYPE_CHECKING:
    from surveillance.configuration.types import Configuration
    from surveillance.log.days import DatedLine

Broker = Annotated[
    str, typer.Option("--broker", help="HOST:PORT of a broker, or a list with commas.")
]
DEFAULT_BROKER = "127.0.0.1:9092"
SECONDS_MAX = 31_536_000.0  # a year

topics_app = typer.Typer(help="The topics as they must be.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(topics_app, name="topics")
    app.command("load")(load)
    app.command("ticker")(ticker)
    app.command("worker")(worker)
    app.command("parity")(parity)


@topics_app.command("plan")
def plan(broker: Broker = DEFAULT_BROKER, config: Config = None, *, as_json: AsJson = False) -> int:
    """Show how the broker's topics differ from the plan; exit 1 if they do."""
    from surveillance.stream import manifest  # noqa: PLC0415 - Kafka clients load slowly

    chosen, _ = configurations(config or [], default="vaers")
    found = manifest.differences(broker, chosen.current.topics)
    if as_json:
        print_json_line(found)
    else:
        for one in found:
            print_lines(f"{one.topic} {one.reason}")
        if not found:
            print_lines("all topics are as they must be")
    return int(bool(found))


@topics_app.command("apply")
def apply(broker: Broker = DEFAULT_BROKER, config: Config = None) -> int:
    """Create missing topics; never change an existing one."""
    from surveillance.stream import manifest  # noqa: PLC0415 - as above

    chosen, _ = configurations(config or [], default="vaers")
    for one in manifest.apply(broker, chosen.current.topics):
        print_lines(f"made {one.topic} with {one.must_have} partition(s)")
    print_lines("all topics are as they must be")
    return 0


def load(
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="As for replay.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...")],
    broker: Broker = DEFAULT_BROKER,
    config: Config = None,
    from_day: Annotated[
        str | None, typer.Option("--from", help="First day of receipt: to resume.")
    ] = None,
    until_day: Annotated[str | None, typer.Option("--until", help="Last day of receipt.")] = None,
    refused: Annotated[Path, typer.Option(help="File for rows that cannot be used.")] = Path(
        "refused.ndjson"
    ),
    extracted_on: ExtractedOn = None,
    withdrawn: WithdrawnOption = "stand",
) -> int:
    """Write old data onto Kafka, with the ticks of their own dates."""
    from surveillance.stream.loader import Loader  # noqa: PLC0415 - as above

    period = Period(*a_period(from_day, until_day))
    chosen, _ = configurations(config or [], default=SHIPPED_FOR.get(format_name, "vaers"))
    loader = Loader(broker, chosen.current)
    tally = RowCounts()

    with (
        tempfile.TemporaryDirectory(prefix="longwatch-") as spool,
        Bar() as bar,
        _Refusals(refused) as kept,
    ):
        lines = lines_of(
            format_name,
            paths,
            refuse=kept,
            spool=Path(spool),
            progress=bar,
            tally=tally,
            today=clock.today(),
            extracted_on=stated_days(extracted_on or []),
            withdrawn=what_becomes(withdrawn),
        )
        lines = _noting_sources(lines, tally, chosen.current)
        written = loader.load(period.of(lines), progress=bar)
        loader.close()
    period.require_any()
    print_lines(
        f"{written['lines']:,} records in {written['messages']:,} messages, "
        f"{written['ticks']:,} ticks, to {broker}"
    )
    if kept.n_rows:
        print_errors(f"longwatch: {kept.n_rows} row(s) refused; see {refused}")
        return 3
    return 0


def _noting_sources(
    lines: Iterator[DatedLine], tally: RowCounts, current: Configuration
) -> Iterator[DatedLine]:
    """Print which sources have no version rule, when all is read and before anything is sent."""
    first = next(lines, None)
    print_notes(notes_on_sources(tally.sources - current.sources.keys()))
    if first is not None:
        yield from chain((first,), lines)


class _Refusals:
    """Keeps rows that cannot be used, as they come: a load that breaks off loses none."""

    def __init__(self, path: Path) -> None:
        self.n_rows = 0
        self._path = path
        self._file = path.open("ab")  # before anything is written to the log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()

    def __call__(self, row: Unusable) -> None:
        self.n_rows += 1
        self._file.write(msgspec.json.encode(refused_at_intake(row)) + b"\n")


def ticker(
    broker: Broker = DEFAULT_BROKER,
    config: Config = None,
    every: Annotated[
        float, typer.Option(min=0.05, max=3600, callback=number_of, help="Seconds.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Tick at most once, and exit.")] = False,
) -> int:
    """Cut the log into epochs as records arrive."""
    from surveillance.stream.ticker import Ticker  # noqa: PLC0415 - as above

    chosen, _ = configurations(config or [], default="vaers")
    ending = ending_on_signals()
    one = Ticker(broker, chosen.current, stop=ending)
    try:
        one.tick()
        while not once and not ending.wait(every):
            one.tick()
    except Exception:  # whatever ends a wait for the broker: it counts unless a signal did
        if not ending.is_set():
            raise
    one.close()
    return 0


def worker(
    broker: Broker = DEFAULT_BROKER,
    config: Config = None,
    state: Annotated[Path, typer.Option(help="A directory for this worker alone.")] = Path("state"),
    in_memory: Annotated[bool, typer.Option(help="Keep states in memory only.")] = False,
    metrics_address: Annotated[
        str, typer.Option(help="HOST:PORT for /metrics, or `off`.")
    ] = "127.0.0.1:9464",
    log_level: Annotated[str, typer.Option(help="crit, error, warn, info or debug.")] = "warn",
) -> int:
    """Run the stages on Kafka."""
    from surveillance.instrumentation.metrics import Metrics  # noqa: PLC0415 - as above
    from surveillance.stream import manifest  # noqa: PLC0415
    from surveillance.stream.store import MemoryStore, RocksStore, Store  # noqa: PLC0415
    from surveillance.stream.worker import Worker  # noqa: PLC0415

    if log_level not in ("crit", "error", "warn", "info", "debug"):
        raise Misused(f"--log-level {log_level}", "is not known", "crit, error, warn, info, debug")
    chosen, _ = configurations(config or [], default="vaers")
    wanted = chosen.current.topics
    manifest.require(broker, wanted)
    store: Store = (
        MemoryStore()
        if in_memory
        else RocksStore(state / "store", namespace=f"{wanted.cases}x{wanted.outcomes}")
    )
    metrics = Metrics(
        version=importlib.metadata.version("longwatch"),
        configuration=chosen.current.digest,
        statuses=[one.name for one in chosen.current.lifecycle.status],
    )
    if metrics_address != "off":
        metrics.serve(metrics_address)
    collect_seldom()
    (state / "faust").mkdir(parents=True, exist_ok=True)
    Worker(broker, chosen, store, metrics, data=state / "faust").run(log_level=log_level)


def parity(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory of `replay`.")],
    broker: Broker = DEFAULT_BROKER,
    wait: Annotated[
        float,
        typer.Option(
            min=0.0, max=SECONDS_MAX, callback=number_of, help="Seconds to wait for the last epoch."
        ),
    ] = 0.0,
    *,
    as_json: AsJson = False,
) -> int:
    """Compare the topics on Kafka with a replay, byte for byte; exit 1 if they differ."""
    from surveillance.stream.parity import compare  # noqa: PLC0415 - as above

    found = compare(directory, broker, until=time.monotonic() + wait, clock=time.monotonic)
    if as_json:
        print_json_line(found)
    else:
        for topic, n in found.n_messages.items():
            print_lines(f"{topic:<22} {n:>9,} messages {found.n_repeated[topic]:>9,} written again")
        print_lines(found.difference or "equal bytes")
    return int(found.difference is not None)
