"""The whole pipeline on files, embedded, into a directory that people and programs read.

The directory holds what every topic carries, byte for byte (`topics/`), the register, and
`run.json`: what was read, under what configuration, by what versions, and what became of
every record.
"""

from __future__ import annotations

import hashlib
import heapq
import importlib.metadata
import platform
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import left_out
from surveillance.domain.errors import Misused
from surveillance.intake.extracts import NO_DAYS
from surveillance.intake.inputs import Period, Progress, inputs_of, lines_of
from surveillance.intake.registry import FORMATS
from surveillance.intake.row_counts import RowCounts
from surveillance.intake.withdrawals import Withdrawn
from surveillance.log import topics
from surveillance.log.days import DatedLine, EndOfDay, RawMessage, messages_by_day
from surveillance.log.messages import ClosedEpoch
from surveillance.pipeline import Source
from surveillance.runs.directory import RunDirectory, require_outside
from surveillance.runs.in_process import Embedded
from surveillance.runs.workplace import Workplace


class Beside(NamedTuple):
    """What is read onto the same log as the reports.

    Attributes
    ----------
    outcomes : tuple of (str, Path)
        Format and file, zip or folder.
    decisions : tuple of Path
        Files as `longwatch decide --append` writes them.
    """

    outcomes: tuple[tuple[str, Path], ...] = ()
    decisions: tuple[Path, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """All that is named, outcomes first."""
        return [*(path for _, path in self.outcomes), *self.decisions]

    def require(self) -> None:
        """Refuse a format that holds no outcomes, and a name that leads to nothing."""
        for name, path in self.outcomes:
            inputs_of(name, [path])
            if name == "folder" or FORMATS[name].topic != "outcomes":
                holding = sorted(n for n, one in FORMATS.items() if one.topic == "outcomes")
                raise Misused(
                    f"format {name!r}", "holds no outcomes", f"use one of {', '.join(holding)}"
                )
        for path in self.decisions:
            inputs_of("decisions", [path])


NOTHING_BESIDE = Beside()


def replay(  # noqa: PLR0913 - all but two by keyword
    format_name: str,
    names: list[Path],
    *,
    out: Path,
    configurations: Configurations,
    configuration_directory: Path | None = None,
    beside: Beside = NOTHING_BESIDE,
    from_day: date | None = None,
    until_day: date | None = None,
    today: date | None = None,
    extracted_on: Mapping[str, date] = NO_DAYS,
    withdrawn: Withdrawn = "stand",
    progress: Progress | None = None,
    clock: Callable[[], float],
    observe: Callable[[Source, ClosedEpoch, Any], None] | None = None,
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
    beside : Beside
        Outcomes and decisions, merged with the reports in the order of their days.
    from_day, until_day : date, optional
        First and last day of receipt; others are left out. Decisions given by `beside` are
        always taken: people make them long after the reports were received.
    today : date, optional
        As for `lines_of`.
    extracted_on : mapping of str to date, optional
        As for `lines_of`; of the reports.
    withdrawn : str
        As for `lines_of`; of the reports.
    progress : Progress, optional
        Shown while it runs.
    clock : callable
        Seconds, for the timings in `run.json`; nothing else depends on it.
    observe : callable, optional
        As for `Embedded`.

    Returns
    -------
    dict
        What `run.json` holds.
    """
    progress = progress or Progress()
    start = clock()
    inputs_of(format_name, names)  # a mistyped name must not cost an earlier run
    beside.require()
    given = [*sorted(names), *beside.paths]
    require_outside(out, [*given, *([configuration_directory] if configuration_directory else [])])
    with Workplace(out) as workplace:
        with (
            RunDirectory(workplace.directory, configurations.current) as sink,
            tempfile.TemporaryDirectory(prefix="longwatch-") as spool,
        ):
            if configuration_directory is not None:
                _copy_configuration(configuration_directory, workplace.directory / "configuration")
            tally = RowCounts()

            def lines(
                kind: str, paths: list[Path], name: str, days: Mapping[str, date] = NO_DAYS
            ) -> Iterator[DatedLine]:
                return lines_of(
                    kind,
                    paths,
                    refuse=sink.refuse,
                    spool=Path(spool) / name,
                    progress=progress,
                    tally=tally,
                    today=today,
                    extracted_on=days,
                    withdrawn=withdrawn if name == "reports" else "stand",
                )

            period = Period(from_day, until_day)
            received = [lines(format_name, names, "reports", extracted_on)]
            received += [
                lines(kind, [path], f"outcomes-{n}")
                for n, (kind, path) in enumerate(beside.outcomes)
            ]
            merged = heapq.merge(
                *(period.of(one) for one in received),
                *(
                    [lines("decisions", list(beside.decisions), "decisions")]
                    if beside.decisions
                    else []
                ),
                key=lambda line: line.on,
            )
            run = Embedded(configurations, sink, observe)
            fed = _feed(run, sink, merged, progress, clock)
            period.require_any()
            summary: dict[str, Any] = {
                "status": "finished",
                "format": format_name,
                "inputs": [_input(path) for path in given],
                "configuration": configurations.current.digest,
                "coding": configurations.current.coding,
                "versions": versions(),
                "first_day": str(fed.days[0]) if fed.days else None,
                "last_day": str(fed.days[-1]) if fed.days else None,
                "first_report_on": None
                if fed.first_report_on is None
                else str(fed.first_report_on),
                "n_epochs": len(fed.days),
                "n_lines": fed.n_lines,
                "files": tally.table(),
                "sources_without_rule": sorted(
                    tally.sources - configurations.current.sources.keys()
                ),
                "refused_at_intake": dict(sink.refused_by_code),
                "dispositions": {name: dict(c) for name, c in sorted(sink.dispositions.items())},
                "rows": dict(sorted(sink.n_rows.items())),
                "findings": sink.n_findings,
                "prior_fits": sink.n_prior_fits,
                "cannot_happen": sink.seen.cannot_happen(),
                "decisions_passed_over": msgspec.to_builtins(sink.passed_over),
                "seconds": {"reading": fed.read_by - start},
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        summary["seconds"]["whole"] = clock() - start  # the register is written by now
        return workplace.put_in_place(summary)


class _Fed(NamedTuple):
    """What went onto the log."""

    days: list[date]
    first_report_on: date | None  # of a case version or an outcome; decisions may lie earlier
    n_lines: int
    read_by: float  # when all was read and in order


def _feed(
    run: Embedded,
    sink: RunDirectory,
    lines: Iterator[DatedLine],
    progress: Progress,
    clock: Callable[[], float],
) -> _Fed:
    days: list[date] = []
    n_lines = 0
    has_reports, first_report_on = False, None
    read_by: float | None = None
    for item in messages_by_day(lines, run.manifest):
        if read_by is None:  # the first item comes when all is read and in order
            read_by = clock()
        if isinstance(item, RawMessage):
            n_lines += item.value.count(b"\n") + 1
            has_reports = has_reports or item.topic != topics.DECISIONS
            offset = run.put(item.topic, item.partition, item.value)
            sink.raw(item.topic, item.partition, offset, item.value, item.places)
        elif isinstance(item, EndOfDay):
            run.tick(item.at)
            days.append(item.on)
            if has_reports and first_report_on is None:
                first_report_on = item.on
            progress.day(item.on, n_lines)
    return _Fed(days, first_report_on, n_lines, clock() if read_by is None else read_by)


def _copy_configuration(directory: Path, copy: Path) -> None:
    """Copy a configuration whole: what the program ships may be another in its next version."""
    shutil.copytree(directory, copy)
    for path in left_out([one.name for one in copy.iterdir()]):
        shutil.copyfile(path, copy / path.name)


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
