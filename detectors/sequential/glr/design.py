"""What is fixed of a watch before its first look."""

import math
from dataclasses import KW_ONLY, dataclass, field

from detectors.canonical import make_canonical
from detectors.sequential.chart_rules import (
    MOST_LOOKS,
    AfterSignal,
    finite_or_none,
    law_of_look,
    require_alpha,
    require_looks,
    require_rules,
)
from detectors.sequential.chart_value import LOWEST
from detectors.sequential.count_law import CountLaw
from detectors.sequential.glr.boundary import GREATEST_VALUE, Boundary, boundary_of
from detectors.sequential.glr.stretch import Direction, farthest_count

WIDEST_WINDOW = 1_000


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look. One of the last two arguments sets the boundary.

    Attributes
    ----------
    expected_per_look : float
        Events expected under the null in a planned look, above 0.
    looks : int
        Planned looks, the horizon, from 1 to 10,000.
    alpha : float or None
        Greatest chance of a false signal within the planned looks, in [1e-9, 1).
    critical_value : float or None
        The value that signals, as it is, from 1e-6 to 1,000.
    window : int, default: 50
        How many looks back a change may lie, from 1 to 1,000.
    direction : {"increase", "decrease"}, default: "increase"
        The change that is looked for.
    dispersion : float or None, default: None
        Known size of a negative binomial, at least 0.01; None or infinite is Poisson.
    after_signal : {"reset", "stay", "none"}, default: "reset"
        What a signal does. ``reset``: looks up to this one are forgotten. ``stay``: no later look
        crosses. ``none``: nothing; the watch may signal at every look.
    boundary : Boundary
        Computed from the others, and not an argument.

    Raises
    ------
    ValueError
        If an argument is out of range, or not exactly one sets the boundary.
    """

    _: KW_ONLY
    expected_per_look: float
    looks: int
    alpha: float | None = None
    critical_value: float | None = None
    window: int = 50
    direction: Direction = "increase"
    dispersion: float | None = None
    after_signal: AfterSignal = "reset"
    boundary: Boundary = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        make_canonical(self)
        object.__setattr__(self, "dispersion", finite_or_none(self.dispersion))
        _require_design(self)
        law = planned_law(self)
        reach = min(self.window, self.looks)
        found = boundary_of(law, self.looks, reach, self.direction, self.alpha, self.critical_value)
        object.__setattr__(self, "boundary", found)


def planned_law(design: Design) -> CountLaw:
    """Give the law of the events of a planned look under the null.

    Parameters
    ----------
    design : Design
        What is fixed.

    Returns
    -------
    CountLaw
        Poisson or negative binomial, the same for every look.
    """
    return law_of_look(design.expected_per_look, design.dispersion)


def farthest_counts(design: Design) -> tuple[int, ...]:
    """Find the total that signals of a stretch of 1, 2, ... planned looks.

    Parameters
    ----------
    design : Design
        What is fixed.

    Returns
    -------
    tuple of int
        One for each length up to the window; -1 where no shortfall signals.
    """
    law, is_upward = planned_law(design), design.direction == "increase"
    far, found = 0, []
    for look in range(1, min(design.window, design.looks) + 1):
        far = farthest_count(law, look, design.boundary.critical_value, far, is_upward=is_upward)
        found.append(far)
    return tuple(found)


def _require_design(design: Design) -> None:
    require_looks("looks", design.looks, MOST_LOOKS)
    require_looks("window", design.window, WIDEST_WINDOW)
    if design.direction not in ("increase", "decrease"):
        raise ValueError(f"direction is {design.direction}: must be increase or decrease")
    require_rules(design.dispersion, design.after_signal)
    if not 0 < design.expected_per_look < math.inf:
        raise ValueError(f"expected_per_look is {design.expected_per_look}: must be above 0")
    if (design.alpha is None) == (design.critical_value is None):
        raise ValueError("set one of alpha and critical_value, not both or none")
    if design.alpha is not None:
        require_alpha(design.alpha)
    value = design.critical_value
    if value is not None and not LOWEST <= value <= GREATEST_VALUE:
        raise ValueError(
            f"critical_value is {value}: must be from {LOWEST:g} to {GREATEST_VALUE:g}"
        )
