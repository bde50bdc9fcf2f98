"""What was seen in a few treated patients, against a natural history that is itself uncertain."""

from detectors.small_population.natural_history.commensurate import Commensurate, commensurate_rate
from detectors.small_population.natural_history.information import (
    TippingPoint,
    elir_sample_size,
    moment_sample_size,
    tipping_delta_proportion,
    tipping_delta_rate,
    tipping_point,
    tipping_robust_weight,
)
from detectors.small_population.natural_history.mixtures import (
    BetaMixture,
    GammaMixture,
    Summary,
    predictive_p,
    probability_above,
    robust_beta,
    robust_gamma,
    summary,
    update_beta,
    update_gamma,
)
from detectors.small_population.natural_history.proportions import (
    conditional_proportion,
    predictive_proportion,
    probability_first_is_greater,
    probability_proportion_is_higher,
)
from detectors.small_population.natural_history.rates import (
    conditional_rate,
    plug_in_rate,
    predictive_rate,
    probability_rate_is_higher,
    rate_ratio,
)

__all__ = [
    "BetaMixture",
    "Commensurate",
    "GammaMixture",
    "Summary",
    "TippingPoint",
    "commensurate_rate",
    "conditional_proportion",
    "conditional_rate",
    "elir_sample_size",
    "moment_sample_size",
    "plug_in_rate",
    "predictive_p",
    "predictive_proportion",
    "predictive_rate",
    "probability_above",
    "probability_first_is_greater",
    "probability_proportion_is_higher",
    "probability_rate_is_higher",
    "rate_ratio",
    "robust_beta",
    "robust_gamma",
    "summary",
    "tipping_delta_proportion",
    "tipping_delta_rate",
    "tipping_point",
    "tipping_robust_weight",
    "update_beta",
    "update_gamma",
]
