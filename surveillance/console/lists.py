"""Products, events, and the search for whatever has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import NotThere, paged
from surveillance.console.cases import known_key
from surveillance.console.pages import Page, name_of
from surveillance.domain.names import identity
from surveillance.register.chosen_rows import Chosen
from surveillance.register.columns import SIGNAL_ID
from surveillance.views.names import near_keys

if TYPE_CHECKING:
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import Signal
    from surveillance.register.keys import KeyKind
    from surveillance.views.day import Day

N_ROWS = 50
N_FOUND = 25  # of each kind
N_CHARACTERS_MAX = 200  # of a search: no name is longer


def product(known: Known, asked: Asked) -> Page:
    """Return the page of a product: its signals by event."""
    return _signals_of(known, asked, "product")


def event(known: Known, asked: Asked) -> Page:
    """Return the page of an event: its signals by product."""
    return _signals_of(known, asked, "event")


def _signals_of(known: Known, asked: Asked, kind: KeyKind) -> Page:
    day, key = known.day(asked.at), known_key(known, kind, asked.required("key"))
    product, event = (key, None) if kind == "product" else (None, key)
    chosen = Chosen(product, event, day.on)
    found = day.of(known.reader.each_signal(chosen))
    found.sort(key=lambda one: (-one.priority, one.signal_id))
    return Page(
        "signals_of.html",
        name_of(key),
        {
            "kind": kind,
            "key": key,
            "places": day.places,
            "near": _near(known, kind, key),
        }
        | paged(found, asked, N_ROWS).values(),
    )


def _near(known: Known, kind: KeyKind, key: str) -> list[str]:
    """Return other levels of the same name."""
    return [one for one in known.keys(kind) if one != key and name_of(one) == name_of(key)]


class SearchFound(NamedTuple):
    """What a search found."""

    matters: list[str]
    signals: list[Signal]
    products: list[str]
    events: list[str]
    cases: list[str]
    n_products: int
    n_events: int


def search(known: Known, asked: Asked) -> Page:
    """Return what has a name like the one that is searched for."""
    day, given = known.day(asked.at), asked.text("q").strip()
    found = find(known, day, require_short(given)) if given else None
    return Page("search.html", "Search", {"found": found, "given": given, "n_most": N_FOUND})


def require_short(given: str) -> str:
    """Return what is searched for.

    Raises
    ------
    NotThere
        If it is longer than any name.
    """
    if len(given) > N_CHARACTERS_MAX:
        why = f"it has {len(given):,} characters, and no name has more than {N_CHARACTERS_MAX}"
        raise NotThere(400, "That is too long to search for", why, "search for a part of it")
    return given


def find(known: Known, day: Day, given: str) -> SearchFound:
    """Return what has a name like a text."""
    products, events = (_named(known, kind, given) for kind in ("product", "event"))
    is_signal = SIGNAL_ID.fullmatch(given)
    return SearchFound(
        matters=[given] if given in day.members else [],
        signals=list(known.reader.states_at([given], day.epoch).values()) if is_signal else [],
        products=products[:N_FOUND],
        events=events[:N_FOUND],
        cases=known.reader.cases.near(given, N_FOUND) if len(given) > 1 else [],
        n_products=len(products),
        n_events=len(events),
    )


def _named(known: Known, kind: KeyKind, given: str) -> list[str]:
    """Return the keys that hold a text, the shortest first, or else those that look like it."""
    wanted, held = identity(given), known.keys(kind)
    found = sorted((one for one in held if wanted in identity(one)), key=lambda k: (len(k), k))
    return found or near_keys(given, held)
