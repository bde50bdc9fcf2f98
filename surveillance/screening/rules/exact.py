"""Fisher's exact test of every product at some levels with every term, adjusted."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors import multiplicity
from detectors.counts import Table
from detectors.disproportionality.exact import fisher
from detectors.e_value import p_to_e
from surveillance.configuration.types import Exact
from surveillance.screening.counts import Counts, Growing, Names
from surveillance.screening.prior import at_levels
from surveillance.screening.rules.family import NOTHING, Decided
from surveillance.screening.rules.rule import Interval


class Rule:
    """Decide a family by exact tests with an adjustment for their number.

    Parameters
    ----------
    criterion : Exact
        The family and its thresholds.
    """

    interval = Interval()

    def __init__(self, criterion: Exact) -> None:
        self.criterion = criterion

    def __call__(self, counts: Counts, today: date) -> Decided:
        """Decide every pair of the family."""
        del today
        return exact_excess(counts, self.criterion)


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
