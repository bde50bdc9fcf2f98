"""The line listing of a pair, and one case with all its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surveillance.console.asked import NotThere, paged, shown
from surveillance.console.pages import Page, name_of
from surveillance.domain.errors import Misused
from surveillance.triage.case_limits import CaseLimits
from surveillance.triage.triage import signal_id
from surveillance.views.as_of import N_NAMES_A_QUERY
from surveillance.views.case_assessments import CaseAssessments
from surveillance.views.case_history import case_history
from surveillance.views.case_pairs import case_pairs
from surveillance.views.names import near_keys

if TYPE_CHECKING:
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import Signal
    from surveillance.register.keys import KeyKind
    from surveillance.views.case_history import CaseHistory
    from surveillance.views.line_listing import LineListing

N_ROWS = 50
VIEWS = ("all", "counted", "not_counted")


def listing_of(known: Known, asked: Asked) -> LineListing:
    """Return the cases of the pair that is asked for.

    Raises
    ------
    NotThere
        If no case was ever found under its product or its event.
    """
    keys: dict[str, str] = {}
    kinds: tuple[KeyKind, ...] = ("product", "event")
    for kind in kinds:
        keys[kind] = known_key(known, kind, asked.required(kind))
    return known.listing(keys["product"], keys["event"], known.day(asked.at).on)


def known_key(known: Known, kind: KeyKind, given: str) -> str:
    """Return a key that cases were found under.

    Raises
    ------
    NotThere
        If none was.
    """
    held = known.keys(kind)
    if given in held:
        return given
    near = ", ".join(near_keys(given, held)) or "nothing"
    what = f"{shown(given)} is not the key of a{'n event' if kind == 'event' else ' product'}"
    raise NotThere(404, what, f"near it is {near}", "search for it")


def cases(known: Known, asked: Asked) -> Page:
    """Return the line listing of a pair."""
    found = listing_of(known, asked)
    view = asked.one_of("view", VIEWS)
    rows = [
        *(found.cases if view != "not_counted" else ()),
        *(found.not_counted if view != "counted" else ()),
    ]
    return Page(
        "cases.html",
        f"Cases of {name_of(found.product)} and {name_of(found.event)}",
        {"found": found, "view": view} | paged(rows, asked, N_ROWS).values(),
    )


def history_of(known: Known, asked: Asked) -> CaseHistory:
    """Return the case that is asked for, with its versions.

    Raises
    ------
    NotThere
        If it was not received by then.
    """
    case_id, configuration = asked.required("id"), known.configuration()
    limits = CaseLimits(configuration)
    assessments = CaseAssessments(known.reader, configuration.workup)
    on = known.day(asked.at).on
    try:
        return case_history(known.reader.cases, case_id, on, limits, assessments)
    except Misused as error:
        raise NotThere(
            404, f"Case {shown(case_id)} {error.reason}", error.remedy, "search for it"
        ) from None


def case(known: Known, asked: Asked) -> Page:
    """Return one case with its versions, and the signals that it counts for."""
    day, found = known.day(asked.at), history_of(known, asked)
    pairs = case_pairs(known.configuration(), found)
    names = {signal_id(*pair, "safety"): pair for pair in pairs.since}
    return Page(
        "case.html",
        f"Case {found.case_id}",
        {"found": found, "pairs": pairs, "signals": _standing(known, names, day.epoch)},
    )


def _standing(known: Known, names: dict[str, Any], epoch: int) -> list[Signal]:
    """Return the signals among some names that stood at an epoch, by priority."""
    wanted = list(names)
    found: list[Signal] = []
    for first in range(0, len(wanted), N_NAMES_A_QUERY):
        some = wanted[first : first + N_NAMES_A_QUERY]
        found += known.reader.states_at(some, epoch).values()
    return sorted(found, key=lambda one: (-one.priority, one.signal_id))
