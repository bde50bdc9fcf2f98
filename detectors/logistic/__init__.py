"""One coefficient per product for one event, with the co-reported products adjusted."""

from detectors.logistic.firth import Firth, firth
from detectors.logistic.penalised import Lasso, Path, lasso
from detectors.logistic.refit import Adjusted, adjusted
from detectors.logistic.reports import Design, design

__all__ = ["Adjusted", "Design", "Firth", "Lasso", "Path", "adjusted", "design", "firth", "lasso"]
