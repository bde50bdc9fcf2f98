"""Information component: observed against expected, both shrunk by a half, in bits.

The limits are gamma quantiles of the observed count alone, divided by the expected one. So each
count is inverted once, and whether the lower limit exceeds 0 is one comparison with a table.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.elementary import LN2, log
from detectors.estimate import Estimate, first_reason, where_defined
from detectors.validation import as_counts, as_reals, require_one_index, require_shapes_that_fit

LEAST_TAIL = 1e-5  # beyond 4.5 standard deviations SciPy's quantile errs for counts above 2e5


def ic(n: ArrayLike, expected: ArrayLike, *, tail: float = 0.025) -> Estimate:
    r"""Estimate the information component with its exact credibility interval.

    Parameters
    ----------
    n : array_like of whole numbers, shape (n_pairs,)
        Reports observed.
    expected : array_like, of a shape that broadcasts with `n`
        Reports expected if product and event were independent, not negative; NaN if not known.
    tail : float, default: 0.025
        Probability beyond each limit, in [1e-5, 0.5). The default gives IC025 and IC975.

    Returns
    -------
    Estimate
        Base-2 logarithms. State: ``no_expected`` where `expected` is NaN.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The point is :math:`\log_2 \frac{n + 1/2}{E + 1/2}`, and the limits are the logarithms of the
    quantiles of a gamma distribution with shape :math:`n + 1/2` and rate :math:`E + 1/2` [1]_.
    They are computed to 14 digits for every count; the normal approximation, which is another
    quantity, is not used.

    The lower limit exceeds 0 for no expected count unless `n` is at least 3 (default tail).

    References
    ----------
    .. [1] Noren GN, Hopstadius J, Bate A (2013). Shrinkage observed-to-expected ratios for robust
       and transparent large-scale pattern discovery. Statistical Methods in Medical Research,
       22(1), 57-69.

    Examples
    --------
    The R package vigicaen gives 0.2542334 for 12 reports where 5 are expected.

    >>> round(float(ic(12, 5).lower), 6)
    0.254233
    """
    require_one_index(n=n, expected=expected)
    _require_tail(tail)
    given = as_counts("n", n), as_reals("expected", expected)
    require_shapes_that_fit(n=given[0], expected=given[1])
    counts, real = np.broadcast_arrays(*given)
    state = first_reason(("no_expected", np.isnan(real)))
    lower, upper = _quantiles(counts, tail)
    return Estimate(
        point=_log2_ratio(counts + 0.5, real, state),
        lower=_log2_ratio(lower, real, state),
        upper=_log2_ratio(upper, real, state),
        state=state,
    )


def expected_limit(n: ArrayLike, *, tail: float = 0.025) -> NDArray[np.float64]:
    """Find how many reports may be expected while the lower limit is above 0.

    Parameters
    ----------
    n : array_like of whole numbers
        Reports observed.
    tail : float, default: 0.025
        Probability below the lower limit, in [1e-5, 0.5).

    Returns
    -------
    ndarray of float64, of the shape of `n`
        ``ic(n, expected, tail=tail).lower > 0`` if and only if ``expected`` is below this; 0 where
        no expected count would do.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> expected_limit([2, 3, 10]).round(4)
    array([0.    , 0.3449, 4.6414])
    """
    _require_tail(tail)
    lower, _ = _quantiles(as_counts("n", n), tail)
    return np.asarray(np.maximum(lower - 0.5, 0.0))


def _require_tail(tail: float) -> None:
    if not LEAST_TAIL <= tail < 0.5:  # noqa: PLR2004 - above a half the limits change places
        raise ValueError(f"tail is {tail}: must be at least {LEAST_TAIL} and below 0.5")


def _quantiles(
    n: NDArray[np.int64], tail: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    distinct, place = np.unique(n, return_inverse=True)  # few: most counts are small
    shape = distinct + 0.5
    lower = np.asarray(special.gammaincinv(shape, tail), dtype=np.float64)
    upper = np.asarray(special.gammainccinv(shape, tail), dtype=np.float64)
    return lower[place], upper[place]


def _log2_ratio(
    shrunk: NDArray[np.float64], expected: NDArray[np.float64], state: NDArray[np.str_]
) -> NDArray[np.float64]:
    # Near 1 the difference is exact where the quotient would round: the sign is never wrong.
    excess = (shrunk - 0.5 - expected) / (expected + 0.5)
    is_near = np.abs(excess) < 0.5  # noqa: PLR2004 - any bound would do
    natural = np.where(is_near, special.log1p(excess), log(shrunk / (expected + 0.5)))
    return where_defined(natural / LN2, state)
