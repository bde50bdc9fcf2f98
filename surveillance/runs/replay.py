"""The whole pipeline on files, embedded, into a directory that people and programs read.

The directory holds what every topic said, byte for byte (`topics/`), the same rows one a
line for people's tools, the register, and `run.json`: what was read, under what
configuration, by what versions, and what became of every record.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration
from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Misused
from surveillance.intake.format import Unusable
from surveillance.intake.inputs import Progress, inputs_of, lines_of, refused_at_intake, within
from surveillance.intake.row_counts import RowCounts
from surveillance.log import topics
from surveillance.log.days import DatedLine, EndOfDay, RawMessage, messages_by_day
from surveillance.log.messages import ClosedEpoch
from surveillance.log.ticks import Place
from surveillance.pipeline import STAGES, source_of
from surveillance.register.process import RegisterProcess
from surveillance.runs.in_process import Embedded

_encode = msgspec.json.Encoder().encode
ROW_FILES = {topics.FINDINGS: "findings.ndjson", topics.SIGNALS: "signals.ndjson"}
FACT_FILES = {
    topics.ALERTS: "alerts.ndjson",
    topics.REVIEWS: "reviews-opened.ndjson",
    topics.FEED: "feed.ndjson",
    topics.REFUSED: "refused.ndjson",
}


class RunDirectory:
    """Writes everything that an embedded run says; takes the part of its sink.

    Parameters
    ----------
    directory : Path
        Made if it is not there; must be empty, or an earlier run.
    configuration : Configuration
        The one in force, which shapes the index of the cases.

    Raises
    ------
    Misused
        If the directory holds something else.
    """

    def __init__(self, directory: Path, configuration: Configuration) -> None:
        _make_room(directory)
        self.directory = directory
        self.dispositions: dict[str, Counter[str]] = {}
        self.n_rows: Counter[str] = Counter()
        self.refused_by_code: Counter[str] = Counter()
        self._stack = ExitStack()
        (directory / "topics").mkdir()
        self._files: dict[str, IO[bytes]] = {}
        url = f"sqlite:///{directory / 'register.db'}"
        self._register = RegisterProcess(url, configuration)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        if kind is None:
            self._register.close()
        else:
            self._register.abandon()

    def raw(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        """Take a message of a raw topic."""
        self._register.take_raw(topic, partition, offset, value)

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take a tick."""
        self._line("ticks.ndjson", value)
        self._register.take_epoch(epoch, at)

    def closing(self, place: Place, closing: ClosedEpoch) -> None:
        """Take what a stage said about an epoch."""
        said, topic = closing.output, STAGES[place[0]].writes
        if topic is not None:
            for message in closing.messages:
                self._line(f"topics/{topic}.ndjson", message)
            if topic in ROW_FILES:
                for row in said.rows:
                    self._line(ROW_FILES[topic], _encode(row))
            self.n_rows[topic] += len(said.rows)
        self._register.take(topic, closing.epoch, closing.messages, said.facts, said.dispositions)
        for fact in said.facts:
            self._line(FACT_FILES[fact.topic], fact.value)
            self.n_rows[fact.topic] += 1
        if said.dispositions is not None:
            self._count(source_of(place), said.dispositions)

    def refuse(self, unusable: Unusable) -> None:
        """Keep an input row that never reached a log, with its reason."""
        self.refused_by_code[unusable.code] += 1
        record = refused_at_intake(unusable)
        self._line("refused.ndjson", _encode(record))
        self._register.take_refused(record)

    def _count(self, source: str, row: Dispositions) -> None:
        counter = self.dispositions.setdefault(source, Counter())
        for name in ("applied", "superseded", "repeated", "refused", "control"):
            counter[name] += getattr(row, name)

    def _line(self, name: str, value: bytes) -> None:
        file = self._files.get(name)
        if file is None:
            file = self._stack.enter_context((self.directory / name).open("wb"))
            self._files[name] = file
        file.write(value + b"\n")


