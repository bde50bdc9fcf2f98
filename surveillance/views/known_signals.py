"""Known signals, and the keys of a run that match them."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from surveillance.configuration.patterns import finder
from surveillance.domain.case import Product
from surveillance.domain.errors import Misused
from surveillance.domain.product import key, split
from surveillance.screening.keys import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from surveillance.configuration.types import Configuration


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the file: a known signal and its dates."""

    id: str
    product: str
    vax_name_regex: str
    event: str
    pt_regex: str
    licensed: date
    first_regulator_action: date
    action: str
    withdrawn: date | None
    truth: str
    source: str


class Match(NamedTuple):
    """A key that matches a known signal, and why."""

    key: str
    how: str


class Matched(NamedTuple):
    """The keys of the product and of the event; the first of each is the best."""

    products: list[Match]
    events: list[Match]
    missing: list[str]  # what could not be matched, in words

    @property
    def pairs(self) -> list[tuple[Match, Match]]:
        """Return each key of the product, with the best key of the event."""
        return [(product, event) for product in self.products for event in self.events[:1]]


def read_known(path: Path) -> list[Known]:
    """Read a file of known signals.

    Parameters
    ----------
    path : Path
        A CSV file whose columns are the fields of `Known`.

    Returns
    -------
    list of Known
        In the order of the file.

    Raises
    ------
    Misused
        If the file cannot be read, lacks a column, or a value is wrong: names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            found = [_known(path, number, row) for number, row in enumerate(rows, 2)]
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise Misused(str(path), reason, "give a file of known signals") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misused(str(path), f"is not CSV in UTF-8 ({error})", "fix the file") from None
    if not found:
        raise Misused(str(path), "holds no signal", "write one on each line below the header")
    return found


def _known(path: Path, number: int, row: dict[str, str]) -> Known:
    try:
        found = msgspec.convert({**row, "withdrawn": row.get("withdrawn") or None}, Known)
        for pattern in (found.vax_name_regex, found.pt_regex):
            finder(pattern)
    except ValueError as error:  # msgspec's is one
        reason = str(error).replace("`", "'")
        remedy = f"the columns are {', '.join(Known.__struct_fields__)}"
        raise Misused(f"{path}:{number}", reason, remedy) from None
    return found


def match(
    known: Known, keys: tuple[Sequence[str], Sequence[str]], configuration: Configuration | None
) -> Matched:
    """Find the keys of a known signal in a run.

    A group matches if the names in it that occur in the run are exactly those that the
    pattern finds; a single name that the pattern finds matches as well.

    Parameters
    ----------
    known : Known
        With the patterns.
    keys : tuple of sequences of str
        All keys of products and of events in the run.
    configuration : Configuration or None
        With the groups.

    Returns
    -------
    Matched
        Groups before names.
    """
    groups_of = _groups_of(configuration)
    products, why_not_product = _matches(
        known.vax_name_regex, "product", keys[0], groups_of.product_groups
    )
    events, why_not_event = _matches(known.pt_regex, "pt", keys[1], groups_of.event_groups)
    return Matched(products, events, [*why_not_product, *why_not_event])


class _GroupsOf(NamedTuple):
    product_groups: Callable[[str], list[str]]
    event_groups: Callable[[str], list[str]]


def _groups_of(configuration: Configuration | None) -> _GroupsOf:
    """Return functions from a name to its groups, as the pipeline counts them."""
    if configuration is None:
        return _GroupsOf(lambda _: [], lambda _: [])
    naming = Naming(configuration)
    return _GroupsOf(
        lambda name: _groups(naming.product_keys(Product(role="suspect", product=name))),
        lambda name: _groups(naming.event_keys(name)),
    )


def _groups(keys: Sequence[str]) -> list[str]:
    return [name for level, name in map(split, keys) if level == "group"]


def _matches(
    pattern: str, level: str, keys: Sequence[str], groups_of: Callable[[str], list[str]]
) -> tuple[list[Match], list[str]]:
    names = [name for at, name in map(split, keys) if at == level]
    finds = finder(pattern)
    found = {name for name in names if finds(name)}
    members: dict[str, set[str]] = {}
    for name in names:
        for group in groups_of(name):
            members.setdefault(group, set()).add(name)
    listed = ", ".join(sorted(found))
    matched = [
        Match(
            key("group", group),
            f"group of the {len(found)} name(s) that {pattern!r} finds: {listed}",
        )
        for group, held in sorted(members.items())
        if held == found
    ]
    if len(found) == 1:
        how = f"the one name that {pattern!r} finds"
        matched += [Match(f"{level}:{name}", how) for name in found]
    if matched:
        return matched, []
    if not found:
        return [], [f"no {level} in the run has a name that {pattern!r} finds"]
    reason = f"{len(found)} names are found by {pattern!r}, and no group holds just these: {listed}"
    return [], [reason]
