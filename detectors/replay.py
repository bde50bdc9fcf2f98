"""A watch, look by look: what was seen so far, taken again from the start."""

from collections.abc import Callable, Iterable
from typing import TypeVar

State = TypeVar("State")
Observation = TypeVar("Observation")
Look = TypeVar("Look")


def replay(
    step: Callable[[State, Observation], tuple[State, Look]],
    state: State,
    observations: Iterable[Observation],
) -> tuple[State, tuple[Look, ...]]:
    """Look at every observation in order.

    Parameters
    ----------
    step : callable, State and Observation to State and Look
        Looks once.
    state : State
        The watch before the first observation.
    observations : iterable of Observation
        What was seen, in order.

    Returns
    -------
    State
        The watch after the last look.
    tuple of Look
        Each look.

    Examples
    --------
    >>> replay(lambda total, new: (total + new, total > 1), 0, [1, 1, 1])
    (3, (False, False, True))
    """
    looks = []
    for observation in observations:
        state, look = step(state, observation)
        looks.append(look)
    return state, tuple(looks)
