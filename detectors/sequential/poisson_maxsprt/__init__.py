"""Poisson MaxSPRT: log-likelihood ratio, exact boundary, and the test look by look.

The LLR of an excess rises only when an event arrives, so "the LLR reaches c" is "event n arrives
before tau_n", and the chance of a signal is a finite recursion. The LLR of a deficit rises only
while no event arrives, so there "the LLR reaches c" is "at most n events by b_n".
"""

from detectors.sequential.look import Observation
from detectors.sequential.poisson_maxsprt.boundary import (
    Boundary,
    CriticalValue,
    boundary,
    critical_value,
)
from detectors.sequential.poisson_maxsprt.interval import RateRatioInterval, interval_after_signal
from detectors.sequential.poisson_maxsprt.likelihood import log_likelihood_ratio
from detectors.sequential.poisson_maxsprt.performance import (
    alpha_spent,
    detectable_rate_ratio,
    operating_characteristics,
    sample_size,
)
from detectors.sequential.poisson_maxsprt.watch import (
    Design,
    State,
    init,
    recompute,
    step,
)

__all__ = [
    "Boundary",
    "CriticalValue",
    "Design",
    "Observation",
    "RateRatioInterval",
    "State",
    "alpha_spent",
    "boundary",
    "critical_value",
    "detectable_rate_ratio",
    "init",
    "interval_after_signal",
    "log_likelihood_ratio",
    "operating_characteristics",
    "recompute",
    "sample_size",
    "step",
]
