from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from calling import topic_rows_of
from small_run import NOT_UTF8, PAIR, given

from detectors.catalogue import CATALOGUE
from surveillance.cli.results import how_many_failed
from surveillance.domain.errors import Misused
from surveillance.domain.finding import PriorFitted
from surveillance.domain.signal import Signal
from surveillance.log.topics import FINDINGS, SIGNALS

if TYPE_CHECKING:
    from pathlib import Path

    from answers import Look

PAIR_OPTIONS = ("--product", "ROTAVIRUS (ROTASHIELD)", "--event", "Intussusception")
FIRST_CROSSING = sorted(one.on for one in given() if one.case_id.startswith("R-"))[2]


def outward_of(path: Path) -> list[Any]:
    """Read what went outward; nothing where there was none."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line) for line in lines]


def signals_on(run: Path, day: date) -> list[Signal]:
    """Read the latest state of every signal up to a day from the rows, without a register."""
    latest: dict[str, Signal] = {}
    for row in topic_rows_of(run, SIGNALS):
        if row["type"] == "signal" and date.fromisoformat(row["on"]) <= day:
            latest[row["signal_id"]] = msgspec.convert(row, Signal)
    return list(latest.values())


def test_findings_first_gives_each_criterion_once_with_the_counts_of_that_day(
    run: Path, look: Look
) -> None:
    found = look("findings", "--from-run", run, *PAIR_OPTIONS, "--first", "--json").json

    counted = [one for one in given() if one.on <= FIRST_CROSSING]
    assert [item["criterion"] for item in found] == ["evans", "ic", "ror"]
    for item in found:
        assert item["first_on"] == str(FIRST_CROSSING)
        assert "on" not in item
        assert (item["product"], item["event"]) == PAIR
        assert item["n_pair"] == 3
        assert item["n_product"] == sum("ROTASHIELD" in one.product for one in counted)
        assert item["n_event"] == sum(one.event == "Intussusception" for one in counted)
        assert item["n_total"] == len(counted)
        assert item["expected"] == pytest.approx(
            item["n_product"] * item["n_event"] / item["n_total"]
        )
        assert item["change"] == "met"
        assert item["ic_lower"] < item["ic"] < item["ic_upper"]


def test_findings_without_first_have_a_day_and_include_what_grew(run: Path, look: Look) -> None:
    found = look("findings", "--from-run", run, *PAIR_OPTIONS, "--json").json

    assert {item["change"] for item in found} >= {"met", "grown"}
    assert [item["on"] for item in found] == sorted(item["on"] for item in found)


def test_findings_are_all_that_the_run_says(run: Path, look: Look) -> None:
    found = look("findings", "--from-run", run, "--json").json

    rows = topic_rows_of(run, FINDINGS)
    said = sorted(
        (row["epoch"], row["criterion"], row["product"], row["event"], row["change"])
        for row in rows
        if row["type"] == "pair"
    )
    assert said == sorted(
        (item["epoch"], item["criterion"], item["product"], item["event"], item["change"])
        for item in found
    )


def test_findings_of_a_group_are_those_of_its_names(run: Path, look: Look) -> None:
    group = ("--product", "rotashield", "--event", "intussusception")

    by_group = look("findings", "--from-run", run, *group, "--first", "--json").json
    by_name = look("findings", "--from-run", run, *PAIR_OPTIONS, "--first", "--json").json

    assert by_group[0]["product"] == "group:rotashield"
    assert [item["n_pair"] for item in by_group] == [item["n_pair"] for item in by_name]


def test_findings_before_the_day_are_all_that_is_shown(run: Path, look: Look) -> None:
    day_before = FIRST_CROSSING.fromordinal(FIRST_CROSSING.toordinal() - 1)

    answers = [
        look("findings", "--from-run", run, *PAIR_OPTIONS, "--as-of", day, "--json").json
        for day in (day_before, FIRST_CROSSING)
    ]

    assert answers[0] == []
    assert len(answers[1]) == 3


def test_findings_of_one_criterion_leave_out_the_others(run: Path, look: Look) -> None:
    found = look("findings", "--from-run", run, "--criterion", "ror", "--json").json

    assert {item["criterion"] for item in found} == {"ror"}


def test_a_table_says_how_much_of_it_is_shown(run: Path, look: Look) -> None:
    answer = look("findings", "--from-run", run, "--limit", "2")

    assert "2 of " in answer.output
    assert "--limit N shows more" in answer.output


def test_no_colour_is_written_where_there_is_no_terminal(run: Path, look: Look) -> None:
    for command in ("findings", "signals", "ranking"):
        assert "\x1b" not in look(command, "--from-run", run).output


def test_a_register_gives_what_the_run_gives(run: Path, look: Look) -> None:
    url = f"sqlite:///{run / 'register.db'}"

    by_url = look("findings", "--register", url, *PAIR_OPTIONS, "--first", "--json").json

    assert by_url == look("findings", "--from-run", run, *PAIR_OPTIONS, "--first", "--json").json


def test_a_fit_of_the_prior_that_failed_is_shown_with_its_reason(run: Path, look: Look) -> None:
    every = look("priors", "--from-run", run, "--json").json
    january = look("priors", "--from-run", run, "--as-of", "1999-01-31", "--json").json
    table = look("priors", "--from-run", run)

    assert {row["version"][:16] for row in every} >= {"product/1999-01-", "product/1999-02-"}
    assert all("min_pairs is 50" in row["failure"] for row in every)
    assert january == every[:1]
    assert "min_pairs is 50" in table.output
    assert f"{len(every)} fits; {len(every)} failed" in table.output


@pytest.mark.parametrize(
    ("fails", "line"),
    [
        ("", "0 fits; 0 failed"),
        ("ok ok", "2 fits; 0 failed"),
        ("no no", "2 fits; 2 failed: 2 before there was a prior, so that there was no EBGM yet"),
        ("ok no", "2 fits; 1 failed: 1 later, when the previous prior stayed in force"),
        (
            "no ok no no",
            (
                "4 fits; 3 failed: 1 before there was a prior, so that there was no EBGM yet "
                "and 2 later, when the previous prior stayed in force"
            ),
        ),
    ],
)
def test_a_failed_fit_leaves_a_prior_in_force_only_if_there_was_one(fails: str, line: str) -> None:
    found = [
        PriorFitted(
            version="product/1999-02-01", on=date(1999, 2, 1), epoch=7, level="product",
            likelihood="full", n_pairs=9, failure="" if word == "ok" else "why",
        )
        for word in fails.split()
    ]  # fmt: skip

    assert how_many_failed(found) == line


def test_a_replay_counts_the_findings_that_are_listed_and_the_fits_apart(
    run: Path, look: Look
) -> None:
    summary = json.loads((run / "run.json").read_bytes())

    findings = look("findings", "--from-run", run, "--limit", "100000", "--json").json
    fits = look("priors", "--from-run", run, "--json").json

    assert summary["findings"] == len(findings) > 0
    assert summary["prior_fits"] == len(fits) > 0
    n_decisions = sum(row["type"] == "decision" for row in topic_rows_of(run, FINDINGS))
    assert summary["rows"][FINDINGS] == len(findings) + len(fits) + n_decisions


def test_detectors_are_listed_with_what_one_has_to_know(look: Look) -> None:
    every = look("detectors", "--json").json

    assert [row["name"] for row in every] == list(CATALOGUE)
    assert all(row["assumptions"] and row["characteristics"] for row in every)
    assert {row["name"]: row["used_by"] for row in every}["bcpnn"] == []
    assert all("used_by" in row for row in every)
    assert "proportional reporting ratio" in look("detectors").output
    assert "used by: none" in look("detectors", "bcpnn").output
    assert "Evans, Waller and Davis (2001)" in look("detectors", "prr").output


def test_a_detector_that_there_is_not_is_refused_with_those_there_are(look: Look) -> None:
    answer = look("detectors", "prrr")

    assert isinstance(answer.error, Misused)
    assert "known are: adjusted, " in str(answer.error)


def test_signals_stand_as_they_did_on_the_day(run: Path, look: Look) -> None:
    for day in (date(1999, 2, 1), date(1999, 2, 28), date(1999, 12, 31)):
        found = look("signals", "--from-run", run, "--as-of", day, "--json").json

        expected = sorted(signals_on(run, day), key=lambda item: (-item.priority, item.signal_id))
        assert [item["signal_id"] for item in found] == [item.signal_id for item in expected]
        assert [item["n"] for item in found] == [item.n for item in expected]


def test_a_decision_moves_the_status_from_its_day_on(run: Path, look: Look) -> None:
    before, after = (
        look("signals", "--from-run", run, *PAIR_OPTIONS, "--as-of", day, "--json").json[0]
        for day in ("1999-02-24", "1999-02-25")
    )

    assert (before["status"], after["status"]) == ("detected", "under_validation")
    under_review = look("signals", "--from-run", run, "--status", "under_validation", "--json").json
    assert [item["signal_id"] for item in under_review] == [after["signal_id"]]


def test_an_unsigned_decision_is_stated_wherever_its_status_shows(run: Path, look: Look) -> None:
    asked = ("--from-run", run, *PAIR_OPTIONS)
    for command in (("signals", *asked), ("ranking", *asked), ("ranking", "--signals", *asked)):
        table = look(*command).output

        assert "under_validation, unsigned" in table
        assert "by decisions that nobody signed" in table
        assert [one["is_signed"] for one in look(*command, "--json").json] == [False]
    assert f"{date(1999, 2, 25)}, unsigned" in look("ranking", *asked).output
    others = {one["is_signed"] for one in look("signals", "--from-run", run, "--json").json}
    assert others == {None, False}
    before = look("signals", *asked, "--as-of", "1999-02-24").output
    assert "unsigned" not in before


def test_a_json_record_leaves_no_field_out(run: Path, look: Look) -> None:
    found = look("signals", "--from-run", run, "--json").json[0]

    assert set(Signal.__struct_fields__) <= found.keys()
    assert found["support"][0]["is_standing"] is True


def test_ranking_of_signals_is_by_priority_as_it_was_on_the_day(run: Path, look: Look) -> None:
    day = date(1999, 2, 15)

    found = look("ranking", "--from-run", run, "--as-of", day, "--signals", "--json").json

    standing = {one.signal_id for one in signals_on(run, day)}
    assert {item["signal_id"] for item in found} == standing
    for item in found:
        inside = [
            one for one in found if one["product"].split(":")[0] == item["product"].split(":")[0]
        ]
        own = item["priority"]
        assert item["rank"] == 1 + sum(one["priority"] > own for one in found)
        assert item["n_tied"] == sum(one["priority"] == own for one in found)
        assert item["rank_in_level"] == 1 + sum(one["priority"] > own for one in inside)
        assert item["n_in_level"] == len(inside)


def test_every_number_of_a_ranking_is_of_the_day_it_is_headed_by(run: Path, look: Look) -> None:
    for day in ("1999-01-31", "1999-02-15"):
        for option in ((), ("--signals",)):
            found = look("ranking", "--from-run", run, "--as-of", day, *option, "--json").json
            assert found
            for item in found[:6]:
                pair = ("--product", item["product"], "--event", item["event"])
                point = look("series", "--from-run", run, *pair, "--as-of", day, "--json").json[-1]
                assert item["evaluated_on"] == day
                assert (item["n"], item["n_serious"], item["n_fatal"]) == (
                    point["n_pair"], point["n_serious"], point["n_fatal"],
                )  # fmt: skip
                assert item["expected"] == pytest.approx(point["expected"])
                assert item["evidence"] == pytest.approx(point["ic_lower"])


def test_every_other_count_carries_the_day_that_it_is_of(run: Path, look: Look) -> None:
    signals = look("signals", "--from-run", run, "--json").json
    feed = [row["data"] for row in outward_of(run / "feed.ndjson")]
    alerted = [row["data"]["signal"] for row in outward_of(run / "alerts.ndjson")]

    assert signals
    assert feed
    for item in [*signals[:9], *feed[:9], *alerted[:9]]:
        pair = ("--product", item["product"], "--event", item["event"])
        as_of = ("--as-of", item["evaluated_on"])
        point = look("series", "--from-run", run, *pair, *as_of, "--json").json[-1]
        assert item["n"] in (None, point["n_pair"])


def test_ranking_of_a_pair_is_its_rank_among_all(run: Path, look: Look) -> None:
    everything = look("ranking", "--from-run", run, "--all", "--json").json
    (own,) = look("ranking", "--from-run", run, *PAIR_OPTIONS, "--json").json

    (matter,) = [one for one in everything if one["matter_id"] == own["matter_id"]]
    assert own["signal_id"] in matter["signals"]
    assert (own["product"], own["event"]) == PAIR
    assert (own["rank"], own["n_signals"]) == (matter["rank"], matter["n_signals"])
    assert own["n_ranked"] == len(everything)


def test_ranking_at_a_level_shows_only_that_level(run: Path, look: Look) -> None:
    found = look(
        "ranking", "--from-run", run, "--all", "--level", "group", "--top", "1", "--json"
    ).json

    assert [item["product"] for item in found] == ["group:rotashield"]


def test_ranking_shows_the_parts_of_the_priority(run: Path, look: Look) -> None:
    found = look("ranking", "--from-run", run, "--all", "--top", "1", "--json").json[0]

    known = [part for part in found["parts"] if part["value"] is not None]
    weights = sum(part["weight"] for part in known)
    mean = sum(part["value"] * part["weight"] for part in known) / weights
    assert found["priority"] == pytest.approx(mean, abs=1e-4)
    assert found["parts"][0]["basis"] == pytest.approx(found["evidence"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--product", "rotashild"), "near it are 'group:rotashield'"),
        (("--event", "zzzz"), "nothing is near it"),
        (("--as-of", "1999-02-30"), "is not a date"),
        (("--criterion", "evens"), "known are: evans, ic, ror"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could(
    run: Path, look: Look, arguments: tuple[str, str], said: str
) -> None:
    answer = look("findings", "--from-run", run, *arguments)

    assert isinstance(answer.error, Misused)
    assert said in str(answer.error)


def test_exactly_one_source_must_be_named(run: Path, look: Look) -> None:
    url = f"sqlite:///{run / 'register.db'}"

    for arguments in ((), ("--from-run", run, "--register", url)):
        answer = look("signals", *arguments)
        assert isinstance(answer.error, Misused)
        assert "exactly one is needed" in str(answer.error)


def test_a_directory_without_a_run_is_refused(tmp_path: Path, look: Look) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        assert isinstance(look("signals", "--from-run", directory).error, Misused)


def test_a_name_that_was_reported_but_never_found_is_known(run: Path, look: Look) -> None:
    answer = look("findings", "--from-run", run, "--event", "Rash", "--product", "rotashield")

    assert answer.exit_code == 0
    assert "0 findings" in answer.output


def test_refused_list_names_the_place_and_the_code_of_each(run: Path, look: Look) -> None:
    found = look("refused", "list", "--from-run", run, "--json").json

    assert [item["code"] for item in found] == ["bad_encoding", "not_json", "too_many_names"]
    assert [item["place"].partition(":")[0] for item in found] == ["cases.ndjson"] * 3
    only = look("refused", "list", "--from-run", run, "--code", "not_json", "--json").json
    assert only == [found[1]]


def test_refused_show_decodes_as_far_as_it_can(run: Path, look: Look) -> None:
    places = {
        item["code"]: item["place"]
        for item in look("refused", "list", "--from-run", run, "--json").json
    }

    shown = {
        code: look("refused", "show", place, "--from-run", run).output
        for code, place in places.items()
    }

    assert "caf\\xe9" in shown["bad_encoding"]
    assert "not UTF-8 from byte 16 on" in shown["bad_encoding"]
    assert "UTF-8, not JSON" in shown["not_json"]
    assert '"case_id": "U-1"' in shown["too_many_names"]


def test_refused_show_of_another_place_is_refused(run: Path, look: Look) -> None:
    assert isinstance(look("refused", "show", "x:1", "--from-run", run).error, Misused)


def test_refused_retry_writes_the_bytes_as_they_came_and_claims_no_more(
    run: Path, look: Look, tmp_path: Path
) -> None:
    out = tmp_path / "mend.ndjson"

    answer = look("refused", "retry", "--from-run", run, "--out", out)

    lines = out.read_bytes().splitlines()
    assert len(lines) == 3
    assert NOT_UTF8 in lines
    assert "3 refused lines" in answer.output
    assert "Nothing has been fixed" in answer.output
    again = look("refused", "retry", "--from-run", run, "--out", out)
    assert isinstance(again.error, Misused)
    assert out.read_bytes().splitlines() == lines


def test_the_register_of_a_run_is_not_changed_by_looking(run: Path, look: Look) -> None:
    before = (run / "register.db").read_bytes()

    look("ranking", "--from-run", run)

    assert (run / "register.db").read_bytes() == before
    assert sorted(path.name for path in run.glob("register.db*")) == ["register.db"]
