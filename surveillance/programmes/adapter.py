"""Runs any sequential test of `detectors` through its `init` and `step`.

No test is decided here or anywhere else in the product: whether a boundary is crossed is
what the test's own look states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Design = TypeVar("Design")
Observation = TypeVar("Observation")
State = TypeVar("State")
Look = TypeVar("Look")


def last_look(
    init: Callable[[Design], State],
    step: Callable[[State, Observation], tuple[State, Look]],
    design: Design,
    seen: Iterable[Observation],
) -> Look:
    """Look at every observation in order, from the start.

    Parameters
    ----------
    init, step : callable
        Those of a test in `detectors`.
    design : Design
        What is fixed beforehand.
    seen : iterable of Observation
        One or more, computed anew from the log, so that corrections are in.

    Returns
    -------
    Look
        The last one.

    Raises
    ------
    ValueError
        If nothing was seen.
    """
    state = init(design)
    look: Look | None = None
    for observation in seen:
        state, look = step(state, observation)
    if look is None:
        raise ValueError("seen is empty: there is nothing to look at")
    return look
