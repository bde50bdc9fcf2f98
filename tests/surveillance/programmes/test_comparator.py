"""The comparator: strata, and the limit of a rate that was itself only observed."""

import math

import numpy as np
import pytest
from scipy import stats
from strategies import a_stratum
from treated import dose, enrolment

from surveillance.programmes.histories import histories_of
from surveillance.programmes.natural_history import stratum_of, upper_rate

YOUNG, OLD = a_stratum(age_until=2.0), a_stratum(age_from=2.0, rate_per_patient_year=3.0)


def patient(age: float | None) -> object:
    (history,) = histories_of([enrolment(age_years=age), dose(0)]).values()
    return history


@pytest.mark.parametrize(
    ("age", "strata", "found"),
    [
        (1.9, (YOUNG, OLD), YOUNG),
        (2.0, (YOUNG, OLD), OLD),
        (None, (YOUNG, OLD), None),
        (None, (YOUNG,), YOUNG),
        (2.5, (YOUNG,), None),
    ],
)
def test_a_patient_is_compared_with_the_stratum_of_the_age(
    age: float | None, strata: tuple[object, ...], found: object
) -> None:
    assert stratum_of(strata, patient(age)) is found  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [0.001, 0.01, 0.2])
def test_the_limit_is_where_so_few_events_are_as_rare_as_the_error(error: float) -> None:
    stratum = a_stratum(rate_per_patient_year=2.4, n_patients=63, patient_years=94.5)
    shape = 63 * 1.0

    mean = upper_rate(stratum, error) * 94.5

    below = stats.nbinom.cdf(math.floor(stratum.events), shape, shape / (shape + mean))
    above = stats.nbinom.cdf(math.ceil(stratum.events), shape, shape / (shape + mean))
    assert below <= error <= above * (1 + 1e-9)


def test_the_limit_of_patients_alike_is_that_of_poisson() -> None:
    stratum = a_stratum(dispersion=None, rate_per_patient_year=0.5, patient_years=20.0)

    assert upper_rate(stratum, 0.025) == pytest.approx(stats.chi2.ppf(0.975, 22) / 2 / 20)


def test_the_limit_fails_as_seldom_as_promised_though_patients_differ() -> None:
    rng = np.random.default_rng(20_260_211)
    n_patients, years, dispersion, rate = 20, 1.5, 0.65, 2.4
    own = rng.gamma(dispersion, 1 / dispersion, (20_000, n_patients))
    events = rng.poisson(rate * years * own).sum(axis=1)
    found = {
        int(n): upper_rate(
            a_stratum(
                rate_per_patient_year=max(int(n), 1e-9) / (n_patients * years),
                n_patients=n_patients,
                patient_years=n_patients * years,
                dispersion=dispersion,
            ),
            0.05,
        )
        for n in set(events.tolist())
    }

    failed = np.mean([found[int(n)] < rate for n in events])

    assert failed == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / len(events)) + 0.002)
