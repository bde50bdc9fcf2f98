"""How often and how soon a watch signals, by simulation."""

import math

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import CountLaw
from detectors.sequential.glr.design import Design, farthest_counts, planned_law
from detectors.sequential.operating import OperatingCharacteristics


def simulate(
    design: Design, rate_ratio: float, *, rng: np.random.Generator, n_paths: int = 10_000
) -> OperatingCharacteristics:
    """Estimate how often and how soon a watch signals within its planned looks, by simulation.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    rng : Generator
        Source of chance.
    n_paths : int, default: 10_000
        Simulated watches, at least 1.

    Returns
    -------
    OperatingCharacteristics
        Share that signals, and means of time, in looks, and events at the first signal; NaN where
        no path signals.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The standard error in `power_error` is that of a share of :math:`k + 1` in :math:`n + 2`
    watches where *k* of *n* signal, so that none in few is not taken for certainty.
    """
    require_paths(n_paths)
    law = planned_law(design)
    counts = _draw(law.changed(rate_ratio), (n_paths, design.looks), rng)
    is_signal = _signals(counts, design)
    time = np.argmax(is_signal, axis=1)
    has_signal = is_signal.any(axis=1)
    events = np.add.accumulate(counts, axis=1)[np.arange(n_paths), time]
    some = bool(has_signal.any())
    share = (int(has_signal.sum()) + 1) / (n_paths + 2)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=float(has_signal.mean()),
        expected_time_to_signal=float((time[has_signal] + 1).mean()) if some else math.nan,
        expected_length=float(np.where(has_signal, time + 1, design.looks).mean()),
        expected_events_at_signal=float(events[has_signal].mean()) if some else math.nan,
        method="simulated",
        power_error=math.sqrt(share * (1.0 - share) / n_paths),
    )


def require_paths(n_paths: int) -> None:
    """Refuse a number of simulated watches that is none.

    Parameters
    ----------
    n_paths : int
        Simulated watches.

    Raises
    ------
    ValueError
        If it is not whole, or below 1.
    """
    if not (n_paths >= 1 and n_paths % 1 == 0):
        raise ValueError(f"n_paths is {n_paths}: must be whole, and at least 1")


def _signals(counts: NDArray[np.int64], design: Design) -> NDArray[np.bool_]:
    is_upward = design.direction == "increase"
    is_signal = np.zeros(counts.shape, dtype=np.bool_)
    sums = np.zeros(counts.shape, dtype=np.int64)
    for look, far in enumerate(farthest_counts(design), start=1):
        sums[:, look - 1 :] += counts[:, : counts.shape[1] - look + 1]
        tried = sums[:, look - 1 :]
        is_signal[:, look - 1 :] |= tried >= far if is_upward else tried <= far
    return is_signal


def _draw(law: CountLaw, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    if math.isinf(law.dispersion):
        return rng.poisson(law.mean, shape)
    return rng.poisson(rng.gamma(law.dispersion, law.mean / law.dispersion, shape))
