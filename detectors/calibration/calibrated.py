"""Estimates corrected for the bias that a null describes."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.calibration.estimates import as_estimates
from detectors.calibration.null import Null
from detectors.elementary import LN2
from detectors.estimate import Estimate, PValue, Statistic, first_reason, where_defined
from detectors.validation import require_between
from detectors.wald import two_sided_z

Alternative = Literal["two-sided", "greater", "less"]


def calibrate_p(
    log_rr: ArrayLike, se: ArrayLike, null: Null, *, alternative: Alternative = "two-sided"
) -> PValue:
    r"""Compute how often bias and chance together would give such an estimate without an effect.

    Parameters
    ----------
    log_rr : array_like
        Natural logarithms of ratios, from -700 to 700; NaN where there is none.
    se : array_like, of a shape that broadcasts with `log_rr`
        Their standard errors, from 1e-6 to 1e6; NaN where there is none.
    null : Null
        The bias, from `fit_null`.
    alternative : {"two-sided", "greater", "less"}, default: "two-sided"
        Which estimates count as more extreme.

    Returns
    -------
    PValue
        Calibrated p. State: ``no_estimate`` where an argument is NaN.

    Raises
    ------
    ValueError
        If a value is out of range, shapes do not broadcast, or `alternative` is something else.

    Notes
    -----
    With :math:`z = (y - \mu) / \sqrt{\sigma^2 + s^2}` [1]_: :math:`\Phi(-z)` against an excess,
    :math:`\Phi(z)` against a deficit, twice the smaller one two-sided. With mean and spread 0 this
    is the usual p. The null is taken as known: its own uncertainty, which is large below some 30
    controls, is not in p.

    References
    ----------
    .. [1] Schuemie MJ, Ryan PB, DuMouchel W, Suchard MA, Madigan D (2014). Interpreting
       observational studies: why empirical calibration is needed to correct p-values. Statistics
       in Medicine, 33(2), 209-218.

    Examples
    --------
    Sertraline in the example of the R package EmpiricalCalibration 3.1.4, which gives 0.83891.

    >>> found = calibrate_p(0.732623537, 0.07371708, Null(0.79215805, 0.28343635))
    >>> round(float(found.p), 5)
    0.83891
    """
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(
            f"alternative is {alternative!r}: must be 'two-sided', 'greater' or 'less'"
        )
    z, state = _deviations(log_rr, se, null)
    below = {"two-sided": -np.abs(z), "greater": -z, "less": z}[alternative]
    p, log_p = special.ndtr(below), special.log_ndtr(below)
    if alternative == "two-sided":
        p, log_p = np.minimum(2 * p, 1.0), np.minimum(log_p + LN2, 0.0)
    return PValue(p=where_defined(p, state), log_p=where_defined(log_p, state), state=state)


def calibrate_llr(log_rr: ArrayLike, se: ArrayLike, null: Null) -> Statistic:
    r"""Compute the log-likelihood ratio that would be as extreme if there were no bias.

    Parameters
    ----------
    log_rr : array_like
        Natural logarithms of ratios, from -700 to 700; NaN where there is none.
    se : array_like, of a shape that broadcasts with `log_rr`
        Their standard errors, from 1e-6 to 1e6; NaN where there is none.
    null : Null
        The bias, from `fit_null`.

    Returns
    -------
    Statistic
        Calibrated ratios against an excess, not negative. State: ``no_estimate`` where an argument
        is NaN.

    Raises
    ------
    ValueError
        If a value is out of range, or shapes do not broadcast.

    Notes
    -----
    For a sequential test, whose critical value is that of the test without bias [1]_. By
    definition: the one-sided p of the likelihood ratio against each possible bias is averaged over
    the null, and turned back into the ratio that has this p. A p of a half or more gives 0. Where
    the likelihood is normal, as here, the average is the one-sided calibrated p, and the ratio
    :math:`\max(z, 0)^2 / 2` with the :math:`z` of `calibrate_p`. No quadrature is needed, and far
    tails keep their digits. With few events the likelihood is not normal: the result is then an
    approximation of unknown quality.

    References
    ----------
    .. [1] Schuemie MJ, Bu F, Nishimura A, Suchard MA (2023). Adjusting for both sequential testing
       and systematic error in safety surveillance using observational data: empirical calibration
       and MaxSPRT. Statistics in Medicine, 42(5), 619-631.

    Examples
    --------
    >>> calibrate_llr([0.7, 1.8], 0.1, Null(0.8, 0.3)).value.round(6)
    array([0., 5.])
    """
    z, state = _deviations(log_rr, se, null)
    excess = np.maximum(z, 0.0)
    return Statistic(value=where_defined(excess * excess / 2, state), state=state)


def calibrate_interval(
    log_rr: ArrayLike, se: ArrayLike, null: Null, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Remove the average bias from an estimate, and add its spread to the interval.

    Parameters
    ----------
    log_rr : array_like
        Natural logarithms of ratios, from -700 to 700; NaN where there is none.
    se : array_like, of a shape that broadcasts with `log_rr`
        Their standard errors, from 1e-6 to 1e6; NaN where there is none.
    null : Null
        The bias, from `fit_null`.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        On the scale of the logarithm. State: ``no_estimate`` where an argument is NaN.

    Raises
    ------
    ValueError
        If an argument is out of range, or shapes do not broadcast.

    Notes
    -----
    The model of systematic error [1]_ lets mean and spread of the bias change with the size of the
    effect, which needs positive controls of known size. Here both are constant, which is what
    negative controls alone can show: :math:`y - \mu \pm z \sqrt{\sigma^2 + s^2}`. That a real
    effect is biased as much as none is an assumption. The interval holds 0 if and only if the
    two-sided calibrated p is above one minus the confidence level.

    References
    ----------
    .. [1] Schuemie MJ, Hripcsak G, Ryan PB, Madigan D, Suchard MA (2018). Empirical confidence
       interval calibration for population-level effect estimation studies in observational
       healthcare data. Proceedings of the National Academy of Sciences, 115(11), 2571-2577.

    Examples
    --------
    >>> found = calibrate_interval(1.3, 0.4, Null(0.8, 0.3))
    >>> float(found.lower.round(4)), float(found.point.round(4)), float(found.upper.round(4))
    (-0.48, 0.5, 1.48)
    """
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    y, s = _broadcast(log_rr, se)
    state = _state(y, s)
    point = where_defined(y - null.mean, state)
    half = two_sided_z(confidence_level) * np.sqrt(null.sd * null.sd + s * s)
    return Estimate(point=point, lower=point - half, upper=point + half, state=state)


def _deviations(
    log_rr: ArrayLike, se: ArrayLike, null: Null
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    y, s = _broadcast(log_rr, se)
    return (y - null.mean) / np.sqrt(null.sd * null.sd + s * s), _state(y, s)


def _broadcast(log_rr: ArrayLike, se: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, s = np.broadcast_arrays(*as_estimates(log_rr, se))
    return y, s


def _state(y: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.str_]:
    return first_reason(("no_estimate", np.isnan(y) | np.isnan(s)))
