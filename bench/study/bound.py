"""The least patient-time in which any test could find a lost effect, at a stated alpha.

Whatever test finds the loss within some time, with looks wherever it likes, is also a test of
all that is known at the end of that time. By the lemma of Neyman and Pearson none of these
finds more often than the ratio of likelihoods at that time, with all of alpha spent on one look
and the rate ratio known. Where that finds fewer than half, no test has found half.

`python -m bench.study.bound` prints the table of decision 13, loss of effect by patient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from surveillance.simulate.natural_history import UREA_CYCLE

N_DRAWN = 200_000
KEPT = 0.2  # rate ratio of an effect of 80 %
_GRID = 0.1  # patient-years
_HALF = 0.5


class Setting(NamedTuple):
    """What is known of the patients.

    Attributes
    ----------
    n_patients : int
        Followed for equal times, all from the day of the loss.
    years_before : float
        In which events were counted before the first dose.
    shape : float
        Of the gamma law of the patients' own factors; infinite where they are alike.
    alpha : float
        Chance of a false alarm.
    rate : float
        Of natural history, taken as known: events a patient-year.
    """

    n_patients: int = 5
    years_before: float = 1.5
    shape: float = UREA_CYCLE.dispersion
    alpha: float = 0.01
    rate: float = UREA_CYCLE.rate_per_patient_year


def most_found(of: Setting, patient_years: float, *, seed: int = 1, n: int = N_DRAWN) -> float:
    """Compute the greatest power of any test by some time.

    Parameters
    ----------
    of : Setting
        What is known.
    patient_years : float
        Of all patients together.
    seed, n : int
        Of the histories that are drawn with the effect kept, and as many with it lost.

    Returns
    -------
    float
        Share of lost effects found, with a Monte Carlo error below 0.005.
    """
    rng, years = Generator(PCG64(seed)), patient_years / of.n_patients
    kept, lost = (_evidence(rng, of, years, ratio, n) for ratio in (KEPT, 1.0))
    limit = float(np.quantile(kept, 1.0 - of.alpha, method="higher"))
    beyond, at = float((kept > limit).mean()), float((kept == limit).mean())
    share = (of.alpha - beyond) / at  # of ties, so that all of alpha is spent
    return float((lost > limit).mean() + share * (lost == limit).mean())


def least_patient_years(of: Setting) -> float:
    """Find the time before which no test finds half of the lost effects.

    Parameters
    ----------
    of : Setting
        What is known.

    Returns
    -------
    float
        Patient-years, a multiple of 0.1; infinity where it is above 100.
    """
    low, high = 0, 1_000
    if most_found(of, high * _GRID) < _HALF:
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if most_found(of, middle * _GRID) >= _HALF else (middle, high)
    return round(high * _GRID, 1)


def _evidence(
    rng: Generator, of: Setting, years: float, ratio: float, n: int
) -> NDArray[np.float64]:
    """Draw logarithms of the likelihood of a lost effect over that of a kept one."""
    size = (n, of.n_patients)
    if math.isinf(of.shape):
        seen = rng.poisson(of.rate * ratio * years, size)
        logs = seen * -math.log(KEPT) - of.rate * (1 - KEPT) * years
    else:
        own = rng.gamma(of.shape, 1 / of.shape, size)
        before = rng.poisson(of.rate * own * of.years_before)
        seen = rng.poisson(of.rate * own * ratio * years)
        fixed = of.shape / of.rate + of.years_before
        whole = of.shape + before + seen
        logs = seen * -math.log(KEPT) - whole * math.log((fixed + years) / (fixed + KEPT * years))
    return np.asarray(logs.sum(axis=1).round(9))


def rows() -> Iterator[tuple[str, float]]:
    """Compute the table.

    Yields
    ------
    tuple of str and float
        What is known, and the least patient-years.
    """
    yield "patients alike", least_patient_years(Setting(shape=math.inf))
    for years in (0.0, 0.5, 1.5, 100.0):
        name = f"patients who differ, {years:g} years of events before the first dose"
        yield name, least_patient_years(Setting(years_before=years))
    for n in (1, 3, 10, 30):
        yield f"{n} patients who differ, 1.5 years", least_patient_years(Setting(n_patients=n))


if __name__ == "__main__":
    for name, found in rows():
        print(f"{name}: {found:g}")
