"""From the names in a record to the keys that are counted: hierarchy, aliases, groups."""

from __future__ import annotations

from surveillance.configuration.groups import Groups
from surveillance.configuration.hierarchy import Coded
from surveillance.configuration.types import Configuration, ListedProduct
from surveillance.domain.case import Product
from surveillance.domain.names import identity, upper
from surveillance.domain.outcome import TreatmentGiven
from surveillance.domain.product import LEVELS, Level, key
from surveillance.screening.substances import SubstanceNames, with_combination


class Naming:
    """Gives products and terms the keys they are counted under.

    Parameters
    ----------
    configuration : Configuration
        Levels, listed products with aliases and hierarchy, groups of products and terms, and
        the spelling of names.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._levels: tuple[Level, ...] = tuple(
            level for level in LEVELS if level in configuration.products.levels
        )
        self._listed: dict[str, ListedProduct] = {}
        for product in configuration.products.product:
            for name in (product.name, *product.aliases):
                self._listed[identity(name)] = product
        self._spelling = configuration.names.spelling
        self._substances = SubstanceNames(configuration.substances)
        self._product_groups = Groups(configuration.products.group)
        self._event_groups = Groups(configuration.events.group)
        self._products: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._hierarchy = configuration.hierarchy
        self._above = tuple(
            key(level, self._spelling.term(name))
            for level, name in (self._hierarchy.above if self._hierarchy else ())
        )
        self._events: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def product_keys(self, product: Product) -> tuple[str, ...]:
        """Return the key of a product at every level it belongs to, and of its groups."""
        lots = product.lots
        named = (
            product.product, product.platform, product.programme, product.construct,
            product.substances, lots,
        )  # fmt: skip
        keys = self._products.get(named)
        if keys is None:
            keys = self._products[named] = self._resolve(product, lots)
        return keys

    def of_dose(self, given: TreatmentGiven) -> tuple[str, ...]:
        """Return the keys of a dose: those of a report that names it in the same words."""
        named = Product(
            role="suspect",
            product=given.product,
            platform=given.platform,
            programme=given.programme,
            construct=given.construct,
            lot=given.lot,
        )
        return self.product_keys(named)

    def _resolve(self, product: Product, lots: tuple[str, ...]) -> tuple[str, ...]:
        listed = self._listed.get(identity(product.product))
        name = upper(product.product if listed is None else listed.name)
        names: dict[Level, list[str]] = {
            "platform": _spelled((listed and listed.platform) or product.platform),
            "programme": _spelled((listed and listed.programme) or product.programme),
            "substance": with_combination(self._substances.of(product)),
            "product": [name],
            "construct": _spelled(product.construct),
            "lot": [f"{name}/{lot}" for lot in map(self._spelling.lot, lots) if lot],
        }
        keys = [key(level, item) for level in self._levels for item in names[level]]
        groups = [key("group", group) for group in sorted(self._product_groups.holding(name))]
        return tuple(dict.fromkeys(keys + groups))

    def event_keys(self, pt: str, llt: str | None = None) -> tuple[str, ...]:
        """Return the keys of an event: its preferred term first, and all that it belongs to.

        Parameters
        ----------
        pt : str
            The preferred term as it was sent, or what stands for it.
        llt : str or None
            The lowest level term as it was coded, by name or code. Where the hierarchy knows it,
            it decides: which preferred term it belongs to is a matter of the release.

        Returns
        -------
        tuple of str
            The preferred term, the groups that hold it, and the levels of the hierarchy above.
        """
        keys = self._events.get((pt, llt))
        if keys is None:
            keys = self._events[pt, llt] = self._resolve_event(pt, llt)
        return keys

    def _resolve_event(self, pt: str, llt: str | None) -> tuple[str, ...]:
        coded = self.coded(pt, llt)
        name = self._spelling.term(pt if coded is None else coded.pt)
        groups = [key("group", group) for group in sorted(self._event_groups.holding(name))]
        above = [] if coded is None else [self._above[place] for place in coded.above]
        return tuple(dict.fromkeys([key("pt", name), *groups, *above]))

    def coded(self, pt: str, llt: str | None = None) -> Coded | None:
        """Return where an event counts in the hierarchy; None if that does not know it."""
        if self._hierarchy is None:
            return None
        return self._hierarchy.find(llt) or self._hierarchy.find(pt)


def _spelled(name: str | None) -> list[str]:
    spelled = upper(name or "")
    return [spelled] if spelled else []
