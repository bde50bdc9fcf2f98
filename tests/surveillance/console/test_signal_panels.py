"""Panels of a signal that look beyond its counts: criteria, onset, masking and duplicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from answers import Look
from reading_pages import Site, rows_of
from small_run import ACTHIB, PAIR, given

from detectors.masking import masking as masking_of_reports
from surveillance.configuration.types import CountReached, Exact, Sentinel
from surveillance.console import signal_page
from surveillance.console.criteria_table import beside
from surveillance.triage.triage import signal_id
from surveillance.views.masking import masking
from surveillance.views.results import open_results
from surveillance.views.written import interval, number

SIGNAL = f"/s/{signal_id(*PAIR, 'safety')}"
ADDRESS = "/figure.csv?figure=onset&product={}&event={}"


def test_every_criterion_stands_beside_the_others_with_the_value_of_the_day(
    site: Site, run: Path, look: Look
) -> None:
    of_pair = ("--from-run", run, "--product", PAIR[0], "--event", PAIR[1])
    last = look("series", *of_pair, "--json").json[-1]
    findings = look("findings", *of_pair, "--json").json
    rows = {row["Criterion"]: row for row in site.page(SIGNAL).table("All that are configured")}

    assert list(rows) == ["evans v1", "ror v1", "ic v1"]
    prr, chi_square = number(last["prr"]), number(last["chi_square"])
    assert rows["evans v1"]["Value"] == f"PRR {prr}, χ² {chi_square}"
    assert rows["ror v1"]["Value"] == number(last["ror_lower"])
    assert rows["ic v1"]["Value"] == number(last["ic_lower"])
    for name in ("evans", "ror", "ic"):
        first = next(one["on"] for one in findings if one["criterion"] == name)
        assert rows[f"{name} v1"]["Met since"] == first


def test_onsets_are_those_of_the_line_listing(programmes: Site, treated: Path, look: Look) -> None:
    of_pair = ("--from-run", treated, "--product", PAIR[0], "--event", PAIR[1])
    cases = look("cases", *of_pair, "--json").json["cases"]
    wanted = [(one["case_id"], one["onset_days"]) for one in cases]

    rows = rows_of(programmes, ADDRESS.format(*PAIR))

    assert [(row["case"], int(row["onset_days"])) for row in rows] == [
        (case, days) for case, days in wanted if days is not None
    ]
    assert any(days < 0 for _, days in wanted if days is not None)
    page = programmes.page(SIGNAL)
    n_dated = len(rows)
    assert f"{n_dated} of {len(cases)} have both dates" in page.words
    assert "1 began before the first dose" in page.words


@pytest.mark.parametrize("day", [None, "1999-02-10"])
def test_masking_is_that_of_the_detector_over_all_reports(
    site: Site, run: Path, day: str | None
) -> None:
    reader = open_results(run, None).reader
    epoch = reader.cases.epoch_on(None)
    assert epoch is not None
    held = [one for one in given() if one.nullified_on is None]
    target = PAIR[0].split(":")[1]
    incidence = np.array([[one.product == target, one.product == ACTHIB] for one in held])
    event = np.array([one.event == PAIR[1].split(":")[1] for one in held])

    found = masking(reader.counted, PAIR, len(held), epoch)
    of_group = masking(reader.counted, ("group:rotashield", PAIR[1]), len(held), epoch)
    assert of_group == found  # of a group of one product: without it, and not of groups
    wanted = masking_of_reports(incidence, event, maskers=[1], targets=[0])

    assert [one.without for one in found] == [None, f"product:{ACTHIB}"]
    assert found[1].n_pair == wanted.after.n_pair[0, 0]
    assert found[1].ic == wanted.ic_after.point[0, 0]
    assert found[0].ic_lower == wanted.ic_before.lower[0]
    rows = site.page(SIGNAL, **({"at": day} if day else {})).table("A product with many")
    assert [row["Without"] for row in rows] == ["nothing: all reports", ACTHIB]
    if day is None:
        assert rows[1]["IC"] == interval(found[1].ic, found[1].ic_lower, found[1].ic_upper)
        assert rows[1]["n"] == str(found[1].n_pair)


def test_what_is_not_known_of_duplicates_is_stated(site: Site) -> None:
    assert "how many there are is not known" in site.page(SIGNAL).words


def test_a_criterion_for_other_pairs_says_so() -> None:
    rows = beside(
        PAIR,
        [
            Sentinel(name="listed", products=("*",), events=(PAIR[1],)),
            Sentinel(name="other-event", products=("*",), events=("pt:Rash",)),
            CountReached(name="other-product", products=("product:A",), events=(PAIR[1],)),
            Exact(name="family", levels=("lot",)),
        ],
        [],
        {},
        None,
    )

    assert [one.value for one in rows] == ["no case counts", *["does not look at this pair"] * 3]


def test_in_a_large_log_what_reads_many_cases_is_for_who_asks_for_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal_page, "N_CASES_AT_ONCE", 3)
    site = Site(run)

    page = site.page(SIGNAL)

    (asked,) = [one for one in page.links_to(SIGNAL) if "with=masking" in one]
    (strata,) = page.links_to("/figure?figure=strata")
    assert len(site.page(asked).table("A product with many")) == 2
    assert site.page(strata).status == 200
    assert "A product with many" not in page.words
