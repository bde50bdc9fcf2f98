"""A small run of two programmes of one platform: treated patients whose numbers are known."""

from __future__ import annotations

import time
from datetime import timedelta
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from small_run import CONFIGURATION, encode, given, versions
from treated import before, dose, end, enrolment, event, on, value, visit

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.domain.case import CaseVersion, Dose, Patient
from surveillance.domain.outcome import MissedVisit, OutcomeRecord
from surveillance.runs.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMMES = """
    [natural_history.untreated]
    population = "invented patients, for tests"
    [[natural_history.untreated.endpoint."hepatic failure"]]
    rate_per_patient_year = 2.0
    n_patients = 40
    patient_years = 80.0
    dispersion = 0.8
    source = "invented, for tests"

    [biomarker.ammonia]
    unit = "umol/L"
    worse = "rise"
    low = 11.0
    high = 50.0

    [design.effect]
    test = "lost_effect"
    endpoint = "hepatic failure"
    rate_ratio_kept = 0.2

    [design.ammonia]
    test = "biomarker"
    code = "ammonia"
    from_days = 10
    n_baseline = 2
    is_log = true

    [design.follow_up]
    test = "visits"
    days = [30, 90, 180]
    years = 1.0
    grace_days = 20

    [[programme]]
    name = "P1"
    platform = "F"
    products = ["P"]
    approval = "invented, for tests"
    natural_history = "untreated"
    designs = ["effect", "ammonia", "follow_up"]
    construct = [{name = "K1"}, {name = "K2"}]

    [[programme]]
    name = "P2"
    platform = "F"
    products = ["Q"]
    approval = "invented, for tests"
    natural_history = "untreated"
    designs = ["effect", "follow_up"]
    construct = [{name = "L1"}]
"""
EVENTS = {"one": (60, 130, 150, 170, 175, 190, 195, 200), "two": (40,), "four": (100, 120)}
CONSTRUCTS = {"one": "K1", "two": "K1", "three": "K2", "four": "K2", "five": "L1"}
BASELINES = {"one": 1, "two": 0, "three": 4}
MISSED = {"four": 90}
COUNTRIES = ("DE", "FR", "GB", "US", "JP", "IT", "ES", "CH", "AT", "NL")


def outcomes() -> list[OutcomeRecord]:
    found: list[OutcomeRecord] = []
    for place, (who, construct) in enumerate(CONSTRUCTS.items()):
        programme, product = ("P2", "Q") if construct == "L1" else ("P1", "P")
        of: dict[str, Any] = {"patient_id": who, "programme": programme}

        def known(day: int, name: str, of: dict[str, Any] = of) -> dict[str, Any]:
            record_id = f"{of['patient_id']} {name} {day}"
            return of | {"record_id": record_id, "received_on": on(day + 2)}

        baseline = (before(BASELINES[who], 365),) if who in BASELINES else ()
        found.append(
            enrolment(place, age_years=5.0, baseline=baseline, **known(place, "enrolment"))
        )
        found.append(dose(place, construct, product=product, **known(place, "dose")))
        found += [event(day, **known(day, "event")) for day in EVENTS.get(who, ())]
        days = [day for day in (30, 90, 180) if MISSED.get(who) != day]
        found += [visit(place + day, **known(place + day, "visit")) for day in days]
        if programme == "P1":
            found += [
                value(place + day, 20.0 + place + day / 10, **known(place + day, "value"))
                for day in (30, 60, 92, 182)
                if not (who in MISSED and day == 92)
            ]
    late: dict[str, Any] = {"programme": "P1", "patient_id": "three", "received_on": on(160)}
    found.append(value(150, 5.0, is_below_limit=True, record_id="three below", **late))
    missed: dict[str, Any] = {"programme": "P1", "patient_id": "four", "received_on": on(115)}
    found.append(MissedVisit(record_id="four missed", planned_on=on(93), **missed))
    lost: dict[str, Any] = {"programme": "P1", "patient_id": "two", "received_on": on(200)}
    found.append(end(185, record_id="two lost", **lost))
    return found


def make_programme_run(folder: Path) -> Path:
    """Replay the cases of the small run and the patients; return the run's directory."""
    inputs, configuration = folder / "inputs", folder / "configuration"
    inputs.mkdir()
    configuration.mkdir()
    later = timedelta(days=365 * 25)
    cases = [version for one in given() for version in versions(one)]
    moved = [_moved(version, later) for version in cases]
    (inputs / "cases.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in moved))
    records = sorted(outcomes(), key=lambda one: (one.received_on, one.record_id))
    (inputs / "outcomes.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in records))
    for part, text in (CONFIGURATION | {"programmes": PROGRAMMES}).items():
        (configuration / f"{part}.toml").write_text(dedent(text), encoding="utf-8")
    replay(
        "folder",
        [inputs],
        out=folder / "run",
        configurations=Configurations(read_configuration(configuration)),
        configuration_directory=configuration,
        clock=time.monotonic,
    )
    return folder / "run"


def patient_of(case_id: str) -> dict[str, Any]:
    """Return who a case is about and where it came from, by its number."""
    number = int(case_id.partition("-")[2])
    sex = ("female", "male", None)[number % 3]
    age = (None, 1.0, 5.0, 40.0, 70.0)[number % 5]
    return {
        "patient": Patient(sex=sex, age_years=age),  # type: ignore[arg-type]
        "country": COUNTRIES[number % len(COUNTRIES)],
        "reporter": "physician" if number % 2 else "unknown",
    }


def _moved(version: CaseVersion, by: timedelta) -> CaseVersion:
    """Return a case so much later; one of ROTASHIELD with a dose ten days before, and an onset.

    The onset of R-3 is on the third day after the dose, and so on; that of R-0 lies before it.
    """
    received_on = version.received_on + by
    name, _, number = version.case_id.partition("-")
    version = replace(version, **patient_of(version.case_id))
    if name != "R":
        return replace(version, received_on=received_on)
    first = received_on - timedelta(days=10)
    onset = first + timedelta(days=int(number) or -1)
    (product,), (happened,) = version.products, version.events
    return replace(
        version,
        received_on=received_on,
        products=(replace(product, doses=(Dose(start_on=first),)),),
        events=(replace(happened, onset_on=onset),),
    )
