"""The comparator: a patient's stratum of natural history, and how sure its rate is."""

from __future__ import annotations

import math
from functools import lru_cache

import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.anytime.fixed_history import rate_limit
from surveillance.configuration.programmes import Stratum
from surveillance.programmes.histories import History


def stratum_of(strata: tuple[Stratum, ...], history: History) -> Stratum | None:
    """Find the stratum that a patient is compared with.

    Parameters
    ----------
    strata : tuple of Stratum
        Of one endpoint.
    history : History
        The patient.

    Returns
    -------
    Stratum or None
        The one that holds the age at the first dose. Where the age is not known, the only
        stratum there is; None where several could be meant, or none fits.
    """
    age = history.age_at_first_dose
    if age is None:
        return strata[0] if len(strata) == 1 else None
    return next((one for one in strata if one.age_from <= age < one.age_until), None)


@lru_cache(maxsize=1_024)
def upper_rate(stratum: Stratum, error: float) -> float:
    r"""Bound the rate of a stratum from above.

    Parameters
    ----------
    stratum : Stratum
        The history: events, patient-time, patients, and how they differ.
    error : float
        Chance that the rate is above the limit, in (0, 1).

    Returns
    -------
    float
        Events a patient-year.

    Notes
    -----
    With patients alike the exact Poisson limit. Else the total of *n* patients who were
    followed for equal times is negative binomial with shape :math:`n k`, and the limit is the
    rate at which no more events than were seen come with a chance of `error` (Clopper and
    Pearson's argument), which is wider: with *k* = 0.65 and 63 patients by a factor of 1.7
    at 0.002, where the Poisson limit is 1.2.
    """
    events, years = stratum.events, stratum.patient_years
    if stratum.dispersion is None:
        return rate_limit(math.ceil(events - 1e-9), years, error=error)
    shape = stratum.n_patients * stratum.dispersion

    def excess(log_rate: float) -> float:
        mean = math.exp(log_rate) * years
        return float(special.betainc(shape, events + 1.0, shape / (shape + mean))) - error

    low = math.log(max(events, 0.5) / years)
    high = low + 1.0
    while excess(high) > 0:
        high += 1.0
    return math.exp(float(scipy.optimize.brentq(excess, low, high, xtol=1e-13)))
