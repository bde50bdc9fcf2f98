"""Lists of what waits for people: requests for review, clocks, proposals, holds, what is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.asked import paged
from surveillance.console.desk import LABELS, counts, desk_of
from surveillance.console.inbox import view_counts
from surveillance.console.pages import Page
from surveillance.views.desk import KINDS, DeskRow
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from typing import Any

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known

N_ROWS = 50
COLUMNS = DeskRow.__struct_fields__


def chosen_rows(known: Known, asked: Asked) -> list[DeskRow]:
    """Return the rows of the kind that is asked for, in their order."""
    kind = asked.one_of("list", KINDS)
    return [one for one in desk_of(known, known.day(asked.at)).rows if one.kind == kind]


def file_rows(known: Known, asked: Asked) -> list[list[object]]:
    """Return the rows as values for each of `COLUMNS`."""
    rows: list[dict[str, Any]] = [plain(one) for one in chosen_rows(known, asked)]
    as_text = {True: "yes", False: "no"}
    return [
        [as_text[value] if isinstance(value, bool) else value for value in map(one.get, COLUMNS)]
        for one in rows
    ]


def desk(known: Known, asked: Asked) -> Page:
    """Return what waits of one kind."""
    kind = asked.one_of("list", KINDS)
    day = known.day(asked.at)
    page = paged(chosen_rows(known, asked), asked, N_ROWS)
    values = {
        "list": kind,
        "labels": LABELS,
        "views": view_counts(day),
        "waits": counts(known, day),
        "day": day,
        "ladder": {one.code: one.name for one in known.configuration().law.action},
    }
    return Page("desk.html", LABELS[kind].capitalize(), values | page.values())
