"""Criteria that are decided for a whole family of pairs at once.

A family's error rate is held over all its pairs, so none of them can be decided alone. Pairs
that cannot be rejected are left out of the computation, never out of the family.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import multiplicity
from detectors.counts import Table
from detectors.disproportionality.exact import fisher
from detectors.e_value import p_to_e
from surveillance.configuration.types import Exact, Lrt, OfFamily
from surveillance.screening.counts import Counts, Growing, Names
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.prior import at_levels


class Decided(NamedTuple):
    """Pairs that were rejected, and what the family did to their p.

    Attributes
    ----------
    places : ndarray of int64, shape (n_rejected,)
        Pairs that meet the criterion, ascending.
    adjusted : ndarray of float64, shape (n_rejected,)
        The smallest alpha at which each would still be rejected.
    n_hypotheses : int
        Pairs of the family, reported together or not.
    """

    places: Ints
    adjusted: NDArray[np.float64]
    n_hypotheses: int


NOTHING = Decided(np.zeros(0, np.int64), np.zeros(0), 0)


def exact_excess(counts: Counts, criterion: Exact) -> Decided:
    """Test every product at some levels with every preferred term.

    A pair with fewer cases than the criterion asks for is given p = 1, which is never too
    small; so is a pair with no more cases than expected, whose p is above any alpha in use.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    criterion : Exact
        Levels, alpha and adjustment.

    Returns
    -------
    Decided
        The pairs rejected.
    """
    places = at_levels(counts, criterion.levels)
    n_hypotheses = _n_reported(counts, criterion)
    n_pair, n_product, n_event, n_total = counts.cells(places)
    is_tested = (n_pair >= criterion.min_count) & (n_pair * float(n_total) > n_product * n_event)
    places = places[is_tested]
    if not len(places):
        return NOTHING._replace(n_hypotheses=n_hypotheses)
    log_p = fisher(Table(*counts.cells(places))).log_p
    decisions = _adjust(criterion, log_p, n_hypotheses)
    met = decisions.rejected
    return Decided(places[met], decisions.adjusted[met], n_hypotheses)


def _adjust(
    criterion: Exact, log_p: NDArray[np.float64], n_hypotheses: int
) -> multiplicity.Decisions:
    if criterion.adjust == "e_bh":
        e = p_to_e(log_p, is_log=True).log_e
        return multiplicity.e_bh(e, alpha=criterion.alpha, n_hypotheses=n_hypotheses, is_log=True)
    step_up = multiplicity.bh if criterion.adjust == "bh" else multiplicity.by
    return step_up(log_p, alpha=criterion.alpha, n_hypotheses=n_hypotheses, is_log=True)


def _n_reported(counts: Counts, criterion: Exact) -> int:
    starts = tuple(f"{level}:" for level in criterion.levels)
    return _n_named(counts.products, counts.n_product, starts) * _n_named(
        counts.events, counts.n_event, ("pt:",)
    )


def _n_named(names: Names, counted: Growing, starts: tuple[str, ...]) -> int:
    pairs = zip(names.names, counted.values.tolist(), strict=True)
    return sum(n > 0 and name.startswith(starts) for name, n in pairs)


def decide_family(counts: Counts, criterion: OfFamily, today: date) -> Decided:
    """Decide every pair of a family.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    criterion : Exact or Lrt
        Rule and thresholds.
    today : date
        UTC day of the close, from which a simulation takes its random numbers.

    Returns
    -------
    Decided
        The pairs that meet the criterion.
    """
    if isinstance(criterion, Exact):
        return exact_excess(counts, criterion)
    return greatest_ratios(counts, criterion, today)


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
