"""Whose effect is likely to be lost soon is shown, with the chance and what it rests on."""

import math

import numpy as np
import pytest
from msgspec.structs import replace
from strategies import a_configuration, encode, instant, programmes, record
from treated import dose, on, value

from bench.study.cells import CELLS
from bench.study.history import _Drawing, _Walk
from detectors.effectiveness.durability import durability
from detectors.effectiveness.lines import Components
from surveillance.configuration.programmes import Biomarker, Durability
from surveillance.configuration.types import Topics
from surveillance.domain.finding import Look, WatchFinding
from surveillance.domain.outcome import Measurement, OutcomeRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes import durable
from surveillance.programmes.operating import characteristics
from surveillance.programmes.watch import WatchOutcomes

DESIGN = Durability(
    code="ammonia", from_days=0, threshold=80.0, between_sd=5.0, slope_sd=5.0, within_sd=2.0
)
AMMONIA = Biomarker(unit="umol/L", worse="rise", factors={"ug/dL": 0.5})


def patient(name: str, slope: float, **changes: str) -> list[OutcomeRecord]:
    """A patient with quarterly values for a year, from 40 on."""
    own = {"patient_id": name}
    values = [
        value(day, 40 + slope * day / 365.25, record_id=f"{name} {day}", **own, **changes)
        for day in (0, 90, 180, 270, 360)
    ]
    return [dose(0, record_id=f"{name} dose", **own), *values]


class Watched:
    """A watch of one partition, close by close."""

    def __init__(self, design: Durability = DESIGN, of: Biomarker = AMMONIA) -> None:
        found = programmes(biomarkers={"ammonia": of}, lasting=design)
        configuration = a_configuration(topics=Topics(outcomes=1), programmes=found)
        self.stage, self.epoch = WatchOutcomes(configuration, 0), -1
        self.state = self.stage.init(Cells(nothing_stored))

    def close(self, *records: OutcomeRecord, day: int) -> list[Look | WatchFinding]:
        at = instant(on(day))
        self.stage.apply(self.state, record(*map(encode, records), at=at))
        self.epoch += 1
        return list(self.stage.close(self.state, self.epoch, at).rows)


def test_only_the_patient_whose_marker_rises_is_a_finding_and_a_fall_back_ends_it() -> None:
    watched = Watched()
    steady = [one for n in range(4) for one in patient(f"steady {n}", 0.0)]

    rows = watched.close(*steady, *patient("rising", 30.0), day=400)

    found = [row for row in rows if isinstance(row, WatchFinding)]
    assert [(row.patient_id, row.change) for row in found] == [("rising", "met")]
    (finding,) = found
    assert (finding.scale, finding.alpha, finding.boundary) == ("probability", None, 0.5)
    assert 0.5 <= finding.statistic <= 1
    assert finding.n_events == 5
    assert finding.notes[0] == "chance to be above 80 umol/L within 365 days"
    assert watched.close(*patient("other", 0.0)[:1], day=401) == []  # no value is new
    back = [value(day, 40.0, record_id=f"r{day}", patient_id="rising") for day in (450, 540, 630)]
    ended = [row for row in watched.close(*back, day=640) if isinstance(row, WatchFinding)]
    assert [(row.patient_id, row.change) for row in ended] == [("rising", "ceased")]


def test_the_chance_is_that_of_the_detector_from_each_patients_last_value_on() -> None:
    rng = np.random.default_rng(1)
    patients = tuple(
        durable.Values(tuple(np.sort(rng.uniform(0, 3, 4))), tuple(rng.normal(60, 10, 4)))
        for _ in range(5)
    )
    numbers = np.repeat(np.arange(5), 4)
    times, levels = (np.array([getattr(p, name) for p in patients]).ravel()
                     for name in ("times", "levels"))  # fmt: skip
    components = Components(25.0, 25.0, 0.0, 4.0)

    found = durable.chances_of(DESIGN, "rise", patients)

    alone = [
        durability(numbers, times, -levels, components=components, threshold=-80.0,
                   now=one.times[-1], ahead=365 / 365.25).p_below_within.value[n]
        for n, one in enumerate(patients)
    ]  # fmt: skip
    assert found == pytest.approx(alone, rel=1e-12)


def test_a_starting_time_for_each_patient_must_be_as_many_as_there_are() -> None:
    with pytest.raises(ValueError, match="one for each patient"):
        durability([1, 1, 2, 2], [0, 1, 0, 1], [1, 2, 1, 2], threshold=0.0, now=[1, 1, 1], ahead=1,
                   components=Components(1.0, 1.0, 0.0, 1.0))  # fmt: skip


def test_a_marker_that_gets_worse_by_falling_is_the_mirror_and_logarithms_are_taken() -> None:
    rising = Watched().close(*patient("one", 30.0), day=400)
    falling = Watched(
        Durability(code="ammonia", from_days=0, threshold=math.exp(-80), between_sd=5.0,
                   slope_sd=5.0, within_sd=2.0, is_log=True),
        Biomarker(unit="umol/L", worse="fall"),
    ).close(*map(_mirrored, patient("one", 30.0)), day=400)  # fmt: skip

    assert falling[0].statistic == pytest.approx(rising[0].statistic, rel=1e-9)
    assert "below" in falling[0].notes[0]


def _mirrored(one: OutcomeRecord) -> OutcomeRecord:
    """Return a value as its exponential, falling where it rose."""
    return replace(one, value=math.exp(-one.value)) if isinstance(one, Measurement) else one


def test_one_value_and_values_of_nobody_are_no_look() -> None:
    assert Watched().close(*patient("one", 30.0)[:2], day=400) == []
    assert durable.chances_of(DESIGN, "rise", ()) == ()


def test_a_threshold_without_a_logarithm_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold: must be above 0"):
        Durability(code="x", threshold=0.0, is_log=True, between_sd=1, slope_sd=1, within_sd=1)
    with pytest.raises(ValueError, match="biomarker 'other' is not defined"):
        programmes(lasting=Durability(code="other", threshold=1, between_sd=1, slope_sd=1,
                                      within_sd=1))  # fmt: skip


def test_a_committee_is_shown_how_often_the_steady_and_the_changing_are_named() -> None:
    (found,) = characteristics(programmes(biomarkers={"ammonia": AMMONIA}, lasting=DESIGN))

    chances = [one.chance for one in found.chances]
    assert found.alpha is None
    assert chances == sorted(chances)
    assert (chances[0], chances[-1] > 0.5) == (0.0, True), chances


def test_in_the_scenario_of_a_marker_that_holds_nobody_is_named() -> None:
    design = Durability(code="Ammonia", threshold=90.0, is_log=True, between_sd=0.2, slope_sd=0.1,
                        within_sd=0.2)  # fmt: skip
    drawing = _Drawing(CELLS["biomarker-holds"], 1)
    programme = drawing.programmes.of("SIM-CPS1")
    assert programme is not None
    day = drawing.cell.scenario.days
    occasion = _Walk(drawing, programme)._occasion(
        "lasting", day, drawing._histories("SIM-CPS1", day)
    )

    found = list(durable.looks(design, drawing.programmes.biomarker["Ammonia"], occasion))

    assert len(found) > 5
    assert not any(look.is_crossing for look in found)
