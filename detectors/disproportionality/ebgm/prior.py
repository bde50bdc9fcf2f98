"""The prior of the gamma-Poisson shrinker: a mixture of two gamma distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from detectors.validation import require_between

Likelihood = Literal["truncated_mixture", "full", "openebgm"]
LIKELIHOODS: tuple[str, ...] = get_args(Likelihood)

LEAST, LARGEST = 1e-100, 1e100  # beyond them a product with an expected count leaves the doubles


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """How a prior was found, and how sure it is that nothing better exists.

    Attributes
    ----------
    likelihood : {"truncated_mixture", "full", "openebgm"}
        What was maximised. Values of different likelihoods must not be compared.
    log_likelihood : float
        Natural logarithm, over the counts that were given, with the factorials of the counts.
    full_log_likelihood : float or None
        The same over the counts before they were squashed; equal to `log_likelihood` where nothing
        was squashed, and None where weights were given without saying what they stand for.
    gradient_norm : float
        Largest absolute derivative of the mean log-likelihood of a pair by a transformed parameter
        (logarithms of the four gamma parameters, logit of `p`) that is not held at its bound.
    n_starts : int
        Starting points that were climbed from.
    n_agreeing : int
        How many of them ended in this optimum.
    gap_between_starts : float
        Log-likelihood here less that of the best of the starts that ended elsewhere; 0 where all
        agree.
    boundary_hits : tuple of str
        Parameters that ended at the bounds of the search, `fitting.BOUNDS`.
    n_pairs : int
        Pairs the fit stands for, the sum of the weights.
    n_points : int
        Distinct weighted points the likelihood was summed over.
    is_squashed : bool
        Whether pairs with different expected counts were put together before the fit.
    """

    likelihood: Likelihood
    log_likelihood: float
    full_log_likelihood: float | None
    gradient_norm: float
    n_starts: int
    n_agreeing: int
    gap_between_starts: float
    boundary_hits: tuple[str, ...]
    n_pairs: int
    n_points: int
    is_squashed: bool


@dataclass(frozen=True)
class Prior:
    r"""How the true reporting ratios of all pairs are spread: two gamma distributions.

    Parameters
    ----------
    alpha1, beta1 : float
        Shape and rate of the first component, in (1e-100, 1e100). A fit makes it the one with the
        larger mean.
    alpha2, beta2 : float
        Shape and rate of the second component, in (1e-100, 1e100).
    p : float
        Weight of the first component, in [0, 1].
    diagnostics : Diagnostics, optional
        How it was fitted; None if it was not.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    A ratio :math:`\lambda` has the density
    :math:`p\,\Gamma(\alpha_1, \beta_1) + (1 - p)\,\Gamma(\alpha_2, \beta_2)`, where the mean of a
    component is :math:`\alpha/\beta` [1]_.

    References
    ----------
    .. [1] DuMouchel W (1999). Bayesian data mining in large frequency tables, with an application
       to the FDA spontaneous reporting system. The American Statistician, 53(3), 177-190.
    """

    alpha1: float
    beta1: float
    alpha2: float
    beta2: float
    p: float
    diagnostics: Diagnostics | None = None

    def __post_init__(self) -> None:
        for name in ("alpha1", "beta1", "alpha2", "beta2"):
            require_between(name, getattr(self, name), LEAST, LARGEST)
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is {self.p}: must be at least 0 and at most 1")

    @property
    def parameters(self) -> tuple[float, float, float, float, float]:
        """Give the five parameters in order.

        Returns
        -------
        tuple of five float
            ``alpha1, beta1, alpha2, beta2, p``.
        """
        return self.alpha1, self.beta1, self.alpha2, self.beta2, self.p


class NotConverged(RuntimeError):  # noqa: N818 - it says what a fit is not
    """A fit that may not be called one.

    Parameters
    ----------
    reason : str
        What went wrong, and what to do.
    best : Prior
        The best parameters met, with their diagnostics; to look at, not to score with.
    """

    def __init__(self, reason: str, best: Prior) -> None:
        super().__init__(reason, best)
        self.reason = reason
        self.best = best

    def __str__(self) -> str:
        """Say what went wrong, and what to do.

        Returns
        -------
        str
            The reason.
        """
        return self.reason
