from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from calling import (
    assert_refused_in_one_line,
    findings_of,
    longwatch,
    rows_of,
    topic_rows_of,
)

from surveillance.configuration.reader import SHIPPED
from surveillance.domain.case import CaseVersion, Event, Product
from surveillance.domain.finding import Finding, WatchFinding
from surveillance.domain.signal import Signal
from surveillance.log.topics import SIGNALS
from surveillance.runs.files import TOPIC_FILES

if TYPE_CHECKING:
    from .conftest import Demo

SAID = ("ticks", "feed", "alerts", "reviews-opened", "refused")
FIRST_DAY = date(2024, 3, 1)


def _bytes_of(run: Path) -> dict[str, bytes]:
    """Return all that a run said, by file."""
    files = [*(run / "topics").iterdir(), *(run / f"{name}.ndjson" for name in SAID)]
    return {path.name: path.read_bytes() for path in files if path.exists()}


def _without_configuration(rows: list[Any]) -> list[Any]:
    return [{name: value for name, value in row.items() if name != "configuration"} for row in rows]


def a_case(number: int, on: date) -> bytes:
    case = CaseVersion(
        case_id=f"C-{number}",
        source="simulated",
        version=1,
        kind="initial",
        received_on=on,
        products=(Product(role="suspect", product="P"),),
        events=(Event(pt="Pyrexia"),),
    )
    return msgspec.json.encode(case)


@pytest.fixture
def five_days(tmp_path: Path) -> Path:
    """A file with one case on each of five days, the last day first."""
    path = tmp_path / "cases.ndjson"
    days = [FIRST_DAY + timedelta(days=n) for n in (4, 3, 2, 1, 0)]
    path.write_bytes(b"".join(a_case(n, day) + b"\n" for n, day in enumerate(days)))
    return path


def test_simulate_writes_the_same_bytes_for_the_same_seed(demo: Demo, tmp_path: Path) -> None:
    answer = longwatch("simulate", "ucd-small", "--seed", "1", "--out", tmp_path)

    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert answer.code == 0
    assert set(written) == {"cases.ndjson", "outcomes.ndjson", "truth.json", "scenario.json"}
    assert f"({', '.join(sorted(written))})" in answer.out
    assert written == {name: (demo.simulation / name).read_bytes() for name in written}


def test_simulate_may_be_done_again_in_the_same_place(tmp_path: Path) -> None:
    first = longwatch("simulate", "ucd-small", "--seed", "1", "--out", tmp_path)
    again = longwatch("simulate", "ucd-small", "--seed", "2", "--out", tmp_path)

    assert (first.code, again.code) == (0, 0)
    assert json.loads((tmp_path / "truth.json").read_bytes())["seed"] == 2


@pytest.mark.campaign  # the recorded topics and the small runs hold the same, sooner
def test_a_replay_of_the_same_input_says_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    answer = longwatch("replay", "folder", demo.simulation, "--out", tmp_path / "run", "--json")

    first, again = _bytes_of(demo.run), _bytes_of(tmp_path / "run")
    assert answer.code == 0
    assert set(first) >= {Path(name).name for name in TOPIC_FILES.values()}
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []
    assert answer.json() == json.loads((tmp_path / "run" / "run.json").read_bytes())


