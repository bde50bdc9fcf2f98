"""From the names in a record to the keys that are counted: hierarchy, aliases, groups."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from surveillance.configuration.patterns import finder
from surveillance.configuration.types import Configuration, Group, ListedProduct
from surveillance.domain.case import Product
from surveillance.domain.errors import Refused
from surveillance.domain.product import LEVELS, Level, key
from surveillance.screening.substances import SubstanceNames, with_combination


@lru_cache(maxsize=65_536)
def tidy(name: str) -> str:
    """Return a name in NFC with single spaces, so that one name is one key.

    Examples
    --------
    >>> tidy("  Febrile   convulsion ")
    'Febrile convulsion'
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


class Naming:
    """Gives products and terms the keys they are counted under.

    Parameters
    ----------
    configuration : Configuration
        Levels, listed products with aliases and hierarchy, groups of products and terms.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._levels: tuple[Level, ...] = tuple(
            level for level in LEVELS if level in configuration.products.levels
        )
        self._listed: dict[str, ListedProduct] = {}
        for product in configuration.products.product:
            for name in (product.name, *product.aliases):
                self._listed[tidy(name).casefold()] = product
        self._substances = SubstanceNames(configuration.substances)
        self._product_groups = _Groups(configuration.products.group)
        self._event_groups = _Groups(configuration.events.group)
        self._products: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._events: dict[str, tuple[str, ...]] = {}

    def product_keys(self, product: Product) -> tuple[str, ...]:
        """Return the key of a product at every level it belongs to, and of its groups."""
        lots = product.lots
        identity = (
            product.product, product.platform, product.programme, product.construct,
            product.substances, lots,
        )  # fmt: skip
        keys = self._products.get(identity)
        if keys is None:
            keys = self._products[identity] = self._resolve(product, lots)
        return keys

    def _resolve(self, product: Product, lots: tuple[str, ...]) -> tuple[str, ...]:
        name = _tidy_name(product.product)
        listed = self._listed.get(name.casefold())
        if listed is not None:
            name = tidy(listed.name)
        names: dict[Level, list[str | None]] = {
            "platform": [(listed and listed.platform) or product.platform],
            "programme": [(listed and listed.programme) or product.programme],
            "substance": [*with_combination(self._substances.of(product))],
            "product": [name],
            "construct": [product.construct],
            "lot": [f"{name}/{tidy(lot)}" for lot in lots if tidy(lot)],
        }
        keys = [
            key(level, tidy(item))
            for level in self._levels
            for item in names[level]
            if item and tidy(item)
        ]
        groups = [key("group", group) for group in self._product_groups.of(name)]
        return tuple(dict.fromkeys(keys + groups))

    def event_keys(self, pt: str) -> tuple[str, ...]:
        """Return the key of a preferred term, and of the groups that hold it."""
        keys = self._events.get(pt)
        if keys is None:
            name = _tidy_name(pt)
            groups = (key("group", group) for group in self._event_groups.of(name))
            keys = self._events[pt] = (key("pt", name), *groups)
        return keys


def _tidy_name(name: str) -> str:
    tidied = tidy(name)
    if not tidied:
        raise Refused(
            "blank_name",
            "a product or term is named by spaces alone",
            "give its name, or leave it out",
        )
    return tidied


class _Groups:
    """Which groups a name belongs to."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._names = {
            group: {tidy(name).casefold() for name in definition.names}
            for group, definition in groups.items()
        }
        self._patterns = {
            group: finder(definition.pattern)
            for group, definition in groups.items()
            if definition.pattern is not None
        }

    def of(self, name: str) -> list[str]:
        """Return the groups that hold `name`, in the order of their own names."""
        return sorted(
            group
            for group in self._names
            if name.casefold() in self._names[group]
            or (group in self._patterns and self._patterns[group](name))
        )
