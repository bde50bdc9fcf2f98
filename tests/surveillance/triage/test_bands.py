"""Bands, service levels in working days, and what of them a configuration may not say."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DAY, a_configuration
from triaged import TriagedEpochs, a_finding

from surveillance.configuration.types import BANDS, Band, Holiday, KnownPair, Triage
from surveillance.domain.signal import Signal
from surveillance.triage.bands import band_of
from surveillance.triage.labels import Labels
from surveillance.triage.working_days import WorkingDays

LISTED = (KnownPair(product="P", event="Rash"),)
OTHER = (KnownPair(product="P", event="Fever"),)


def a_signal(**changes: Any) -> Signal:  # noqa: ANN401 - its fields
    return msgspec.structs.replace(TriagedEpochs().signal(a_finding()), **changes)


@pytest.mark.parametrize(
    ("changes", "labels", "band"),
    [
        ({"priority": 0.9}, (), "P2"),
        ({"priority": 0.5}, (), "P2"),
        ({"priority": 0.4999}, (), "P3"),
        ({"priority": 0.3499}, (), "P4"),
        ({"priority": 0.1, "is_sentinel": True}, (), "P1"),
        ({"priority": 0.1, "n_fatal": 1}, (), "P4"),
        ({"priority": 0.1, "n_fatal": 1}, LISTED, "P4"),
        ({"priority": 0.1, "n_fatal": 1}, OTHER, "P1"),
        ({"priority": 0.1, "n_fatal": 0}, OTHER, "P4"),
    ],
)
def test_a_matter_is_in_the_first_band_that_one_condition_puts_it_in(
    changes: dict[str, Any], labels: tuple[KnownPair, ...], band: str
) -> None:
    configuration = a_configuration(labels=labels)

    found = band_of([a_signal(**changes)], configuration.triage, Labels(configuration), DAY)

    assert found.name == band


def test_a_matter_is_in_the_band_of_the_most_urgent_of_its_signals() -> None:
    configuration = a_configuration()
    signals = [a_signal(priority=0.1), a_signal(priority=0.1, is_sentinel=True)]

    assert band_of(signals, configuration.triage, Labels(configuration), DAY).name == "P1"


@pytest.mark.parametrize(
    ("bands", "reason"),
    [
        ((), "the last one, and no other"),
        (BANDS[:-1], "the last one, and no other, is without conditions"),
        ((BANDS[3], *BANDS), "band: 'P4' is given more than once"),
        ((BANDS[3], BANDS[0]), "the last one, and no other, is without conditions"),
        ((BANDS[1], BANDS[0], BANDS[3]), "a later one cannot have fewer working_days"),
    ],
)
def test_bands_that_would_lose_a_matter_are_refused(bands: tuple[Band, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Triage(band=bands)


def test_a_week_without_working_days_is_refused() -> None:
    week = msgspec.json.decode(
        b'["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]'
    )
    with pytest.raises(ValueError, match="no working day is left"):
        Triage(weekend=tuple(week))


# Working days


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2024, 3, 8), 1, date(2024, 3, 11)),  # a Friday
        (date(2024, 3, 9), 1, date(2024, 3, 11)),
        (date(2024, 2, 28), 1, date(2024, 2, 29)),  # of a leap year
        (date(2023, 2, 28), 1, date(2023, 3, 1)),
        (date(2024, 3, 28), 2, date(2024, 4, 3)),  # Good Friday and Easter Monday between
        (date(2024, 3, 11), 5, date(2024, 3, 18)),
    ],
)
def test_weekends_and_holidays_do_not_count(day: date, n: int, expected: date) -> None:
    holidays = (
        Holiday(day=date(2024, 3, 29), name="Good Friday"),
        Holiday(day=date(2024, 4, 1), name="Easter Monday"),
    )

    days = WorkingDays.of(a_configuration(holidays=holidays))

    assert days.after(day, n) == expected


@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.integers(1, 40),
    st.sets(st.dates(date(1990, 1, 1), date(2030, 1, 1)), max_size=5),
)
def test_so_many_working_days_lie_between(day: date, n: int, holidays: set[date]) -> None:
    days = WorkingDays(("saturday", "sunday"), holidays)

    end = days.after(day, n)

    between = [day + timedelta(days=one) for one in range(1, (end - day).days + 1)]
    assert sum(map(days.is_one, between)) == n
    assert days.is_one(end)
