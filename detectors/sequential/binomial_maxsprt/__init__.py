"""Binomial MaxSPRT: exposed events among all events, with one ratio or a ratio for each event.

The number of exposed events is all that the likelihood needs, also where the ratio varies. Its
distribution among the paths that have not signalled is convolved event by event, exactly.
"""

from detectors.sequential.binomial_maxsprt.boundary import CriticalValue, critical_value
from detectors.sequential.binomial_maxsprt.likelihood import (
    log_likelihood_ratio,
    varying_log_likelihood_ratio,
)
from detectors.sequential.binomial_maxsprt.spending import Spent, spending_boundary
from detectors.sequential.binomial_maxsprt.watch import (
    BinomialLook,
    Design,
    Observation,
    State,
    init,
    operating_characteristics,
    recompute,
    step,
)

__all__ = [
    "BinomialLook",
    "CriticalValue",
    "Design",
    "Observation",
    "Spent",
    "State",
    "critical_value",
    "init",
    "log_likelihood_ratio",
    "operating_characteristics",
    "recompute",
    "spending_boundary",
    "step",
    "varying_log_likelihood_ratio",
]
