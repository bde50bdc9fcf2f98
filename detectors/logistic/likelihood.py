"""The logistic log-likelihood of counted patterns, with its derivatives."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from detectors.logistic.patterns import Patterns


def log_likelihood(patterns: Patterns, predictor: NDArray[np.float64]) -> float:
    """Compute the logarithm of the probability of the events.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.
    predictor : ndarray of float64, shape (n_patterns,)
        Log odds of each pattern.

    Returns
    -------
    float
        The log-likelihood of the single reports: without binomial coefficients, at most 0.
    """
    n_others = patterns.n_reports - patterns.n_events
    yes, no = special.log_expit(predictor), special.log_expit(-predictor)
    return float(np.sum(patterns.n_events * yes + n_others * no))


def residual(patterns: Patterns, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the events that are missing to what the model expects.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.
    predictor : ndarray of float64, shape (n_patterns,)
        Log odds of each pattern.

    Returns
    -------
    ndarray of float64, shape (n_patterns,)
        Expected less observed events. Its sums over the reports of each column are the gradient of
        the negative log-likelihood.
    """
    # Written so that nothing cancels when the model is nearly certain and right.
    n_others = patterns.n_reports - patterns.n_events
    expected, unexpected = special.expit(predictor), special.expit(-predictor)
    return np.asarray(n_others * expected - patterns.n_events * unexpected)


def information(
    columns: sparse.csc_array, patterns: Patterns, predictor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the information matrix of some columns.

    Parameters
    ----------
    columns : scipy.sparse.csc_array, shape (n_patterns, n_columns)
        Columns of the pattern matrix.
    patterns : Patterns
        Reports and events.
    predictor : ndarray of float64, shape (n_patterns,)
        Log odds of each pattern.

    Returns
    -------
    ndarray of float64, shape (n_columns, n_columns)
        Second derivatives of the negative log-likelihood.
    """
    weight = patterns.n_reports * special.expit(predictor) * special.expit(-predictor)
    data = columns.data * weight[columns.indices]
    weighted = sparse.csc_array((data, columns.indices, columns.indptr), shape=columns.shape)
    return np.asarray((columns.T @ weighted).toarray())
