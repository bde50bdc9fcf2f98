"""Correct estimates for the error that negative controls show.

A negative control is a product and an event that are known to have nothing to do with each other.
What is estimated for it is error: chance, and beyond chance the bias of the data and the method.
The spread of that bias is the empirical null.
"""

from detectors.calibration.calibrated import calibrate_interval, calibrate_llr, calibrate_p
from detectors.calibration.coverage import LeaveOneOut, leave_one_out
from detectors.calibration.null import REMARKS, Fit, Null, fit_null

__all__ = [
    "REMARKS",
    "Fit",
    "LeaveOneOut",
    "Null",
    "calibrate_interval",
    "calibrate_llr",
    "calibrate_p",
    "fit_null",
    "leave_one_out",
]
