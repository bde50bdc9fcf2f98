"""From what a command names to lines in the order of their receipt."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from surveillance.core import topics
from surveillance.core.refusals import RefusedRecord
from surveillance.domain.errors import Misused
from surveillance.intake.counting import Tally
from surveillance.intake.formats import FORMATS, paths
from surveillance.intake.reading import Format, Read, Unusable
from surveillance.intake.schedule import Line
from surveillance.intake.spool import in_order


class Progress:
    """How far a run has come: called by the run, shown by whoever runs it."""

    def reading(self, n_records: int) -> None:
        """Take note of how many records were read."""

    def day(self, on: date, n_records: int) -> None:
        """Take note that a day is done, and how many records with it."""


def lines_of(
    format_name: str,
    names: Iterable[Path],
    *,
    refuse: Callable[[Unusable], None],
    spool: Path,
    progress: Progress,
    tally: Tally | None = None,
    today: date | None = None,
) -> Iterator[Line]:
    """Read files of one format, in the order of receipt.

    Parameters
    ----------
    format_name : str
        A key of `FORMATS`, or ``folder``: a directory with the files that `longwatch
        simulate` writes.
    names : iterable of Path
        Files, zips or folders.
    refuse : callable
        Takes each row that cannot be used.
    spool : Path
        Where to sort what does not fit in memory.
    progress : Progress
        Told how many records were read.
    tally : Tally, optional
        Counts every row of every file.
    today : date, optional
        Later days of receipt are refused. None takes every day, as for simulated records.

    Yields
    ------
    Line
        In the order of their days; by topic and arrival within a day.
    """
    sorted_inputs = [
        _lines(one, found, _Taking(refuse, spool / str(index), progress, tally or Tally(), today))
        for index, (one, found) in enumerate(_inputs(format_name, list(names)))
    ]
    return heapq.merge(*sorted_inputs, key=lambda line: line.on)


def _inputs(format_name: str, names: list[Path]) -> list[tuple[Format, list[Path]]]:
    if format_name != "folder":
        chosen = FORMATS.get(format_name)
        if chosen is None:
            known = ", ".join([*FORMATS, "folder"])
            raise Misused(f"format {format_name!r}", "is not known", f"use one of {known}")
        return [(chosen, paths(names, chosen))]
    found = [
        (FORMATS[kind], [folder / f"{kind}.ndjson"])
        for kind in ("cases", "outcomes", "decisions")
        for folder in names
        if (folder / f"{kind}.ndjson").is_file()
    ]
    if not found:
        raise Misused(
            str(names[0]), "holds no cases.ndjson, outcomes.ndjson or decisions.ndjson",
            "name a folder as `longwatch simulate` writes it",
        )  # fmt: skip
    return found


_TOPICS = {"cases": topics.CASES, "outcomes": topics.OUTCOMES, "decisions": topics.DECISIONS}


class _Taking(NamedTuple):
    """What one reading of files needs beside the files."""

    refuse: Callable[[Unusable], None]
    spool: Path
    progress: Progress
    tally: Tally
    today: date | None


def _lines(chosen: Format, found: list[Path], taking: _Taking) -> Iterator[Line]:
    taking.spool.mkdir(parents=True)
    topic = _TOPICS[chosen.topic]
    for read in in_order(_usable(chosen, found, taking), directory=taking.spool):
        yield Line(read.received_on, topic, read.key, read.line)


def _usable(chosen: Format, found: list[Path], taking: _Taking) -> Iterator[Read]:
    n = 0
    for path in found:
        for item in chosen.read(path, tally=taking.tally, today=taking.today):
            if isinstance(item, Unusable):
                taking.refuse(item)
                continue
            n += 1
            if n % 1_000 == 0:
                taking.progress.reading(n)
            yield item


def refused_at_intake(unusable: Unusable) -> RefusedRecord:
    """Put an input row that never reached a log into the form of the refused records."""
    return RefusedRecord(
        topic=f"file:{unusable.place}",
        partition=0,
        offset=0,
        line=0,
        code=unusable.code,
        reason=unusable.reason,
        remedy=unusable.remedy,
        at=None,
        content=base64.b64encode(unusable.content).decode(),
    )
