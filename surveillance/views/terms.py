"""Reported terms against a release: which it does not know, and what another one changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from surveillance.configuration.types import Configuration
from surveillance.domain.product import split
from surveillance.intake.format import Read
from surveillance.log.decode import decode_case
from surveillance.screening.keys import Naming

Reported = tuple[str, str | None]  # preferred term and lowest level term, as they were sent


class UnknownTerm(Struct, frozen=True, kw_only=True):
    """A reported term that the release does not know."""

    term: str  # as it is counted
    n_cases: int  # versions that name it


class Recoded(Struct, frozen=True, kw_only=True):
    """A reported term that counts elsewhere under another release."""

    term: str  # as it was sent: the lowest level term where there is one
    n_cases: int  # versions that name it
    pt_before: str
    pt_after: str
    left: tuple[str, ...]  # keys above the preferred term that it no longer counts under
    joined: tuple[str, ...]  # and those that are new


def unknown_terms(reads: Iterable[Read], configuration: Configuration) -> list[UnknownTerm]:
    """List the reported terms that the release does not know, the commonest first.

    Parameters
    ----------
    reads : iterable of Read
        Case versions.
    configuration : Configuration
        With a hierarchy of terms.

    Returns
    -------
    list of UnknownTerm
        One for each term, whatever its spelling.
    """
    naming = Naming(configuration)
    counts: Counter[str] = Counter()
    for read in reads:
        case = decode_case(read.line)
        named = {(event.pt, event.llt) for event in case.events}
        unknown = {pair for pair in named if naming.coded(*pair) is None}
        counts.update({split(naming.event_keys(*pair)[0])[1] for pair in unknown})
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [UnknownTerm(term=term, n_cases=count) for term, count in found]


def recoded_terms(
    reads: Iterable[Read], before: Configuration, after: Configuration
) -> list[Recoded]:
    """List what counts elsewhere under another release, the commonest first.

    Parameters
    ----------
    reads : iterable of Read
        Case versions.
    before, after : Configuration
        With the release in force, and with the other one.

    Returns
    -------
    list of Recoded
        One for each reported term whose preferred term, or what is above it, differs.
    """
    counts: Counter[Reported] = Counter()
    for read in reads:
        counts.update({(event.pt, event.llt) for event in decode_case(read.line).events})
    old, new = Naming(before), Naming(after)
    merged: dict[tuple[str, tuple[str, ...], tuple[str, ...]], int] = {}
    for (pt, llt), count in counts.items():
        keys = old.event_keys(pt, llt), new.event_keys(pt, llt)
        if keys[0] != keys[1]:
            place = (llt or pt, *keys)
            merged[place] = merged.get(place, 0) + count
    rows = [_recoded(*place, n_cases) for place, n_cases in merged.items()]
    return sorted(rows, key=lambda row: (-row.n_cases, row.term))


def _recoded(term: str, old: tuple[str, ...], new: tuple[str, ...], n_cases: int) -> Recoded:
    return Recoded(
        term=term,
        n_cases=n_cases,
        pt_before=split(old[0])[1],
        pt_after=split(new[0])[1],
        left=tuple(key for key in old[1:] if key not in new),
        joined=tuple(key for key in new[1:] if key not in old),
    )
