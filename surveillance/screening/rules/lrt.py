"""The likelihood ratio test of the terms of each listed product (Huang et al. 2011)."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import Lrt
from surveillance.screening.counts import Counts
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.rules.family import Decided
from surveillance.screening.rules.rule import Interval


class Rule:
    """Decide the terms of each listed product by the greatest likelihood ratio.

    Parameters
    ----------
    criterion : Lrt
        The family and its thresholds.
    """

    interval = Interval()

    def __init__(self, criterion: Lrt) -> None:
        self.criterion = criterion

    def __call__(self, counts: Counts, today: date) -> Decided:
        """Decide every pair of the family."""
        return greatest_ratios(counts, self.criterion, today)


def greatest_ratios(counts: Counts, criterion: Lrt, today: date) -> Decided:
    """Test the terms of each listed product against the greatest ratio that chance gives.

    A product is compared with all other reports, term by term; a case with two terms counts
    for both, as in the paper. The random numbers depend on the seed, the day and the product's
    place in the list, and on nothing else.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    criterion : Lrt
        Products, alpha, draws and seed.
    today : date
        UTC day of the close.

    Returns
    -------
    Decided
        The pairs whose step-down p is at most alpha.
    """
    is_term = np.array([name.startswith("pt:") for name in counts.events.names], np.bool_)
    terms = np.flatnonzero(is_term & (counts.n_event.values > 0))
    places: list[int] = []
    adjusted: list[float] = []
    for index, key in enumerate(criterion.products):
        product = counts.products.find(key)
        if product is None or not counts.n_product.values[product]:
            continue
        rng = np.random.default_rng([criterion.seed, today.toordinal(), index])
        at, p = _stepped_down(counts, product, terms, criterion, rng)
        is_met = (p <= criterion.alpha) & (counts.n_pair.values[at] >= criterion.min_count)
        places += at[is_met].tolist()
        adjusted += p[is_met].tolist()
    order = np.argsort(np.array(places, np.int64), kind="stable")
    return Decided(
        np.array(places, np.int64)[order], np.array(adjusted, np.float64)[order], len(terms)
    )


def _stepped_down(
    counts: Counts, product: int, terms: Ints, criterion: Lrt, rng: np.random.Generator
) -> tuple[Ints, NDArray[np.float64]]:
    """Return the places of a product's reported terms, and the step-down p of each."""
    # SciPy's statistics take half a second to import, and few configurations ask for this test.
    from detectors.disproportionality.lrt import lrt  # noqa: PLC0415

    at = np.flatnonzero((counts.pair_product.values == product) & (counts.n_pair.values > 0))
    at = at[np.isin(counts.pair_event.values[at], terms)]
    rows = np.searchsorted(terms, counts.pair_event.values[at])
    table = np.zeros((len(terms), 2), np.int64)
    table[rows, 0] = counts.n_pair.values[at]
    table[:, 1] = counts.n_event.values[terms] - table[:, 0]
    tested = lrt(
        table, tested=[True, False], null="permutation", n_draws=criterion.n_draws, rng=rng
    )
    return at, np.nan_to_num(tested.p_step_down[rows, 0], nan=1.0)
