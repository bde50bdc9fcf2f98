"""What is kept of a patient is little, and all that tests ask for comes back."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from strategies import AT, DAY, a_configuration, encode, programmes, record
from treated import before, dose, end, enrolment, event, on, value, visit

from surveillance.configuration.programmes import Biomarker, Level, LostEffect, Visits
from surveillance.configuration.types import Topics
from surveillance.domain.outcome import Intervention, MissedVisit, OutcomeRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes import watch
from surveillance.programmes.packed import N_DIGEST_BYTES, pack, standing, unpack
from surveillance.programmes.watch import WatchOutcomes

COMMON: dict[str, Any] = {"programme": "P1", "patient_id": "one", "received_on": date(2000, 1, 1)}
RECORDS: list[OutcomeRecord] = [
    enrolment(baseline=(before(3, 500), before(0, 20, "other")), age_years=0.5, **COMMON),
    dose(0, lot="L1", dose_mg_per_kg=0.1, **COMMON),
    visit(9, is_last=True, **COMMON),
    MissedVisit(planned_on=on(30), reason="abroad", record_id="m", **COMMON),
    value(20, 5.5, is_below_limit=True, low=1.0, high=2.0, **COMMON),
    value(21, 0.0, **COMMON),
    event(5, is_fatal=True, **COMMON),
    Intervention(kind="rescue", name="benzoate", started_on=on(7), record_id="i", **COMMON),
    end(99, "death", cause="other", **COMMON),
]


def test_every_kind_of_record_comes_back_as_it_was_kept() -> None:
    kept = {one.record_id: standing(one, b"\0" + bytes(16)) for one in RECORDS}

    assert unpack(pack(kept), "P1", "one") == kept


def test_of_a_record_that_was_taken_back_its_rank_is_kept() -> None:
    gone = replace(RECORDS[0], is_nullified=True, version=3)

    (found,) = unpack(pack({"r": standing(gone, b"\1" * 17)}), "P1", "one").values()

    assert (found.version, found.digest, found.record) == (3, b"\1" * N_DIGEST_BYTES, None)


def test_what_is_kept_does_not_depend_on_the_order_of_arrival() -> None:
    kept = [(one.record_id, standing(one, bytes(17))) for one in RECORDS]

    assert pack(dict(kept)) == pack(dict(reversed(kept)))


def test_fifteen_years_of_a_patient_are_kept_in_less_than_two_kilobytes() -> None:
    records: list[OutcomeRecord] = [
        enrolment(),
        *(dose(28 * n, record_id=f"d{n}") for n in (0, 1, 2)),
    ]
    records += [visit(day) for day in range(90, 5479, 90)]
    records += [event(day) for day in range(50, 5479, 760)]
    of = programmes(effect=LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.2))
    stored: dict[bytes, bytes] = {}
    configuration = a_configuration(topics=Topics(outcomes=1), programmes=of)
    stage, cells = WatchOutcomes(configuration, 0), Cells(stored.get)
    state = stage.init(cells)

    at = AT + ((on(0) - DAY).days + 5500) * 86_400
    stage.apply(state, record(*map(encode, records), at=at))
    stage.close(state, 0, at)
    stored |= cells.drain()

    n_bytes = sum(len(key) + len(kept) for key, kept in stored.items())
    assert n_bytes + len(stage.dump(state)) < 2_000


AMMONIA = {"ammonia": Biomarker(unit="umol/L", worse="rise")}
DESIGNS: dict[str, Any] = {
    "effect": LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.2),
    "level": Level(code="ammonia", n_baseline=2, from_days=1),
    "visits": Visits(days=(30, 60), grace_days=5),
}


def rows_of(*, is_kept_open: bool) -> list[bytes]:
    """All rows of a course, close by close, with programmes kept open in memory or read again."""
    of = programmes("P1", "P2", biomarkers=AMMONIA, **DESIGNS)
    configuration = a_configuration(topics=Topics(outcomes=1), programmes=of)
    stored: dict[bytes, bytes] = {}
    stage, cells = WatchOutcomes(configuration, 0), Cells(stored.get)
    state, found = stage.init(cells), []
    moved: dict[str, Any] = {"record_id": "event 3", "version": 2}
    course: list[list[OutcomeRecord]] = [
        [dose(0), dose(0, programme="P2", record_id="d")],
        [event(3), visit(4), value(5, 10.0), value(6, 11.0)],
        [dose(1, record_id="d2", patient_id="two"), event(5, patient_id="two", **moved)],
        [event(5, record_id="event 3"), value(20, 40.0)],
        [dose(1, record_id="d2", patient_id="two", version=2, is_nullified=True)],
        [visit(70)],
    ]
    for epoch, (records, day) in enumerate(zip(course, (2, 8, 9, 21, 40, 71), strict=True)):
        at = AT + ((on(0) - DAY).days + day) * 86_400
        stage.apply(state, record(*map(encode, records), at=at))
        found += [encode(row) for row in stage.close(state, epoch, at).rows]
        stored |= cells.drain()
        if not is_kept_open:
            state = stage.load(stage.dump(state), cells)
    return found


def test_a_programme_that_is_read_again_gives_the_rows_of_one_that_was_kept_open() -> None:
    assert rows_of(is_kept_open=False) == rows_of(is_kept_open=True)


def test_programmes_beyond_what_memory_holds_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = rows_of(is_kept_open=True)
    monkeypatch.setattr(watch, "N_RECORDS_OPEN", 1)

    assert rows_of(is_kept_open=True) == expected


def test_a_record_that_is_sent_again_for_another_patient_belongs_to_that_one() -> None:
    stage = WatchOutcomes(
        a_configuration(topics=Topics(outcomes=1), programmes=programmes(effect=DESIGNS["effect"])),
        0,
    )
    state = stage.init(Cells(nothing_stored))
    at = AT + ((on(0) - DAY).days + 30) * 86_400
    two = {"patient_id": "two"}
    lines = [dose(0), dose(0, record_id="d2", **two), event(3), event(3, version=2, **two)]

    stage.apply(state, record(*map(encode, lines), at=at))
    rows = [row for row in stage.close(state, 0, at).rows if row.product == "programme:P1"]

    assert [(row.n_patients, row.n_events) for row in rows] == [(2, 1)]
