"""Longwatch's part of the bench: each function is run in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.apart import Stopwatch
from bench.detectors import data
from bench.detectors.runs import added, greatest_memory_mb, repeated
from detectors.counts import Table
from detectors.disproportionality.bcpnn import bcpnn_normal
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.ebgm import (
    Prior,
    Squashed,
    fit,
    negative_log_likelihood,
    score,
    squash,
)
from detectors.disproportionality.ebgm.prior import Diagnostics, Likelihood
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import ic
from detectors.disproportionality.lrt import lrt
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror

MEASURES: dict[str, Callable[[Table], Any]] = {
    "prr": prr,
    "ror": ror,
    "chi_square": chi_square,
    "ic": lambda table: ic(table.n_pair, table.expected),
    "fisher": fisher,
}


def measures(path: str, keep: str, n_runs: int) -> dict[str, Any]:
    """Compute the measures of one 2x2 table for every pair, alone and all together."""
    table = data.read(Path(path)).table
    found: dict[str, Any] = {}
    results: dict[str, Any] = {}
    for name, measure in MEASURES.items():
        results[name], found[name] = repeated(partial(measure, table), n_runs)
    _, found["together"] = repeated(lambda: _together(table), n_runs)
    normal, found["bcpnn_normal"] = repeated(lambda: bcpnn_normal(table), n_runs)
    np.savez(
        keep,
        prr=results["prr"].point,
        prr_lower=results["prr"].lower,
        ror=results["ror"].point,
        ror_lower=results["ror"].lower,
        p=results["fisher"].p,
        ic025=results["ic"].lower,
        bcpnn_lower=normal.lower,
    )
    return found


def _together(table: Table) -> None:
    # The checks of the counts belong to the work.
    again = Table(*(np.array(getattr(table, name)) for name in data.MARGINS))
    for measure in MEASURES.values():
        measure(again)


def prior(path: str, likelihood: Likelihood, n_runs: int) -> dict[str, Any]:
    """Fit the prior to every pair, and score every pair at it."""
    table = data.read(Path(path)).table
    n, expected = table.n_pair, table.expected
    fitted, fitting = repeated(lambda: fit(n, expected, likelihood=likelihood), n_runs)
    _, scoring = repeated(lambda: score(n, expected, fitted), n_runs)
    return _said(fitted) | {
        "fit": fitting,
        "score": scoring,
        "both": added(fitting, scoring),
        "greatest_memory_mb": greatest_memory_mb(),
    }


def squashed(path: str, n_runs: int) -> dict[str, Any]:
    """Squash the pairs of one and of two reports, fit the prior, and score every pair at it."""
    table = data.read(Path(path)).table
    n, expected = table.n_pair, table.expected
    fitted, fitting = repeated(lambda: fit(_fewer(n, expected), likelihood="openebgm"), n_runs)
    _, scoring = repeated(lambda: score(n, expected, fitted), n_runs)
    return _said(fitted) | {"fit": fitting, "score": scoring, "both": added(fitting, scoring)}


def _fewer(n: NDArray[np.int64], expected: NDArray[np.float64]) -> Squashed:
    return squash(squash(n, expected), count=2, bin_size=10, keep=20)


def _prior(theta: list[float]) -> Prior:
    alpha1, beta1, alpha2, beta2, p = theta
    return Prior(alpha1, beta1, alpha2, beta2, p)


def _said(fitted: Prior) -> dict[str, Any]:
    how = cast("Diagnostics", fitted.diagnostics)
    return {
        "theta": list(fitted.parameters),
        "likelihood": how.likelihood,
        "full_log_likelihood": how.full_log_likelihood,
        "gradient_norm": how.gradient_norm,
        "n_starts": how.n_starts,
        "n_agreeing": how.n_agreeing,
        "n_points": how.n_points,
    }


def score_alone(path: str, theta: list[float]) -> dict[str, Any]:
    """Score pairs at a given prior, once, with the memory that this process needed in all."""
    n, expected = _loaded(path)
    prior = _prior(theta)
    watch = Stopwatch()
    scores = score(n, expected, prior)
    seconds = watch.read()
    if not np.all(scores.quantiles[:, 0] < scores.ebgm):
        raise AssertionError("EB05 is not below EBGM everywhere")
    return {"n_pairs": n.size, "greatest_memory_mb": greatest_memory_mb(), **seconds}


def _loaded(path: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    with np.load(path) as found:
        n = found["n_pair"]
        expected = found["n_product"].astype(np.float64) * found["n_event"] / found["n_total"]
    return n, np.asarray(expected)


def likelihood_ratio_test(n_draws: int, n_runs: int) -> dict[str, Any]:
    """Test every cell of the table of statins."""
    counts = data.statin()
    result, seconds = repeated(
        lambda: lrt(
            counts, margin="event", model="poisson", n_draws=n_draws, rng=np.random.default_rng(1)
        ),
        n_runs,
    )
    return {"n_draws": result.n_draws, "shape": list(counts.shape), **seconds}


def likelihoods(path: str, thetas: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Compute the negative log-likelihood of priors, by the likelihood that each is of."""
    table = data.read(Path(path)).table
    return {
        kind: {
            name: negative_log_likelihood(
                table.n_pair, table.expected, _prior(theta), likelihood=cast("Likelihood", kind)
            )
            for name, theta in named.items()
        }
        for kind, named in thetas.items()
    }


def scores(path: str, keep: str, theta: list[float]) -> dict[str, Any]:
    """Keep the scores at a prior, for a comparison."""
    table = data.read(Path(path)).table
    found = score(table.n_pair, table.expected, _prior(theta))
    np.savez(keep, ebgm=found.ebgm, eb05=found.quantile(0.05), eb95=found.quantile(0.95))
    return {"n_pairs": table.n_pair.size}
