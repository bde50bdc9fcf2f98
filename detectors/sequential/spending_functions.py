r"""How much of the type I error may be used up by each moment of a sequential test.

Each function says, for a share of the information in [0, 1], how much of alpha may be spent by
then: 0 at the start, alpha at the end, and never less later.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from scipy import special

SpendingName = Literal["power", "obrien_fleming", "pocock", "hwang_shih_decani"]


def power(share: float, alpha: float, *, parameter: float = 0.5) -> float:
    r"""Spend a power of the share.

    Parameters
    ----------
    share : float
        Share of the information, in [0, 1].
    alpha : float
        Type I error in all, in (0, 1).
    parameter : float, default: 0.5
        Exponent :math:`\rho`, positive; the smaller, the earlier it is spent.

    Returns
    -------
    float
        :math:`\alpha t^\rho`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Kim K, DeMets DL (1987). Design and analysis of group sequential tests based on the
       type I error spending rate function. Biometrika, 74(1), 149-154.

    Examples
    --------
    >>> power(0.25, 0.05)
    0.025
    """
    _require(share, alpha)
    if not 0 < parameter < math.inf:
        raise ValueError(f"parameter is {parameter}: must be positive and finite")
    return alpha * math.pow(share, parameter)


def obrien_fleming(share: float, alpha: float, *, parameter: float = 0.0) -> float:
    r"""Spend little at first, as the boundaries of O'Brien and Fleming do.

    Parameters
    ----------
    share : float
        Share of the information, in [0, 1].
    alpha : float
        Type I error in all of a one-sided test, in (0, 1).
    parameter : float, default: 0.0
        Not used, and must be 0.

    Returns
    -------
    float
        :math:`2 - 2 \Phi(z_{1 - \alpha / 2} / \sqrt t)`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Lan KKG, DeMets DL (1983). Discrete sequential boundaries for clinical trials.
       Biometrika, 70(3), 659-663.

    Examples
    --------
    >>> round(obrien_fleming(0.5, 0.025), 10)
    0.0015253228
    """
    _require(share, alpha)
    _require_none(parameter)
    if share == 0:
        return 0.0
    if share == 1:
        return alpha
    return 2 * float(special.ndtr(special.ndtri(alpha / 2) / math.sqrt(share)))


def pocock(share: float, alpha: float, *, parameter: float = 0.0) -> float:
    r"""Spend evenly, as the boundaries of Pocock do.

    Parameters
    ----------
    share : float
        Share of the information, in [0, 1].
    alpha : float
        Type I error in all, in (0, 1).
    parameter : float, default: 0.0
        Not used, and must be 0.

    Returns
    -------
    float
        :math:`\alpha \log(1 + (e - 1) t)`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Lan KKG, DeMets DL (1983). Discrete sequential boundaries for clinical trials.
       Biometrika, 70(3), 659-663.

    Examples
    --------
    >>> round(pocock(0.5, 0.05), 6)
    0.031006
    """
    _require(share, alpha)
    _require_none(parameter)
    return alpha if share == 1 else alpha * math.log1p((math.e - 1) * share)


def hwang_shih_decani(share: float, alpha: float, *, parameter: float = -4.0) -> float:
    r"""Spend by a truncated exponential distribution.

    Parameters
    ----------
    share : float
        Share of the information, in [0, 1].
    alpha : float
        Type I error in all, in (0, 1).
    parameter : float, default: -4.0
        :math:`\gamma`, from -40 to 40; 0 spends in proportion to the share, -4 nearly as O'Brien
        and Fleming, 1 nearly as Pocock.

    Returns
    -------
    float
        :math:`\alpha (1 - e^{-\gamma t}) / (1 - e^{-\gamma})`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Hwang IK, Shih WJ, DeCani JS (1990). Group sequential designs using a family of type I
       error probability spending functions. Statistics in Medicine, 9(12), 1439-1445.

    Examples
    --------
    >>> round(hwang_shih_decani(0.5, 0.05), 6), hwang_shih_decani(0.5, 0.05, parameter=0.0)
    (0.00596, 0.025)
    """
    _require(share, alpha)
    if not -40 <= parameter <= 40:  # noqa: PLR2004 - as documented; exp stays finite
        raise ValueError(f"parameter is {parameter}: must be from -40 to 40")
    if parameter == 0 or share == 1:
        return alpha * share
    return alpha * (math.expm1(-parameter * share) / math.expm1(-parameter))


FUNCTIONS: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "power": power,
        "obrien_fleming": obrien_fleming,
        "pocock": pocock,
        "hwang_shih_decani": hwang_shih_decani,
    }
)


def spent(name: SpendingName, share: float, alpha: float, *, parameter: float) -> float:
    """Compute what a named function has spent.

    Parameters
    ----------
    name : {"power", "obrien_fleming", "pocock", "hwang_shih_decani"}
        The function.
    share : float
        Share of the information, in [0, 1].
    alpha : float
        Type I error in all, in (0, 1).
    parameter : float
        Its parameter; 0 where it has none.

    Returns
    -------
    float
        Type I error that may be used by then, in [0, alpha].

    Raises
    ------
    ValueError
        If the name is not known, or an argument is out of range.

    Examples
    --------
    >>> spent("power", 0.25, 0.05, parameter=0.5)
    0.025
    """
    if name not in FUNCTIONS:
        raise ValueError(f"spending is {name!r}: must be one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name](share, alpha, parameter=parameter)


def _require(share: float, alpha: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}: must be from 0 to 1")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}: must lie between 0 and 1")


def _require_none(parameter: float) -> None:
    if parameter != 0:
        raise ValueError(f"parameter is {parameter}: this function has none, give 0")
