"""What is fixed of a chart before its first look."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

from detectors.canonical import make_canonical
from detectors.sequential.chart_rules import (
    LEAST_ALPHA,
    MOST_LOOKS,
    AfterSignal,
    finite_or_none,
    law_of_look,
    require_looks,
    require_rules,
)
from detectors.sequential.chart_value import LOWEST
from detectors.sequential.count_law import CountLaw
from detectors.sequential.cusum.boundary import Boundary, boundary_of, require_ratio

GREATEST_RUN_LENGTH = 1e9


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look. One of the last three arguments sets the boundary.

    Attributes
    ----------
    rate_ratio : float
        Ratio to detect, *R*: from 1.25 to 100, or from 0.01 to 0.8 for a rate that falls. Of odds
        where trials are counted.
    expected_per_look : float or tuple of float
        Events expected under the null in a planned look, above 0. Several numbers, at most one for
        each look, are those of the first looks in order; where they are fewer they recur, as the
        months of a year do.
    looks : int
        Planned looks, the horizon, from 1 to 10,000.
    alpha : float or None
        Chance of a false signal within the planned looks, in [1e-9, 1).
    run_length : float or None
        Least average number of looks to a false signal, above 1 and at most 1e9. What is expected
        must then be one number, or recur within the planned looks.
    critical_value : float or None
        The value that signals, as it is, at least 1e-6.
    dispersion : float or None, default: None
        Size of a negative binomial, at least 0.01; None or infinite is Poisson.
    trials_per_look : int, default: 0
        Trials in a planned look; 0 where events are not counted among trials.
    after_signal : {"reset", "stay", "none"}, default: "reset"
        What a signal does to the chart. ``reset``: the next look begins at zero. ``stay``: the
        chart stops at the value that signalled, and no later look crosses. ``none``: nothing; the
        chart goes on and may signal at every look.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, not exactly one sets the boundary, or the boundary is out of
        reach: more than 4,096 counts below the critical value.
    """

    rate_ratio: float
    _: KW_ONLY
    expected_per_look: float | tuple[float, ...]
    looks: int
    alpha: float | None = None
    run_length: float | None = None
    critical_value: float | None = None
    dispersion: float | None = None
    trials_per_look: int = 0
    after_signal: AfterSignal = "reset"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        object.__setattr__(self, "dispersion", finite_or_none(self.dispersion))
        _require_design(self)
        cycle = cycle_of(self)
        if self.run_length is not None:
            require_recurrence(self, cycle)
        found = boundary_of(
            cycle,
            self.rate_ratio,
            self.looks,
            alpha=self.alpha,
            run_length=self.run_length,
            critical_value=self.critical_value,
        )
        object.__setattr__(self, "boundary", found)


def planned_law(design: Design, look: int = 1) -> CountLaw:
    """Give the law of the events of a planned look under the null.

    Parameters
    ----------
    design : Design
        What is fixed.
    look : int, default: 1
        Its number, from 1; one after the plan is that of a plan that goes on.

    Returns
    -------
    CountLaw
        Poisson, negative binomial or binomial.

    Raises
    ------
    ValueError
        If there is no such look.
    """
    if not (look >= 1 and look % 1 == 0):
        raise ValueError(f"look is {look}: must be whole, and at least 1")
    cycle = cycle_of(design)
    return cycle[(look - 1) % len(cycle)]


def cycle_of(design: Design) -> tuple[CountLaw, ...]:
    """List the laws of the first looks, after which they recur.

    Parameters
    ----------
    design : Design
        What is fixed.

    Returns
    -------
    tuple of CountLaw
        Laws under the null; one where all are equal.
    """
    given = design.expected_per_look
    means = given if isinstance(given, tuple) else (given,)
    if len(set(means)) == 1:
        means = means[:1]
    return tuple(law_of_look(mean, design.dispersion, design.trials_per_look) for mean in means)


def require_recurrence(design: Design, cycle: Sequence[CountLaw]) -> None:
    """Refuse to say how looks go on for ever that do not recur.

    Parameters
    ----------
    design : Design
        What is fixed.
    cycle : sequence of CountLaw
        Its laws, as `cycle_of` lists them.

    Raises
    ------
    ValueError
        If what is expected neither stays the same nor recurs within the planned looks.
    """
    if len(cycle) > 1 and len(cycle) >= design.looks:
        raise ValueError(
            "run_length: expected_per_look must be one number or recur within looks, "
            f"{design.looks}, as a run length needs looks that go on for ever"
        )


def _require_design(design: Design) -> None:
    require_ratio(design.rate_ratio)
    require_looks("looks", design.looks, MOST_LOOKS)
    _require_expected(design)
    require_rules(design.dispersion, design.after_signal)
    ways = (design.alpha, design.run_length, design.critical_value)
    if sum(way is not None for way in ways) != 1:
        raise ValueError(f"set one of alpha, run_length and critical_value, not {ways}")
    limits = zip(
        ("alpha", "run_length", "critical_value"),
        ways,
        ((LEAST_ALPHA, math.nextafter(1, 0)), (math.nextafter(1, 2), GREATEST_RUN_LENGTH),
         (LOWEST, math.nextafter(math.inf, 0))),
        strict=True,
    )  # fmt: skip
    for name, value, (low, high) in limits:
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} is {value}: must be from {low:g} to {high:g}")


def _require_expected(design: Design) -> None:
    given = design.expected_per_look
    if not isinstance(given, tuple):
        if not 0 < given < math.inf:
            raise ValueError(f"expected_per_look is {given}: must be above 0, and finite")
        return
    if not 1 <= len(given) <= design.looks:
        raise ValueError(
            f"expected_per_look has {len(given)} numbers: must have from 1 to looks, {design.looks}"
        )
    for place, mean in enumerate(given):
        if not 0 < mean < math.inf:
            raise ValueError(f"expected_per_look[{place}] is {mean}: must be above 0, and finite")
