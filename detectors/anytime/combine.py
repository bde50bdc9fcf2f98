r"""Evidence of several processes put together: their mean always, their product on a condition.

Mean for "some construct of the platform is unsafe"; product for "the platform is unsafe", where the
constructs' patients are independent of each other.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.anytime.look import NO_LOOKS, Look, Record, record_look, require_alpha
from detectors.canonical import make_canonical
from detectors.recomputation import recomputation
from detectors.validation import as_numbers_within, refuse_where

GREATEST_COMPONENTS = 1_000
GREATEST_LOG = 1e300  # a thousand of them add up to a double
_ROUNDING = 1e-9  # weights given in decimals may miss their sum by so much


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look: a mean, or a product with the reason why it may be.

    Attributes
    ----------
    n_components : int
        How many processes, from 1 to 1,000.
    weights : tuple of float, default: ()
        Of a mean: one for each process, positive; they come to 1. Equal if empty.
    independence : str, default: ""
        Of a product: why each process is a supermartingale given the past of all, for instance
        that no patient is counted in two of them, and none was let in by what another showed. It
        is kept for the reader; nothing can check it. If empty, the processes are averaged.
    alpha : float, default: 0.05
        Chance of a crossing at any time, ever, if every null is true, in (0, 1).

    Raises
    ------
    ValueError
        If an argument is out of range, the weights do not fit or do not come to 1, or weights are
        given for a product.
    """

    n_components: int
    _: KW_ONLY
    weights: tuple[float, ...] = ()
    independence: str = ""
    alpha: float = 0.05

    def __post_init__(self) -> None:
        make_canonical(self)
        require_alpha(self.alpha)
        count = self.n_components
        if not (1 <= count <= GREATEST_COMPONENTS and count % 1 == 0):
            raise ValueError(f"n_components is {count}: must be a whole number from 1 to 1000")
        if self.weights and self.independence:
            raise ValueError(f"weights is {self.weights}: must be empty for a product")
        if self.weights:
            _require_weights(self.weights, count)
        if self.independence and not self.independence.strip():
            raise ValueError("independence is blank: must say why a product may be taken")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The evidence of each process now.

    Attributes
    ----------
    log_e : tuple of float
        Natural logarithms, one for each process in the order of the design; a process that has not
        looked yet has 0. Always the present values, never the greatest so far.
    """

    log_e: tuple[float, ...]

    def __post_init__(self) -> None:
        make_canonical(self)


@dataclass(frozen=True, kw_only=True)
class State:
    """What the next look needs, and nothing else: plain numbers.

    Attributes
    ----------
    design : Design
        What was fixed.
    record : Record
        The looks so far.
    """

    design: Design
    record: Record = NO_LOOKS


def mean(log_e: ArrayLike, *, weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    r"""Average evidence, whatever its dependence.

    Parameters
    ----------
    log_e : array_like, shape (..., n_components)
        Natural logarithms of e-values, at most 1e300 in size, or minus infinity for none.
    weights : sequence of float, shape (n_components,), optional
        Positive, coming to 1, and fixed before the data. Equal if not given.

    Returns
    -------
    ndarray of float64, shape (...)
        Natural logarithm of the weighted mean.

    Raises
    ------
    ValueError
        If there is no component or more than 1,000, a logarithm is NaN or out of range, or the
        weights do not fit.

    Notes
    -----
    :math:`\ln \sum_i w_i E_i`. The mean of e-values is an e-value against "every null is true",
    under any dependence, and essentially the only symmetric rule that is [1]_. The mean of
    e-processes is an e-process if each of them is one given the past of all; at one time fixed
    beforehand, it is an e-value anyhow. Equal components of *k* have to bring :math:`k / \alpha`
    together.

    References
    ----------
    .. [1] Vovk V, Wang R (2021). E-values: calibration, combination and applications. Annals of
       Statistics, 49(3), 1736-1754.

    Examples
    --------
    >>> round(math.exp(mean(np.log([1.0, 3.0, 8.0])).item()), 12)
    4.0
    """
    given = _as_logs(log_e)
    size = given.shape[-1]
    shares = tuple(weights) if weights is not None else _equal(size)
    _require_weights(shares, size)
    found = [_log_mean(row, shares) for row in given.reshape(-1, size).tolist()]
    return np.array(found, dtype=np.float64).reshape(given.shape[:-1])


def product(log_e: ArrayLike) -> NDArray[np.float64]:
    r"""Multiply evidence that is sequentially independent.

    Parameters
    ----------
    log_e : array_like, shape (..., n_components)
        Natural logarithms of e-values, at most 1e300 in size, or minus infinity for none.

    Returns
    -------
    ndarray of float64, shape (...)
        Natural logarithm of the product.

    Raises
    ------
    ValueError
        If there is no component or more than 1,000, or a logarithm is NaN or out of range.

    Notes
    -----
    :math:`\sum_i \ln E_i`, correctly rounded, so that the order does not matter.

    Condition: each e-value has mean at most 1 given the others (or given those before it) [1]_.
    Processes that follow independent patients, and are supermartingales, keep that at a common
    stopping time. Evidence from the same patients does not, nor from overlapping reports, nor from
    two analyses of one outcome: two copies of an e-value of mean 1 have a product of mean above 1.
    Where in doubt, take `mean`.

    References
    ----------
    .. [1] Vovk V, Wang R (2021). E-values: calibration, combination and applications. Annals of
       Statistics, 49(3), 1736-1754.

    Examples
    --------
    >>> product([[0.5, 1.0, -0.25]]).tolist()
    [1.25]
    """
    given = _as_logs(log_e)
    found = [math.fsum(row) for row in given.reshape(-1, given.shape[-1]).tolist()]
    return np.array(found, dtype=np.float64).reshape(given.shape[:-1])


def init(design: Design) -> State:
    """Begin a watch.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.

    Returns
    -------
    State
        A watch that has not looked.
    """
    return State(design=design)


def step(state: State, observation: Observation) -> tuple[State, Look]:
    """Look once.

    Parameters
    ----------
    state : State
        The watch so far.
    observation : Observation
        The evidence of each process now; it may be less than before.

    Returns
    -------
    State
        The watch after this look. A crossing once made stays.
    Look
        What was seen.

    Raises
    ------
    ValueError
        If there are more or fewer logarithms than processes, or one is not finite or out of range.
    """
    logs, design = observation.log_e, state.design
    if len(logs) != design.n_components:
        raise ValueError(f"log_e has {len(logs)} elements: must have {design.n_components}")
    for i, value in enumerate(logs):
        if not abs(value) <= GREATEST_LOG:
            raise ValueError(f"log_e[{i}] is {value}: must be at most 1e300 in size")
    if design.independence:
        evidence = math.fsum(logs)
    else:
        evidence = _log_mean(logs, design.weights or _equal(design.n_components))
    record, look = record_look(state.record, evidence, alpha=design.alpha)
    return State(design=design, record=record), look


recompute = recomputation(init, step)


def _as_logs(log_e: ArrayLike) -> NDArray[np.float64]:
    given = as_numbers_within("log_e", log_e, low=-math.inf, high=GREATEST_LOG)
    refuse_where(np.isnan(given), "log_e", given, "must not be missing")
    is_low = (given < -GREATEST_LOG) & np.isfinite(given)
    refuse_where(is_low, "log_e", given, "must be at least -1e300, or minus infinity")
    if given.ndim == 0 or not 1 <= given.shape[-1] <= GREATEST_COMPONENTS:
        raise ValueError(f"log_e has shape {given.shape}: the last must be from 1 to 1000")
    return given


def _equal(size: int) -> tuple[float, ...]:
    return (1.0 / size,) * size


def _require_weights(weights: Sequence[float], size: int) -> None:
    if len(weights) != size:
        raise ValueError(f"weights has {len(weights)} elements: must have {size}")
    for i, weight in enumerate(weights):
        if not 0 < weight <= 1 + _ROUNDING:
            raise ValueError(f"weights[{i}] is {weight}: must be above 0 and at most 1")
    if abs(math.fsum(weights) - 1.0) > _ROUNDING:
        raise ValueError(f"weights come to {math.fsum(weights)}: must come to 1")


def _log_mean(logs: Sequence[float], weights: Sequence[float]) -> float:
    greatest = max(logs)
    if greatest == -math.inf:
        return -math.inf
    terms = [w * math.exp(x - greatest) for w, x in zip(weights, logs, strict=True)]
    return greatest + math.log(math.fsum(terms) / math.fsum(weights))  # weights may miss 1
