"""Counts of constructs that share a platform, and the priors that say how much they share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from detectors.elementary import log
from detectors.validation import as_counts, as_numbers_within, refuse_where, require_one_index

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

GREATEST_EVENTS = 10_000  # of a construct: the lattices grow with its root
LEAST_EXPECTED, GREATEST_EXPECTED = 1e-9, 1e6
GREATEST_SCALE = 5.0  # a rate ratio of 150, up or down, one standard deviation out
MAX_CONSTRUCTS = 200


@dataclass(frozen=True)
class Prior:
    """Scales of the half that the constructs share.

    Attributes
    ----------
    mu_sd : float, default: 1.0
        Standard deviation of the mean log rate ratio, normal around 0, in (0, 5].
    tau_scale : float, default: 0.5
        Scale of the half-normal spread between constructs, in (0, 5].

    Raises
    ------
    ValueError
        If a scale is out of range: the prior would be improper, or of no use.
    """

    mu_sd: float = 1.0
    tau_scale: float = 0.5

    def __post_init__(self) -> None:
        for name in ("mu_sd", "tau_scale"):
            value = getattr(self, name)
            if not 1e-3 <= value <= GREATEST_SCALE:  # noqa: PLR2004 - below, nothing is left open
                raise ValueError(f"{name} is {value}: must be from 0.001 to {GREATEST_SCALE:g}")


@dataclass(frozen=True, eq=False)
class OwnPriors:
    """Priors of constructs that may not belong with the others.

    Attributes
    ----------
    weight : ndarray of float64
        Prior probability of each to belong, in (0, 1).
    mean, sd : ndarray of float64
        Normal prior of the log rate ratio if it does not.
    """

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Constructs:
    """Distinct constructs in order of their numbers, so that theirs in the data means nothing.

    Attributes
    ----------
    events, expected : ndarray of float64
        Counts, and expected counts under the null.
    count : ndarray of float64
        How many constructs have these numbers.
    dispersion : float
        Size of the negative binomial; infinite for Poisson.
    """

    events: NDArray[np.float64]
    expected: NDArray[np.float64]
    count: NDArray[np.float64]
    dispersion: float

    @property
    def greatest_log_likelihood(self) -> NDArray[np.float64]:
        """Greatest value of ``events * theta`` less the rest, over theta.

        Returns
        -------
        ndarray of float64
            What is taken off each likelihood.
        """
        y, k = self.events, self.dispersion
        rest = y if math.isinf(k) else (y + k) * special.log1p(y / k)
        return np.asarray(special.xlogy(y, y / self.expected) - rest, dtype=np.float64)

    @property
    def log_constant(self) -> float:
        """Logarithm of the factors of the data's probability that have no parameter.

        Returns
        -------
        float
            With what was taken off each likelihood.
        """
        y, k = self.events, self.dispersion
        each = special.xlogy(y, self.expected) - special.gammaln(y + 1.0)
        if not math.isinf(k):
            each = each + special.gammaln(y + k) - special.gammaln(k) - y * math.log(k)
        return float((self.count * (each + self.greatest_log_likelihood)).sum())

    def only(self, j: int) -> Constructs:
        """Leave out all the others.

        Parameters
        ----------
        j : int
            Which one is kept.

        Returns
        -------
        Constructs
            It alone.
        """
        kept = slice(j, j + 1)
        return replace(
            self, events=self.events[kept], expected=self.expected[kept], count=self.count[kept]
        )

    def log_likelihoods(
        self, theta: NDArray[np.float64], ratio: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Compute each construct's log likelihood, 0 at its greatest.

        Parameters
        ----------
        theta, ratio : ndarray of float64
            Log rate ratios, and the ratios; constructs along the first axis, or one for all.

        Returns
        -------
        ndarray of float64
            A new array, constructs along the first axis.
        """
        column = (-1, *[1] * (theta.ndim - 1))
        y, e = self.events.reshape(column), self.expected.reshape(column)
        top, k = self.greatest_log_likelihood.reshape(column), self.dispersion
        if math.isinf(k):
            return np.asarray(y * theta - e * ratio - top)
        rest = special.log1p(ratio * (e / k))
        return np.asarray(y * theta - (y + k) * rest - top)


def as_columns(
    events: ArrayLike, expected: ArrayLike, dispersion: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert counts and expected counts of constructs, or say what is wrong.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_constructs,)
        Counts, at most 10,000.
    expected : array_like, of the same shape
        Expected counts under the null, in [1e-9, 1e6].
    dispersion : float
        Size of the negative binomial, in [0.01, inf].

    Returns
    -------
    events, expected : ndarray of float64
        Both as real numbers.

    Raises
    ------
    ValueError
        If a number is out of range, there is none, there are over 200, or the shapes differ.
    """
    require_one_index(events=events, expected=expected)
    y = as_counts("events", events)
    e = as_numbers_within("expected", expected, low=LEAST_EXPECTED, high=GREATEST_EXPECTED)
    refuse_where(np.isnan(e), "expected", e, "must not be missing")
    refuse_where(y > GREATEST_EVENTS, "events", y, f"must be at most {GREATEST_EVENTS}")
    if y.ndim != 1 or not 1 <= y.size <= MAX_CONSTRUCTS or e.shape != y.shape:
        raise ValueError(
            f"events has shape {y.shape} and expected {e.shape}: "
            f"must be one number each for 1 to {MAX_CONSTRUCTS} constructs"
        )
    if not dispersion >= 0.01:  # noqa: PLR2004 - below, nearly all counts are 0
        raise ValueError(f"dispersion is {dispersion}: must be at least 0.01")
    return y.astype(np.float64), e


def require_finite_mean(name: str, scale: float, dispersion: float) -> None:
    """Check that a wide spread does not meet counts that hardly hold it down.

    Parameters
    ----------
    name : str
        Name of the scale.
    scale : float
        Scale of a half-normal spread.
    dispersion : float
        Size *k* of the negative binomial, whose likelihood falls as ``exp(-k * theta)``.

    Raises
    ------
    ValueError
        If ``(1 - dispersion) * scale`` is over 0.75: from 1 on the mean rate ratio is infinite.
    """
    if (1.0 - dispersion) * scale > 0.75:  # noqa: PLR2004 - a margin, for the quadrature
        raise ValueError(
            f"{name} is {scale}: must be at most 0.75 / (1 - dispersion), "
            "or the mean rate ratio would be near infinity"
        )


def distinct(
    columns: list[NDArray[np.float64]], dispersion: float
) -> tuple[Constructs, list[NDArray[np.float64]], NDArray[np.intp]]:
    """Gather constructs that have the same numbers.

    Parameters
    ----------
    columns : list of ndarray of float64
        Counts, expected counts, and whatever else tells one construct from another.
    dispersion : float
        Size of the negative binomial.

    Returns
    -------
    constructs : Constructs
        The distinct ones, in order.
    others : list of ndarray of float64
        Their further columns.
    place : ndarray of int
        Where each construct went.
    """
    rows, place, count = np.unique(
        np.stack(columns), axis=1, return_inverse=True, return_counts=True
    )
    found = Constructs(
        events=rows[0].copy(),
        expected=rows[1].copy(),
        count=count.astype(np.float64),
        dispersion=float(dispersion),
    )
    return found, [row.copy() for row in rows[2:]], place.ravel()


def log_expected(constructs: Constructs) -> NDArray[np.float64]:
    """Compute the logarithms of the expected counts.

    Parameters
    ----------
    constructs : Constructs
        The constructs.

    Returns
    -------
    ndarray of float64
        One for each.
    """
    return log(constructs.expected)
