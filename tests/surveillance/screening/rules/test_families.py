"""A criterion of a family rejects what a plain computation over the whole family rejects."""

from datetime import date
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surveillance.configuration.types import Exact, Lrt
from surveillance.domain.contribution import Contribution
from surveillance.screening.counts import Counts
from surveillance.screening.rules.exact import exact_excess
from surveillance.screening.rules.family import Decided
from surveillance.screening.rules.lrt import greatest_ratios

PRODUCTS = ("product:P", "product:Q", "product:R", "product:S")
TODAY = date(2024, 3, 1)
EVENTS = ("pt:Fever", "pt:Rash", "pt:Pain", "pt:Death")

reports = st.lists(
    st.tuples(st.sampled_from(PRODUCTS), st.sampled_from(EVENTS), st.integers(1, 40)),
    min_size=1,
    max_size=12,
)
Report = tuple[str, str, int]
Adjust = Literal["bh", "by", "e_bh"]


def counted(*drawn: Report) -> Counts:
    counts = Counts()
    for product, event, weight in drawn:
        # Lots, groups of products and groups of terms count too, and belong to no family here.
        products: list[tuple[str, int | None]] = [
            (key, None) for key in (product, f"lot:{product}/1", "group:all")
        ]
        events: list[tuple[str, int, int | None]] = [(key, 0, None) for key in (event, "group:any")]
        counts.add(Contribution(weight, "US", "physician", products, events))
    counts.settle()
    return counts


def grid(drawn: list[Report]) -> dict[tuple[str, str], float]:
    """Return the one-sided p of every product and term that were reported, together or not."""
    n_total = sum(n for *_, n in drawn)
    p_values = {}
    for product in {product for product, *_ in drawn}:
        for event in {event for _, event, _ in drawn}:
            n_pair = sum(n for p, e, n in drawn if (p, e) == (product, event))
            n_product = sum(n for p, _, n in drawn if p == product)
            n_event = sum(n for _, e, n in drawn if e == event)
            tail = stats.hypergeom.sf(n_pair - 1, n_total, n_product, n_event)
            p_values[product, event] = float(tail) if n_pair >= 3 else 1.0
    return p_values


def rejected(adjust: Adjust, p: list[float], alpha: float) -> list[bool]:
    if adjust != "e_bh":
        adjusted = stats.false_discovery_control(p, method=adjust)
        return [bool(value <= alpha) for value in adjusted]
    e = sorted((0.5 / np.sqrt(value) for value in p), reverse=True)
    good = [k for k, value in enumerate(e, 1) if value >= len(p) / (k * alpha)]
    return [0.5 / np.sqrt(value) >= e[max(good) - 1] if good else False for value in p]


@pytest.mark.parametrize("adjust", ["bh", "by", "e_bh"])
@given(drawn=reports)
@settings(max_examples=60)
def test_the_same_pairs_are_rejected_as_over_every_product_and_term(
    adjust: Adjust, drawn: list[Report]
) -> None:
    counts = counted(*drawn)
    p_values = grid(drawn)
    criterion = Exact(name="exact", adjust=adjust, alpha=0.2)

    decided = exact_excess(counts, criterion)

    found = {
        (
            counts.products.names[counts.pair_product.values[place]],
            counts.events.names[counts.pair_event.values[place]],
        )
        for place in decided.places
    }
    should = rejected(adjust, list(p_values.values()), 0.2)
    assert found == {pair for pair, is_met in zip(p_values, should, strict=True) if is_met}
    assert decided.n_hypotheses == len(p_values)
    assert (decided.adjusted <= 0.2).all()


def test_a_pair_that_was_never_reported_together_belongs_to_the_family() -> None:
    counts = counted((PRODUCTS[0], EVENTS[0], 20), (PRODUCTS[1], EVENTS[1], 20))

    assert exact_excess(counts, Exact(name="exact")).n_hypotheses == 4


def test_a_product_whose_reports_were_all_taken_back_does_not() -> None:
    gone = (PRODUCTS[1], EVENTS[1])
    counts = counted((PRODUCTS[0], EVENTS[0], 20), (*gone, 20), (*gone, -20))

    assert exact_excess(counts, Exact(name="exact")).n_hypotheses == 1


def test_other_levels_make_families_of_their_own() -> None:
    counts = counted(*((p, e, 30 if p[-1] == e[-1] else 3) for p in PRODUCTS for e in EVENTS))

    by_lot = exact_excess(counts, Exact(name="exact", levels=("lot",)))
    by_both = exact_excess(counts, Exact(name="exact", levels=("lot", "product")))

    assert (by_lot.n_hypotheses, by_both.n_hypotheses) == (16, 32)


def test_nothing_reported_is_a_family_of_none() -> None:
    decided = exact_excess(Counts(), Exact(name="exact"))

    assert (len(decided.places), decided.n_hypotheses) == (0, 0)


PLANTED = [
    (p, e, 25 if (p, e) == (PRODUCTS[0], EVENTS[1]) else 5) for p in PRODUCTS for e in EVENTS
]


def test_the_greatest_ratio_of_a_product_is_found_and_the_others_are_not() -> None:
    counts = counted(*PLANTED)

    decided = greatest_ratios(counts, Lrt(name="lrt", products=PRODUCTS), TODAY)

    place = counts.place(PRODUCTS[0], EVENTS[1])
    assert decided.places.tolist() == [place]
    assert decided.adjusted[0] <= 0.05
    assert decided.n_hypotheses == len(EVENTS)


def test_the_same_day_and_seed_give_the_same_p_whatever_the_order_of_the_reports() -> None:
    criterion = Lrt(name="lrt", products=PRODUCTS, alpha=0.9, min_count=1)
    there, back = counted(*PLANTED), counted(*reversed(PLANTED))

    first, second = (greatest_ratios(counts, criterion, TODAY) for counts in (there, back))

    def by_pair(counts: Counts, decided: Decided) -> dict[tuple[str, str], float]:
        names = [
            (
                counts.products.names[counts.pair_product.values[place]],
                counts.events.names[counts.pair_event.values[place]],
            )
            for place in decided.places
        ]
        return dict(zip(names, decided.adjusted.tolist(), strict=True))

    assert by_pair(there, first) == by_pair(back, second)


def test_a_listed_product_that_nobody_reported_is_passed_by() -> None:
    criterion = Lrt(name="lrt", products=("product:nobody", PRODUCTS[0]))

    assert len(greatest_ratios(counted(*PLANTED), criterion, TODAY).places) == 1
