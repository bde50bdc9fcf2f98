"""GLR: the greatest log-likelihood ratio over all changes of rate within a window, up or down.

Unlike a CUSUM it needs no ratio to detect: it fits one to each stretch of looks that ends now. The
price is a higher boundary, and a state as long as its window.

The boundary is bounded, by an exact sum over the first look of the stretch that signals. How often
a watch signals is exact where what past looks mean for later ones, a staircase of counts, takes few
values; beyond that watches are simulated.
"""

from detectors.sequential.glr.boundary import Boundary, false_signal_bound
from detectors.sequential.glr.design import Design
from detectors.sequential.glr.performance import operating_characteristics
from detectors.sequential.glr.simulation import simulate
from detectors.sequential.glr.watch import Look, State, init, recompute, step
from detectors.sequential.look import Observation

__all__ = [
    "Boundary",
    "Design",
    "Look",
    "Observation",
    "State",
    "false_signal_bound",
    "init",
    "operating_characteristics",
    "recompute",
    "simulate",
    "step",
]
