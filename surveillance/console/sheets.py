"""Excel workbooks: every text is a text, and the same rows give the same bytes.

The library writes the time into a workbook, and so does the archive that a workbook is. Both are
replaced, since a file that is made again should be the file that was signed off.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

from surveillance.console.asked import NotThere
from surveillance.views.written import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

N_ROWS_MAX = 1_048_575  # of a sheet, beside the one with the names
_STAMP = b"1980-01-01T00:00:00Z"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that an archive can hold
_times = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def workbook(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """Return a workbook of one sheet.

    Parameters
    ----------
    title : str
        Of the sheet.
    columns : sequence of str
        Names of the columns.
    rows : sequence of sequences
        A value for each column.

    Raises
    ------
    NotThere
        If there are more rows than a sheet can hold.
    """
    if len(rows) > N_ROWS_MAX:
        why = f"a sheet holds {N_ROWS_MAX:,} rows at most"
        raise NotThere(400, "There are too many rows for a workbook", why, "take the CSV file")
    from openpyxl import Workbook  # noqa: PLC0415 - half a second that pages need not wait

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "B2"
    sheet.append(list(columns))
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    content = io.BytesIO()
    book.save(content)
    return _without_times(content)


def _cell(sheet: WriteOnlyWorksheet, value: object) -> object:
    """Mark a text as a text: the library would write one that begins with ``=`` as a formula."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above

    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, visible(value))
    cell.data_type = "s"
    return cell


def _without_times(content: io.BytesIO) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = _times.sub(lambda found: found[1] + _STAMP, data)
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)
    return made.getvalue()
