"""`longwatch outcomes`: a table for registries to fill in, with its data dictionary."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli.screen import print_bytes, print_lines
from surveillance.cli.terminal import called
from surveillance.domain.errors import Misused
from surveillance.intake.outcome_columns import columns_of
from surveillance.intake.outcome_sheets import DICTIONARY
from surveillance.intake.outcome_template import dictionary, rows, rows_of

outcomes_app = typer.Typer(help="Outcomes of treated patients.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    outcomes_app.command("template")(template)
    app.add_typer(outcomes_app, name="outcomes")


@outcomes_app.callback()
def _group() -> None:
    """Outcomes of treated patients."""


def template(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="A new FILE.csv, FILE.xlsx, or folder."),
    ] = None,
) -> int:
    """Write a table of outcomes to fill in, with an invented patient and a data dictionary.

    FILE.csv has a row for each record, whatever its kind, and FILE-dictionary.csv beside it
    describes the columns; FILE.xlsx holds both. A folder gets a table for each kind of
    record. Without --out the table is printed.
    """
    if out is None:
        print_bytes([_as_csv(rows()).removeprefix(BOM_UTF8)])
        return 0
    for path in _written(out):
        print_lines(str(path))
    shown = out if out.suffix else f"{out}/"
    command = f"{called()} replay outcomes {shown} --out run"
    print_lines(f"replace the example rows with your own; then: {command}")
    return 0


def _written(out: Path) -> list[Path]:
    match out.suffix.lower():
        case ".xlsx":
            return [_write(out, _as_xlsx())]
        case ".csv":
            beside = out.with_name(f"{out.stem}-{DICTIONARY}.csv")
            if beside.exists():
                raise Misused(str(beside), "is there already", "name another file with --out")
            return [_write(out, _as_csv(rows())), _write(beside, _as_csv(dictionary()))]
        case "" if out.name:
            return _folder(out)
        case _:
            reason = "is neither a CSV file, a workbook nor a folder"
            raise Misused(f"--out {out}", reason, "name FILE.csv, FILE.xlsx or a folder")


def _folder(out: Path) -> list[Path]:
    try:
        out.mkdir()
    except FileExistsError:
        raise Misused(str(out), "is there already", "name a new folder with --out") from None
    except OSError as error:
        raise _unwritten(out, error) from None
    tables = [_write(out / f"{kind}.csv", _as_csv(rows_of(kind))) for kind in columns_of()]
    return [*tables, _write(out / f"{DICTIONARY}.csv", _as_csv(dictionary()))]


def _write(path: Path, content: bytes) -> Path:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Misused(str(path), "is there already", "name a new file with --out") from None
    except OSError as error:
        raise _unwritten(path, error) from None
    return path


def _unwritten(path: Path, error: OSError) -> Misused:
    return Misused(str(path), f"cannot be written ({error.strerror})", "name another with --out")


def _as_csv(table: list[list[str]]) -> bytes:
    """Return CSV that spreadsheets read as UTF-8: with a mark, and lines that end in CR LF."""
    written = io.StringIO()
    csv.writer(written).writerows(table)
    return BOM_UTF8 + written.getvalue().encode()


def _as_xlsx() -> bytes:
    """Return a workbook whose cells are text, so that no spreadsheet turns a day into another."""
    from openpyxl import Workbook  # noqa: PLC0415 - half a second that other commands need not wait

    book = Workbook(write_only=True)
    for title, table in (("outcomes", rows()), (DICTIONARY, dictionary())):
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for row in table:
            sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()
