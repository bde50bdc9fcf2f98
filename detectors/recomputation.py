"""A watch taken again from the start: one loop for every test that has `init` and `step`."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Design = TypeVar("Design")
Observation = TypeVar("Observation")
State = TypeVar("State")
Look = TypeVar("Look")


def recomputation(
    init: Callable[[Design], State],
    step: Callable[[State, Observation], tuple[State, Look]],
) -> Callable[[Design, Iterable[Observation]], tuple[State, tuple[Look, ...]]]:
    """Make the `recompute` of a test from its `init` and `step`.

    Parameters
    ----------
    init : callable, Design to State
        Makes the watch before the first observation.
    step : callable, State and Observation to State and Look
        Looks once.

    Returns
    -------
    callable, Design and iterable of Observation to State and tuple of Look
        Looks at every observation in order.

    Examples
    --------
    >>> recompute = recomputation(lambda design: 0, lambda sum, new: (sum + new, sum > 1))
    >>> recompute(None, [1, 1, 1])
    (3, (False, False, True))
    """

    def recompute(
        design: Design, observations: Iterable[Observation]
    ) -> tuple[State, tuple[Look, ...]]:
        """Look again from the start, after the past was corrected.

        Parameters
        ----------
        design : Design
            The same design: a correction of data is no reason for another. Where the design itself
            holds data that were wrong, such as a baseline, those corrected.
        observations : iterable of Observation
            Every observation in order, as it should have been.

        Returns
        -------
        State
            The watch as the corrected data make it; a crossing that they do not support is gone.
        tuple of Look
            Each look again. What was already reported of a crossing is the caller's to keep and to
            mark.

        Raises
        ------
        ValueError
            As `init` and `step`.
        """
        state, looks = init(design), []
        for observation in observations:
            state, look = step(state, observation)
            looks.append(look)
        return state, tuple(looks)

    return recompute
