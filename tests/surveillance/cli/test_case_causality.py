"""`longwatch case` shows limits of reports and what a report answers of causality."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from calling import longwatch
from strategies import a_case, encode

from surveillance.domain.case import Assessment, Event, Product, Seriousness

if TYPE_CHECKING:
    from pathlib import Path


def test_a_case_is_shown_with_its_limits_and_what_it_answers(tmp_path: Path) -> None:
    case = a_case(
        "A", received_on=date(2024, 2, 20), country="DE",
        products=(Product(role="suspect", product="P"), Product(role="suspect", product="Q")),
        events=(Event(pt="Rash", seriousness=Seriousness(hospitalisation=True)),),
        assessments=(
            Assessment(
                product=0, event=0, onset_days=2, dechallenge="positive", rechallenge="positive",
                causality="Likely",
            ),
            Assessment(product=1, event=0, onset_days=2),
        ),
    )  # fmt: skip
    (tmp_path / "cases.ndjson").write_bytes(encode(case) + b"\n")
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    (configuration / "criteria.toml").write_text(
        'criterion = [{ name = "ic", rule = "ic_lower" }]\n', encoding="utf-8"
    )
    run = tmp_path / "run"
    made = longwatch(
        "replay", "cases", tmp_path / "cases.ndjson", "--out", run, "--config", configuration
    )
    assert made.code == 0, made.err

    shown = longwatch("case", "A", "--from-run", run)
    (version,) = longwatch("case", "A", "--from-run", run, "--json").json()["versions"]

    words = " ".join(shown.out.split())
    assert "us_15_day" in words
    assert "2024-03-06" in words
    assert "probable/likely" in words
    assert "5 (probable)" in words  # 2 + 1 + 2
    assert "3 of 10" in words
    assert "1 more pair(s) in --json" in words  # of which only the time is known
    assert [one["due_on"] for one in version["limits"]] == ["2024-03-06", "2024-03-06"]
    first, second = version["causality"]
    assert first["answers"] == {
        "after_the_product": "yes", "better_without": "yes", "back_with_it": "yes",
    }  # fmt: skip
    assert first["naranjo"] == {
        "score": 5, "category": "probable", "n_answered": 3, "lowest": 3, "highest": 13,
    }  # fmt: skip
    assert (second["who_umc"], second["naranjo"]["score"]) == (None, 2)
