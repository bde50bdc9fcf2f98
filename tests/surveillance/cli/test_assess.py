"""`longwatch assess`: a person assesses a case, and every page shows it beside what was stated."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from calling import Answer, longwatch
from strategies import a_case, encode

from surveillance.domain.case import Assessment, Event, Product
from surveillance.register.reader import RegisterReader
from surveillance.triage.matters import Matter
from surveillance.views.case_assessments import CaseAssessments

MATTER = Matter("product:P", "pt:Rash").matter_id
EARLY, LATE = (datetime(2026, 5, day, 9, tzinfo=UTC) for day in (4, 5))


class Assessed(NamedTuple):
    """A run of three cases, of which people assessed two."""

    run: Path
    first: Answer
    score: Answer


def _assess(run: Path, folder: Path, *words: object, by: str, now: datetime) -> Answer:
    return longwatch(
        "assess", "A", "--product", "p", "--event", "RASH", "--from-run", run, "--by", by,
        "--role", "safety_physician", "--reason", "as the discharge letter has it", *words,
        "--append", folder / "decisions.ndjson", now=now,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    folder = tmp_path_factory.mktemp("assessed")
    records, configuration = folder / "in", _configuration(folder)
    records.mkdir()
    stated = (Assessment(product=0, event=0, causality="Likely"),)
    of_pair = {"products": (Product(role="suspect", product="P"),), "events": (Event(pt="Rash"),)}
    cases = [
        a_case("A", assessments=stated, **of_pair), a_case("B", **of_pair),
        a_case("C", events=(Event(pt="Fever"),), products=(Product(role="suspect", product="Q"),)),
    ]  # fmt: skip
    (records / "cases.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in cases))
    before = folder / "before"
    assert not longwatch(
        "replay", "folder", records, "--out", before, "--config", configuration
    ).code
    first = _assess(before, records, "--who-umc", "possible", by="a.person", now=EARLY)
    score = _assess(
        before, records, "--answer", "after_the_product=yes", "--answer", "back_with_it=yes",
        "--work-up", "vector_copy_number=done:two copies a cell", "--work-up", "autopsy=pending",
        by="b.person", now=LATE,
    )  # fmt: skip
    run = folder / "run"
    replayed = longwatch("replay", "folder", records, "--out", run, "--config", configuration)
    assert replayed.code == 0, replayed.err
    return Assessed(run, first, score)


def test_the_command_prints_a_score_that_it_computed(made: Assessed) -> None:
    assert made.first.code == 0, made.first.err
    assert "possible; unsigned" in made.first.out
    assert "Naranjo 4 (possible), 2 of 10 answered" in made.score.out


def test_a_case_shows_it_beside_what_the_reporter_stated(made: Assessed) -> None:
    shown = longwatch("case", "A", "--from-run", made.run)
    found = longwatch("case", "A", "--from-run", made.run, "--json").json()

    words = " ".join(shown.out.replace("│", " ").split())
    assert "probable/likely" in words  # the reporter's
    assert "causality, as people assessed it" in words
    assert words.count("unsigned") == 2
    assert "vector_copy_number done two copies a cell" in words
    assert "integration_site_analysis not recorded" in words
    first, second = found["assessed"]
    assert (first["who_umc"], first["naranjo"], first["case_version"]) == ("possible", None, 1)
    assert second["naranjo"] == {
        "score": 4, "category": "possible", "n_answered": 2, "lowest": 2, "highest": 13,
    }  # fmt: skip
    assert [(one["item"], one["state"]) for one in second["work_up"][:2]] == [
        ("vector_copy_number", "done"), ("autopsy", "pending"),
    ]  # fmt: skip


def test_it_is_shown_from_the_day_on_which_it_was_made(made: Assessed) -> None:
    day = EARLY.date()

    found = longwatch("case", "A", "--from-run", made.run, "--as-of", day, "--json").json()

    assert [one["by"] for one in found["assessed"]] == ["a.person"]


def test_the_line_listing_counts_it_and_so_does_its_file(made: Assessed, tmp_path: Path) -> None:
    pair = ("--product", "product:P", "--event", "pt:Rash", "--from-run", made.run)

    found = longwatch("cases", *pair, "--json").json()
    text = longwatch("cases", *pair).out
    longwatch("cases", *pair, "--csv", tmp_path / "a.csv")

    assert found["causality"] == {"Naranjo possible": 1}  # the last one counts
    assert "assessed by people: 1 of 2 (1 Naranjo possible)" in text
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    assert rows["A"]["causality_stated"] == "Likely"
    assert rows["A"]["causality_assessed"] == (
        "possible by a.person (unsigned); Naranjo 4 (possible) by b.person (unsigned)"
    )
    assert rows["B"]["causality_assessed"] == ""


def test_the_matter_counts_its_cases_by_category(made: Assessed) -> None:
    found = longwatch("matter", MATTER, "--from-run", made.run, "--json").json()
    text = longwatch("matter", MATTER, "--from-run", made.run).out

    assert (found["n_cases"], found["causality"]) == (2, {"Naranjo possible": 1})
    assert "causality, as people assessed it: 1 of 2 cases (1 Naranjo possible)" in text


def test_an_assessment_moves_no_signal_and_acknowledges_no_matter(made: Assessed) -> None:
    found = longwatch("matter", MATTER, "--from-run", made.run, "--json").json()

    assert found["seen"] is None
    assert found["people"] == []
    assert {one["status"] for one in found["signals"]} == {"detected"}


def test_a_later_one_of_the_same_person_replaces_the_earlier_one(tmp_path: Path) -> None:
    line = json.loads(_line(tmp_path, "possible"))
    again = line | {"decision_id": "C-2", "category": "unlikely", "decided_at": LATE.isoformat()}
    records = tmp_path / "in"
    records.mkdir()
    (records / "cases.ndjson").write_bytes(encode(a_case("A")) + b"\n")
    (records / "decisions.ndjson").write_text(f"{json.dumps(line)}\n{json.dumps(again)}\n")
    run = tmp_path / "run"
    longwatch("replay", "folder", records, "--out", run, "--config", _configuration(tmp_path))

    reader = RegisterReader(f"sqlite:///{run / 'register.db'}")
    found = CaseAssessments(reader).of(["A"], reader.cases.epoch_on(None) or 0)["A"]
    reader.close()

    assert [(one.category, one.is_latest) for one in found] == [
        ("possible", False), ("unlikely", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--who-umc", "caused"), "is not known; use one of certain, probable/likely"),
        ((), "exactly one scale is needed"),
        (("--who-umc", "possible", "--answer", "with_placebo=no"), "exactly one scale is needed"),
        (("--answer", "with_placebo=9"), "is not known; use one of yes, no, unknown"),
        (("--answer", "score=9"), "is not known; use one of reported_before, "),
        (("--answer", "with_placebo=no", "--answer", "with_placebo=no"), "is given twice"),
        (("--who-umc", "possible", "--work-up", "x_ray=done"), "use one of onset_after_dose"),
        (
            ("--who-umc", "possible", "--work-up", "autopsy=pending:clean"),
            "autopsy is pending, and has none",
        ),
        (("--who-umc", "possible", "--product", "Q"), "does not stand in the case; use one of P"),
        (("--who-umc", "possible", "--role", "pope"), "use one of data_steward"),
    ],
)
def test_a_wrong_one_is_refused_before_anything_is_written(
    made: Assessed, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    found = _assess(made.run, tmp_path, *words, by="a.person", now=LATE)

    assert found.code == 2
    assert message in found.err
    assert not (tmp_path / "decisions.ndjson").exists()


def test_a_case_that_is_not_there_is_not_assessed(made: Assessed, tmp_path: Path) -> None:
    found = longwatch(
        "assess", "Z", "--product", "P", "--event", "Rash", "--from-run", made.run, "--by", "a",
        "--role", "safety_physician", "--reason", "ten letters or more", "--who-umc", "possible",
        "--append", tmp_path / "decisions.ndjson",
    )  # fmt: skip

    assert (found.code, "was not received" in found.err) == (2, True)


def _configuration(folder: Path) -> Path:
    made = folder / "configuration"
    made.mkdir(exist_ok=True)
    (made / "criteria.toml").write_text(
        'criterion = [{name = "s", rule = "sentinel", products = ["*"], events = ["pt:Rash"]}]\n',
        encoding="utf-8",
    )
    (made / "people.toml").write_text("accept_unsigned = true\n", encoding="utf-8")
    return made


def _line(folder: Path, category: str) -> str:
    source, run = folder / "one.ndjson", folder / "first"
    source.write_bytes(encode(a_case("A")) + b"\n")
    longwatch("replay", "cases", source, "--out", run, "--config", _configuration(folder))
    _assess(run, folder, "--who-umc", category, by="a.person", now=EARLY)
    return (folder / "decisions.ndjson").read_text(encoding="utf-8")
