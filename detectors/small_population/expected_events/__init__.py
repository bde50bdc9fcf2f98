"""Events expected of the patients at hand, each by own hazard over own time at risk."""

from detectors.small_population.expected_events.counts import (
    CountDistribution,
    count_quantile,
    negative_binomial,
    poisson,
    poisson_binomial,
    tail_probability,
)
from detectors.small_population.expected_events.dispersion import (
    Dispersion,
    gamma_dispersion,
    log_normal_dispersion,
)
from detectors.small_population.expected_events.hazards import HazardTable, cumulative_hazards

__all__ = [
    "CountDistribution",
    "Dispersion",
    "HazardTable",
    "count_quantile",
    "cumulative_hazards",
    "gamma_dispersion",
    "log_normal_dispersion",
    "negative_binomial",
    "poisson",
    "poisson_binomial",
    "tail_probability",
]