def _make_room(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise Misused(str(directory), "is a file", "name a directory with --out")
    if directory.exists() and any(directory.iterdir()):
        if not (directory / "run.json").is_file():
            raise Misused(
                str(directory), "is not empty and holds no earlier run", "name another with --out"
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    write_summary(directory, {"status": "unfinished"})


def _require_outside(directory: Path, inputs: Iterable[Path]) -> None:
    """Refuse to clear a directory that holds what is to be read."""
    for path in inputs:
        if directory.is_dir() and path.resolve().is_relative_to(directory.resolve()):
            raise Misused(
                str(path), f"lies in {directory}, which would be cleared", "name another with --out"
            )


def write_summary(directory: Path, summary: dict[str, Any]) -> None:
    """Write `run.json`; until a run is finished it says so."""
    text = msgspec.json.format(_encode(summary), indent=2)
    (directory / "run.json").write_bytes(text + b"\n")


def replay(  # noqa: PLR0913 - all but two by keyword
    format_name: str,
    names: list[Path],
    *,
    out: Path,
    configurations: Configurations,
    configuration_directory: Path | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
    today: date | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float],
    observe: Callable[[Place, ClosedEpoch, Any], None] | None = None,
) -> dict[str, Any]:
    """Run the whole pipeline on files.

    Parameters
    ----------
    format_name, names
        As for `lines_of`.
    out : Path
        The directory to write.
    configurations : Configurations
        The one in force.
    configuration_directory : Path, optional
        Copied into `out`, so that the run can be repeated from it.
    from_day, until_day : date, optional
        First and last day of receipt; others are left out.
    today : date, optional
        As for `lines_of`.
    progress : Progress, optional
        Shown while it runs.
    clock : callable
        Seconds, for the timings in `run.json`; nothing else depends on it.
    observe : callable, optional
        As for `Embedded`.

    Returns
    -------
    dict
        What `run.json` says.
    """
    progress = progress or Progress()
    start = clock()
    inputs_of(format_name, names)  # a mistyped name must not cost an earlier run
    _require_outside(out, [*names, *([configuration_directory] if configuration_directory else [])])
    with (
        RunDirectory(out, configurations.current) as sink,
        tempfile.TemporaryDirectory(prefix="longwatch-") as spool,
    ):
        if configuration_directory is not None:
            shutil.copytree(configuration_directory, out / "configuration")
        lines = lines_of(
            format_name,
            names,
            refuse=sink.refuse,
            spool=Path(spool),
            progress=progress,
            tally=(tally := RowCounts()),
            today=today,
        )
        run = Embedded(configurations, sink, observe)
        days, n_lines, read_by = _feed(
            run, sink, within(lines, from_day, until_day), progress, clock
        )
        summary: dict[str, Any] = {
            "status": "finished",
            "format": format_name,
            "inputs": [_input(path) for path in sorted(names)],
            "configuration": configurations.current.digest,
            "versions": versions(),
            "first_day": str(days[0]) if days else None,
            "last_day": str(days[-1]) if days else None,
            "n_epochs": len(days),
            "n_lines": n_lines,
            "files": tally.table(),
            "refused_at_intake": dict(sink.refused_by_code),
            "dispositions": {name: dict(c) for name, c in sorted(sink.dispositions.items())},
            "rows": dict(sorted(sink.n_rows.items())),
            "seconds": {"reading": read_by - start},
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    summary["seconds"]["whole"] = clock() - start  # the register is written by now
    write_summary(out, summary)
    return summary


def _feed(
    run: Embedded,
    sink: RunDirectory,
    lines: Iterator[DatedLine],
    progress: Progress,
    clock: Callable[[], float],
) -> tuple[list[date], int, float]:
    manifest = run.manifest
    days: list[date] = []
    n_lines = 0
    read_by: float | None = None
    for item in messages_by_day(lines, manifest):
        if read_by is None:  # the first item comes when all is read and in order
            read_by = clock()
        if isinstance(item, RawMessage):
            n_lines += item.value.count(b"\n") + 1
            sink.raw(item.topic, item.partition, run.put(*item), item.value)
        elif isinstance(item, EndOfDay):
            run.tick(item.at)
            days.append(item.on)
            progress.day(item.on, n_lines)
    return days, n_lines, clock() if read_by is None else read_by


def _input(path: Path) -> dict[str, Any]:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digests = {str(file.relative_to(path)): _sha256(file) for file in files}
    listing = "".join(f"{name} {digest}\n" for name, digest in digests.items())
    sha256 = _sha256(path) if path.is_file() else hashlib.sha256(listing.encode()).hexdigest()
    n_bytes = sum(file.stat().st_size for file in files)
    return {"name": path.name, "sha256": sha256, "n_bytes": n_bytes}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of all that a number may depend on."""
    names = ("longwatch", "msgspec", "numpy", "scipy")
    found = {name: importlib.metadata.version(name) for name in names}
    return {
        **found,
        "python": platform.python_version(),
        "generation": str(topics.GENERATION),
    }
