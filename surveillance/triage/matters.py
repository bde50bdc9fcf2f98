"""Matters: what people work on. All signals of one root product and one root event.

One liver failure is seen for the lot, the product, the programme and the platform, as a term
and as a group of terms. It is one matter. Which matter a signal belongs to depends on the
configuration alone, so that every reader finds the same one.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

from surveillance.configuration.groups import Groups
from surveillance.configuration.types import Configuration, Products
from surveillance.domain.names import identity, upper
from surveillance.domain.product import key, split

_MATTER_ID = re.compile(r"M-[0-9a-f]{16}")


def is_matter_id(name: str) -> bool:
    """Tell whether a name is one of a matter, and not one of a signal.

    Examples
    --------
    >>> is_matter_id("M-bdaf2d8d595159ac"), is_matter_id("S-c6a6ea72fdf58cc8")
    (True, False)
    """
    return _MATTER_ID.fullmatch(name) is not None


class Matter(NamedTuple):
    """A root product with a root event, by their keys."""

    product: str
    event: str

    @property
    def matter_id(self) -> str:
        """The same wherever and whenever it is computed.

        Examples
        --------
        >>> Matter("product:ROTAVIRUS (ROTASHIELD)", "group:intussusception").matter_id
        'M-bdaf2d8d595159ac'
        """
        return "M-" + sha256(f"{self.product}\n{self.event}".encode()).hexdigest()[:16]


class Matters:
    """Finds the matter of a signal.

    The root of a product is its platform where one is configured, else itself. A lot belongs to
    its product, a construct to the product that lists it, a group of one product to that
    product. The root of a term is the first configured group that holds it, else itself.

    Parameters
    ----------
    configuration : Configuration
        Products with their platforms, and groups of products and terms.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._products = _roots(configuration.products)
        self._event_groups = Groups(configuration.events.group)
        self._events: dict[str, str] = {}

    def of(self, product: str, event: str) -> Matter:
        """Return the matter of a signal.

        Parameters
        ----------
        product, event : str
            Keys, at any level.
        """
        return Matter(self._product(product), self._event(event))

    def _product(self, given: str) -> str:
        level, name = split(given)
        if level == "lot":  # a lot carries the name of its product
            level, name = "product", name.rpartition("/")[0]
        return self._products.get((level, identity(name)), f"{level}:{name}")

    def _event(self, given: str) -> str:
        root = self._events.get(given)
        if root is None:
            level, name = split(given)
            groups = self._event_groups.holding(name) if level == "pt" else []
            root = self._events[given] = key("group", groups[0]) if groups else given
        return root


def _roots(products: Products) -> dict[tuple[str, str], str]:
    """Return the roots that differ from the key itself, by level and folded name."""
    roots: dict[tuple[str, str], str] = {}
    for product in products.product:
        root = key("platform", upper(product.platform)) if product.platform else ""
        root = root or key("product", upper(product.name))
        for name in (product.name, *product.aliases):
            roots["product", identity(name)] = root
        for construct in product.constructs:
            roots["construct", identity(construct)] = root
        if product.programme and product.platform:
            roots["programme", identity(product.programme)] = root
    for group, definition in products.group.items():
        held = {
            roots.get(("product", identity(name)), key("product", upper(name)))
            for name in definition.names
        }
        if len(held) == 1 and definition.pattern is None:
            (root,) = held
            roots["group", identity(group)] = root
            roots |= {("product", identity(name)): root for name in definition.names}
    return roots
