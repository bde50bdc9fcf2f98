"""What the watches show at ten dates of each scenario is what pandas and SciPy compute anew."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import recomputed
from numpy.random import PCG64, Generator
from recomputed import Known, Row
from strategies import record

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.finding import Look
from surveillance.log.cells import Cells
from surveillance.programmes.watch import WatchOutcomes
from surveillance.simulate.content import Calendar
from surveillance.simulate.scenario import Scenario
from surveillance.simulate.treated import treat
from surveillance.simulate.variations import VARIATIONS

N_DATES = 10
FIRST_EVENTS = {"death": ("Death", None), "liver_failure": ("Acute hepatic failure", 90)}


def outcomes(scenario: Scenario) -> list[tuple[date, bytes]]:
    """Return day of arrival and line, in order."""
    assert scenario.platform is not None
    calendar = Calendar(scenario.from_on)
    treated = treat(Generator(PCG64(11)), scenario, scenario.platform, calendar)
    return [(calendar[line.arrival], line.line) for line in sorted(treated.outcomes)]


def looks(lines: list[tuple[date, bytes]], dates: list[date]) -> dict[date, list[Look]]:
    """Close an epoch on each date, and return what the watch emits."""
    stage = WatchOutcomes(read_configuration(SHIPPED / "ucd"), 0)
    stored: dict[bytes, bytes] = {}
    state = stage.init(Cells(stored.get))
    found: dict[date, list[Look]] = {}
    before = date.min
    for epoch, on in enumerate(dates):
        at = int(datetime.combine(on, time(23, 59, 59), UTC).timestamp())
        new = [line for day, line in lines if before < day <= on]
        if new:
            stage.apply(state, record(*new, offset=epoch, at=at))
        output = stage.close(state, epoch, at)
        assert output.dispositions is None or output.dispositions.refused == 0
        found[on] = [row for row in output.rows if isinstance(row, Look)]
        before = on
    return found


def shown(look: Look) -> Row:
    chance = -1.0 if look.background_probability is None else look.background_probability
    return Row(
        look.n_patients, look.n_events, look.person_days, look.expected, look.statistic, chance
    )


def computed(known: Known, look: Look) -> Row:
    level, unit = look.product.split(":", 1)
    match look.design:
        case "effect":
            return recomputed.effect(known, level, unit)
        case "ammonia":
            return recomputed.ammonia(known, look.patient_id)
        case "death" | "liver_failure":
            event, window = FIRST_EVENTS[look.design]
            return recomputed.listed(known, level, unit, event, window=window)[0]
        case "seizure":
            row, ratio = recomputed.listed(known, level, unit, "Seizure")
            return row._replace(statistic=ratio)
    patients = known.patients[known.patients["programme"] == unit]
    assert look.design == "follow_up"
    if look.criterion == "follow_up_lost":
        n = int(patients["is_lost"].sum())
        return Row(len(patients), n, 0, 0.0, n / len(patients))
    n = recomputed.missed_visits(known, unit)
    return Row(len(patients), n, 0, 0.0, float(n))


@pytest.mark.parametrize("scenario", VARIATIONS, ids=lambda one: one.name)
def test_every_look_at_ten_dates_is_what_is_computed_anew(scenario: Scenario) -> None:
    lines = outcomes(scenario)
    step = scenario.days // N_DATES
    dates = [scenario.from_on + timedelta(days=step * (n + 1) - 1) for n in range(N_DATES)]
    found = looks(lines, dates)
    n_compared = 0
    for on in dates:
        known = Known((line for day, line in lines if day <= on), on)
        for look in found[on]:
            expected = computed(known, look)
            assert shown(look) == pytest.approx(expected, rel=1e-9, abs=1e-12), (on, look)
            n_compared += 1

    assert n_compared >= 2 * N_DATES
