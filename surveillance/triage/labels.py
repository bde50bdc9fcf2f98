"""What the label lists, what a product is given for, and what was made public about it.

All of it is from the user's own files.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import Configuration, KnownPair, Publicity
from surveillance.domain.names import upper
from surveillance.domain.product import EVENT_LEVELS, LEVELS, Level, key, split
from surveillance.triage.matters import Matter, Matters
from surveillance.triage.priority import Facts


class Flags(NamedTuple):
    """What is known of a pair: 1 yes, 0 no, NaN where the files do not name the product.

    `publicity.csv` names all that was made public: what it does not name was not. Without the file
    nothing is known.
    """

    is_listed: float
    is_indication: float
    is_publicised: float


UNKNOWN = Flags(nan, nan, nan)


class Labels:
    """Finds what is known of a pair, by its matter: a label holds for every level of a product.

    Parameters
    ----------
    configuration : Configuration
        With the lines of `labels.csv`, `indications.csv` and `publicity.csv`.
    """

    def __init__(self, configuration: Configuration) -> None:
        matters = Matters(configuration)
        self._matters = matters
        self._since: dict[Matter, date] = {}
        for line in configuration.labels:
            matter, since = _matter(configuration, matters, line), line.since or date.min
            self._since[matter] = min(since, self._since.get(matter, since))
        self._indications = {
            _matter(configuration, matters, line) for line in configuration.indications
        }
        self._with_label = {matter.product for matter in self._since}
        self._with_indication = {matter.product for matter in self._indications}
        self._public = PublicLines(configuration, matters)
        self.is_empty = not self._since and not self._indications and not configuration.publicity

    def of(self, product: str, event: str, on: date) -> Flags:
        """Return what is known of a pair on a day.

        Parameters
        ----------
        product, event : str
            Keys, at any level.
        on : date
            The day.
        """
        if self.is_empty:
            return UNKNOWN
        matter = self._matters.of(product, event)
        is_listed = self._since.get(matter, date.max) <= on
        return Flags(
            float(is_listed) if matter.product in self._with_label else nan,
            float(matter in self._indications) if matter.product in self._with_indication else nan,
            self._public.flag(product, event, on),
        )

    def added(self, facts: Facts, pairs: Iterable[tuple[str, str]], on: date) -> Facts:
        """Return facts with what is known of each pair.

        Parameters
        ----------
        facts : Facts
            Arrays of shape (n_signals,).
        pairs : iterable of tuple of str
            Product and event of each.
        on : date
            The day.
        """
        if self.is_empty:
            return facts
        flags: NDArray[np.float64] = np.array(
            [self.of(product, event, on) for product, event in pairs], np.float64
        ).reshape(-1, len(UNKNOWN))
        return facts._replace(
            is_listed=flags[:, 0], is_indication=flags[:, 1], is_publicised=flags[:, 2]
        )


class PublicLines:
    """Finds which lines of `publicity.csv` are about a pair.

    A line is about the product that it names, about what the product consists of and belongs to
    (its lots and constructs, its platform), and about no other product of the platform.

    Parameters
    ----------
    configuration : Configuration
        With the lines.
    matters : Matters
        By which the levels of a product are brought together.
    """

    def __init__(self, configuration: Configuration, matters: Matters) -> None:
        self._matters = matters
        self._owners = _owners(configuration)
        ordered = sorted(configuration.publicity, key=lambda line: (line.on, line.what))
        self._lines = [
            (line, self._products(line.product), _event(configuration, matters, line.event))
            for line in ordered
        ]
        self._about: dict[tuple[str, str], list[Publicity]] = {}  # by pair, as they are asked for

    def _products(self, given: str) -> frozenset[str]:
        """Return the keys that a line may mean."""
        level, name = split(given)
        if level in LEVELS:
            return frozenset([key("group", name) if level == "group" else f"{level}:{upper(name)}"])
        return frozenset(key(level, upper(given)) for level in _NAMED_PLAINLY)

    def flag(self, product: str, event: str, on: date) -> float:
        """Return 1 if something about a pair was made public, 0 if not, NaN without the file."""
        if not self._lines:
            return nan
        return float(self.latest(product, event, on) is not None)

    def latest(self, product: str, event: str, on: date) -> Publicity | None:
        """Return the last line about a pair, up to a day; None for none.

        Parameters
        ----------
        product, event : str
            Keys, at any level.
        on : date
            The day.
        """
        lines = self._about.get((product, event))
        if lines is None:
            lines = self._about[product, event] = self._find(product, event)
        return next((line for line in reversed(lines) if line.on <= on), None)

    def _find(self, product: str, event: str) -> list[Publicity]:
        root, above = self._matters.of(product, event).event, self._above(product)
        return [
            line
            for line, named, of_event in self._lines
            if of_event in (None, root)
            and (named & above or any(product in self._above(one) for one in named))
        ]

    def _above(self, product: str) -> frozenset[str]:
        """Return a product with what it belongs to: of a lot its product, programme, platform."""
        level, name = split(product)
        whole = key("product", name.rpartition("/")[0]) if level == "lot" else product
        root = self._matters.of(product, "").product
        return frozenset({product, whole, root, *self._owners.get(whole, ())})


_NAMED_PLAINLY: tuple[Level, ...] = ("product", "programme", "platform")


def _owners(configuration: Configuration) -> dict[str, set[str]]:
    """Return the products, programmes and platforms that constructs and products belong to."""
    owners: dict[str, set[str]] = {}

    def note(products: Iterable[str], constructs: Iterable[str], above: set[str]) -> None:
        whole = {key("product", upper(name)) for name in products}
        for product in whole:
            owners.setdefault(product, set()).update(above)
        for name in constructs:
            owners.setdefault(key("construct", upper(name)), set()).update(whole | above)

    for one in configuration.products.product:
        programme = {key("programme", upper(one.programme))} if one.programme else set()
        note([one.name], one.constructs, programme)
    for other in configuration.programmes.programme:
        above = {key("programme", upper(other.name)), key("platform", upper(other.platform))}
        note(other.products, [construct.name for construct in other.construct], above)
    return owners


def _event(configuration: Configuration, matters: Matters, given: str | None) -> str | None:
    """Return the root of the event that a line names; None for any."""
    if given is None:
        return None
    kind, term = _divided(given, EVENT_LEVELS, "pt")
    spelled = term if kind == "group" else configuration.names.spelling.term(term)
    return matters.of("", f"{kind}:{spelled}").event


def _matter(configuration: Configuration, matters: Matters, line: KnownPair) -> Matter:
    """Return the matter of a line, its names spelled as they are counted."""
    level, name = _divided(line.product, LEVELS, "product")
    kind, term = _divided(line.event, EVENT_LEVELS, "pt")
    product = name if level == "group" else upper(name)
    event = term if kind == "group" else configuration.names.spelling.term(term)
    return matters.of(f"{level}:{product}", f"{kind}:{event}")


def _divided(given: str, levels: tuple[str, ...], usual: str) -> tuple[str, str]:
    """Return level and name of a key, or the usual level of a plain name."""
    level, name = split(given)
    return (level, name) if level in levels else (usual, given)
