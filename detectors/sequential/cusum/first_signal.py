"""When a CUSUM first signals, look by look, under any plan of looks.

A chart at a given look is told by the look at which it was last at zero and the events since: a
table of chances with a row for each such look. The sum is exact; nothing is put on a grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import CountLaw, Masses, counted, masses, total
from detectors.sequential.cusum.run_length import corridor
from detectors.sequential.operating import FirstSignal

NEGLIGIBLE = 1e-20  # chance of a row that is left out; all rows together below 1e-17


@dataclass(frozen=True, eq=False)
class _Rows:
    """Charts above zero: one row for each look at which they were last at zero."""

    drift: NDArray[np.float64]
    first: NDArray[np.int64]  # events since zero, of the first column
    chance: NDArray[np.float64]
    events: NDArray[np.float64]  # chance times events to date


def first_signal(
    plan: Sequence[CountLaw], rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> FirstSignal:
    """Compute the chance of a first signal at each planned look.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null. Means may differ; a finite dispersion must come with one
        mean, for the weight of an event would otherwise change from look to look.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive, from the first look on.

    Returns
    -------
    FirstSignal
        Chances with an absolute error below 1e-13.

    Raises
    ------
    ValueError
        If the plan is empty, the weight of an event differs between looks, or an argument is out
        of range.

    Examples
    --------
    Signal at the first event, as any event signals at so low a critical value:

    >>> found = first_signal([CountLaw(0.1)] * 2, 2.0, 1e-6)
    >>> found.chance.round(6)
    array([0.095163, 0.086107])
    """
    if not plan or not weighs_alike(plan, rate_ratio, critical_value):
        raise ValueError("plan must not be empty, and an event must weigh the same at every look")
    arrivals = {law: masses(law.changed(true_ratio)) for law in plan}
    rows = _begin(_no_rows(), 1.0, 0.0)
    chance, events = [], []
    for law in plan:
        way = corridor(law, rate_ratio, critical_value)
        drift = rows.drift + way.per_look
        bottom = np.floor((drift - way.under) / way.per_event).astype(np.int64)
        top = np.ceil((drift + way.over) / way.per_event).astype(np.int64)
        rows, low, high = _advance(rows, arrivals[law], drift, np.maximum(-1, bottom), top)
        at_zero, signals = (low, high) if rate_ratio > 1 else (high, low)
        chance.append(signals[0])
        events.append(signals[1])
        rows = _begin(rows, *at_zero)
    return FirstSignal(chance=np.array(chance), events=np.array(events))


def weighs_alike(plan: Sequence[CountLaw], rate_ratio: float, critical_value: float) -> bool:
    """Tell whether an event weighs the same at every look, so that a chart is told by a number.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    bool
        Whether it does; true of no look and of one.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    return len({corridor(law, rate_ratio, critical_value).per_event for law in plan}) <= 1


def _no_rows() -> _Rows:
    none = np.empty((0, 1))
    return _Rows(np.empty(0), np.empty(0, dtype=np.int64), none, none)


def _begin(rows: _Rows, at_zero: float, events: float) -> _Rows:
    """Drop the rows that hold nothing, and begin one for the charts that are at zero."""
    kept = np.add.accumulate(rows.chance, axis=1)[:, -1] > NEGLIGIBLE
    is_first = np.arange(rows.chance.shape[1])[None, :] == 0
    return _Rows(
        drift=np.append(rows.drift[kept], 0.0),
        first=np.append(rows.first[kept], 0),
        chance=np.concatenate((rows.chance[kept], np.where(is_first, at_zero, 0.0))),
        events=np.concatenate((rows.events[kept], np.where(is_first, events, 0.0))),
    )


def _advance(
    rows: _Rows,
    arrivals: Masses,
    drift: NDArray[np.float64],
    bottom: NDArray[np.int64],
    top: NDArray[np.int64],
) -> tuple[_Rows, tuple[float, float], tuple[float, float]]:
    n = len(arrivals.at)
    number = counted(arrivals)
    counts = rows.first[:, None] + np.arange(rows.chance.shape[1])
    too_low, too_high = bottom[:, None] - counts, np.maximum(0, top[:, None] - counts)

    def over(below: NDArray[np.float64], tail: NDArray[np.float64]) -> NDArray[np.float64]:
        lows = np.where(too_low >= 0, below[np.clip(too_low, 0, n - 1)], 0.0)
        return np.stack((lows, tail[np.minimum(too_high, n)]))

    gone, gone_number = over(arrivals.below, arrivals.tail), over(number.below, number.tail)
    low, high = (
        (
            total(rows.chance * gone[side]),
            total(rows.events * gone[side] + rows.chance * gone_number[side]),
        )
        for side in (0, 1)
    )
    chance, events = _convolve(rows, arrivals.at, number.at, bottom, top)
    return _Rows(drift, bottom + 1, chance, events), low, high


def _convolve(
    rows: _Rows,
    at: NDArray[np.float64],
    number: NDArray[np.float64],
    bottom: NDArray[np.int64],
    top: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    width = max(1, int((top - bottom).max()) - 1)
    chance, events = np.zeros((2, len(top), width))
    room = np.zeros(width + rows.chance.shape[1])
    padded, padded_number = (np.concatenate((room, each, room)) for each in (at, number))
    shifts = bottom + 1 - rows.first  # at most three values: edges move alike
    for shift in np.unique(shifts).tolist():
        mine = shifts == shift
        before, before_events = rows.chance[mine], rows.events[mine]
        after, after_events = np.zeros((2, len(before), width))
        for column in range(before.shape[1]):
            start = min(max(0, shift - column + len(room)), len(padded) - width)
            mass, mean = padded[start : start + width], padded_number[start : start + width]
            after += before[:, column, None] * mass
            after_events += before_events[:, column, None] * mass
            after_events += before[:, column, None] * mean
        chance[mine], events[mine] = after, after_events
    is_inside = np.arange(width) < (top - bottom - 1)[:, None]
    return np.where(is_inside, chance, 0.0), np.where(is_inside, events, 0.0)
