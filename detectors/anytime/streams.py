r"""How often and how soon combined evidence crosses, where its processes are independent.

Each process is a chain of few states, such as a count of events. Where the states of all together
can be listed, the chance of a crossing is a finite sum; where they cannot, it is simulated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.anytime import combine, poisson
from detectors.elementary import exp

Floats = NDArray[np.float64]
MOST_STATES = 200_000  # of all processes together
MOST_LOOKS = 200
MOST_CHANCES = 10**7  # of a stream: looks times states times states
GREATEST_EXPECTED = 500.0
NEGLIGIBLE = 1e-11  # chance of a count beyond those that are listed
GREATEST_EXPONENT = 700.0
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Stream:
    """One process at each of several looks that all processes share.

    Attributes
    ----------
    log_e : ndarray of float64, shape (n_looks, n_states)
        Natural logarithm of its evidence, in each state, at each look.
    steps : ndarray of float64, shape (n_looks, n_states, n_states)
        Chance of each state at a look (last axis), given the state at the look before. Before the
        first look it is in state 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, evidence is not finite, or chances are negative or do not come to
        1.
    """

    log_e: Floats
    steps: Floats

    def __post_init__(self) -> None:
        if self.log_e.ndim != 2 or 0 in self.log_e.shape:  # noqa: PLR2004 - looks and states
            raise ValueError(f"log_e has shape {self.log_e.shape}: must be looks by states")
        looks, states = self.log_e.shape
        if self.steps.shape != (looks, states, states) or looks > MOST_LOOKS:
            raise ValueError(
                f"steps has shape {self.steps.shape}: must be ({looks}, {states}, {states}), with "
                "at most 200 looks"
            )
        if not np.isfinite(self.log_e).all():
            raise ValueError("log_e must be finite")
        if not ((self.steps >= 0).all() and (abs(self.steps.sum(axis=2) - 1) < _ROUNDING).all()):
            raise ValueError("steps must not be negative, and come to 1 for each state before")


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """What a combination does.

    Attributes
    ----------
    power : float
        Chance of a crossing by the last look.
    power_error : float
        Standard error of the simulation; 0 where the chance is exact.
    expected_looks_to_signal : float
        Mean number of the look that crosses, given one; NaN if there was none.
    expected_looks : float
        Mean number of looks to the crossing or the last.
    """

    power: float
    power_error: float
    expected_looks_to_signal: float
    expected_looks: float


def poisson_stream(
    design: poisson.Design, rate_ratio: float, *, expected: Sequence[float]
) -> Stream:
    """Make the stream of a Poisson watch.

    Parameters
    ----------
    design : poisson.Design
        Its mixture; its `alpha` does not count here.
    rate_ratio : float
        True rate over the one behind `expected`; from 1e-6 to 1e6.
    expected : sequence of float
        Events expected at rate ratio 1 to each look, rising, the last at most 500, as also times
        `rate_ratio`.

    Returns
    -------
    Stream
        States are counts; all beyond the last have together a chance below 1e-11.

    Raises
    ------
    ValueError
        If an argument is out of range, there are more than 200 looks, or looks times the square of
        the counts are more than 1e7.
    """
    if not poisson.LEAST <= rate_ratio <= poisson.GREATEST:
        raise ValueError(f"rate_ratio is {rate_ratio}: must be from 1e-06 to 1e+06")
    if not 1 <= len(expected) <= MOST_LOOKS:
        raise ValueError(f"expected has {len(expected)} elements: must have 1 to 200")
    before, greatest = 0.0, GREATEST_EXPECTED / max(1.0, rate_ratio)
    for i, value in enumerate(expected):
        if not before < value <= greatest:
            raise ValueError(f"expected[{i}] is {value}: must rise, to at most {greatest:g}")
        before = value
    most = 1
    while special.pdtrc(most - 1, rate_ratio * before) > NEGLIGIBLE:
        most += 1
    if len(expected) * (most + 1) ** 2 > MOST_CHANCES:
        raise ValueError(
            f"expected has {len(expected)} looks at {most} counts: too many, take fewer"
        )
    increments = np.diff(np.array(expected, dtype=np.float64), prepend=0.0)
    counts = np.arange(most + 1)
    logs = [poisson.log_e(design, counts, value) for value in expected]
    return Stream(
        np.array(logs), np.array([_count_steps(rate_ratio * x, most) for x in increments])
    )


def operating_characteristics(design: combine.Design, streams: Sequence[Stream]) -> Characteristics:
    r"""Compute how often and how soon a combination of independent processes crosses.

    Parameters
    ----------
    design : combine.Design
        Mean, or product.
    streams : sequence of Stream
        One for each process, with the same looks.

    Returns
    -------
    Characteristics
        Exact for the streams as given, to rounding.

    Raises
    ------
    ValueError
        If there is not one stream for each process, their looks differ, or they have more than
        200,000 states together: then use `simulate`.

    Notes
    -----
    The chance of each combination of states that has not crossed is carried from look to look.

    A bound without the states of all, for a mean of processes whose weights are :math:`w_i`: it
    has crossed where process *i* alone has reached :math:`1 / (w_i \alpha)`, so that the power is
    at least :math:`1 - \prod_i (1 - p_i)`, with :math:`p_i` that of a watch with alpha
    :math:`w_i \alpha`.

    Examples
    --------
    Two constructs, looked at after half and at the end; one has three times the events:

    >>> from detectors.anytime import poisson
    >>> streams = [poisson_stream(poisson.Design(), r, expected=[2.0, 4.0]) for r in (1.0, 3.0)]
    >>> round(operating_characteristics(combine.Design(2), streams).power, 4)
    0.56
    """
    n_looks = _require_streams(design, streams)
    sizes = tuple(stream.log_e.shape[1] for stream in streams)
    if math.prod(sizes) > MOST_STATES:
        raise ValueError(f"streams have {math.prod(sizes)} states together: simulate above 200000")
    going = np.zeros(sizes)
    going[(0,) * len(sizes)] = 1.0
    chances = []
    for look in range(n_looks):
        for axis, stream in enumerate(streams):
            going = _moved(going, stream.steps[look], axis)
        grids = [
            stream.log_e[look].reshape([-1 if i == axis else 1 for i in range(len(sizes))])
            for axis, stream in enumerate(streams)
        ]
        has_crossed = _is_crossing(design, grids)
        chances.append(math.fsum(going[has_crossed].tolist()))
        going = np.where(has_crossed, 0.0, going)
    return _characteristics(chances, error=0.0)


def simulate(
    design: combine.Design,
    streams: Sequence[Stream],
    *,
    rng: np.random.Generator,
    n_paths: int = 10_000,
) -> Characteristics:
    """Simulate how often and how soon a combination of independent processes crosses.

    Parameters
    ----------
    design : combine.Design
        Mean, or product.
    streams : sequence of Stream
        One for each process, with the same looks.
    rng : numpy.random.Generator
        Where the chance comes from; give it a seed.
    n_paths : int, default: 10_000
        Histories, from 100 to 1e6.

    Returns
    -------
    Characteristics
        Shares of the histories, with the standard error of `power`.

    Raises
    ------
    ValueError
        If there is not one stream for each process, their looks differ, or `n_paths` is out of
        range.
    """
    n_looks = _require_streams(design, streams)
    if not 100 <= n_paths <= 10**6 or n_paths % 1:  # noqa: PLR2004 - as documented
        raise ValueError(f"n_paths is {n_paths}: must be a whole number from 100 to 1e6")
    states = [np.zeros(n_paths, dtype=np.int64) for _ in streams]
    is_going, chances = np.ones(n_paths, dtype=np.bool_), []
    for look in range(n_looks):
        logs = []
        for i, stream in enumerate(streams):
            below = np.cumsum(stream.steps[look], axis=1)[states[i]]
            drawn = (below < rng.random(n_paths)[:, None]).sum(axis=1)
            states[i] = np.minimum(drawn, below.shape[1] - 1)
            logs.append(stream.log_e[look][states[i]])
        crossed = is_going & _is_crossing(design, logs)
        chances.append(float(crossed.sum()) / n_paths)
        is_going &= ~crossed
    power = math.fsum(chances)
    return _characteristics(chances, error=math.sqrt(max(0.0, power * (1.0 - power)) / n_paths))


def _characteristics(chances: list[float], *, error: float) -> Characteristics:
    power = min(1.0, math.fsum(chances))
    passed = math.fsum((i + 1) * chance for i, chance in enumerate(chances))
    return Characteristics(
        power=power,
        power_error=error,
        expected_looks_to_signal=passed / power if power else math.nan,
        expected_looks=passed + len(chances) * (1.0 - power),
    )


def _is_crossing(design: combine.Design, logs: Sequence[Floats]) -> NDArray[np.bool_]:
    threshold = -math.log(design.alpha)
    if design.independence:
        total = logs[0]
        for each in logs[1:]:
            total = total + each
        return np.asarray(total >= threshold)
    weights = design.weights or (1.0 / len(logs),) * len(logs)
    share = np.zeros(())
    for weight, each in zip(weights, logs, strict=True):
        share = share + weight * exp(np.minimum(each - threshold, GREATEST_EXPONENT))
    return np.asarray(share >= math.fsum(weights))


def _moved(going: Floats, steps: Floats, axis: int) -> Floats:
    """Let one process move on; products are added up in a fixed order."""
    rows = np.moveaxis(going, axis, 0)
    later = np.zeros(rows.shape)
    for row, chances in zip(rows, steps, strict=True):
        if row.any():
            later += chances.reshape(-1, *(1,) * row.ndim) * row
    return np.moveaxis(later, 0, axis)


def _count_steps(mean: float, most: int) -> Floats:
    counts = np.arange(most + 1)
    masses = exp(np.asarray(special.xlogy(counts, mean) - mean - special.gammaln(counts + 1.0)))
    steps = np.zeros((most + 1, most + 1))
    for start in range(most + 1):
        steps[start, start:] = masses[: most + 1 - start]
        steps[start, -1] = max(0.0, 1.0 - math.fsum(steps[start, :-1].tolist()))
    return steps


def _require_streams(design: combine.Design, streams: Sequence[Stream]) -> int:
    if len(streams) != design.n_components:
        raise ValueError(f"streams has {len(streams)} elements: must have {design.n_components}")
    looks = {len(stream.log_e) for stream in streams}
    if len(looks) > 1:
        raise ValueError(f"streams have {sorted(looks)} looks: must have the same")
    return looks.pop()
