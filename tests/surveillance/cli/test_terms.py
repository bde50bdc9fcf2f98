"""Terms under a user's own release: levels that are counted, unknown terms, another release."""

import json
from collections.abc import Iterable
from pathlib import Path

import invented_terms as invented
import pytest
from calling import longwatch

CODED: tuple[tuple[str, str | None], ...] = (  # preferred and lowest level term, as they were sent
    ("51", "51"),
    ("FLAME TOO HIGH", None),
    ("Wick smoking", "Soot from wick"),
    ("Damp wick", None),
    ("Spring slack", None),
    ("Wick on the moon", None),
)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Six cases, one event each, and a seventh with two events of one group."""
    path = tmp_path / "cases.ndjson"
    lines = [_case(number, [coded]) for number, coded in enumerate(CODED)]
    path.write_text("".join([*lines, _case(7, CODED[:3])]), encoding="utf-8")
    return path


def _case(number: int, coded: Iterable[tuple[str, str | None]]) -> str:
    events = [{"pt": pt} | ({"llt": llt} if llt else {}) for pt, llt in coded]
    case = {
        "case_id": f"C-{number}", "source": "clinic", "version": 1, "kind": "initial",
        "received_on": "2024-01-02", "events": events,
        "products": [{"role": "suspect", "product": "P"}],
    }  # fmt: skip
    return json.dumps(case) + "\n"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a configuration with the first release."""
    return invented.configuration(tmp_path / "one", invented.files())


def test_events_count_once_a_case_at_every_level_of_the_hierarchy(
    cases: Path, release: Path, tmp_path: Path
) -> None:
    answer = longwatch("replay", "cases", cases, "--out", tmp_path / "run", "--config", release)

    assert answer.code == 0, answer.err
    rows = longwatch("run", "export", tmp_path / "run", "--what", "findings").out.splitlines()
    found = {row["event"]: row["n_pair"] for row in map(json.loads, rows)}
    assert found == {
        "pt:Wick flaring": 3,
        "hlt:Wick fires": 4,
        "smq_narrow:Lamp fire (SMQ)": 3,
    }
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["coding"].startswith("MedDRA 1.0 (")


def test_the_line_listing_of_a_level_has_the_cases_of_its_count(
    cases: Path, release: Path, tmp_path: Path
) -> None:
    longwatch("replay", "cases", cases, "--out", tmp_path / "run", "--config", release)

    listed = longwatch(
        "cases", "--product", "P", "--event", "hlt:Wick fires", "--from-run", tmp_path / "run",
        "--json",
    ).json()  # fmt: skip

    assert listed["n_cases"] == 4
    assert {case["case_id"] for case in listed["cases"]} == {"C-0", "C-1", "C-2", "C-7"}


def test_terms_that_the_release_does_not_know_are_listed(cases: Path, release: Path) -> None:
    answer = longwatch("terms", "unknown", "cases", cases, "--config", release)

    assert answer.code == 0, answer.err
    assert "MedDRA 1.0" in answer.out
    found = longwatch("terms", "unknown", "cases", cases, "--config", release, "--json").json()
    assert found == [{"term": "Wick on the moon", "n_cases": 1}]


def test_what_another_release_changes_is_shown_before_anything_is_recoded(
    cases: Path, release: Path, tmp_path: Path
) -> None:
    later = invented.configuration(tmp_path / "two", invented.later_files())

    answer = longwatch(
        "terms", "changes", "cases", cases, "--config", release, "--under", later, "--json"
    )

    assert answer.code == 0, answer.err
    assert answer.json() == [
        {
            "term": "Soot from wick",
            "n_cases": 2,
            "pt_before": "Wick smoking",
            "pt_after": "Wick flaring",
            "left": [],
            "joined": ["smq_narrow:Lamp dangers (SMQ)", "smq_narrow:Lamp fire (SMQ)"],
        },
        {
            "term": "Spring slack",
            "n_cases": 1,
            "pt_before": "Spring slack",
            "pt_after": "Spring broken",
            "left": [],
            "joined": [],
        },
    ]


def test_replayed_under_another_release_every_case_counts_under_that_one(
    cases: Path, release: Path, tmp_path: Path
) -> None:
    later = invented.configuration(tmp_path / "two", invented.later_files())
    counts = []
    for name, config in (("a", release), ("b", later)):
        longwatch("replay", "cases", cases, "--out", tmp_path / name, "--config", config)
        rows = longwatch("run", "export", tmp_path / name, "--what", "findings").out.splitlines()
        counts.append({row["event"]: row["n_pair"] for row in map(json.loads, rows)})

    assert [each["pt:Wick flaring"] for each in counts] == [3, 4]
    assert [each["hlt:Wick fires"] for each in counts] == [4, 4]


def test_check_config_shows_the_release_and_not_its_terms(release: Path) -> None:
    shown = longwatch("check-config", release)

    assert shown.code == 0, shown.err
    assert "coding      MedDRA 1.0 (" in shown.out
    assert "6 pt, 3 hlt, 2 hlgt, 2 soc" in shown.out
    assert "Wick flaring" not in longwatch("check-config", release, "--json").out.replace(
        "pt:Wick flaring", ""
    )


def test_without_a_release_the_reader_is_told_how_to_name_one(cases: Path) -> None:
    answer = longwatch("terms", "unknown", "cases", cases)

    assert answer.code == 2
    assert "has no terms.toml" in answer.err
    assert "docs/configuration.md" in answer.err
