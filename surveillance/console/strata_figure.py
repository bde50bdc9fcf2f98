"""The measure of a pair within strata of sex, age, country, reporter and year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.console.pages import name_of
from surveillance.console.plots import Estimate, forest, linear
from surveillance.console.taken import Figure
from surveillance.views.strata import BY, Stratum
from surveillance.views.written import interval, number

if TYPE_CHECKING:
    from datetime import date

    from markupsafe import Markup

    from surveillance.views.strata import Stratified

LEAST, MOST = -6.0, 8.0  # bits that are drawn; what lies beyond goes to the edge


def strata(found: Stratified, product: str, event: str, on: date) -> Figure:
    """Return a forest of the IC in every stratum.

    Parameters
    ----------
    found : Stratified
        Of the pair.
    product, event : str
        Keys.
    on : date
        The day that is looked at.
    """
    n = sum(one.n_pair for one in found.strata if one.by == BY[0])
    tests = "; ".join(
        f"{by} {'not to be tested' if p is None else f'p {number(p)}'}" for by, p in found.p.items()
    )
    caption = (
        f"IC of {name_of(product)} and {name_of(event)} with 95 % limits among the reports of each "
        f"stratum, n = {n:,} at the end of {on}; 0 is as expected from the reports of the same "
        f"stratum. One odds ratio in all strata of a kind (Breslow and Day): {tests}. Caution: "
        "these are many looks at the same cases, and no limit is corrected for that; a difference "
        "between two strata is no interaction unless the test shows it, and with few cases it "
        "shows little. Year is that of first receipt. How many people of each stratum were "
        "treated is not known."
    )
    rows = [list(one) for one in found.strata]
    held: dict[str, object] = {"product": product, "event": event, "at": on}
    title = "Strata"
    drawing = _forest(title, found) if n else None
    return Figure("strata", title, drawing, caption, Stratum._fields, rows, held)


def _forest(title: str, found: Stratified) -> Markup:
    rows: list[Estimate] = []
    for by in BY:
        rows.append(Estimate(by, None, is_head=True))
        rows += [_estimate(one) for one in found.strata if one.by == by and one.n_product]
    ends = [
        min(max(value, LEAST), MOST)
        for one in rows
        for value in (one.low, one.high)
        if value is not None
    ]
    return forest(title, linear("IC in bits; 0 is as expected", ends), rows, 0.0)


def _estimate(one: Stratum) -> Estimate:
    written = f"{one.n_pair:,} of {number(one.expected)}: "
    limits = interval(one.ic, one.ic_lower, one.ic_upper) if one.ic is not None else "no estimate"
    return Estimate(one.name, one.ic, one.ic_lower, one.ic_upper, written + limits)
