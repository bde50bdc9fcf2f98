"""How often and how soon a design signals."""

import math
from collections.abc import Sequence

from detectors.sequential.alpha_spending.deadlines import deadlines_of, mean_silence, mean_wait
from detectors.sequential.alpha_spending.design import GREATEST_HORIZON, Design
from detectors.sequential.alpha_spending.paths import START, advanced, chance_to_reach, group_of
from detectors.sequential.alpha_spending.watch import recompute
from detectors.sequential.look import Observation
from detectors.sequential.operating import OperatingCharacteristics
from detectors.validation import require_between

RAREST = 1e-30  # chance of a signal below which the means given one are not told


def operating_characteristics(
    design: Design, rate_ratio: float, *, looks: Sequence[float] | None = None
) -> OperatingCharacteristics:
    """Compute how often and how soon a design signals.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.
    rate_ratio : float
        True rate over that of the null, in (0, 1e3), and at most 700 over the horizon.
    looks : sequence of float, optional
        Events expected under the null at each planned look, rising, up to the horizon. Without
        them the looks are continuous.

    Returns
    -------
    OperatingCharacteristics
        At a rate ratio of 1 the power is the attained size. Times are in expected events under the
        null, and the watch ends at the horizon. Where the power is below 1e-30, the means given a
        signal are NaN.

    Raises
    ------
    ValueError
        If `rate_ratio` is out of range, or the looks do not rise from above 0 to the horizon.

    Examples
    --------
    >>> found = operating_characteristics(Design(5.0, parameter=1.0), 2.0)
    >>> round(found.power, 4), round(found.expected_time_to_signal, 2)
    (0.5613, 2.6)
    """
    require_between("rate_ratio", rate_ratio, 0.0, 1e3)
    if rate_ratio * design.horizon > GREATEST_HORIZON:
        raise ValueError(f"rate_ratio is {rate_ratio}: times horizon it must be at most 700")
    if looks is None:
        return _continuous(design, rate_ratio)
    times = _require_looks(design, looks)
    state, _ = recompute(design, [Observation(events=0, expected=time) for time in times])
    found = group_of(state.boundaries, rate_ratio)
    power = math.fsum(chance for chance, _ in found)
    passed = math.fsum(time * chance for time, (chance, _) in zip(times, found, strict=True))
    events = math.fsum(number for _, number in found)
    return _of(rate_ratio, power, passed, passed + design.horizon * (1 - power), events)


def _continuous(design: Design, rate_ratio: float) -> OperatingCharacteristics:
    paths, before, silence, hits, passed = START, 0.0, [], [], []
    for time, count in zip(*deadlines_of(design), strict=True):
        mean = (time - before) * rate_ratio
        silence.append(mean_silence(paths, mean, count) / rate_ratio)
        chance = chance_to_reach(paths, mean, count)
        hits.append((count, chance))
        passed.append(before * chance + mean_wait(paths, mean, count) / rate_ratio)
        paths, before = advanced(paths, mean, count), time
    length, power = math.fsum(silence), math.fsum(chance for _, chance in hits)
    events = math.fsum(count * chance for count, chance in hits)
    return _of(rate_ratio, power, math.fsum(passed), length, events)


def _of(
    rate_ratio: float, power: float, passed: float, length: float, events: float
) -> OperatingCharacteristics:
    is_told = power > RAREST
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=passed / power if is_told else math.nan,
        expected_length=length,
        expected_events_at_signal=events / power if is_told else math.nan,
    )


def _require_looks(design: Design, looks: Sequence[float]) -> list[float]:
    times = [float(time) for time in looks]
    for i, (before, time) in enumerate(zip([0.0, *times], times, strict=False)):
        if not before < time <= design.horizon:
            raise ValueError(f"looks[{i}] is {time}: must rise from above 0 to the horizon")
    if not times:
        raise ValueError("looks is empty: give at least one")
    return times
