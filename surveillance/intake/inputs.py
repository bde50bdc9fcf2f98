"""Read the files that a command names as lines in order of receipt."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from surveillance.domain.errors import Misused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.intake.extracts import NO_DAYS, Extracts, Undecided
from surveillance.intake.format import Format, OfExtracts, Read, Unusable, unreadable
from surveillance.intake.guess import format_of
from surveillance.intake.registry import FORMATS, paths
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.spool import in_order
from surveillance.intake.withdrawals import Withdrawn, absences
from surveillance.log import topics
from surveillance.log.days import DatedLine

_UNREADABLE_FILE = "unreadable_file"
_N_TOLD = 8  # files left out, or reasons of refusal, that are told one by one
_N_MANY = 10  # refused rows that are more than a few bad ones
_TOPICS = {"cases": topics.CASES, "outcomes": topics.OUTCOMES, "decisions": topics.DECISIONS}


class Progress:
    """Progress of a run: called by the run, displayed by its caller."""

    def reading(self, n_records: int) -> None:
        """Report how many records were read."""

    def day(self, on: date, n_records: int) -> None:
        """Report that a day is done, with the number of records so far."""

    def wrong(self, faults: list[str]) -> None:
        """Report what is wrong with whole files, when all is read and before anything runs."""


def within(
    lines: Iterable[DatedLine], first: date | None, last: date | None
) -> Iterator[DatedLine]:
    """Leave out lines that were received before `first` or after `last`."""
    for line in lines:
        if (first is None or line.on >= first) and (last is None or line.on <= last):
            yield line


class Period:
    """The days of receipt that are asked for, and those that came.

    Parameters
    ----------
    first, last : date, optional
        As for `within`.
    """

    def __init__(self, first: date | None, last: date | None) -> None:
        self._first, self._last = first, last
        self._earliest = self._latest = None  # type: date | None
        self._is_empty = True

    def of(self, lines: Iterable[DatedLine]) -> Iterator[DatedLine]:
        """Leave out lines as `within` does."""
        for line in within(self._noted(lines), self._first, self._last):
            self._is_empty = False
            yield line

    def _noted(self, lines: Iterable[DatedLine]) -> Iterator[DatedLine]:
        for line in lines:  # in the order of their days
            if self._earliest is None or line.on < self._earliest:
                self._earliest = line.on
            if self._latest is None or line.on > self._latest:
                self._latest = line.on
            yield line

    def require_any(self) -> None:
        """Refuse a period that left out every line there was.

        Raises
        ------
        Misused
            With the days on which something was received.
        """
        if self._is_empty and self._earliest is not None:
            raise Misused(
                f"--from {self._first or '-'} --until {self._last or '-'}",
                f"leaves nothing: what was given came from {self._earliest} to {self._latest}",
                "choose a period that holds some of it",
            )


def lines_of(
    format_name: str,
    names: Iterable[Path],
    *,
    refuse: Callable[[Unusable], None],
    spool: Path,
    progress: Progress,
    tally: RowCounts | None = None,
    today: date | None = None,
    extracted_on: Mapping[str, date] = NO_DAYS,
    withdrawn: Withdrawn = "stand",
) -> Iterator[DatedLine]:
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
        Receives how many records were read.
    tally : RowCounts, optional
        Counts every row of every file.
    today : date, optional
        Later days of receipt are refused. None takes every day, as for simulated records.
    extracted_on : mapping of str to date, optional
        When the extracts were made, by path; under the empty string for all others.
    withdrawn : str
        Whether reports that a later extract no longer shows ``stand``, or it is to ``nullify``
        them.

    Yields
    ------
    DatedLine
        In the order of their days; by topic and arrival within a day.

    Raises
    ------
    Misused
        If a day was given for files that are no extracts, or for none that is read, or
        reports are to be nullified and nothing that is read is an extract.
    """
    counted = _Counted(progress)
    tally = RowCounts() if tally is None else tally
    extracts = Extracts(extracted_on, withdrawn=withdrawn)
    inputs = _with_extracts(inputs_of(format_name, list(names)), extracted_on, extracts)
    sorted_inputs = [
        _lines(one, found, _Taking(refuse, spool / str(index), counted, tally, today))
        for index, (one, found) in enumerate(inputs)
    ]
    return heapq.merge(*sorted_inputs, key=lambda line: line.on)


