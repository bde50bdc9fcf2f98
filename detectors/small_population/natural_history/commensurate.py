"""A commensurate prior: the data say how far the treated may lie from the history.

The logarithm of the rate ratio is normal about 0, with a standard deviation that is itself
half-normal. The historical rate and that deviation integrate out in closed form.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp
from detectors.small_population.arguments import as_person_time, require_proper
from detectors.small_population.natural_history.rates import JEFFREYS
from detectors.validation import as_counts

Reals = NDArray[np.float64]
GREATEST_SCALE = 2.0
GREATEST_EVENTS = 100_000
_FINENESS = 0.1
_DEPTH = 45.0  # e to the power of -45 is below rounding beside 1


@dataclass(frozen=True, kw_only=True)
class Commensurate:
    """Posterior of the rate ratio under a commensurate prior.

    Attributes
    ----------
    probability_higher : float
        Posterior probability that the treated rate is above the historical one.
    log_ratio_mean, log_ratio_sd : float
        Posterior mean and standard deviation of the logarithm of the rate ratio.
    tau_mean : float
        Posterior mean of the standard deviation of that logarithm: near 0, the history is borrowed
        in full.
    """

    probability_higher: float
    log_ratio_mean: float
    log_ratio_sd: float
    tau_mean: float


def commensurate_rate(
    *,
    events: int,
    person_time: float,
    historical_events: int,
    historical_person_time: float,
    tau_scale: float = 0.5,
    prior_shape: float = JEFFREYS,
) -> Commensurate:
    r"""Compare a rate with its history, borrowing as much as the two agree.

    Parameters
    ----------
    events : int
        Events in the treated patients, *y*.
    person_time : float
        Their person-time, *t*, above 0.
    historical_events : int
        Events in the natural history, *h*.
    historical_person_time : float
        Its person-time, *V*, above 0.
    tau_scale : float, default: 0.5
        Scale of the half-normal prior of :math:`\tau`, in (0, 2].
    prior_shape : float, default: 0.5
        Shape of the gamma prior of the historical rate, Jeffreys' by default.

    Returns
    -------
    Commensurate
        Posterior, to an absolute 1e-10.

    Raises
    ------
    ValueError
        If a count is not one, person-time or `tau_scale` is out of range, or the prior is improper.

    Notes
    -----
    :math:`\log \lambda_t = \log \lambda_h + \tau z`, *z* standard normal, after Hobbs et al. [1]_,
    who leave the prior of :math:`\tau` open. Given the ratio, the treated count is negative
    binomial. The prior of the log ratio :math:`\delta` is then
    :math:`K_0(|\delta| / s) / (\pi s)`, with the modified Bessel function and the scale *s*: the
    integral over :math:`\tau` has that closed form. One integral is left, by the trapezoidal rule
    on :math:`\log |\delta|`, where the integrand is smooth on either side of 0.

    References
    ----------
    .. [1] Hobbs BP, Carlin BP, Mandrekar SJ, Sargent DJ (2011). Hierarchical commensurate and
       power prior models for adaptive incorporation of historical information in clinical trials.
       Biometrics, 67(3), 1047-1056.

    Examples
    --------
    >>> found = commensurate_rate(
    ...     events=3, person_time=5.0, historical_events=3, historical_person_time=20.0
    ... )
    >>> round(found.probability_higher, 3)
    0.706
    """
    if not 0.0 < tau_scale <= GREATEST_SCALE:
        raise ValueError(f"tau_scale is {tau_scale}: must lie in (0, {GREATEST_SCALE:g}]")
    require_proper("prior_shape", prior_shape)
    y, h = int(as_counts("events", events)), int(as_counts("historical_events", historical_events))
    if max(y, h) > GREATEST_EVENTS:
        raise ValueError(f"events is {y}, historical_events {h}: must be at most {GREATEST_EVENTS}")
    t = float(as_person_time("person_time", person_time))
    v = float(as_person_time("historical_person_time", historical_person_time))
    return _posterior(y, t / v, prior_shape + h, tau_scale)


def _posterior(
    y: int, time_ratio: float, shape: float, scale: float, fineness: float = _FINENESS
) -> Commensurate:
    size = _grid(y, time_ratio, shape, scale, fineness)
    effect = np.concatenate([-size[::-1], size])
    odds = math.log(time_ratio) + effect  # log of t * ratio / V
    height = y * special.log_expit(odds) + shape * special.log_expit(-odds)
    far = np.abs(effect) / scale
    with np.errstate(under="ignore"):  # negligible beside the greatest
        of_data = exp(height - height.max() - far) * np.abs(effect)
        mass = of_data * special.k0e(far)
    total = math.fsum(mass.tolist())
    mean = math.fsum((mass * effect).tolist()) / total
    spread = math.fsum((mass * (effect - mean) ** 2).tolist()) / total
    tau = scale * math.sqrt(0.5 * math.pi) * math.fsum(of_data.tolist()) / total
    return Commensurate(
        probability_higher=math.fsum(mass[size.size :].tolist()) / total,
        log_ratio_mean=mean,
        log_ratio_sd=math.sqrt(spread),
        tau_mean=tau,
    )


def _grid(y: int, time_ratio: float, shape: float, scale: float, fineness: float) -> Reals:
    """Place nodes for the size of the effect, as fine as the data are sharp."""
    sd = math.sqrt(1.0 / (y + 0.5) + 1.0 / shape)
    farthest = abs(math.log((y + 0.5) / shape / time_ratio)) + 12.0 * sd
    step = fineness * min(1.0, sd / max(farthest, 1.0))
    low, high = math.log(scale) - _DEPTH, math.log(scale * 400.0)  # the prior ends before
    return exp(np.arange(low, high, step))
