"""A patient's events are drawn beside the band of the same patient untreated."""

import pytest
from scipy import stats
from strategies import a_stratum
from treated import ENDPOINT, before, dose, end, enrolment, event, on

from surveillance.configuration.programmes import LostEffect
from surveillance.domain.outcome import OutcomeRecord
from surveillance.programmes.course import Point, course_of
from surveillance.programmes.histories import DAYS_A_YEAR, histories_of

KEPT = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2)


def course(*records: OutcomeRecord, dispersion: float | None = 0.65) -> list[Point]:
    (history,) = histories_of(records).values()
    stratum = a_stratum(rate_per_patient_year=2.4, dispersion=dispersion)
    return course_of(history, stratum, KEPT, until=on(400))


def test_the_band_holds_nine_tenths_of_the_untreated_with_the_same_events_before() -> None:
    points = course(enrolment(baseline=(before(3, 500),)), dose(0), event(10), event(200))

    shape, rate = 3.65, 3.65 / (0.65 / 2.4 + 500 / DAYS_A_YEAR)
    mean = rate * 400 / DAYS_A_YEAR
    law = stats.nbinom(shape, shape / (shape + mean))
    last = points[-1]
    assert (last.low, last.high) == (law.ppf(0.05), law.ppf(0.95))
    assert last.kept == pytest.approx(0.2 * mean)
    assert [point.n_events for point in points if point.on in {on(7), on(200), on(400)}] == [
        0,
        2,
        2,
    ]


def test_patients_who_are_alike_have_a_poisson_band() -> None:
    last = course(dose(0), dispersion=None)[-1]

    law = stats.poisson(2.4 * 400 / DAYS_A_YEAR)
    assert (last.low, last.high) == (law.ppf(0.05), law.ppf(0.95))


def test_the_course_begins_with_nothing_and_ends_with_follow_up() -> None:
    points = course(dose(0), event(10), end(100))

    assert (points[0].on, points[0].n_events, points[0].high) == (on(0), 0, 0)
    assert points[-1].on == on(100)


def test_a_patient_without_a_dose_or_without_a_day_has_no_course() -> None:
    assert course(event(3)) == []
    assert course(dose(0), end(0)) == []
