"""How much a shift of the mean explains, when neither mean nor spread is known."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy import special

LEAST = 1e-290  # a tail keeps its digits above this
Direction = Literal["fall", "rise", "change"]


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Two groups of values, as what is enough to know of them.

    Attributes
    ----------
    n_before, n_after : int
        Values in each; both at least 1, together at least 3.
    difference : float
        Mean after less mean before.
    squares : float
        Squared deviations from the two means, added up; positive.
    """

    n_before: int
    n_after: int
    difference: float
    squares: float

    @property
    def weight(self) -> float:
        """Give the inverse of the variance of the difference, in units of that of one value."""
        return self.n_before * self.n_after / (self.n_before + self.n_after)

    @property
    def freedom(self) -> int:
        """Give the degrees of freedom of the squares."""
        return self.n_before + self.n_after - 2


def log_bayes_factor(halves: Halves, *, scale: float, direction: Direction) -> float:
    r"""Compute the logarithm of the Bayes factor of a shift against none.

    Parameters
    ----------
    halves : Halves
        The values.
    scale : float
        Standard deviation of the shift before the data, in units of that of one value, positive.
    direction : {"fall", "rise", "change"}
        Which shifts are looked for.

    Returns
    -------
    float
        Natural logarithm.

    Notes
    -----
    Values are normal with one variance; the shift over its standard deviation has a normal prior
    with mean 0 and standard deviation *g*, or the half of it that falls or rises, and the mean and
    variance have the prior that is invariant under shift and scale, the same with and without a
    shift. With :math:`m = n_1 n_2 / (n_1 + n_2)`, :math:`q = m D^2 / S`, :math:`a = 1 + m g^2` and
    :math:`\nu = n_1 + n_2 - 2` the factor of a change is [1]_

    .. math:: a^{-1/2} \left( \frac{1 + q}{1 + q / a} \right)^{(\nu + 1) / 2} .

    The posterior of the shift is a scaled *t* law with :math:`\nu + 1` degrees of freedom; the
    factor of a fall is that of a change times twice the chance that the shift is below 0.

    References
    ----------
    .. [1] Gonen M, Johnson WO, Lu Y, Westfall PH (2005). The Bayesian two-sample t test. The
       American Statistician, 59(3), 252-257.
    """
    inflation = 1.0 + halves.weight * scale * scale
    between = halves.weight * halves.difference**2
    # log((S + B) / (S + B / a)), which neither cancels nor overflows
    gain = math.log1p(between * (1.0 - 1.0 / inflation) / (halves.squares + between / inflation))
    two_sided = 0.5 * (halves.freedom + 1) * gain - 0.5 * math.log(inflation)
    if direction == "change":
        return two_sided
    sided = halves if direction == "fall" else _mirrored(halves)
    return two_sided + math.log(2.0) + log_fall_chance(sided, scale=scale)


def log_fall_chance(halves: Halves, *, scale: float) -> float:
    """Compute the logarithm of the posterior chance that the shift is below 0.

    Parameters
    ----------
    halves : Halves
        The values.
    scale : float
        Standard deviation of the two-sided prior of the shift, in units of that of one value.

    Returns
    -------
    float
        Natural logarithm, also where the chance is below the smallest double.
    """
    inflation = 1.0 + halves.weight * scale * scale
    between, freedom = halves.weight * halves.difference**2, halves.freedom + 1
    square = between * (1.0 - 1.0 / inflation) / (halves.squares + between / inflation)
    deviation = math.sqrt(square * freedom)
    share = float(special.stdtr(freedom, -math.copysign(deviation, halves.difference)))
    return math.log(share) if share > LEAST else _log_far_tail(freedom, square)


def _log_far_tail(freedom: int, square: float) -> float:
    """Add up the series of the incomplete beta function at 1 / (1 + square)."""
    a, x, term, total, n = 0.5 * freedom, 1.0 / (1.0 + square), 1.0, 1.0, 0
    while term > 1e-17 * total:  # below rounding
        term *= x * (a + 0.5 + n) / (a + 1.0 + n)
        total, n = total + term, n + 1
    front = -a * math.log1p(square) + 0.5 * math.log(square * x)
    return front - math.log(2.0 * a) - float(special.betaln(a, 0.5)) + math.log(total)


def _mirrored(halves: Halves) -> Halves:
    return Halves(
        n_before=halves.n_before,
        n_after=halves.n_after,
        difference=-halves.difference,
        squares=halves.squares,
    )
