"""How much of a test's alpha is spent at a look, and every step of a signal."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from detectors.sequential import poisson_maxsprt
from surveillance.configuration.programmes import Excess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.configuration.types import Configuration
    from surveillance.domain.finding import Look
    from surveillance.domain.signal import Signal, SignalStep, Step


def alpha_spent(look: Look, configuration: Configuration | None) -> float | None:
    """Compute the chance under the null that a test has crossed by its look.

    Parameters
    ----------
    look : Look
        One look of a test.
    configuration : Configuration, optional
        That holds the test's design.

    Returns
    -------
    float or None
        At most `look.alpha`; None where the test does not spend its alpha over a horizon: an
        e-process may cross at any time, and a count promises no error rate.
    """
    design = configuration and configuration.programmes.design.get(look.design)
    if look.alpha is None or look.horizon is None or not isinstance(design, Excess):
        return None
    return _spent(look.horizon, look.alpha, design.min_events, look.expected)


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


@lru_cache(maxsize=65_536)
def _spent(horizon: float, alpha: float, min_events: int, expected: float) -> float:
    plan = _design(horizon, alpha, min_events)
    return min(alpha, poisson_maxsprt.alpha_spent(plan, expected))


@lru_cache(maxsize=256)
def _design(horizon: float, alpha: float, min_events: int) -> poisson_maxsprt.Design:
    return poisson_maxsprt.Design(horizon, alpha=alpha, min_events=min_events)
