"""Logarithms of one component's probabilities, with their derivatives.

A component is a negative binomial distribution: a Poisson count whose ratio to its expectation is
spread by a gamma distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.disproportionality.ebgm.pairs import Pairs
from detectors.disproportionality.ebgm.rising import harmonic, log_rising
from detectors.elementary import log


@dataclass(frozen=True, eq=False)
class Component:
    """Logarithm of one component's probability, and its derivatives.

    The derivatives are by the logarithms of the shape (`u`) and of the rate (`v`).

    Attributes
    ----------
    value, u, v, uu, uv, vv : ndarray of float64, shape (n_points,)
        The logarithm, its first and its second derivatives.
    """

    value: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    uu: NDArray[np.float64]
    uv: NDArray[np.float64]
    vv: NDArray[np.float64]

    def __sub__(self, other: Component) -> Component:
        """Divide two probabilities.

        Parameters
        ----------
        other : Component
            The divisor.

        Returns
        -------
        Component
            The quotient's logarithm and its derivatives.
        """
        mine = (self.value, self.u, self.v, self.uu, self.uv, self.vv)
        theirs = (other.value, other.u, other.v, other.uu, other.uv, other.vv)
        return Component(*(x - y for x, y in zip(mine, theirs, strict=True)))


def reported(pairs: Pairs, alpha: float, beta: float) -> Component:
    """Compute the probability of each count.

    Parameters
    ----------
    pairs : Pairs
        Counts and expectations.
    alpha, beta : float
        Shape and rate of the component.

    Returns
    -------
    Component
        Its logarithm and derivatives.
    """
    n = pairs.n.astype(np.float64)
    odds = pairs.expected / beta
    none = special.log1p(odds)  # minus the logarithm of beta / (beta + E)
    excess = odds / (1.0 + odds)
    rest = 1.0 / (1.0 + odds)
    rising = pairs.spread(log_rising(alpha, pairs.counts))
    slope = pairs.spread(alpha * harmonic(1, alpha, pairs.counts)) - alpha * none
    bend = pairs.spread(alpha**2 * harmonic(2, alpha, pairs.counts))
    return Component(
        value=rising - alpha * none - n * special.log1p(1.0 / odds),
        u=slope,
        v=alpha * excess - n * rest,
        uu=slope + bend,
        uv=alpha * excess,
        vv=-(alpha + n) * excess * rest,
    )


def reportable(pairs: Pairs, alpha: float, beta: float) -> Component:
    """Compute the probability that a count is not 0.

    Parameters
    ----------
    pairs : Pairs
        Counts, which do not matter, and expectations.
    alpha, beta : float
        Shape and rate of the component.

    Returns
    -------
    Component
        Its logarithm and derivatives.
    """
    odds = pairs.expected / beta
    none = special.log1p(odds)
    m = alpha * none  # minus the logarithm of the probability of 0
    excess = odds / (1.0 + odds)
    rest = 1.0 / (1.0 + odds)
    slope = 1.0 / special.exprel(m)  # m / (exp(m) - 1)
    bend = slope * (m + slope)
    ratio = excess / none
    return Component(
        value=log(-special.expm1(-m)),
        u=slope,
        v=-slope * ratio,
        uu=slope - bend,
        uv=(bend - slope) * ratio,
        vv=slope * ratio * rest - bend * ratio**2,
    )
