"""`longwatch form validation`: the log fills in what it holds, and leaves the rest to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from calling import longwatch

from surveillance.configuration.life_cycle import Filled, shipped, shipped_form_fields
from surveillance.triage.triage import signal_id
from surveillance.views import form_fills

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Demo

PAIR = ("product:ROTAVIRUS (ROTASHIELD)", "pt:Intussusception")
SIGNAL = signal_id(*PAIR, "safety")


def _form(run: Path, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = longwatch(
        "form", "validation", SIGNAL, "--from-run", run, "--json", *words
    ).json()
    return found


def _from_log(form: dict[str, Any]) -> dict[str, list[str]]:
    return {one["code"]: one["from_log"] for one in form["fields"]}


def test_what_the_log_holds_is_filled_in_with_its_epoch(run: Path) -> None:
    form = _form(run)

    held = _from_log(form)
    assert held["cases"][0] == f"n 9 cases, expected {13 * 10 / 214:.3g}"
    assert "1 more name the pair, or did, and do not count" in held["cases"][1]
    assert any(line.startswith("ic: first met") for line in held["statistics"])
    assert held["seriousness"][0] == "serious 9, fatal 1 of 9"
    assert held["time_to_onset"] == ["dated in 0 of 9 cases"]
    assert held["product_information"] == ["not known: labels.csv has no line of the product"]
    assert {one["epoch"] for one in form["fields"] if one["filled_by"]} == {form["epoch"]}


def test_what_people_must_answer_is_left_empty(run: Path) -> None:
    form = _form(run)

    of_people = {one["code"]: one for one in form["fields"] if one["filled_by"] is None}
    assert {"mechanism", "case_definition", "conclusion", "signed_by"} <= of_people.keys()
    assert all(one["from_log"] == [] and one["epoch"] is None for one in of_people.values())
    assert {one["answer"] for one in form["fields"]} == {None}


def test_it_states_which_decisions_nobody_signed(run: Path) -> None:
    form = _form(run)
    before = _form(run, "--as-of", "1999-02-20")
    text = longwatch("form", "validation", SIGNAL, "--from-run", run).out

    assert form["unsigned"] == ["start_validation of 1999-02-25"]
    assert ", unsigned: three serious cases" in _from_log(form)["earlier_assessments"][1]
    assert "status at the end of 1999-03-02: under\\_validation, unsigned" in text
    assert before["unsigned"] == []


def test_it_is_the_same_bytes_each_time(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "form.md"

    longwatch("form", "validation", SIGNAL, "--from-run", run, "--markdown", file)

    text = file.read_text(encoding="utf-8")
    assert text == longwatch("form", "validation", SIGNAL, "--from-run", run).out
    assert not {"caused", "recommend", "recommends"} & set(text.casefold().split())


def test_a_matter_gives_the_form_of_its_signal_with_the_greatest_priority(run: Path) -> None:
    matter = _form(run)["matter_id"]

    found = longwatch("form", "validation", matter, "--from-run", run, "--json").json()

    page = longwatch("matter", matter, "--from-run", run, "--json").json()
    assert (found["signal_id"], found["matter_id"]) == (page["signals"][0]["signal_id"], matter)


@pytest.mark.parametrize("subject", ["S-nothing", "M-0", "P"])
def test_what_is_no_signal_and_no_matter_is_refused(run: Path, subject: str) -> None:
    found = longwatch("form", "validation", subject, "--from-run", run)

    assert (found.code, "is no signal and no matter here" in found.err) == (2, True)


def test_a_test_of_outcomes_names_no_reports(demo: Demo) -> None:
    signals = longwatch("signals", "--from-run", demo.run, "--json").json()
    watched = next(one for one in signals if one["family"] == "effectiveness")

    form = longwatch(
        "form", "validation", watched["signal_id"], "--from-run", demo.run, "--json"
    ).json()

    held = _from_log(form)
    assert held["causality"] == ["this signal counts patients' outcomes, and rests on no reports"]
    assert held["cases"][0].startswith(f"n {watched['n']} events of treated patients")
    assert held["statistics"][0].startswith("log2 of the rate ratio")  # a test has no limit


@pytest.mark.parametrize("day", ["1999-02-10", "1999-02-25", "1999-03-02"])
def test_every_signal_of_the_matter_has_the_numbers_of_the_day(run: Path, day: str) -> None:
    places = ("--from-run", run, "--as-of", day, "--json")
    of_day = {one["signal_id"]: one for one in longwatch("ranking", "--signals", *places).json()}

    _, *others = _from_log(_form(run, "--as-of", day))["related_terms"]

    assert others
    for line in others:
        signal = of_day[line.rpartition("(")[2].rstrip(")")]
        assert f": n {signal['n']}, " in line


def test_every_filling_has_a_question_and_every_question_its_filling() -> None:
    used = {one.filled_by for one in shipped_form_fields() if one.filled_by}

    assert used == set(get_args(Filled)) == form_fills._FILLS.keys()
    assert shipped().form_fields == shipped_form_fields()
