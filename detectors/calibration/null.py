"""The empirical null: how far estimates lie from the truth when there is no effect."""

import math
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from numpy.typing import ArrayLike
from scipy import special

from detectors.calibration.estimates import GREATEST_LOG_RATIO, as_controls
from detectors.calibration.likelihood import Likelihood, crossing, zero
from detectors.validation import require_between

FEW_CONTROLS = 10

REMARKS = MappingProxyType(
    {
        "few_controls": "fewer than ten controls: the spread is hardly known",
        "no_spread": "the controls differ no more than by chance: the spread is estimated as 0",
        "several_maxima": "the likelihood has more than one maximum: the highest is given",
    }
)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What shows that a null was fitted, and how well it is known.

    Attributes
    ----------
    n_controls : int
        Negative controls used.
    log_likelihood : float
        Logarithm of the likelihood at its maximum.
    gradient_norm : float
        Greatest slope of the log-likelihood there: along the mean in its standard errors, and
        along the logarithm of the spread. At a spread of 0 the second is 0.
    n_maxima : int
        Local maxima found.
    mean_interval, sd_interval : tuple of two float
        Limits by profile likelihood; that of the spread may begin at 0.
    confidence_level : float
        Coverage of both, in (0, 1).
    remarks : tuple of str
        Keys of `REMARKS`: what a reader has to know.
    """

    n_controls: int
    log_likelihood: float
    gradient_norm: float
    n_maxima: int
    mean_interval: tuple[float, float]
    sd_interval: tuple[float, float]
    confidence_level: float
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Null:
    """Normal distribution of the bias, on the scale of the log ratio.

    Attributes
    ----------
    mean : float
        Bias of the average control, from -700 to 700.
    sd : float
        Spread of the bias from control to control, from 0 to 700.
    fit : Fit, optional
        Where the two numbers were fitted, the evidence.

    Raises
    ------
    ValueError
        If `mean` or `sd` is NaN or out of range.
    """

    mean: float
    sd: float
    fit: Fit | None = None

    def __post_init__(self) -> None:
        if not -GREATEST_LOG_RATIO <= self.mean <= GREATEST_LOG_RATIO:
            raise ValueError(f"mean is {self.mean}: must lie between -700 and 700")
        if not 0 <= self.sd <= GREATEST_LOG_RATIO:
            raise ValueError(f"sd is {self.sd}: must lie between 0 and 700")


def fit_null(log_rr: ArrayLike, se: ArrayLike, *, confidence_level: float = 0.95) -> Null:
    r"""Fit the distribution of the bias to the estimates of negative controls.

    Parameters
    ----------
    log_rr : array_like, shape (n_controls,)
        Natural logarithms of the ratios estimated, from -700 to 700; at least 3.
    se : array_like, shape (n_controls,)
        Their standard errors, from 1e-6 to 1e6.
    confidence_level : float, default: 0.95
        Coverage of the limits of mean and spread, in (0, 1).

    Returns
    -------
    Null
        Mean and spread with the evidence of the fit. Below 10 controls, with a spread of 0, and
        with several maxima, ``fit.remarks`` says so.

    Raises
    ------
    ValueError
        If an estimate is missing or out of range, if there are fewer than 3, if the two arguments
        differ in length or have more than one dimension, or if `confidence_level` is out of range.

    Notes
    -----
    The model is :math:`y_i \sim N(\mu, \sigma^2 + s_i^2)` for the estimate :math:`y_i` with
    standard error :math:`s_i` [1]_, fitted by maximum likelihood. For each :math:`\sigma` the best
    :math:`\mu` is the mean weighted by :math:`1 / (\sigma^2 + s_i^2)`. The slope along
    :math:`\sigma^2` has no zero beyond the square of the range of the estimates; up to there its
    sign is looked up on a grid, each change is followed to the last bit, and the highest maximum
    is taken. A maximum narrower than the grid's step of some 10 % could be missed.

    Maximum likelihood gives too small a spread for few controls. The limits are those of the
    profile likelihood, by the chi-square distribution with one degree of freedom; at a spread of 0
    that is conservative.

    The order of the controls does not matter, to the last bit.

    References
    ----------
    .. [1] Schuemie MJ, Ryan PB, DuMouchel W, Suchard MA, Madigan D (2014). Interpreting
       observational studies: why empirical calibration is needed to correct p-values. Statistics
       in Medicine, 33(2), 209-218.

    Examples
    --------
    >>> null = fit_null([0.1, 0.5, 0.9, 1.2, 0.3], [0.2, 0.1, 0.3, 0.2, 0.2])
    >>> round(null.mean, 4), round(null.sd, 4), null.fit.remarks
    (0.5803, 0.3351, ('few_controls',))
    """
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    y, s = as_controls(log_rr, se)
    likelihood = Likelihood(y, s)
    variance, n_maxima = likelihood.highest()
    mean = likelihood.best_mean(variance)
    remarks = {
        "few_controls": y.size < FEW_CONTROLS,
        "no_spread": variance == 0,
        "several_maxima": n_maxima > 1,
    }
    drop = float(special.chdtri(1, 1 - confidence_level)) / 2
    fit = Fit(
        n_controls=y.size,
        log_likelihood=likelihood.height(variance),
        gradient_norm=likelihood.gradient_norm(variance),
        n_maxima=n_maxima,
        mean_interval=_mean_interval(likelihood, variance, drop),
        sd_interval=_sd_interval(likelihood, variance, drop),
        confidence_level=confidence_level,
        remarks=tuple(name for name, holds in remarks.items() if holds),
    )
    return Null(mean, math.sqrt(variance), fit)


def _mean_interval(likelihood: Likelihood, variance: float, drop: float) -> tuple[float, float]:
    floor = likelihood.height(variance) - drop
    best = likelihood.best_mean(variance)

    def above(by: float, sign: int) -> float:
        mean = best + sign * by
        return likelihood.height(likelihood.highest(mean)[0], mean) - floor

    step = likelihood.standard_error(variance)
    below, beyond = (crossing(partial(above, sign=sign), step) for sign in (-1, 1))
    return best - below, best + beyond


def _sd_interval(likelihood: Likelihood, variance: float, drop: float) -> tuple[float, float]:
    floor = likelihood.height(variance) - drop

    def above(candidate: float) -> float:
        return likelihood.height(candidate) - floor

    lower = 0.0 if above(0.0) >= 0 else zero(above, 0.0, variance)
    step = likelihood.standard_error(variance) ** 2
    upper = variance + crossing(lambda by: above(variance + by), step)
    return math.sqrt(lower), math.sqrt(upper)
