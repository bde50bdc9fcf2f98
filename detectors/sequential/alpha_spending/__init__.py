"""Poisson counts whose boundary spends the type I error by a plan, with looks at any times.

At each look the boundary is the smallest count with which no more is spent than the plan allows;
what a count, being whole, leaves unspent is carried to the next look.
"""

from detectors.sequential.alpha_spending.deadlines import continuous_deadlines
from detectors.sequential.alpha_spending.design import Design
from detectors.sequential.alpha_spending.performance import operating_characteristics
from detectors.sequential.alpha_spending.watch import (
    Look,
    State,
    init,
    recompute,
    step,
)
from detectors.sequential.look import Observation

__all__ = [
    "Design",
    "Look",
    "Observation",
    "State",
    "continuous_deadlines",
    "init",
    "operating_characteristics",
    "recompute",
    "step",
]
