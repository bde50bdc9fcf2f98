"""Scores of pairs at a given prior: the empirical Bayes geometric mean and its quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.disproportionality.ebgm import grid
from detectors.disproportionality.ebgm.posterior import Counts, Posterior, of_counts, of_pairs
from detectors.disproportionality.ebgm.prior import Prior
from detectors.disproportionality.ebgm.quantile import LOG_LEAST, Tail, problem_of, solve, tail_of
from detectors.elementary import exp
from detectors.estimate import first_reason
from detectors.validation import as_counts, as_reals, require_one_index, require_shapes_that_fit

CHUNK = 1 << 16  # pairs at a time: the work of a chunk stays in the cache
LEAST_TAIL = 1e-5  # the range in which the quantiles were compared with 40 digits
MOST_LOOKED_UP = 1 << 16


@dataclass(frozen=True, eq=False)
class Score:
    """Scores of pairs.

    Attributes
    ----------
    ebgm : ndarray of float64, shape (n_pairs,)
        Empirical Bayes geometric mean: *e* to the posterior mean of the ratio's logarithm.
    quantiles : ndarray of float64, shape (n_pairs, n_probabilities)
        Quantiles of the posterior distribution of the ratio.
    qn : ndarray of float64, shape (n_pairs,)
        Posterior weight of the prior's first component.
    state : ndarray of str, shape (n_pairs,)
        ``defined``, or ``no_expected`` where the expected count is not known; the numbers are then
        NaN.
    probabilities : tuple of float
        What the quantiles are of.
    """

    ebgm: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    qn: NDArray[np.float64]
    state: NDArray[np.str_]
    probabilities: tuple[float, ...]

    def quantile(self, probability: float) -> NDArray[np.float64]:
        """Give the quantiles of one probability.

        Parameters
        ----------
        probability : float
            One of `probabilities`.

        Returns
        -------
        ndarray of float64, shape (n_pairs,)
            The quantiles.

        Raises
        ------
        ValueError
            If they were not computed.
        """
        if probability not in self.probabilities:
            raise ValueError(f"probability is {probability}: must be one of {self.probabilities}")
        return self.quantiles[..., self.probabilities.index(probability)]


def score(
    n: ArrayLike,
    expected: ArrayLike,
    prior: Prior,
    *,
    quantiles: tuple[float, ...] = (0.05, 0.95),
) -> Score:
    r"""Score pairs at a prior.

    Parameters
    ----------
    n : array_like of whole numbers, shape (n_pairs,)
        Reports observed.
    expected : array_like, of a shape that broadcasts with `n`
        Reports expected if product and event were independent, not negative; NaN if not known.
    prior : Prior
        Fitted, or given.
    quantiles : tuple of float, default: (0.05, 0.95)
        Probabilities in [1e-5, 1 - 1e-5]. The default gives EB05 and EB95.

    Returns
    -------
    Score
        EBGM, quantiles and posterior weights.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Given `n` reports, the ratio of a pair is spread as
    :math:`Q_n \Gamma(\alpha_1 + n, \beta_1 + E) + (1 - Q_n) \Gamma(\alpha_2 + n, \beta_2 + E)`
    [1]_, with

    .. math::

        Q_n = \frac{p f_1(n)}{p f_1(n) + (1 - p) f_2(n)}, \qquad
        \log \mathrm{EBGM} = Q_n (\psi(\alpha_1 + n) - \log(\beta_1 + E))
        + (1 - Q_n) (\psi(\alpha_2 + n) - \log(\beta_2 + E)),

    and :math:`f_k` the negative binomial distribution of component `k`. The weight takes `p` as
    that among all pairs, which is what the likelihoods ``truncated_mixture`` and ``full`` estimate;
    that a pair was reported follows from its count and changes nothing. At a prior fitted by
    ``openebgm`` this is what the R packages openEBGM and PhViD compute.

    A quantile is the root of the posterior distribution function, iterated until what is left is
    the rounding error of the gamma integrals: 12 digits or more for every count up to 10,000,000.
    A quantile below 1e-300 is given as 0.

    An expected count of 0 is taken as the limit from above, as in `ic`; with reports it cannot
    come from a table.

    The prior is taken as known: its own error is not in the quantiles.

    The numbers of a pair do not depend, to the last bit, on which other pairs are scored with it.

    References
    ----------
    .. [1] DuMouchel W (1999). Bayesian data mining in large frequency tables, with an application
       to the FDA spontaneous reporting system. The American Statistician, 53(3), 177-190.

    Examples
    --------
    openEBGM 0.9.1 gives EBGM 2.22664404 and limits 0.491125 and 13.853965 for the pair of
    1-phenylalanine and a raised heart rate in the CAERS data.

    >>> prior = Prior(3.251251728535, 0.39977026037, 2.0269532437, 1.908922480898, 0.06539441352218)
    >>> found = score(1, 0.0360548271752086, prior)
    >>> float(found.ebgm.round(8)), found.quantiles.round(6).tolist()
    (2.22664404, [0.491125, 13.853965])
    """
    require_one_index(n=n, expected=expected)
    for place, probability in enumerate(quantiles):
        if not LEAST_TAIL <= probability <= 1.0 - LEAST_TAIL:
            raise ValueError(
                f"quantiles[{place}] is {probability}: must lie between {LEAST_TAIL} and"
                f" {1.0 - LEAST_TAIL}"
            )
    given = as_counts("n", n), as_reals("expected", expected)
    require_shapes_that_fit(n=given[0], expected=given[1])
    counts, real = np.broadcast_arrays(*given)
    state = first_reason(("no_expected", np.isnan(real)))
    found = np.full((counts.size, 2 + len(quantiles)), np.nan)
    known = np.flatnonzero(~np.isnan(real))
    scorer = _Scorer.of(counts.ravel()[known], real.ravel()[known], prior, quantiles)
    for chunk in _chunks(known.size):
        found[known[chunk]] = scorer.scored(chunk)
    return Score(
        ebgm=found[:, 0].reshape(counts.shape),
        quantiles=found[:, 2:].reshape((*counts.shape, len(quantiles))),
        qn=found[:, 1].reshape(counts.shape),
        state=state,
        probabilities=tuple(quantiles),
    )


@dataclass(frozen=True, eq=False)
class _Scorer:
    prior: Prior
    expected: NDArray[np.float64]
    which: NDArray[np.intp]
    counts: Counts
    tails: list[Tail]
    tables: list[NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        n: NDArray[np.int64],
        expected: NDArray[np.float64],
        prior: Prior,
        quantiles: tuple[float, ...],
    ) -> _Scorer:
        distinct, which = _distinct(n)
        counts = of_counts(distinct, prior)
        tails = [tail_of(probability, counts) for probability in quantiles]
        is_used = grid.empty(counts.n)
        for chunk in _chunks(n.size):
            cell, _ = grid.places_of(n[chunk], expected[chunk])
            grid.mark(is_used, which[chunk], cell)
        tables = [grid.filled(counts, tail, prior, is_used) for tail in tails]
        return cls(prior, expected, which, counts, tails, tables)

    def scored(self, chunk: slice) -> NDArray[np.float64]:
        which, counts, expected = self.which[chunk], self.counts, self.expected[chunk]
        n = counts.n[which]
        log_odds = counts.log_odds[which]
        posterior = of_pairs(n.astype(np.float64), expected, log_odds, self.prior)
        cell, beyond = grid.places_of(n, expected)
        logs = [_log_mean(posterior, counts, which)]
        for tail, table in zip(self.tails, self.tables, strict=True):
            start = grid.interpolated(table, which, cell, beyond)
            logs.append(solve(problem_of(posterior, counts, tail, which), tail, start))
        mean, *limits = (np.where(one > LOG_LEAST, exp(one), 0.0) for one in logs)
        return np.stack([mean, posterior.weights[0], *limits], axis=1)


def _log_mean(posterior: Posterior, counts: Counts, which: NDArray[np.intp]) -> NDArray[np.float64]:
    parts = (posterior.weights, counts.log_means, posterior.log_rates)
    first, second = (
        weight * (mean[which] - log_rate) for weight, mean, log_rate in zip(*parts, strict=True)
    )
    return np.asarray(first + second)


def _chunks(size: int) -> list[slice]:
    return [slice(begin, begin + CHUNK) for begin in range(0, size, CHUNK)]


def _distinct(n: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    # Without a sort where a table of all counts is small.
    if n.size == 0 or n.max() > MOST_LOOKED_UP:
        return np.unique(n, return_inverse=True)
    is_there = np.zeros(int(n.max()) + 1, dtype=np.bool_)
    is_there[n] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[n]
