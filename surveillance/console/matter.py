"""The page of a matter: where it stands, why, and what is new since somebody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.asked import NotThere, shown
from surveillance.console.pages import Page, name_of
from surveillance.domain.errors import Misused
from surveillance.views.matter_page import matter_page

if TYPE_CHECKING:
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.views.day import Day
    from surveillance.views.matter_page import MatterPage

N_CASES_NAMED = 20  # of one kind, of one signal; the listing has all


def matter(known: Known, asked: Asked) -> Page:
    """Return the page of a matter."""
    day = known.day(asked.at)
    found = page_of(known, asked.name, day)
    standing = known.reader.states_at((one.signal_id for one in found.signals), day.epoch)
    grounds = {one.code: one for one in known.configuration().law.ground}
    return Page(
        "matter.html",
        f"{name_of(found.product)} and {name_of(found.event)}",
        {
            "page": found,
            "place": day.places.get(found.matter_id),
            "standing": standing,
            "grounds": grounds,
            "n_named": N_CASES_NAMED,
            "changes": dict.fromkeys(change for one in found.signals for change in one.changes),
        },
    )


def page_of(known: Known, matter_id: str, day: Day) -> MatterPage:
    """Return what is known of a matter.

    Raises
    ------
    NotThere
        If there was no such matter by then.
    """
    try:
        return matter_page(known.source, matter_id, day.on, known=day)
    except Misused as error:
        what = f"{shown(matter_id)} {error.reason}"
        remedy = "take one from the inbox, or choose a later day"
        raise NotThere(404, what, "a matter begins with its first signal", remedy) from None
