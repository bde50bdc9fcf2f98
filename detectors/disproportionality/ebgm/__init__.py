"""Empirical Bayes geometric mean: the gamma-Poisson shrinker, its prior and its scores."""

from detectors.disproportionality.ebgm.fitting import fit
from detectors.disproportionality.ebgm.likelihood import negative_log_likelihood
from detectors.disproportionality.ebgm.limit import expected_limit
from detectors.disproportionality.ebgm.prior import Diagnostics, NotConverged, Prior
from detectors.disproportionality.ebgm.scoring import Score, score
from detectors.disproportionality.ebgm.squashing import Squashed, squash

__all__ = [
    "Diagnostics",
    "NotConverged",
    "Prior",
    "Score",
    "Squashed",
    "expected_limit",
    "fit",
    "negative_log_likelihood",
    "score",
    "squash",
]
