"""The oracle itself, against figures that others published or worked out by hand."""

import csv
import json
from datetime import date
from typing import Any

import pandas as pd
import pytest
from data import vaers_years

from bench.public import REFERENCE
from oracle.vaers_tables import Tables, canonical_tables, counts_of, vaers_tables

PRODUCT_GROUPS = {"rotashield": "rotashield", "lymerix": "lymerix"}
EVENT_GROUPS = {"intussusception": "intussusc", "arthritis": "arthritis|arthralgia"}
PUBLISHED = ["a_pair_reports", "n_product_reports", "n_event_reports", "N_all_reports"]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return vaers_tables(
        vaers_years(),
        product_groups=PRODUCT_GROUPS,
        event_groups=EVENT_GROUPS,
    )


def case(case_id: str, version: int = 1, **changed: object) -> bytes:
    record: dict[str, Any] = {
        "case_id": case_id,
        "source": "simulated",
        "version": version,
        "kind": "initial",
        "received_on": "2020-01-05",
        "events": [{"pt": "Rash"}],
        "products": [{"role": "suspect", "product": "A", "lot": "L1", "doses": [{"lot": "L2"}]}],
    }
    return json.dumps(record | changed).encode()


@pytest.mark.slow
def test_the_counts_on_the_days_of_first_crossing_are_the_reference_ones(tables: Tables) -> None:
    reference = REFERENCE / "ground_truth/vaers_first_crossing_reference.csv"
    with reference.open(newline="") as file:
        rows = list(csv.DictReader(file))

    counted = dict(tables.over(sorted({date.fromisoformat(row["date"]) for row in rows})))

    for row in rows:
        product, event = row["id"].split("-")
        on_day = counted[date.fromisoformat(row["date"])]
        found = counts_of(on_day, f"group:{product}", f"group:{event}")
        assert found == tuple(int(row[name]) for name in PUBLISHED)
    assert len(rows) == 10


@pytest.mark.slow
def test_counts_added_month_by_month_are_those_counted_at_once(tables: Tables) -> None:
    ends = [end.date() for end in pd.date_range("1990-07-31", "2000-12-31", freq="ME")]

    last = None
    for day, counted in tables.over(ends):
        if day == date(1995, 6, 30):
            pd.testing.assert_frame_equal(counted, tables.at(day))
        last = counted

    assert len(ends) == 126
    assert last is not None
    assert last["n_total"].iloc[0] == 111_014


def test_the_greatest_version_stands_whatever_the_order_of_arrival() -> None:
    first, second = case("X"), case("X", 2, events=[{"pt": "Fever"}])

    for lines in ([first, second], [second, first], [second, first, second]):
        counted = canonical_tables(lines, date(2020, 2, 1))

        assert set(counted.index.get_level_values("event")) == {"pt:Fever"}
        assert set(counted.index.get_level_values("product")) == {
            "product:A",
            "lot:A/L1",
            "lot:A/L2",
        }


def test_a_nullified_case_counts_nowhere_until_it_is_reinstated() -> None:
    lines = [case("X"), case("Y"), case("X", 2, kind="nullification", received_on="2020-02-01")]
    back = case("X", 3, kind="reinstatement", received_on="2020-03-01")

    totals = [
        counts_of(canonical_tables([*lines, back], day), "product:A", "pt:Rash")[3]
        for day in (date(2020, 1, 31), date(2020, 2, 1), date(2020, 3, 1))
    ]

    assert totals == [2, 1, 2]


def test_a_duplicate_and_a_concomitant_product_do_not_count() -> None:
    concomitant = [{"role": "suspect", "product": "A"}, {"role": "concomitant", "product": "B"}]

    counted = canonical_tables(
        [case("X", products=concomitant), case("Z", duplicate_of="X")], date(2020, 2, 1)
    )

    assert counts_of(counted, "product:A", "pt:Rash") == (1, 1, 1, 1)
    assert list(counted.index) == [("product:A", "pt:Rash")]


def test_a_report_without_a_term_counts_in_the_margin_of_its_product() -> None:
    counted = canonical_tables([case("X"), case("Y", events=[])], date(2020, 2, 1))

    assert counts_of(counted, "product:A", "pt:Rash") == (1, 2, 1, 2)


def test_groups_count_a_report_once_however_many_members_it_names() -> None:
    both = case("X", events=[{"pt": "Arthritis"}, {"pt": "Arthralgia"}])

    counted = canonical_tables([both], date(2020, 2, 1), event_groups=EVENT_GROUPS)

    assert counts_of(counted, "product:A", "group:arthritis") == (1, 1, 1, 1)
