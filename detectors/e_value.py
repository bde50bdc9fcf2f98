"""Evidence on the scale of betting: e-values, and what a p-value is worth as one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from detectors.elementary import LN2, exp, log
from detectors.validation import as_numbers_within, require_between

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class EValue:
    """Evidence against null hypotheses, also as logarithms.

    Attributes
    ----------
    e : ndarray of float64
        Non-negative, with mean at most 1 under the null; infinite only where above the greatest
        double. NaN where not known.
    log_e : ndarray of float64, of the same shape
        Their natural logarithms, which exist where `e` overflows.
    """

    e: NDArray[np.float64]
    log_e: NDArray[np.float64]


def p_to_e(
    p: ArrayLike, *, kappa: float | Literal["mixture"] = 0.5, is_log: bool = False
) -> EValue:
    r"""Turn p-values into e-values, at the price that this has.

    Parameters
    ----------
    p : array_like, of any shape
        Valid p-values in [0, 1], or their natural logarithms. NaN gives NaN.
    kappa : float or "mixture", default: 0.5
        Exponent of the calibrator, in (0, 1): a smaller one gains from smaller p-values. Fix it
        before looking at the data. ``"mixture"`` averages over all of them.
    is_log : bool, default: False
        Whether `p` holds logarithms, which a far tail needs.

    Returns
    -------
    EValue
        An e-value for each p.

    Raises
    ------
    ValueError
        If a p-value or `kappa` is out of range.

    Notes
    -----
    :math:`e = \kappa p^{\kappa - 1}`, or its average over uniform :math:`\kappa`,
    :math:`(1 - p + p \ln p) / (p (\ln p)^2)` [1]_, 1/2 at ``p = 1``. Both have mean 1 if *p* is
    uniform, and at most 1 if it is larger. The logarithm is computed first, to 14 digits at
    either end, also where *p* underflows.

    The price: ``p = 0.001`` becomes 15.8 with the default. An e-value built for its question is
    stronger than one from a p-value.

    References
    ----------
    .. [1] Vovk V, Wang R (2021). E-values: calibration, combination and applications. Annals of
       Statistics, 49(3), 1736-1754.

    Examples
    --------
    >>> p_to_e([1e-6, 0.25, 1.0]).e
    array([500. ,   1. ,   0.5])
    >>> p_to_e(-5_000.0, is_log=True).log_e.tolist()
    2499.30685281944
    """
    if is_log:
        log_p = as_numbers_within("p", p, low=-math.inf, high=0.0)
    else:
        log_p = log(as_numbers_within("p", p, low=0.0, high=1.0))
    if isinstance(kappa, str):
        if kappa != "mixture":
            raise ValueError(f"kappa is {kappa!r}: must be a number or 'mixture'")
        log_e = _log_mixture(-log_p)
    else:
        require_between("kappa", kappa, 0.0, 1.0)
        log_e = np.asarray(math.log(kappa) + (kappa - 1.0) * log_p, dtype=np.float64)
    return EValue(e=exp(log_e), log_e=log_e)


def _log_mixture(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the logarithm of (exp(L) - 1 - L) / L**2 at L = -log(p)."""
    is_near, is_far = depth < 1e-9, np.isinf(depth)  # noqa: PLR2004 - two terms of the series do
    inner = np.where(is_near | is_far, 1.0, depth)
    # 1 - (1 + L) exp(-L), without the difference
    below = np.asarray(special.gammainc(2.0, inner), dtype=np.float64)
    log_e = np.where(
        inner > 1.0,
        inner - 2.0 * log(inner) + log(below),  # the square would overflow
        inner + log(below / np.minimum(inner, 1.0) ** 2),
    )
    return np.asarray(np.where(is_far, math.inf, np.where(is_near, depth / 3.0 - LN2, log_e)))
