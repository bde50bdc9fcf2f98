"""CUSUM of log-likelihood ratios: a chart that looks for a rate that changes, up or down.

It forgets what came before its last zero. So it finds a change that comes late, where a test of the
total would be slow; for a constant excess that test is the better one. Offer both.

Until a chart is at zero again or signals, its value is told by the events since it was last at
zero: chances of counts are carried from look to look, and nothing is rounded. Where an event weighs
differently from look to look, the values of charts are carried, or bounds of them.
"""

from detectors.sequential.cusum.boundary import Boundary, critical_value_for_plan
from detectors.sequential.cusum.design import Design, planned_law
from detectors.sequential.cusum.performance import average_run_length, operating_characteristics
from detectors.sequential.cusum.watch import Look, Observation, State, init, recompute, step

__all__ = [
    "Boundary",
    "Design",
    "Look",
    "Observation",
    "State",
    "average_run_length",
    "critical_value_for_plan",
    "init",
    "operating_characteristics",
    "planned_law",
    "recompute",
    "step",
]
