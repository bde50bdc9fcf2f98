"""Rate ratios of constructs each of which may, or may not, belong with the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from detectors.small_population.constructs import (
    OwnPriors,
    Prior,
    as_columns,
    distinct,
    require_finite_mean,
)
from detectors.small_population.exchangeable import integrate
from detectors.small_population.platform import Posterior, as_log_threshold, in_place
from detectors.validation import as_numbers_within, refuse_where, require_one_index

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def posterior(
    events: ArrayLike,
    expected: ArrayLike,
    *,
    weight: ArrayLike = 0.5,
    own_mean: ArrayLike = 0.0,
    own_sd: ArrayLike = 1.0,
    mu_sd: float = 1.0,
    tau_scale: float = 0.5,
    dispersion: float = math.inf,
    threshold: float = 1.0,
) -> Posterior:
    r"""Estimate each construct's rate ratio, shared over those that belong together.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_constructs,)
        Events of each construct, at most 10,000; 1 to 200 constructs.
    expected : array_like, of the same shape
        Events expected under the null, in [1e-9, 1e6].
    weight : array_like, of a shape that broadcasts, default: 0.5
        Prior probability that a construct belongs with the others, in [0.001, 0.999].
    own_mean : array_like, of a shape that broadcasts, default: 0.0
        Prior mean of the log rate ratio of one that does not, in [-5, 5].
    own_sd : array_like, of a shape that broadcasts, default: 1.0
        Its standard deviation, in [0.01, 5].
    mu_sd : float, default: 1.0
        Prior standard deviation of the mean log rate ratio, in [0.001, 5].
    tau_scale : float, default: 0.5
        Scale of the half-normal prior of the spread, in [0.001, 5].
    dispersion : float, default: inf
        Size of the negative binomial, from 0.01 up; infinite for Poisson.
    threshold : float, default: 1.0
        Rate ratio to exceed, in (0.001, 1000).

    Returns
    -------
    Posterior
        Each construct's rate ratio, and in `p_exchangeable` whether it belongs.

    Raises
    ------
    ValueError
        If an argument is out of range, the shapes do not fit, or (1 - `dispersion`) times
        `tau_scale` is over 0.75: from 1 on the mean rate ratio is infinite.

    Notes
    -----
    EXNEX [1]_: :math:`\theta_j \sim w_j N(\mu, \tau^2) + (1 - w_j) N(m_j, v_j^2)`, each construct
    by itself. Given mu and tau the mixture of each integrates out, so that no sum over the
    :math:`2^J` memberships is needed, and the rest is as for `platform.posterior`. Twice as many
    nodes change no number by more than 1e-8 for the default prior and counts up to 20, and by up to
    1.2e-4 for counts up to 50 whose rate ratios differ by orders of magnitude. At the far end,
    10,000 events where 1e-6 are expected, it is 8e-3 of the number: two digits. A shared prior that
    is far narrower than the data are from it (mu_sd 0.01, tau_scale 0.02, no event where 1,000 are
    expected) leaves an error of 6e-3 in ``log_marginal``.

    A construct unlike the others keeps its own estimate, at the price of less borrowing by one that
    is like them. With one or two constructs the data cannot tell whether they belong.

    References
    ----------
    .. [1] Neuenschwander B, Wandel S, Roychoudhury S, Bailey S (2016). Robust exchangeability
       designs for early phase clinical trials with multiple strata. Pharmaceutical Statistics,
       15(2), 123-134.

    Examples
    --------
    One bad guide RNA of five is shrunk less than without a prior of its own.

    >>> from detectors.small_population import platform
    >>> events, expected = [6, 0, 0, 0, 0], [0.5] * 5
    >>> shared = platform.posterior(events, expected)
    >>> found = posterior(events, expected, own_sd=2.0)
    >>> bool(found.rr_mean[0] > shared.rr_mean[0]), bool(found.p_exchangeable[0] < 0.5)
    (True, True)
    """
    require_one_index(
        events=events, expected=expected, weight=weight, own_mean=own_mean, own_sd=own_sd
    )
    y, e = as_columns(events, expected, dispersion)
    columns = [
        _as_column("weight", weight, y.size, 1e-3, 0.999),
        _as_column("own_mean", own_mean, y.size, -5.0, 5.0),
        _as_column("own_sd", own_sd, y.size, 0.01, 5.0),
    ]
    prior, log_threshold = Prior(mu_sd, tau_scale), as_log_threshold(threshold)
    require_finite_mean("tau_scale", tau_scale, dispersion)
    constructs, (belongs, mean, sd), place = distinct([y, e, *columns], dispersion)
    own = OwnPriors(weight=belongs, mean=mean, sd=sd)
    return in_place(integrate(constructs, prior, log_threshold=log_threshold, own=own), place)


def _as_column(
    name: str, values: ArrayLike, n_constructs: int, low: float, high: float
) -> NDArray[np.float64]:
    given = as_numbers_within(name, values, low=low, high=high)
    refuse_where(np.isnan(given), name, given, "must not be missing")
    if given.shape not in {(), (n_constructs,)}:
        raise ValueError(f"{name} has shape {given.shape}: must be one number, or one a construct")
    return np.broadcast_to(given, (n_constructs,)).copy()
