"""The prior of the EBGM, fitted on a schedule to the counts as they stand.

A fit is emitted as a row, with all that one needs to judge it. The parameters are written with
ten digits and used as they are written: whoever types them in gets the numbers of every finding
that names their version.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.disproportionality import ebgm
from surveillance.configuration.types import PriorFit
from surveillance.domain.finding import PriorFitted
from surveillance.domain.product import Level
from surveillance.screening.counts import Counts
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.measures import When

N_DIGITS = 10


def at_levels(counts: Counts, levels: tuple[Level, ...]) -> Ints:
    """Find the pairs of products at some levels with preferred terms.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    levels : tuple of str
        Levels of the products.

    Returns
    -------
    ndarray of int64
        Places of the pairs that were reported at least once, ascending.
    """
    starts = tuple(f"{level}:" for level in levels)
    is_product = np.array([name.startswith(starts) for name in counts.products.names], np.bool_)
    is_term = np.array([name.startswith("pt:") for name in counts.events.names], np.bool_)
    chosen = counts.n_pair.values > 0
    if chosen.any():
        chosen &= is_product[counts.pair_product.values] & is_term[counts.pair_event.values]
    return np.flatnonzero(chosen)


def prior_of(fitted: PriorFitted) -> ebgm.Prior:
    """Return the parameters of a fit that succeeded, as the detector wants them.

    Parameters
    ----------
    fitted : PriorFitted
        A fit that did not fail.

    Returns
    -------
    Prior
        The same numbers.
    """
    names = ("alpha1", "beta1", "alpha2", "beta2", "p")
    return ebgm.Prior(**{name: getattr(fitted, name) for name in names})


def fit_prior(
    counts: Counts, settings: PriorFit, when: When, before: PriorFitted | None
) -> PriorFitted:
    """Fit the prior to the counts, or give the reason why it cannot be fitted.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    settings : PriorFit
        Level, likelihood, fewest pairs.
    when : When
        Epoch, day and configuration.
    before : PriorFitted or None
        The prior in force, from which one of the starts is taken.

    Returns
    -------
    PriorFitted
        Parameters and evidence, or the reason of a failure.
    """
    n_pair, n_product, n_event, n_total = counts.cells(at_levels(counts, (settings.level,)))
    about: dict[str, Any] = {
        "version": f"{settings.level}/{when.on.isoformat()}",
        "on": when.on,
        "epoch": when.epoch,
        "level": settings.level,
        "likelihood": settings.likelihood,
        "n_pairs": len(n_pair),
        "configuration": when.configuration,
    }
    if len(n_pair) < settings.min_pairs:
        failure = f"{len(n_pair)} pairs were reported, and min_pairs is {settings.min_pairs}"
        return PriorFitted(**about, failure=failure)
    expected = n_product.astype(np.float64) * n_event / n_total
    try:
        fitted = ebgm.fit(
            n_pair,
            expected,
            likelihood=settings.likelihood,
            start=None if before is None else prior_of(before),
        )
    except ebgm.NotConverged as error:
        return PriorFitted(**about, failure=str(error))
    evidence = fitted.diagnostics
    assert evidence is not None  # noqa: S101 - `fit` always adds them
    return PriorFitted(
        **about,
        alpha1=_written(fitted.alpha1),
        beta1=_written(fitted.beta1),
        alpha2=_written(fitted.alpha2),
        beta2=_written(fitted.beta2),
        p=_written(fitted.p),
        log_likelihood=_written(evidence.log_likelihood),
        gradient_norm=float(f"{evidence.gradient_norm:.1e}"),
        n_starts=evidence.n_starts,
        n_agreeing=evidence.n_agreeing,
        gap_between_starts=_written(evidence.gap_between_starts),
        boundary_hits=evidence.boundary_hits,
    )


def _written(value: float) -> float:
    return float(f"{value:.{N_DIGITS}g}")
