"""In the background, null products are independent of events and the others are not."""

import numpy as np
from scipy.stats import chi2_contingency

from surveillance.simulate.background import Draft, drafts, tables
from surveillance.simulate.scenario import Background

# few products and terms, so that every expected count is large enough for a chi-square test
BACKGROUND = Background(n_cases=1, n_products=12, n_terms=15, n_nulls=3, profile_terms=3)
N_CASES = 60_000


def _p_value(cases: list[Draft], product: int) -> float:
    """Test whether the first events of a product's cases differ from everybody else's."""
    table = np.zeros((2, BACKGROUND.n_terms))
    for case in cases:
        table[int(product in case.products), case.events[0]] += 1
    return float(chi2_contingency(table)[1])


def test_null_products_are_independent_of_events_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    known = tables(rng, BACKGROUND)
    cases = list(drafts(rng, N_CASES, BACKGROUND, known, 0.0))

    for product in range(BACKGROUND.n_products):
        p_value = _p_value(cases, product)
        if known.is_null[product]:
            assert p_value > 0.001
        elif product < 6:  # frequent enough for its profile to be seen
            assert p_value < 1e-6


def test_products_and_events_of_a_case_differ_and_keep_within_their_limits() -> None:
    rng = np.random.default_rng(6)
    cases = list(drafts(rng, 5_000, BACKGROUND, tables(rng, BACKGROUND), 0.0))

    for case in cases:
        assert 1 <= len(case.products) == len(set(case.products)) <= 6
        assert 1 <= len(case.events) == len(set(case.events)) <= 8
        assert case.roles[0] == 0
    assert {len(case.products) for case in cases} == set(range(1, 7))


def test_fixed_numbers_of_products_and_events_are_kept_exactly() -> None:
    background = Background(
        n_cases=1, n_products=12, n_terms=15, n_nulls=3, products_per_case=3, events_per_case=2
    )
    rng = np.random.default_rng(6)

    for case in drafts(rng, 5_000, background, tables(rng, background), 0.0):
        assert len(set(case.products)) == len(case.products) == 3
        assert len(set(case.events)) == len(case.events) == 2
