"""Beside a loss of effect stand its lot, its site, and what a biomarker shows."""

from typing import Any

from strategies import a_configuration, a_stratum, encode, instant, programmes, record
from treated import ENDPOINT, before, dose, enrolment, event, on, value

from detectors.effectiveness.agreement import agreement
from surveillance.configuration.programmes import Biomarker, Level, LostEffect
from surveillance.configuration.types import Topics
from surveillance.domain.finding import WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells
from surveillance.programmes.watch import WatchOutcomes

EFFECT = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2, alpha=0.05, for_history=0.01)
AMMONIA = Level(code="ammonia", from_days=1, n_baseline=3)
STRATUM = a_stratum(rate_per_patient_year=2.4, n_patients=500, patient_years=1_000.0)


def patient(name: str, n_events: int, **given: Any) -> list[OutcomeRecord]:  # noqa: ANN401 - of a dose
    """A patient of 400 days who had four events in the year before the first dose."""
    own = {"patient_id": name}
    return [
        enrolment(0, record_id=f"{name} in", baseline=(before(4, 365),), **own),
        dose(0, record_id=f"{name} dose", **own, **given),
        *(event(20 * n + 5, record_id=f"{name} e{n}", **own) for n in range(n_events)),
    ]


def findings(*patients: list[OutcomeRecord], **designs: Any) -> list[WatchFinding]:  # noqa: ANN401 - designs
    of = programmes(
        strata=(STRATUM,),
        constructs=("K1",),
        biomarkers={"ammonia": Biomarker(unit="umol/L", worse="rise")},
        effect=EFFECT,
        **designs,
    )
    stage = WatchOutcomes(a_configuration(topics=Topics(outcomes=1), programmes=of), 0)
    stored: dict[bytes, bytes] = {}
    state, at = stage.init(Cells(stored.get)), instant(on(400))
    lines = [encode(one) for records in patients for one in records]
    stage.apply(state, record(*lines, at=at))
    rows = stage.close(state, 0, at).rows
    return [row for row in rows if isinstance(row, WatchFinding) and row.design == "effect"]


def notes(*patients: list[OutcomeRecord], **designs: Any) -> list[str]:  # noqa: ANN401 - designs
    found = findings(*patients, **designs)
    assert found
    return list(found[0].notes)


def test_the_lot_that_carries_the_events_is_named_and_not_the_other() -> None:
    bad = [patient(f"bad {n}", 10, lot="L2") for n in range(4)]
    good = [patient(f"good {n}", 0, lot="L1") for n in range(4)]

    (of_lots,) = notes(*bad, *good)

    assert of_lots.startswith("lot L2 most probably carries it (0.9")
    assert "40 events" in of_lots


def test_lots_that_all_carry_the_events_are_not_blamed_one_by_one() -> None:
    everywhere = [patient(f"p{n}", 9, lot=f"L{n % 3}") for n in range(6)]

    (of_lots,) = notes(*everywhere)

    assert of_lots.startswith("lots: all 3 together most probably carry it")


def test_sites_are_compared_like_lots_and_one_of_either_is_not_compared() -> None:
    bad = [patient(f"bad {n}", 10, lot="L1", site="S1") for n in range(4)]
    good = [patient(f"good {n}", 0, lot="L1", site="S2") for n in range(4)]

    (of_sites,) = notes(*bad, *good)

    assert of_sites.startswith("site S1 most probably carries it")


def test_more_lots_than_the_method_takes_are_stated_and_not_compared() -> None:
    many = [patient(f"p{n}", 9, lot=f"L{n}") for n in range(21)]

    assert notes(*many) == ["lots were not compared: 21, above 20"]


def test_a_biomarker_that_holds_while_the_outcome_fails_is_stated_with_its_agreement() -> None:
    events, changes = [10, 9, 8, 0], [-1.0, 1.0, 0.0, 2.0]
    patients = []
    for place, (n, change) in enumerate(zip(events, changes, strict=True)):
        own = {"patient_id": f"p{place}"}
        series = [40.0, 41.0, 39.0, 40.0 + change, 40.0 + change]
        values = [
            value(10 * (k + 1), x, record_id=f"p{place} v{k}", **own) for k, x in enumerate(series)
        ]
        patients.append([*patient(f"p{place}", n, lot="L1"), *values])

    (of_marker,) = notes(*patients, marker=AMMONIA)

    found = agreement(changes, events, worse="rise")
    assert of_marker == (
        f"ammonia: mean change +0.5 umol/L in 4 patients; where it got worse there were more "
        f"events in {found.concordance:.0%} of pairs (p {found.p:.2g}, of follow-up as it is)"
    )


def test_without_lots_sites_or_markers_nothing_is_added() -> None:
    assert notes(*(patient(f"p{n}", 10) for n in range(4))) == []


def test_doses_are_compared_like_lots() -> None:
    high = [patient(f"high {n}", 0, lot="L1", dose_mg_per_kg=0.3) for n in range(4)]
    low = [patient(f"low {n}", 10, lot="L1", dose_mg_per_kg=0.1) for n in range(4)]

    (of_doses,) = notes(*high, *low)

    assert of_doses.startswith("dose 0.1 mg/kg most probably carries it")
