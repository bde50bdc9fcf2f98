"""What is known of the variation between patients, as weighted values to average over."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors.canonical import make_canonical
from detectors.elementary import exp

N_NODES = 41
_REACH = 7.0  # standard deviations; beyond lies 3e-12


@dataclass(frozen=True)
class Dispersion:
    """A discrete distribution of the dispersion.

    Attributes
    ----------
    values : tuple of float
        Shapes *k* of the gamma factor, positive; infinity is no variation.
    weights : tuple of float, of the same length
        Their probabilities, which add up to 1.

    Raises
    ------
    ValueError
        If lengths differ, a value is not positive, or weights are negative or do not add up to 1.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        make_canonical(self)
        if not self.values or len(self.values) != len(self.weights):
            raise ValueError("values and weights: must be of one length, one at least")
        for i, value in enumerate(self.values):
            if not value > 0.0:
                raise ValueError(f"values[{i}] is {value}: must be above 0")
        for i, weight in enumerate(self.weights):
            if not 0.0 <= weight <= 1.0:
                raise ValueError(f"weights[{i}] is {weight}: must lie in [0, 1]")
        if not abs(math.fsum(self.weights) - 1.0) <= 1e-9:  # noqa: PLR2004 - rounding of weights
            raise ValueError(f"weights add up to {math.fsum(self.weights)}: must add up to 1")


def log_normal_dispersion(median: float, *, log_sd: float, n_nodes: int = N_NODES) -> Dispersion:
    """Place nodes for a dispersion whose logarithm is normal.

    Parameters
    ----------
    median : float
        Median of the dispersion, above 0.
    log_sd : float
        Standard deviation of its logarithm, in (0, 2].
    n_nodes : int, default: 41
        Number of nodes, 9 or more.

    Returns
    -------
    Dispersion
        Nodes of the trapezoidal rule on the logarithm, which converges exponentially for smooth
        integrands; with 41 nodes the error of a probability is below 1e-9 for `log_sd` up to 1.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if not 0.0 < median < math.inf:
        raise ValueError(f"median is {median}: must be above 0 and finite")
    if not 0.0 < log_sd <= 2.0:  # noqa: PLR2004 - stated
        raise ValueError(f"log_sd is {log_sd}: must lie in (0, 2]")
    _require_nodes(n_nodes)
    z = np.linspace(-_REACH, _REACH, n_nodes)
    values = np.maximum(median * exp(log_sd * z), 1e-3)  # the least that is allowed
    return _weighted(values, exp(-0.5 * z**2))


def gamma_dispersion(shape: float, *, rate: float, n_nodes: int = 4 * N_NODES) -> Dispersion:
    """Place nodes for a dispersion that is gamma distributed.

    Parameters
    ----------
    shape, rate : float
        Parameters of the gamma distribution of *k*, `shape` 1 or more.
    n_nodes : int, default: 164
        Number of nodes, 9 or more.

    Returns
    -------
    Dispersion
        Nodes of the trapezoidal rule on the logarithm, between the quantiles 1e-12 and 1 - 1e-12,
        but not below 0.001.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if not 1.0 <= shape < math.inf:
        raise ValueError(f"shape is {shape}: must be at least 1 and finite")
    if not 0.0 < rate < math.inf:
        raise ValueError(f"rate is {rate}: must be above 0 and finite")
    _require_nodes(n_nodes)
    ends = special.gammaincinv(shape, 1e-12), special.gammainccinv(shape, 1e-12)
    u = np.linspace(math.log(ends[0]), math.log(ends[1]), n_nodes)
    height = shape * u - exp(u)
    return _weighted(np.maximum(exp(u) / rate, 1e-3), exp(height - height.max()))


def _require_nodes(n_nodes: int) -> None:
    if n_nodes % 1 or n_nodes < 9:  # noqa: PLR2004 - stated
        raise ValueError(f"n_nodes is {n_nodes}: must be whole, 9 or more")


def _weighted(values: np.ndarray, weights: np.ndarray) -> Dispersion:
    share = weights / math.fsum(weights.tolist())
    return Dispersion(tuple(values.tolist()), tuple(share.tolist()))