def _with_extracts(
    inputs: list[tuple[Format, list[Path]]], days: Mapping[str, date], extracts: Extracts
) -> list[tuple[Format, list[Path]]]:
    """Tell each format the days of its extracts."""
    read = {str(path) for one, found in inputs if isinstance(one, OfExtracts) for path in found}
    for given in days:
        if not read or (given and given not in read):
            of = f"{given}=" if given else ""
            raise Misused(
                f"--extracted-on {of}{days[given]}",
                "belongs to none of the extracts that are read",
                f"name one of {', '.join(sorted(read)[:5])}" if read else "leave it out",
            )
    if extracts.withdrawn != "stand" and not read:
        reason = "belongs to extracts, and none is read"
        raise Misused(f"--withdrawn {extracts.withdrawn}", reason, "leave it out")
    return [
        (one.with_extracts(extracts) if isinstance(one, OfExtracts) else one, found)
        for one, found in inputs
    ]


def inputs_of(format_name: str, names: list[Path]) -> list[tuple[Format, list[Path]]]:
    """Find the files that a command means, and the format of each.

    Parameters
    ----------
    format_name, names
        As for `lines_of`.

    Returns
    -------
    list of tuple of Format and list of Path
        By format; nothing has been opened yet.

    Raises
    ------
    Misused
        If the format is not known, a name does not exist, or a folder holds nothing to read.
    """
    if format_name != "folder":
        chosen = FORMATS.get(format_name)
        if chosen is None:
            known = ", ".join([*FORMATS, "folder"])
            raise Misused(f"format {format_name!r}", "is not known", f"use one of {known}")
        return [(chosen, paths(names, chosen))]
    for folder in names:
        _require_records(folder)
    return [
        (FORMATS[kind], [folder / f"{kind}.ndjson"])
        for kind in _TOPICS
        for folder in names
        if (folder / f"{kind}.ndjson").is_file()
    ]


def _require_records(folder: Path) -> None:
    if not folder.is_dir():
        reason = "is not a folder" if folder.exists() else "does not exist"
        raise Misused(str(folder), reason, "name a folder as `longwatch simulate` writes it")
    if not any((folder / f"{kind}.ndjson").is_file() for kind in _TOPICS):
        raise Misused(
            str(folder), "holds no cases.ndjson, outcomes.ndjson or decisions.ndjson",
            "name a folder as `longwatch simulate` writes it",
        )  # fmt: skip


def records_of(
    format_name: str,
    names: Iterable[Path],
    *,
    refuse: Callable[[Unusable], None],
    progress: Progress,
    tally: RowCounts | None = None,
    today: date | None = None,
) -> Iterator[Read]:
    """Read files of one format in the order of the files, which needs no room to sort.

    Parameters
    ----------
    format_name, names, refuse, progress, tally, today
        As for `lines_of`.

    Yields
    ------
    Read
        As the format gives them.
    """
    counted = _Counted(progress)
    tally = RowCounts() if tally is None else tally
    for one, found in inputs_of(format_name, list(names)):
        yield from _usable(one, found, _Taking(refuse, Path(), counted, tally, today))


