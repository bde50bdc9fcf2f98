"""Rate ratios of constructs by body system: two layers of sharing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.small_population.constructs import as_columns, distinct, require_finite_mean
from detectors.small_population.layers import Scales, integrate_layers
from detectors.small_population.platform import as_log_threshold
from detectors.validation import refuse_where, require_one_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from detectors.small_population.constructs import Constructs

LEAST_SCALE, GREATEST_SCALE = 0.05, 2.0
LEAST_EXPECTED = 1e-6
MAX_EVENTS = 1_000  # together: the lattice's step falls with their root


@dataclass(frozen=True, eq=False)
class BodySystemPosterior:
    """What is known of each construct, of each body system, and of the platform.

    Attributes
    ----------
    rr_mean : ndarray of float64, shape (n_rows,)
        Posterior mean of each rate ratio.
    p_above : ndarray of float64, of the same shape
        P(rate ratio > threshold).
    log_rr_mean, log_rr_sd : ndarray of float64, of the same shape
        Posterior mean and standard deviation of each log rate ratio.
    systems : tuple of str, of length n_systems
        Names of the body systems, sorted; the order of the next four.
    system_mean, system_sd : ndarray of float64, shape (n_systems,)
        Posterior mean and standard deviation of each system's mean log rate ratio.
    p_system_above : ndarray of float64, of the same shape
        P(system's mean > log threshold).
    tau_rms : ndarray of float64, of the same shape
        Root of the posterior mean of each system's variance between its rows.
    mu_mean, mu_sd : float
        Posterior mean and standard deviation of the platform's mean log rate ratio.
    p_mu_above : float
        P(mu > log threshold).
    omega_rms : float
        Root of the posterior mean of the variance between systems.
    log_marginal : float
        Natural logarithm of the probability of the counts.
    """

    rr_mean: NDArray[np.float64]
    p_above: NDArray[np.float64]
    log_rr_mean: NDArray[np.float64]
    log_rr_sd: NDArray[np.float64]
    systems: tuple[str, ...]
    system_mean: NDArray[np.float64]
    system_sd: NDArray[np.float64]
    p_system_above: NDArray[np.float64]
    tau_rms: NDArray[np.float64]
    mu_mean: float
    mu_sd: float
    p_mu_above: float
    omega_rms: float
    log_marginal: float


def posterior(
    events: ArrayLike,
    expected: ArrayLike,
    systems: Sequence[str],
    *,
    mu_sd: float = 1.0,
    omega_scale: float = 0.5,
    tau_scale: float = 0.5,
    dispersion: float = math.inf,
    threshold: float = 1.0,
) -> BodySystemPosterior:
    r"""Estimate rate ratios shared within body systems, and those over the platform.

    Parameters
    ----------
    events : array_like of whole numbers, shape (n_rows,)
        Events, a row for each construct and body system, or for each term of one; 1 to 200 rows.
    expected : array_like, of the same shape
        Events expected under the null, in [1e-6, 1e6].
    systems : sequence of str, of the same length
        Body system of each row.
    mu_sd : float, default: 1.0
        Prior standard deviation of the platform's mean log rate ratio, in [0.05, 2].
    omega_scale : float, default: 0.5
        Scale of the half-normal prior of the spread between systems, in [0.05, 2].
    tau_scale : float, default: 0.5
        Scale of the half-normal prior of the spread within each system, in [0.05, 2].
    dispersion : float, default: inf
        Size *k* of the negative binomial, variance :math:`m + m^2 / k`, from 0.01 up; infinite for
        Poisson.
    threshold : float, default: 1.0
        Rate ratio to exceed, in (0.001, 1000).

    Returns
    -------
    BodySystemPosterior
        Each row's rate ratio, each system's mean, and the platform's.

    Raises
    ------
    ValueError
        If an argument is out of range, the shapes differ, there are over 1,000 events together, or
        the lattice would have more than 500,000 points times distinct rows; or if
        (1 - `dispersion`) times a scale of spread is over 0.75: from 1 on the mean rate ratio is
        infinite.

    Notes
    -----
    .. math::

        y_{sj} \sim \mathrm{Poisson}(E_{sj} e^{\theta_{sj}}), \quad
        \theta_{sj} \sim N(\mu_s, \tau_s^2), \quad \mu_s \sim N(\mu, \omega^2), \quad
        \mu \sim N(0, m^2),

    with :math:`\tau_s \sim |N(0, t^2)|` for each system by itself and :math:`\omega \sim
    |N(0, o^2)|`. The layers are those of [1]_ for the log rate ratio; there is no point mass at a
    rate ratio of 1, and half-normal spreads [2]_ stand where they have inverse gamma variances.

    By deterministic quadrature, all layers on one lattice, without a sum over pairs of spreads.
    Half of every step changes no number by more than 2e-8, relative to the number or to 1, for the
    default prior and counts up to 50 where 0.01 or more are expected; by less than 1e-5 for a few
    events where 1e-4 are expected. The spreads are told by their root mean square: for an even
    function of a spread the quadrature is that exact, for the spread itself it is not.

    The cost grows with the rows, and faster than in proportion to all events together, with the
    wider prior and with expected counts far below 1. Twenty rows with 50 events take 0.3 to 0.7 s,
    and some seconds at the limit. `platform.posterior` has one layer and no such limit.

    With one system, and one row in each, the answer is mostly the prior's. Rows are taken as
    independent given the rate ratios: a patient with events in two systems counts in both.
    Posterior probabilities looked at often have no error rate: see `platform.e_value` for one.

    References
    ----------
    .. [1] Berry SM, Berry DA (2004). Accounting for multiplicities in assessing drug safety: a
       three-level hierarchical mixture model. Biometrics, 60(2), 418-426.
    .. [2] Gelman A (2006). Prior distributions for variance parameters in hierarchical models.
       Bayesian Analysis, 1(3), 515-534.

    Examples
    --------
    Two rows without an event: the one beside an excess in the same system is the more suspect.

    >>> found = posterior([3, 0, 0, 0], [0.3] * 4, ["liver", "liver", "eye", "eye"])
    >>> bool(found.rr_mean[1] > found.rr_mean[2])
    True
    >>> found.systems
    ('eye', 'liver')
    """
    require_one_index(events=events, expected=expected, systems=systems)
    y, e = as_columns(events, expected, dispersion)
    _require_size(y, e)
    names = _as_names(systems, y.size)
    scales = _as_scales(mu_sd, omega_scale, tau_scale)
    require_finite_mean("omega_scale", omega_scale, dispersion)
    require_finite_mean("tau_scale", tau_scale, dispersion)
    log_threshold = as_log_threshold(threshold)
    rows = {name: np.flatnonzero(names == name) for name in sorted(set(names.tolist()))}
    parts = {name: distinct([y[row], e[row]], dispersion) for name, row in rows.items()}
    order = sorted(rows, key=lambda name: _content(parts[name][0]))
    found = integrate_layers(
        [parts[name][0] for name in order], scales, log_threshold=log_threshold
    )
    by_row = np.empty((4, y.size))
    for name, each in zip(order, found.constructs, strict=True):
        moments = np.stack([each.ratio, each.above, each.mean, each.sd])
        by_row[:, rows[name]] = moments[:, parts[name][2]]
    place = [order.index(name) for name in rows]
    return BodySystemPosterior(
        rr_mean=by_row[0].copy(),
        p_above=by_row[1].copy(),
        log_rr_mean=by_row[2].copy(),
        log_rr_sd=by_row[3].copy(),
        systems=tuple(rows),
        system_mean=found.systems.mean[place],
        system_sd=found.systems.sd[place],
        p_system_above=found.systems.above[place],
        tau_rms=np.array(found.tau_rms)[place],
        mu_mean=float(found.platform.mean[0]),
        mu_sd=float(found.platform.sd[0]),
        p_mu_above=float(found.platform.above[0]),
        omega_rms=found.omega_rms,
        log_marginal=found.log_marginal,
    )


def _require_size(events: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    if events.sum() > MAX_EVENTS:
        raise ValueError(f"events add up to {events.sum():.0f}: must be at most {MAX_EVENTS}")
    refuse_where(
        expected < LEAST_EXPECTED, "expected", expected, f"must be at least {LEAST_EXPECTED:g}"
    )


def _as_names(systems: Sequence[str], n_rows: int) -> NDArray[np.object_]:
    if isinstance(systems, str) or len(systems) != n_rows:
        raise ValueError(f"systems must be one name a row: {n_rows} names")
    for i, name in enumerate(systems):
        if str(name) != name or not name:
            raise ValueError(f"systems[{i}] is {name!r}: must be a name")
    return np.array(list(systems), dtype=np.object_)


def _as_scales(mu_sd: float, omega_scale: float, tau_scale: float) -> Scales:
    given = {"mu_sd": mu_sd, "omega_scale": omega_scale, "tau_scale": tau_scale}
    for name, value in given.items():
        if not LEAST_SCALE <= value <= GREATEST_SCALE:
            raise ValueError(
                f"{name} is {value}: must be from {LEAST_SCALE:g} to {GREATEST_SCALE:g}"
            )
    return Scales(**given)


def _content(constructs: Constructs) -> list[tuple[float, float, float]]:
    """Tell one system from another by its numbers, so that its name means nothing."""
    columns = (constructs.events, constructs.expected, constructs.count)
    return list(zip(*(each.tolist() for each in columns), strict=True))
