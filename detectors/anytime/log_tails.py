"""Logarithms of incomplete gamma and beta integrals, divided by their integrand at the cut.

A mixture e-process is a ratio of two such integrals: one with the data, one without. Divided by
the integrand at the cut, each is near the size of the evidence, so that a million events lose no
digit; the usual form subtracts logarithms of a million from each other.
"""

import math
from typing import Final

from scipy import special

_HALF_LOG_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_LEAST_FOR_SERIES: Final = 15.0  # from here six terms of Stirling's series give 1e-17
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_LEAST_TAIL: Final = 1e-20  # below, a continued fraction or series is quick, and keeps its digits
_TINY: Final = 1e-300  # stands for a zero in Lentz's algorithm
_CONVERGED: Final = 2.0**-52
_MOST_TERMS: Final = 100_000


def log_gamma_above(shape: float, rate: float) -> float:
    r"""Integrate a gamma density's kernel above 1.

    Parameters
    ----------
    shape, rate : float
        Positive, *s* and *x*.

    Returns
    -------
    float
        Logarithm of :math:`\int_1^\infty r^{s-1} e^{-x(r-1)} dr`.

    Notes
    -----
    That is :math:`\Gamma(s, x) e^x x^{-s}`. Legendre's continued fraction where the upper tail is
    below 1e-20, by the algorithm of Lentz; else the tail, times what Stirling's series leaves.

    Examples
    --------
    With shape 1 the integral is one over the rate:

    >>> math.isclose(log_gamma_above(1.0, 4.0), -math.log(4.0))
    True
    """
    tail = float(special.gammaincc(shape, rate))
    if tail > _LEAST_TAIL:
        return math.log(tail) + _log_gamma_whole(shape, rate)
    return -math.log(_legendre(shape, rate))


def log_gamma_below(shape: float, rate: float) -> float:
    r"""Integrate a gamma density's kernel below 1.

    Parameters
    ----------
    shape, rate : float
        Positive, *s* and *x*.

    Returns
    -------
    float
        Logarithm of :math:`\int_0^1 r^{s-1} e^{x(1-r)} dr`.

    Notes
    -----
    That is :math:`\gamma(s, x) e^x x^{-s} = \frac{1}{s} \sum_k x^k / ((s+1) \cdots (s+k))`. The
    series, of positive terms, where the lower tail is below 1e-20.

    Examples
    --------
    >>> math.isclose(log_gamma_below(1.0, 2.0), math.log((math.exp(2.0) - 1.0) / 2.0))
    True
    """
    tail = float(special.gammainc(shape, rate))
    if tail > _LEAST_TAIL:
        return math.log(tail) + _log_gamma_whole(shape, rate)
    term, total, k = 1.0, 1.0, 0
    while term > _CONVERGED * total:
        k += 1
        term *= rate / (shape + k)
        total += term
    return math.log(total / shape)


def log_beta_above(hits: float, misses: float, share: float) -> float:
    r"""Integrate a beta density's kernel above a cut.

    Parameters
    ----------
    hits, misses : float
        Positive, *a* and *b*.
    share : float
        The cut, *p*, in (0, 1).

    Returns
    -------
    float
        Logarithm of :math:`\int_p^1 t^{a-1} (1-t)^{b-1} dt / (p^a (1-p)^b)`.

    Notes
    -----
    A continued fraction, by the algorithm of Lentz, where the upper tail is below 1e-20; else the
    tail, times what Stirling's series leaves.

    Examples
    --------
    >>> math.isclose(log_beta_above(1.0, 1.0, 0.25), math.log(4.0))
    True
    """
    tail = float(special.betaincc(hits, misses, share))
    if tail > _LEAST_TAIL:
        return math.log(tail) + _log_beta_whole(hits, misses, share)
    return math.log(_beta_fraction(misses, hits, 1.0 - share) / misses)


def log_beta_ratio(hits: float, misses: float, share: float) -> float:
    r"""Compute a beta function over its kernel at a share.

    Parameters
    ----------
    hits, misses : float
        Positive, *a* and *b*.
    share : float
        The share, *p*, in (0, 1).

    Returns
    -------
    float
        Logarithm of :math:`B(a, b) / (p^a (1-p)^b)`.
    """
    return _log_beta_whole(hits, misses, share)


def log_gamma_ratio(shape: float, rate: float) -> float:
    r"""Compute a gamma function over its kernel at 1.

    Parameters
    ----------
    shape, rate : float
        Positive, *s* and *x*.

    Returns
    -------
    float
        Logarithm of :math:`\Gamma(s) e^x x^{-s}`.
    """
    return _log_gamma_whole(shape, rate)


def _stirling_error(s: float) -> float:
    """Logarithm of the gamma function less Stirling's formula."""
    if s < _LEAST_FOR_SERIES:
        return math.lgamma(s) - ((s - 0.5) * math.log(s) - s + _HALF_LOG_2PI)
    inverse = 1.0 / s
    square, total = inverse * inverse, 0.0
    for coefficient in reversed(_STIRLING):
        total = total * square + coefficient
    return total * inverse


def _log_quotient(value: float, near: float) -> float:
    """Logarithm of value over near, to full precision of their difference."""
    if abs(value - near) < 0.5 * near:
        return math.log1p((value - near) / near)
    return math.log(value) - math.log(near)


def _log_gamma_whole(shape: float, rate: float) -> float:
    deviance = (rate - shape) - shape * _log_quotient(rate, shape)
    return deviance + _HALF_LOG_2PI - 0.5 * math.log(shape) + _stirling_error(shape)


def _log_beta_whole(hits: float, misses: float, share: float) -> float:
    whole = hits + misses
    deviance = hits * _log_quotient(hits, whole * share)
    deviance += misses * _log_quotient(misses, whole * (1.0 - share))
    root = _HALF_LOG_2PI + 0.5 * (math.log(whole / hits) - math.log(misses))
    errors = _stirling_error(hits) + _stirling_error(misses) - _stirling_error(whole)
    return deviance + root + errors


def _legendre(shape: float, rate: float) -> float:
    """Denominator of the continued fraction of the upper incomplete gamma function."""
    partial = rate + 1.0 - shape
    upper, lower = partial, 0.0
    found = partial
    for k in range(1, _MOST_TERMS):
        numerator = k * (shape - k)
        partial += 2.0
        lower = 1.0 / _not_zero(partial + numerator * lower)
        upper = _not_zero(partial + numerator / upper)
        found *= upper * lower
        if abs(upper * lower - 1.0) < _CONVERGED:
            return found
    raise ArithmeticError(f"no convergence: {shape=}, {rate=}")  # pragma: no cover


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function, for x below a / (a + b)."""
    upper = 1.0
    lower = 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    found = lower
    for k in range(1, _MOST_TERMS):
        change = 1.0
        even = k * (b - k) * x / ((a + 2 * k - 1.0) * (a + 2 * k))
        odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1.0))
        for numerator in (even, odd):
            lower = 1.0 / _not_zero(1.0 + numerator * lower)
            upper = _not_zero(1.0 + numerator / upper)
            change *= upper * lower
        found *= change
        if abs(change - 1.0) < _CONVERGED:
            return found
    raise ArithmeticError(f"no convergence: {a=}, {b=}, {x=}")  # pragma: no cover


def _not_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
