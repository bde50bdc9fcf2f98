"""Known signals, and the keys of a run that match them."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from surveillance.configuration.patterns import finder
from surveillance.domain.case import Product
from surveillance.domain.errors import Misused
from surveillance.domain.names import identity
from surveillance.domain.product import key, split
from surveillance.screening.keys import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from surveillance.configuration.types import Configuration

Text = Annotated[str, Meta(min_length=1)]
# Other names of columns; those of the file that VAERS was matched with first are among them.
ALIASES = {
    "term": "event",
    "since": "first_regulator_action",
    "vax_name_regex": "product_pattern",
    "pt_regex": "event_pattern",
}
NEEDED = ("product", "event or term", "first_regulator_action or since")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the file: a known signal and its dates.

    A product and an event are names, or keys (`level:name`), of the run. With a pattern, every
    name that it finds is meant, and the name is for people.
    """

    id: str
    product: Text
    event: Text
    first_regulator_action: date  # or the day since when it is known
    product_pattern: str | None = None
    event_pattern: str | None = None
    licensed: date | None = None
    action: str = ""
    withdrawn: date | None = None
    truth: str = ""
    source: str = ""


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
        A CSV file whose columns are fields of `Known`, or their other names. Product, event and the
        day since when it is known are needed.

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
    given = {ALIASES.get(name, name): value for name, value in row.items() if name and value}
    named = f"{given.get('product', '')} and {given.get('event', '')}"
    if None in row:
        raise Misused(f"{path}:{number}", "has more fields than the header", "quote commas")
    try:
        found = msgspec.convert({"id": named, **given}, Known)
        for pattern in (found.product_pattern, found.event_pattern):
            if pattern is not None:
                finder(pattern)
    except ValueError as error:  # msgspec's is one
        reason = str(error).replace("`", "'")
        remedy = f"give at least {', '.join(NEEDED)}; see docs/looking.md"
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
    products, why_not_product = _meant(
        known.product, known.product_pattern, "product", keys[0], groups_of.product_groups
    )
    events, why_not_event = _meant(
        known.event, known.event_pattern, "pt", keys[1], groups_of.event_groups
    )
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


def _meant(
    name: str,
    pattern: str | None,
    level: str,
    keys: Sequence[str],
    groups_of: Callable[[str], list[str]],
) -> tuple[list[Match], list[str]]:
    """Return the keys of a name: by its pattern, or as it stands."""
    if pattern is not None:
        return _matches(pattern, level, keys, groups_of)
    found = [one for one in keys if identity(one) == identity(name)]
    for kind in ("group", level):
        found += [one for one in keys if identity(one) == identity(f"{kind}:{name}")]
    if found:
        return [Match(one, f"the name {name!r}") for one in dict.fromkeys(found)], []
    return [], [f"no {level} and no group in the run is named {name!r}"]


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
