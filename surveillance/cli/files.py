"""Commands on files alone: convert them, look into them, list names that no rule knows."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import msgspec
import typer

from surveillance.cli import clock
from surveillance.cli.inputs import REFUSED_IN_PART, SHIPPED_FOR, Config
from surveillance.cli.options import AsJson, Limit, limit_of
from surveillance.cli.screen import print_errors, print_json, print_lines
from surveillance.cli.tables import print_table, shown
from surveillance.cli.terminal import Bar, configurations
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misused
from surveillance.intake.format import Read, Unusable
from surveillance.intake.inputs import inputs_of, lines_of, records_of, refused_at_intake
from surveillance.intake.registry import FORMATS
from surveillance.intake.row_counts import RowCounts
from surveillance.views.contents import Contents, contents_of, unknown_names
from surveillance.views.plain import plain

names_app = typer.Typer(help="Names that products are reported under.", no_args_is_help=True)
FormatName = Annotated[
    str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)} or folder.")
]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, zips or folders.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("convert")(convert)
    app.command("inspect")(inspect)
    names_app.command("unknown")(unknown)
    app.add_typer(names_app, name="names")


def convert(
    format_name: FormatName,
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="NDJSON; gzip if *.gz.")],
) -> int:
    """Write what a format holds as canonical NDJSON, by day of receipt.

    What is refused is written beside it, to FILE.refused.ndjson, with its reason and bytes.
    """
    if not out.name:
        raise Misused("--out ''", "names no file", "name one")
    beside = out.with_name(f"{out.name}.refused.ndjson")
    _require_free(out, beside, format_name, paths)
    tally, n_lines, refused = RowCounts(), 0, Counter[str]()
    with (
        Bar() as bar,
        tempfile.TemporaryDirectory(prefix="longwatch-") as spool,
        _replacing(out) as file,
        _replacing(beside) as kept,
    ):

        def refuse(row: Unusable) -> None:
            refused[row.code] += 1
            kept.write(msgspec.json.encode(refused_at_intake(row)) + b"\n")

        lines = lines_of(
            format_name,
            paths,
            refuse=refuse,
            spool=Path(spool) / "lines",
            progress=bar,
            tally=tally,
            today=clock.today(),
        )
        for line in lines:
            file.write(line.value + b"\n")
            n_lines += 1
    n_read = sum(each.n_read for each in tally.files.values())
    print_lines(f"{n_read:,} rows of {len(tally.files):,} files gave {n_lines:,} records, in {out}")
    if not refused:
        beside.unlink()
    return told(refused, f"; see {beside}")


def _require_free(out: Path, beside: Path, format_name: str, paths: list[Path]) -> None:
    if not out.parent.is_dir():
        raise Misused(str(out), "lies in a folder that does not exist", "make the folder first")
    given = {
        os.path.realpath(path)
        for _, found in inputs_of(format_name, paths)
        for path in (*found, *paths)
    }
    for path in (out, beside):
        if path.is_dir() or os.path.realpath(path) in given:
            raise Misused(str(path), "is what is to be read, or a folder", "name another --out")


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes the place of another only when it is whole."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as plain_file:
            if path.suffix.lower() == ".gz":  # no name and no time: the same bytes every time
                with gzip.GzipFile("", "wb", 6, plain_file, mtime=0) as packed:
                    yield cast("BinaryIO", packed)
            else:
                yield plain_file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def told(refused: Counter[str], where: str = "") -> int:
    """Print how many rows were refused; return the exit code."""
    if not refused:
        return 0
    by_code = ", ".join(f"{code} {n:,}" for code, n in refused.most_common())
    print_errors(f"longwatch: {refused.total():,} row(s) refused ({by_code}){where}")
    return REFUSED_IN_PART


def inspect(
    format_name: FormatName, paths: Paths, config: Config = None, *, as_json: AsJson = False
) -> int:
    """Show what is in files, on one screen: cases, dates, products, terms, refusals."""
    refused: Counter[str] = Counter()
    configuration = of_cases(format_name, paths, config)
    with Bar() as bar:
        reads = reads_of(format_name, paths, refused, bar)
        found = contents_of(reads, refused, configuration)
    if as_json:
        print_json(plain(found))
        return REFUSED_IN_PART if refused else 0
    _show(found)
    return told(refused)


def of_cases(format_name: str, paths: list[Path], config: list[Path] | None) -> Configuration:
    """Return the configuration in force; `Misused` for a format without case versions."""
    for one, _ in inputs_of(format_name, paths):
        if one.topic != "cases":
            reason = f"holds {one.topic}, and no case versions"
            raise Misused(f"format {one.name!r}", reason, "name a format of reports")
    chosen, _ = configurations(config or [], default=SHIPPED_FOR.get(format_name, "vaers"))
    return chosen.current


def reads_of(
    format_name: str, paths: list[Path], refused: Counter[str], bar: Bar
) -> Iterator[Read]:
    """Yield the records of files; what is refused is counted by code."""

    def refuse(row: Unusable) -> None:
        refused[row.code] += 1

    return records_of(format_name, paths, refuse=refuse, progress=bar, today=clock.today())


def _show(found: Contents) -> None:
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in found.kinds.items())
    print_lines(
        f"cases      {found.n_cases:,} in {found.n_versions:,} versions ({kinds})",
        f"received   {found.first_received_on} to {found.last_received_on}",
        f"serious    {found.n_serious:,}, of which fatal {found.n_fatal:,}",
        f"sources    {_counted(found.sources.items())}",
        f"countries  {_counted(found.countries)}",
        f"events     {found.n_events:,} in {found.n_terms:,} terms: {_counted(found.terms)}",
        f"products   {found.n_products:,} under {found.n_names:,} names; suspect or interacting: "
        f"{_counted(found.products)}",
        f"substances {found.n_substances:,}: {_counted(found.substances)}",
    )
    if found.notes:
        print_lines(f"left out   {_counted(found.notes)}")
    if found.mean_score is not None:
        print_lines(
            f"complete   {found.mean_score:.2f} on average after vigiGrade; "
            f"{found.n_well_documented:,} versions are well documented"
        )
    parts = sorted(found.completeness.items(), key=lambda item: -item[1])
    print_lines("present in " + ", ".join(f"{name} {share:.0%}" for name, share in parts))


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts)


def unknown(
    format_name: FormatName,
    paths: Paths,
    config: Config = None,
    *,
    limit: Limit = None,
    as_json: AsJson = False,
) -> int:
    """List the products for which no rule knows a substance, with their counts.

    Add the largest to `substances.csv` of a configuration: a header `reported,substance`, and a
    line for each name.
    """
    refused: Counter[str] = Counter()
    configuration = of_cases(format_name, paths, config)
    with Bar() as bar:
        found = unknown_names(reads_of(format_name, paths, refused, bar), configuration)
    if as_json:
        print_json(plain(found[:limit]))
        return REFUSED_IN_PART if refused else 0
    rows = [(one.name, f"{one.n_cases:,}") for one in found[: limit_of(limit, as_json=False)]]
    title = shown(len(rows), len(found), "names without a substance")
    print_table(title, {"name": "left", "versions": "right"}, rows)
    if not found:
        print_lines("every product has a substance")
    return told(refused)
