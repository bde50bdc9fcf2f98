"""When a GLR watch with equal looks first signals, exactly.

All that past looks mean for later ones is a staircase: the least number of further events that
signals within one look, within two, and so on. Histories with the same staircase are one state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import Masses, counted, total
from detectors.sequential.operating import FirstSignal

MOST_STATES = 20_000
MOST_ROWS = 1_000_000  # of states times counts, at one look
NEVER = 2**60  # further events: no count comes near
NEGLIGIBLE = 1e-20  # chance of a state that is left out, and told in `left_out`


@dataclass(frozen=True, eq=False)
class _States:
    """Histories without a signal, one row for each staircase."""

    stairs: NDArray[np.int64]
    weight: NDArray[np.float64]  # chance, and chance times events to date: two rows


def first_stretch(
    arrivals: Masses, farthest: Sequence[int], *, looks: int, is_upward: bool
) -> FirstSignal | None:
    r"""Compute the chance of a first signal at each look, where the states are few enough.

    Parameters
    ----------
    arrivals : Masses
        Law of the events of a look, the same for every look.
    farthest : sequence of int, shape (window,)
        For a stretch of 1, 2, ... looks the total nearest to the expected one that signals; it
        never falls with the length. For a shortfall, -1 where none does.
    looks : int
        Planned looks, not fewer than the window.
    is_upward : bool
        Whether an excess signals.

    Returns
    -------
    FirstSignal or None
        Chances, but for histories of a chance below 1e-20; None where more than 20,000 staircases
        are possible, or more than a million steps from one to another.

    Notes
    -----
    With :math:`f_j` the total that signals in *j* looks, the staircase is
    :math:`B_j = \min_L (f_{L + j} - n_L)`, over the stretches of *L* looks up to now with
    :math:`n_L` events, the empty one included. A look with *x* events signals if
    :math:`x \ge B_1`; else the next staircase is :math:`\min(B_{j + 1} - x, f_j)`. A shortfall is
    the same with the signs turned. It is exact, as a staircase decides every later look.

    How many there are depends on the window. Where it is as long as the plan they are tens to
    thousands; where it is shorter, each stretch ends at its own time, and they may be millions.

    Examples
    --------
    Two events in one look or in two looks:

    >>> from detectors.sequential.count_law import CountLaw, masses
    >>> found = first_stretch(masses(CountLaw(0.1)), [2, 2], looks=2, is_upward=True)
    >>> found.chance.round(6)
    array([0.004679, 0.012844])
    """
    sign = 1 if is_upward else -1
    fresh = sign * np.array(farthest, dtype=np.int64)
    number = counted(arrivals)
    states = _States(fresh[None, :], np.array([[1.0], [0.0]]))
    found, left_out = np.zeros((2, looks)), 0.0
    for look in range(looks):
        found[:, look] = _signals(states, arrivals, number, is_upward=is_upward)
        if look == looks - 1 or not len(states.stairs):
            break
        ahead = fresh[: looks - look - 1]
        following = _advanced(states, arrivals, number, ahead, sign)
        if following is None:
            return None
        is_kept = following.weight[0] > NEGLIGIBLE
        left_out += total(following.weight[0, ~is_kept])
        states = _merged(_States(following.stairs[is_kept], following.weight[:, is_kept]))
        if len(states.stairs) > MOST_STATES:
            return None
    return FirstSignal(chance=found[0], events=found[1], left_out=left_out)


def _signals(
    states: _States, arrivals: Masses, parts: Masses, *, is_upward: bool
) -> tuple[float, float]:
    n, edge = len(arrivals.at), states.stairs[:, 0]
    if is_upward:
        place = np.minimum(edge, n)
        gone, number = arrivals.tail[place], parts.tail[place]
    else:
        place = np.clip(-edge, 0, n - 1)
        gone = np.where(edge <= 0, arrivals.below[place], 0.0)
        number = np.where(edge <= 0, parts.below[place], 0.0)
    chance, events = states.weight
    return total(chance * gone), total(events * gone + chance * number)


def _advanced(
    states: _States, arrivals: Masses, parts: Masses, ahead: NDArray[np.int64], sign: int
) -> _States | None:
    """Let a look pass that does not signal; None if the states are too many."""
    onward = np.full((len(states.stairs), len(ahead)), NEVER)
    onward[:, : states.stairs.shape[1] - 1] = states.stairs[:, 1:]
    edge = states.stairs[:, 0]
    if sign > 0:
        first, last = 0, int(edge.max()) - 1
    else:  # from some count on every stretch is forgotten
        first, last = int((1 - edge).min()), int((ahead - onward).max())
        last = max(last, int((1 - edge).max()))
    first, last = max(first, 0), min(last, len(arrivals.at) - 1)
    if len(edge) * (last - first + 1) > MOST_ROWS:
        return None
    stairs, weights = [], []
    for count in range(first, last + 1):
        is_quiet = sign * count < edge
        is_rest = sign < 0 and count == last
        chance = (arrivals.tail if is_rest else arrivals.at)[count]
        number = (parts.tail if is_rest else parts.at)[count]
        stairs.append(np.minimum(onward[is_quiet] - sign * count, ahead))
        before = states.weight[:, is_quiet]
        weights.append(np.stack((before[0] * chance, before[1] * chance + before[0] * number)))
    if not stairs:
        return _States(np.empty((0, len(ahead)), dtype=np.int64), np.empty((2, 0)))
    return _States(np.concatenate(stairs), np.concatenate(weights, axis=1))


def _merged(states: _States) -> _States:
    """Add up the histories with the same staircase, in the order in which they stand."""
    stairs = np.ascontiguousarray(states.stairs)
    as_bytes = stairs.view(np.dtype((np.void, stairs.itemsize * stairs.shape[1]))).ravel()
    _, first, same = np.unique(as_bytes, return_index=True, return_inverse=True)
    weight = [np.bincount(same, weights=row, minlength=len(first)) for row in states.weight]
    return _States(stairs[first], np.array(weight))
