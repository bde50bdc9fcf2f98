"""How often and how soon a watch signals, exactly where that can be done."""

import math
from functools import lru_cache

import numpy as np

from detectors.sequential.count_law import CountLaw, masses
from detectors.sequential.glr.design import Design, farthest_counts, planned_law
from detectors.sequential.glr.simulation import require_paths, simulate
from detectors.sequential.glr.stretch_paths import first_stretch
from detectors.sequential.operating import FirstSignal, OperatingCharacteristics

RAREST = 1e-15  # chance of a signal below which the means given one are not told


def operating_characteristics(
    design: Design,
    rate_ratio: float,
    *,
    rng: np.random.Generator | None = None,
    n_paths: int = 10_000,
) -> OperatingCharacteristics:
    """Compute how often and how soon a watch signals within its planned looks.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    rng : Generator or None, default: None
        Source of chance for a design that is too large to be exact. It is not drawn from, and not
        needed, where the answer is exact.
    n_paths : int, default: 10_000
        Watches to simulate where the answer is not exact, at least 1.

    Returns
    -------
    OperatingCharacteristics
        Chance of a signal, and means of time, in looks, and events at the first signal; NaN where
        the chance is below 1e-15. `method` says whether they are exact or simulated.

    Raises
    ------
    ValueError
        If an argument is out of range, or the design is too large to be exact and no `rng` is
        given.

    Notes
    -----
    What past looks mean for later ones is a staircase of counts (`first_stretch`), and chances of
    staircases are carried from look to look. That is exact, and done where there are at most 20,000
    of them: with a window as long as the plan up to some 50 looks of one expected event, or 100
    looks of 0.1; with a shorter window where few events are expected. Beyond, the state is a window
    of counts, in which every look leaves at its own time: staircases then number millions, and
    watches are simulated (`simulate`). What is exact of every design is the bound of its size,
    `false_signal_bound`.

    Examples
    --------
    >>> watch = Design(expected_per_look=1.0, looks=24, alpha=0.05)
    >>> found = operating_characteristics(watch, 2.0)
    >>> found.method, round(found.power, 3), round(found.expected_time_to_signal, 1)
    ('exact', 0.922, 10.8)
    """
    require_paths(n_paths)
    law = planned_law(design).changed(rate_ratio)
    reach = farthest_counts(design)
    found = _first_stretch(law, reach, design.looks, is_upward=design.direction == "increase")
    if found is None:
        if rng is None:
            raise ValueError(
                "rng is None: must be a generator, as this design is too large to be exact"
            )
        return simulate(design, rate_ratio, rng=rng, n_paths=n_paths)
    power = min(1.0, math.fsum(found.chance))  # rounding may add some bits
    time = math.fsum(found.chance * np.arange(1, design.looks + 1))
    is_told = power > RAREST
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=time / power if is_told else math.nan,
        expected_length=min(float(design.looks), time + design.looks * (1.0 - power)),
        expected_events_at_signal=math.fsum(found.events) / power if is_told else math.nan,
        power_error=found.left_out,
    )


@lru_cache(maxsize=256)
def _first_stretch(
    law: CountLaw, farthest: tuple[int, ...], looks: int, *, is_upward: bool
) -> FirstSignal | None:
    return first_stretch(masses(law), farthest, looks=looks, is_upward=is_upward)
