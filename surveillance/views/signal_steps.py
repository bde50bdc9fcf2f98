"""Every step of a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.domain.signal import Signal, SignalStep, Step


def steps_of(signal: Signal, made: Sequence[SignalStep]) -> dict[int, Step]:
    """Return all steps of a signal from its detection on, by their numbers.

    Parameters
    ----------
    signal : Signal
        As it stands or stood: it carries the first step and the latest ones.
    made : sequence of SignalStep
        The steps that people made until then; an upgraded register may lack the earlier ones.
    """
    first, *latest = signal.history
    begin = signal.n_steps - len(latest)
    carried = {0: first, **dict(enumerate(latest, begin))}
    return dict(sorted((carried | {one.number: one.step for one in made}).items()))