class _Counted:
    """Counts the records of all inputs together, and reports progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._n, self._n_left_out = progress, 0, 0

    def one(self) -> None:
        self._n += 1
        if self._n % 1_000 == 0:
            self.report()

    def report(self) -> None:
        self._progress.reading(self._n)

    def wrong(self, faults: list[str]) -> None:
        if faults:
            self._progress.wrong(faults)

    def left_out(self, item: Unusable) -> None:
        """Tell at once of a file that is left out as a whole, unless there are many."""
        self._n_left_out += 1
        if self._n_left_out <= _N_TOLD:
            told = f"{item.place}: {item.reason}; {item.remedy}"
            self.wrong([f"{told}. It is left out as a whole, and the others are read"])

    def end_of_files(self) -> None:
        """Tell how many more were left out than were told of."""
        if self._n_left_out > _N_TOLD:
            n_more = self._n_left_out - _N_TOLD
            self.wrong([f"{n_more:,} more files cannot be read and are left out"])
        self._n_left_out = 0


class _Taking(NamedTuple):
    """What one reading of files needs beside the files."""

    refuse: Callable[[Unusable], None]
    spool: Path
    counted: _Counted
    tally: RowCounts
    today: date | None


def _lines(chosen: Format, found: list[Path], taking: _Taking) -> Iterator[DatedLine]:
    taking.spool.mkdir(parents=True)
    topic = _TOPICS[chosen.topic]
    for read in in_order(_usable(chosen, found, taking), directory=taking.spool):
        yield DatedLine(read.received_on, topic, read.key, read.line, read.place)


def _usable(chosen: Format, found: list[Path], taking: _Taking) -> Iterator[Read]:
    n_unreadable = 0
    earlier = set(taking.tally.files)
    first: dict[str, list[Unusable]] = {}  # by code: one of each of the first files

    def refuse(item: Unusable) -> None:
        if item.code == _UNREADABLE_FILE:
            taking.counted.left_out(item)
        else:
            known = first.setdefault(item.code, [])
            is_same = known and known[-1].place.rpartition(":")[0] == item.place.rpartition(":")[0]
            if len(known) < _N_TOLD and not is_same:
                known.append(item)
        taking.refuse(item)

    noting = taking._replace(refuse=refuse)
    for path in found:
        try:
            yield from _usable_of(chosen, path, noting)
        except Misused as error:
            n_unreadable += 1
            if isinstance(error, Undecided):
                raise  # there is no way to choose
            if n_unreadable == len(found):  # there is nothing to go on with
                raise _with_guess(error, chosen, path) from None
            noting.refuse(unreadable(error))
    yield from _withdrawn(chosen, taking, is_whole=n_unreadable == 0)
    taking.counted.report()
    new = {name: one for name, one in taking.tally.files.items() if name not in earlier}
    taking.counted.end_of_files()
    taking.counted.wrong(_wrong_as_a_whole(new, first))


def _with_guess(error: Misused, chosen: Format, path: Path) -> Misused:
    """Return the error, with the format that the file looks like if that is another one."""
    looks_like = format_of(path)
    if looks_like in {None, chosen.name}:
        return error
    remedy = f"{error.remedy}, or give {looks_like} as FORMAT: the file looks like that"
    return Misused(error.place, error.reason, remedy)


def _withdrawn(chosen: Format, taking: _Taking, *, is_whole: bool) -> Iterator[Read]:
    """Report what later extracts no longer show, and nullify it where the user said so."""
    if not isinstance(chosen, OfExtracts) or chosen.extracts is None:
        return
    withdrawn = chosen.extracts.withdrawn if is_whole else "stand"
    for absence in absences(chosen.extracts.contents):
        taking.counted.wrong([absence.told(withdrawn)])
        if withdrawn == "nullify" and not absence.fault:
            yield from chosen.nullifications(absence, taking.today)


def _of_file(refused: list[Unusable], name: str) -> Unusable | None:
    """Return the first that was refused in a file, or else the first that is known."""
    own = (one for one in refused if name.endswith(one.place.rpartition(":")[0]))
    return next(own, refused[0] if refused else None)


def _wrong_as_a_whole(
    files: Mapping[str, FileTally], first: Mapping[str, list[Unusable]]
) -> list[str]:
    """Tell of each file that gives nothing, or has one fault in most of its rows."""
    found = []
    for name, counts in files.items():
        code, n = (counts.refused.most_common(1) or [("", 0)])[0]
        is_useless = counts.n_refused > 0 and not counts.n_used
        if not (is_useless or (n >= _N_MANY and n * 2 > counts.n_read)):
            continue
        one = _of_file(first.get(code, []), name)
        if one is None:  # left out as a whole, and told of already
            continue
        what = (
            "its one record is" if counts.n_read == 1 else f"{n:,} of {counts.n_read:,} records are"
        )
        found.append(
            f"{name}: {what} refused as {code}, first at {one.place}: {one.reason}; {one.remedy}"
        )
    n_more = len(found) - _N_TOLD
    return [*found[:_N_TOLD], *([f"and {n_more:,} more files like these"] if n_more > 0 else [])]


def _usable_of(chosen: Format, path: Path, taking: _Taking) -> Iterator[Read]:
    for item in chosen.read(path, tally=taking.tally, today=taking.today):
        if isinstance(item, Unusable):
            taking.refuse(item)
            continue
        taking.counted.one()
        yield item


def refused_at_intake(unusable: Unusable) -> RefusedRecord:
    """Convert an input row that never reached a log to a refused record."""
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
        n_bytes=unusable.n_bytes,
    )
