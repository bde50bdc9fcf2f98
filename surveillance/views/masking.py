"""Whether another product hides a pair: its measures without that product's reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from detectors.counts import Table
from surveillance.domain.product import split
from surveillance.screening.measures import measures
from surveillance.screening.rules.rule import Interval

if TYPE_CHECKING:
    from surveillance.register.counted_reader import CountedReader

N_MASKERS = 5  # the products with most cases of the event


class Unmasked(NamedTuple):
    """A pair without the reports of one product."""

    without: str | None  # its key; None for all reports
    n_removed: int  # reports of it
    n_removed_with_event: int
    n_pair: int
    n_product: int
    n_event: int
    n_total: int
    expected: float
    ic: float | None
    ic_lower: float | None
    ic_upper: float | None
    prr: float | None
    prr_lower: float | None
    prr_upper: float | None

    @property
    def is_above(self) -> bool:
        """Whether the lower limit of the IC lies above 0."""
        return self.ic_lower is not None and self.ic_lower > 0


def masking(
    reader: CountedReader, pair: tuple[str, str], n_total: int, epoch: int
) -> list[Unmasked]:
    """Compute a pair's measures over all reports, and without each large product of its event.

    Parameters
    ----------
    reader : CountedReader
        Of the register.
    pair : tuple of str
        Keys of product and event.
    n_total : int
        Cases that counted at the end of the epoch.
    epoch : int
        The epoch.

    Returns
    -------
    list of Unmasked
        The first over all reports; then the products with most cases of the event, of the same
        level. A group is compared with products: with those that are not in it.
    """
    product, event = pair
    of_event = reader.ids("event", event, epoch)
    of_product = reader.ids("product", product, epoch)
    is_group = split(product)[0] == "group"
    level = "product" if is_group else split(product)[0]
    others = {
        key: n
        for key, n in reader.products_with(event, epoch).items()
        if key != product and split(key)[0] == level
    }
    removed: list[tuple[str | None, frozenset[int]]] = [(None, frozenset())]
    for key in sorted(others, key=lambda key: (-others[key], key)):
        if len(removed) > N_MASKERS:
            break
        own = reader.ids("product", key, epoch)
        if not (is_group and own <= of_product):  # else it is in the group, or only with it
            removed.append((key, own))
    cells = [
        (
            len(of_product & of_event - gone),
            len(of_product - gone),
            len(of_event - gone),
            n_total - len(gone),
        )
        for _, gone in removed
    ]
    numbers = measures(Table(*zip(*cells, strict=True)), **Interval()._asdict())
    return [
        Unmasked(key, len(gone), len(gone & of_event), *counts, **_chosen(row))
        for (key, gone), counts, row in zip(removed, cells, numbers, strict=True)
    ]


def _chosen(row: dict[str, Any]) -> dict[str, Any]:
    names = ("ic", "ic_lower", "ic_upper", "prr", "prr_lower", "prr_upper")
    return {"expected": row["expected"]} | {name: row.get(name) for name in names}