def test_fewer_lines_a_message_and_an_earlier_end_give_the_same_findings_so_far(
    demo: Demo, tmp_path: Path
) -> None:
    configuration = tmp_path / "configuration"
    shutil.copytree(SHIPPED / "ucd", configuration)
    topics = (configuration / "topics.toml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in topics if not line.startswith("lines_per_message")]
    (configuration / "topics.toml").write_text(
        "\n".join(["lines_per_message = 2", *kept]), encoding="utf-8"
    )

    answer = longwatch(
        "replay", "folder", demo.simulation, "--out", tmp_path / "run",
        "--config", configuration, "--until", "2024-09-30",
    )  # fmt: skip

    whole, part = (_without_configuration(findings_of(run)) for run in (demo.run, tmp_path / "run"))
    assert answer.code == 0
    assert len(part) > 100
    assert part == [row for row in whole if row["on"] <= "2024-09-30"]


def test_from_and_until_leave_out_what_was_received_on_other_days(
    five_days: Path, tmp_path: Path
) -> None:
    answer = longwatch(
        "replay", "cases", five_days, "--out", tmp_path / "run", "--json",
        "--from", "2024-03-02", "--until", "2024-03-04",
    )  # fmt: skip

    summary = answer.json()
    assert answer.code == 0
    assert (summary["first_day"], summary["last_day"]) == ("2024-03-02", "2024-03-04")
    assert (summary["n_epochs"], summary["n_lines"]) == (3, 3)
    assert sum(counts["applied"] for counts in summary["dispositions"].values()) == 3


@pytest.mark.parametrize("period", [("--from", "2024-03-06"), ("--until", "2024-02-29")])
def test_a_period_beyond_the_data_is_refused_with_the_days_they_have(
    five_days: Path, tmp_path: Path, period: tuple[str, str]
) -> None:
    answer = longwatch("replay", "cases", five_days, "--out", tmp_path / "run", *period)

    assert_refused_in_one_line(
        answer, period[1], "leaves nothing: what was given came from 2024-03-01 to 2024-03-05"
    )
    assert not (tmp_path / "run").exists()


def test_a_series_up_to_a_day_before_the_first_report_tells_when_that_came(
    five_days: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert longwatch("replay", "cases", five_days, "--out", run).code == 0
    asked = ("series", "--from-run", run, "--product", "P", "--event", "Pyrexia")

    early = longwatch(*asked, "--as-of", "2024-02-29")
    assert (
        "product:P was not reported by 2024-02-29: its first report came on 2024-03-01" in early.out
    )
    assert "was not reported" not in longwatch(*asked).out


def test_a_run_is_written_anew_in_the_place_of_an_earlier_one(
    five_days: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    longwatch("replay", "cases", five_days, "--out", run)
    (run / "notes").write_text("a person's", encoding="utf-8")

    answer = longwatch("replay", "cases", five_days, "--out", run, "--until", "2024-03-01")

    assert answer.code == 0
    assert (run / "notes").read_text(encoding="utf-8") == "a person's"
    assert json.loads((run / "run.json").read_bytes())["n_epochs"] == 1


def test_run_json_holds_what_a_reader_needs_to_do_it_again(demo: Demo) -> None:
    summary = json.loads((demo.run / "run.json").read_bytes())
    checked = longwatch("check-config", demo.run / "configuration", "--json").json()

    assert summary["status"] == "finished"
    assert summary["configuration"] == checked["digest"]
    assert summary["versions"].keys() >= {"longwatch", "numpy", "scipy", "python"}
    assert len(summary["inputs"][0]["sha256"]) == 64
    assert summary["n_lines"] == sum(file["n_used"] for file in summary["files"])
    assert summary["n_lines"] == sum(sum(c.values()) for c in summary["dispositions"].values())


def _fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_findings_as_json_have_the_names_of_the_glossary(demo: Demo) -> None:
    on = longwatch("findings", "--from-run", demo.run, "--json").json()
    first = longwatch(
        "findings", "--from-run", demo.run, "--first", "--criterion", "evans", "--json"
    ).json()

    assert {*on[0]} - {"type"} in (_fields(Finding), _fields(WatchFinding))
    assert len(on) == len(findings_of(demo.run))
    for row in first:
        assert row["criterion"] == "evans"
        assert row["prr"] is None or row["prr"] >= 2
        assert {*row} >= {
            "criterion", "first_on", "product", "event", "n_pair", "n_product", "n_event",
            "n_total", "expected", "prr", "ror", "chi_square", "ic",
        }  # fmt: skip
    assert len({(row["product"], row["event"]) for row in first}) == len(first) > 0


def test_signals_and_ranking_as_json_have_the_names_of_the_glossary(demo: Demo) -> None:
    signals = longwatch("signals", "--from-run", demo.run, "--json").json()
    ranking = longwatch("ranking", "--from-run", demo.run, "--top", "3", "--json").json()

    latest = {row["signal_id"]: row for row in topic_rows_of(demo.run, SIGNALS)}
    assert {*signals[0]} - {"type"} == _fields(Signal) | {"is_signed"}
    assert {row["signal_id"] for row in signals} == set(latest)
    assert all(row["status"] == latest[row["signal_id"]]["status"] for row in signals)
    assert len(ranking) == 3
    assert {*ranking[0]} >= {"signal_id", "priority", "parts", "rank", "n_tied", "n_signals"}
    best = [row["priority"] for row in ranking]  # of the day, which findings only approach
    assert best == sorted(best, reverse=True)


def test_series_as_json_ends_with_the_counts_of_the_last_finding(demo: Demo) -> None:
    finding = next(
        row
        for row in reversed(findings_of(demo.run))
        if row["product"] == "platform:SIM-LNP-ABE" and "n_pair" in row
    )

    series = longwatch(
        "series", "--from-run", demo.run, "--product", finding["product"],
        "--event", finding["event"], "--as-of", finding["on"], "--json",
    ).json()  # fmt: skip

    for name in ("n_pair", "n_product", "n_event", "n_total"):
        assert series[-1][name] == finding[name]


@pytest.mark.parametrize(
    "command",
    [("findings", "--first"), ("signals",), ("ranking", "--top", "5"), ("refused", "list")],
)
def test_a_command_that_reads_prints_json_of_a_list(demo: Demo, command: tuple[str, ...]) -> None:
    answer = longwatch(*command, "--from-run", demo.run, "--json")

    assert answer.code == 0
    assert isinstance(answer.json(), list)
    assert answer.err == ""


@pytest.mark.parametrize("name", ["vaers", "ucd"])
def test_the_configurations_that_ship_are_in_order(name: str) -> None:
    answer = longwatch("check-config", SHIPPED / name)

    assert answer.code == 0
    assert "valid" in answer.out


def test_export_writes_the_rows_of_a_topic_one_a_line(demo: Demo, tmp_path: Path) -> None:
    answer = longwatch(
        "run", "export", demo.run, "--what", "signals", "--out", tmp_path / "signals.ndjson"
    )
    printed = longwatch("run", "export", demo.run, "--what", "signals")

    rows = rows_of(tmp_path / "signals.ndjson")
    assert (answer.code, answer.out, printed.code) == (0, "", 0)
    assert rows == topic_rows_of(demo.run, SIGNALS)
    assert printed.out.encode() == (tmp_path / "signals.ndjson").read_bytes()
    summary = json.loads((demo.run / "run.json").read_bytes())
    assert len(rows) == summary["rows"][SIGNALS]


def test_export_refuses_what_is_no_run_no_topic_or_a_file_that_is_there(
    demo: Demo, tmp_path: Path
) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    there.write_bytes(b"mine")

    no_run = longwatch("run", "export", tmp_path, "--what", "findings", "--out", new)
    no_topic = longwatch("run", "export", demo.run, "--what", "alert", "--out", new)
    taken = longwatch("run", "export", demo.run, "--what", "findings", "--out", there)

    assert_refused_in_one_line(no_run, "holds no run")
    assert_refused_in_one_line(no_topic, "--what alert", "is not known")
    assert_refused_in_one_line(taken, "is there already")
    assert not new.exists()
    assert there.read_bytes() == b"mine"


def test_a_replay_without_seriousness_states_that_no_priority_alerts(
    five_days: Path, tmp_path: Path
) -> None:
    strict = shutil.copytree(SHIPPED / "ucd", tmp_path / "strict")
    triage, given = strict / "triage.toml", SHIPPED / "ucd" / "triage.toml"
    kept = [line for line in given.read_text().splitlines() if "alert_priority" not in line]
    triage.write_text("\n".join(["alert_priority = 0.99", *kept]))

    checked = longwatch("check-config", strict)
    answer = longwatch("replay", "cases", five_days, "--out", tmp_path / "run", "--config", strict)

    summary = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert "note: " in checked.out
    assert "alert_priority 0.99" in checked.out
    assert any("alert_priority 0.99" in line for line in summary["cannot_happen"])
    assert "note: no case is serious or fatal, and so no pair can reach" in answer.out
