"""Does a measure hold in every stratum, and do two products together do more than each alone."""

from detectors.subgroup.breslow_day import Heterogeneity, heterogeneity
from detectors.subgroup.mantel_haenszel import Strata, strata
from detectors.subgroup.trio import Trio
from detectors.subgroup.two_products import (
    Interaction,
    exact_interaction,
    interaction,
    omega,
    omega_normal,
)
from detectors.subgroup.zelen import exact_heterogeneity

__all__ = [
    "Heterogeneity",
    "Interaction",
    "Strata",
    "Trio",
    "exact_heterogeneity",
    "exact_interaction",
    "heterogeneity",
    "interaction",
    "omega",
    "omega_normal",
    "strata",
]
