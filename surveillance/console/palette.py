"""What the palette finds by a name: a few of each kind, with the address of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from surveillance.console.lists import find, require_short
from surveillance.console.pages import level_of, name_of
from surveillance.domain.names import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.views.day import Day

N_OF_A_KIND = 8


def palette(known: Known, asked: Asked) -> list[dict[str, str]]:
    """Return what has a name like the one that is searched for.

    Returns
    -------
    list of dict
        ``kind``, ``name`` and ``href`` of each.
    """
    given = require_short(asked.text("q").strip())
    if not given:
        return []
    day = known.day(asked.at)
    return [
        {"kind": kind, "name": name, "href": href}
        for kind, name, href in (*_matters(day, asked, given), *_others(known, day, asked, given))
    ]


def _matters(day: Day, asked: Asked, given: str) -> Iterator[tuple[str, str, str]]:
    """Yield matters on the list with a text in their names, in the order of the list."""
    wanted, n = identity(given), 0
    for one in day.work.matters:
        best = one.matter.best
        if n < N_OF_A_KIND and wanted in identity(f"{name_of(best.product)} {name_of(best.event)}"):
            n += 1
            name = f"{name_of(best.product)}, {name_of(best.event)}"
            yield f"matter, rank {one.matter.rank.rank}", name, asked.to(f"/m/{best.matter_id}")


def _others(known: Known, day: Day, asked: Asked, given: str) -> Iterator[tuple[str, str, str]]:
    found = find(known, day, given)
    for one in found.matters:
        yield "matter", one, asked.to(f"/m/{quote(one, safe='')}")
    for signal in found.signals:
        name = f"{name_of(signal.product)}, {name_of(signal.event)}"
        yield "signal", name, asked.to(f"/s/{signal.signal_id}")
    for kind, keys in (("product", found.products), ("event", found.events)):
        for key in keys[:N_OF_A_KIND]:
            yield level_of(key), name_of(key), asked.to(f"/{kind}", key=key)
    for case in found.cases[:N_OF_A_KIND]:
        yield "case", case, asked.to("/case", id=case)
