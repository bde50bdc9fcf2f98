"""What narrows a list of matters down, with how many each choice leaves."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import NotThere, shown
from surveillance.domain.names import upper
from surveillance.domain.product import key, split
from surveillance.triage.matters import Matters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from surveillance.configuration.types import Configuration, Products
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.views.day import Day
    from surveillance.views.worklist import WaitingMatter

FACETS = ("portfolio", "level", "status", "due")
PORTFOLIOS = ("programmes", "watched", "background")
DUE = ("overdue", "due", "none")
_ANY_EVENT = "pt:"  # the product of a matter does not depend on its event


class Facet(NamedTuple):
    """One way to narrow a list down."""

    name: str
    chosen: str  # empty: all
    values: Sequence[tuple[str, int]]  # each with how many matters it leaves


class Portfolio:
    """Tells whether a matter is about a programme, something watched, or neither.

    Parameters
    ----------
    configuration : Configuration
        What `products.toml` gives a programme or a platform is the first; what else it names, or a
        sentinel event, is the second.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._matters = Matters(configuration)
        self._programmes = set(self._roots(configuration.products, has_programme=True))
        self._watched = set(self._roots(configuration.products, has_programme=False))

    def _roots(self, products: Products, *, has_programme: bool) -> Iterable[str]:
        for one in products.product:
            if bool(one.programme or one.platform) == has_programme:
                yield self._root(key("product", upper(one.name)))
        if not has_programme:
            yield from (self._root(key("group", name)) for name in products.group)

    def _root(self, product: str) -> str:
        return self._matters.of(product, _ANY_EVENT).product

    def of(self, one: WaitingMatter) -> str:
        """Return one of `PORTFOLIOS`."""
        roots = {self._root(each.product) for each in one.matter.signals}
        levels = {split(each.product)[0] for each in one.matter.signals}
        if roots & self._programmes or levels & {"platform", "programme", "construct"}:
            return "programmes"
        is_watched = roots & self._watched or any(each.is_sentinel for each in one.matter.signals)
        return "watched" if is_watched else "background"


def values_of(known: Known, day: Day) -> dict[str, tuple[str, ...]]:
    """Return the value of every matter on the list for each of `FACETS`, by matter."""

    def compute() -> dict[str, tuple[str, ...]]:
        portfolio = Portfolio(known.configuration())
        return {
            one.matter.best.matter_id: (
                portfolio.of(one),
                split(one.matter.best.product)[0],
                one.matter.best.status,
                _due(one, day),
            )
            for one in day.work.matters
        }

    found: dict[str, tuple[str, ...]] = known.kept(("facets", day.on, day.epoch), compute)
    return found


def _due(one: WaitingMatter, day: Day) -> str:
    if one.due_on is None:
        return "none"
    return "overdue" if one.due_on < day.on else "due"


def narrowed(
    known: Known, day: Day, asked: Asked, found: Sequence[WaitingMatter]
) -> list[WaitingMatter]:
    """Return the matters that have every chosen value.

    Raises
    ------
    NotThere
        If a value that no matter has is asked for.
    """
    values, chosen = values_of(known, day), [asked.text(name) for name in FACETS]
    for place, wanted in enumerate(chosen):
        known_values = {*PORTFOLIOS, *DUE, *(one[place] for one in values.values())}
        if wanted and wanted not in known_values:
            what = f"{FACETS[place]}={shown(wanted)} is not known"
            raise NotThere(400, what, "no matter on the list has it", "choose one on the page")
    return [one for one in found if _has(values[one.matter.best.matter_id], chosen)]


def facets(known: Known, day: Day, asked: Asked, found: Sequence[WaitingMatter]) -> list[Facet]:
    """Return each facet with how many of some matters its values leave, the others as chosen."""
    values, chosen = values_of(known, day), [asked.text(name) for name in FACETS]
    made = []
    for place, name in enumerate(FACETS):
        others = [wanted if at != place else "" for at, wanted in enumerate(chosen)]
        held = (values[one.matter.best.matter_id] for one in found)
        n = Counter(one[place] for one in held if _has(one, others))
        n.setdefault(chosen[place], 0)
        fixed = {"portfolio": PORTFOLIOS, "due": DUE}.get(name)
        order = [one for one in fixed if one in n] if fixed else sorted(n, key=lambda v: (-n[v], v))
        made.append(Facet(name, chosen[place], [(one, n[one]) for one in order if one]))
    return made


def _has(values: Sequence[str], chosen: Sequence[str]) -> bool:
    return all(wanted in ("", value) for value, wanted in zip(values, chosen, strict=True))
