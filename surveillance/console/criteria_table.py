"""Every configured criterion beside each other, whether it was ever met or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.configuration.types import (
    CountReached,
    Eb05,
    Ema,
    Evans,
    Exact,
    IcLower,
    Lrt,
    PrrLower,
    RorLower,
    Sentinel,
)
from surveillance.domain.finding import Finding
from surveillance.domain.product import split
from surveillance.views.written import number, probability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from surveillance.configuration.types import Criterion
    from surveillance.domain.signal import Support
    from surveillance.register.documents import AnyFinding
    from surveillance.views.series import Point


class CriterionShown(NamedTuple):
    """A criterion, with what it looks at and since when it is met."""

    name: str
    version: int
    needs: str  # thresholds
    n_needed: int
    value: str  # at the end of the day, or at the latest finding where it is decided then
    first_on: date | None  # None where it was never met
    is_standing: bool
    multiplicity: str


def beside(
    pair: tuple[str, str],
    criteria: Sequence[Criterion],
    support: Sequence[Support],
    findings: Mapping[str, AnyFinding],
    point: Point | None,
) -> list[CriterionShown]:
    """Return every configured criterion, in the order of the configuration.

    Parameters
    ----------
    pair : tuple of str
        Keys of product and event.
    criteria : sequence of Criterion
        As configured.
    support : sequence of Support
        Criteria that the signal has met.
    findings : mapping of str to Finding
        The latest of each.
    point : Point, optional
        The pair at the end of the day.
    """
    met = {one.criterion: one for one in support}
    return [
        CriterionShown(
            one.name,
            one.version,
            _needs(one),
            one.min_count,
            _seen(one, pair, findings.get(one.name), point),
            met[one.name].first_on if one.name in met else None,
            one.name in met and met[one.name].is_standing,
            one.multiplicity,
        )
        for one in criteria
    ]


def _needs(one: Criterion) -> str:  # noqa: PLR0911 - one for each kind of criterion
    match one:
        case Evans():
            return f"PRR at least {one.prr:g}, \u03c7\u00b2 at least {one.chi_square:g}"
        case PrrLower():
            return f"lower limit of the PRR above {one.above:g}"
        case RorLower():
            return f"lower limit of the ROR above {one.above:g}"
        case Ema():
            return "lower limit of the ROR above 1"
        case IcLower():
            return "lower limit of the IC above 0"
        case Eb05():
            return f"EB05 at least {one.at_least:g}"
        case Exact():
            return f"adjusted exact p at most {one.alpha:g} ({one.adjust})"
        case Lrt():
            return f"simulated p at most {one.alpha:g}"
        case Sentinel() | CountReached():
            return "a count of cases, of listed pairs"


def _seen(
    one: Criterion, pair: tuple[str, str], latest: AnyFinding | None, point: Point | None
) -> str:
    if not _looks_at(one, *pair):
        return "does not look at this pair"
    return "no case counts" if point is None else _value(one, latest, point)


def _looks_at(one: Criterion, product: str, event: str) -> bool:
    """Tell whether a criterion looks at a pair: some are for listed products, events or levels."""
    match one:
        case Sentinel() | CountReached():
            return bool({"*", product} & set(one.products)) and event in one.events
        case Lrt():
            return product in one.products and event.startswith("pt:")
        case Exact():
            return split(product)[0] in one.levels and event.startswith("pt:")
    return True


def _value(one: Criterion, latest: AnyFinding | None, point: Point) -> str:  # noqa: PLR0911 - as above
    of_pair = latest if isinstance(latest, Finding) else None
    match one:
        case Evans():
            return f"PRR {number(point.prr)}, \u03c7\u00b2 {number(point.chi_square)}"
        case PrrLower():
            return number(point.prr_lower)
        case RorLower() | Ema():
            return number(point.ror_lower)
        case IcLower():
            return number(point.ic_lower)
        case Eb05():
            return "not kept" if of_pair is None else f"{number(of_pair.eb05)} on {of_pair.on}"
        case Exact() | Lrt():
            exact = f"exact p {probability(point.exact_log10_p)}"
            if of_pair is None or of_pair.adjusted_p is None:
                return exact
            return f"{exact}; adjusted {number(of_pair.adjusted_p)} on {of_pair.on}"
        case Sentinel() | CountReached():
            return f"n {point.n_pair:,}"
