from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from small_run import PAIR, given, write_configuration

from bench.public import REFERENCE
from surveillance.configuration.reader import read_configuration
from surveillance.domain.errors import Misused
from surveillance.register.reader import Counted
from surveillance.views.known_signals import match, read_known
from surveillance.views.weeks import weekly

if TYPE_CHECKING:
    from answers import Look

KNOWN = REFERENCE / "ground_truth/known_signals_vaers.csv"
REPORTS = sorted(one.on for one in given() if one.case_id.startswith("R-"))
HEADER = (
    "id,product,vax_name_regex,event,pt_regex,licensed,first_regulator_action,action,withdrawn,"
    "truth,source\n"
)
ROW = "one,P,ROTASHIELD,E,intussusc,1998-08-31,1999-02-26,suspended,,positive,none\n"


def write_known(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def test_lead_times_are_days_from_the_first_crossing(run: Path, look: Look) -> None:
    found = look("backtest", "--from-run", run, "--known", KNOWN, "--json").json

    rotashield = found["signals"][0]
    assert rotashield["known"]["id"] == "rotashield-intussusception"
    assert [(pair["product"], pair["event"]) for pair in rotashield["pairs"]] == [
        ("group:rotashield", "group:intussusception"),
        (PAIR[0], "group:intussusception"),
    ]
    for pair in rotashield["pairs"]:
        assert [one["criterion"] for one in pair["crossings"]] == ["evans", "ic", "ror"]
        for crossing in pair["crossings"]:
            assert crossing["first_on"] == str(REPORTS[2])
            assert crossing["n_pair"] == 3
            lead = (date(1999, 7, 16) - REPORTS[2]).days
            assert crossing["lead_days_to_first_action"] == lead
            assert crossing["lead_days_to_withdrawal"] == lead + 91
        assert pair["first_report_on"] == str(REPORTS[0])


def test_a_log_that_ends_before_the_action_is_said_to(run: Path, look: Look) -> None:
    rotashield = look("backtest", "--from-run", run, "--known", KNOWN, "--json").json["signals"][0]

    assert rotashield["is_in_log"] is False
    text = look("backtest", "--from-run", run, "--known", KNOWN).output
    assert "the log ends before the first action" in text


def test_ranks_over_time_are_those_of_the_ranking(run: Path, look: Look, tmp_path: Path) -> None:
    known = write_known(tmp_path / "known.csv", ROW)
    found = look("backtest", "--from-run", run, "--known", known, "--json").json
    pair = found["signals"][0]["pairs"][0]

    assert [(one["on"], one["why"]) for one in pair["ranks"]] == [
        (str(REPORTS[2]), "first crossing: evans, ic, ror"),
        ("1999-01-31", "month end"),
        ("1999-02-26", "first regulator action"),
    ]
    for one in pair["ranks"]:
        options = ("--product", pair["product"], "--event", pair["event"], "--as-of", one["on"])
        (ranked,) = look("ranking", "--from-run", run, *options, "--json").json
        for name in ("rank", "n_ranked", "n_tied", "priority"):
            assert one[name] == ranked[name]


def test_a_known_signal_that_is_not_in_the_run_is_kept_and_said_to_be_missing(
    run: Path, look: Look
) -> None:
    lymerix = look("backtest", "--from-run", run, "--known", KNOWN, "--json").json["signals"][1]

    assert lymerix["pairs"] == []
    assert any("LYMERIX" in reason for reason in lymerix["not_matched"])


def test_the_caution_comes_with_it(run: Path, look: Look) -> None:
    found = look("backtest", "--from-run", run, "--known", KNOWN, "--json").json

    assert "as they stood when they were extracted" in found["caution"]
    assert not re.search(r"\d{4}", found["caution"])  # whatever the data are
    assert "assumes a reviewer" in found["caution"]


def test_the_burden_counts_what_was_newly_met_a_week(run: Path, look: Look, tmp_path: Path) -> None:
    known = write_known(tmp_path / "known.csv", ROW)
    burden = look("backtest", "--from-run", run, "--known", known, "--json").json["signals"][0][
        "burden"
    ]
    findings = look("findings", "--from-run", run, "--as-of", "1999-02-26", "--json").json

    met = [one for one in findings if one["change"] == "met"]
    assert burden["findings_newly_met"]["n"] == len(met)
    assert sum(one["n"] for one in burden["findings_newly_met_by_level"].values()) == len(met)


def test_weeks_begin_on_monday_and_empty_ones_count() -> None:
    counted = [
        Counted(date(1999, 1, 3), "product", 5),  # a Sunday, before the period
        Counted(date(1999, 1, 4), "product", 2),
        Counted(date(1999, 1, 10), "group", 1),
        Counted(date(1999, 1, 18), "product", 4),
    ]

    found = weekly(counted, date(1999, 1, 4), date(1999, 1, 24))

    assert found is not None
    assert (found.n_weeks, found.n, found.max, found.max_week_of) == (3, 7, 4, date(1999, 1, 18))
    assert found.mean == pytest.approx(7 / 3)
    assert found.median == 3
    only = weekly(counted, date(1999, 1, 4), date(1999, 1, 24), level="group")
    assert only is not None
    assert (only.n, only.median) == (1, 0)
    assert weekly(counted, date(1999, 1, 4), date(1999, 1, 3)) is None


def test_a_group_is_matched_only_if_it_holds_just_what_the_pattern_finds(
    tmp_path: Path,
) -> None:
    (known,) = read_known(KNOWN)[:1]
    configuration = read_configuration(write_configuration(tmp_path / "configuration"))
    products = ["product:ROTAVIRUS (ROTASHIELD)", "product:ROTASHIELD II", "lot:X/1"]
    events = ["pt:Intussusception", "pt:Intussusception of the ileum", "pt:Rash"]

    found = match(known, (products, events), configuration)

    assert found.products == []
    assert "2 names are found by 'ROTASHIELD'" in found.missing[0]
    assert [one.key for one in found.events] == ["group:intussusception"]


def test_a_single_name_is_matched_without_a_configuration() -> None:
    (known,) = read_known(KNOWN)[:1]

    found = match(known, ([PAIR[0], "product:HIB (ACTHIB)"], [PAIR[1]]), None)

    assert [(product.key, event.key) for product, event in found.pairs] == [PAIR]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("one,P,(,E,intussusc,1998-08-31,1999-02-26,a,,b,c\n", ":2:"),
        ("one,P,R,E,i,31.8.1998,1999-02-26,a,,b,c\n", "licensed"),
        ("one,P,R,E\n", ":2:"),
    ],
)
def test_a_file_of_known_signals_that_is_wrong_names_the_line(
    tmp_path: Path, row: str, said: str
) -> None:
    with pytest.raises(Misused) as caught:
        read_known(write_known(tmp_path / "known.csv", row))

    assert said in str(caught.value)


def test_a_file_of_ones_own_needs_three_columns_and_names_as_the_run_has_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "known.csv"
    file.write_text("product,term,since\nrotavirus (rotashield),Intussusception,1999-07-16\n")

    (known,) = read_known(file)
    found = match(known, ([PAIR[0], "product:HIB (ACTHIB)"], [PAIR[1]]), None)

    assert (known.first_regulator_action, known.licensed) == (date(1999, 7, 16), None)
    assert [(product.key, event.key) for product, event in found.pairs] == [PAIR]
    keys = (["group:rotashield"], ["group:intussusception", "pt:Rash"])
    group = msgspec.structs.replace(known, product="Rotashield", event="group:intussusception")
    assert [one.key for one in match(group, keys, None).products] == ["group:rotashield"]
    missing = match(msgspec.structs.replace(known, event="Gout"), keys, None)
    assert missing.missing[-1] == "no pt and no group in the run is named 'Gout'"


def test_a_file_of_known_signals_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misused):
        read_known(tmp_path / "none.csv")


# A modelled reviewer


def reviewed(run: Path, look: Look, known: Path, *options: object) -> dict[str, Any]:
    found: dict[str, Any] = look(
        "backtest", "--from-run", run, "--known", known, *options, "--json"
    ).json
    return found


def test_a_known_signal_is_seen_on_the_first_monday_after_it_is_listed(
    run: Path, look: Look, tmp_path: Path
) -> None:
    known = write_known(tmp_path / "known.csv", ROW)

    found = reviewed(run, look, known, "--per-week", 20)

    (signal,) = found["signals"]
    monday = REPORTS[2] + timedelta(days=7 - REPORTS[2].weekday())
    assert signal["listed_on"] == signal["seen_on"] == str(monday)
    assert signal["seen_lead_days_to_first_action"] == (date(1999, 2, 26) - monday).days
    (one,) = found["reviewed"]
    assert one["weights"] == "as configured"
    assert all(date.fromisoformat(week["on"]).weekday() == 0 for week in one["weeks"])


def test_what_was_acknowledged_comes_back_only_when_it_has_changed(
    run: Path, look: Look, tmp_path: Path
) -> None:
    known = write_known(tmp_path / "known.csv", ROW)

    found = reviewed(run, look, known, "--per-week", 1_000)["reviewed"][0]

    (matter,) = found["matters"]
    shown = [week for week in matter["weeks"] if week["is_shown"]]
    assert [week["rank_waiting"] for week in shown] == [
        week["rank_waiting"] for week in matter["weeks"] if week["rank_waiting"] is not None
    ]
    assert len(shown) < len(matter["weeks"])
    for week in found["weeks"]:
        assert week["n_shown"] + week["n_near_copies"] == week["n_waiting"]


def test_fewer_matters_a_week_are_never_seen_earlier(run: Path, look: Look, tmp_path: Path) -> None:
    known = write_known(tmp_path / "known.csv", ROW)

    seen = [
        reviewed(run, look, known, "--per-week", n)["signals"][0]["seen_on"] or "never"
        for n in (1, 3, 100)
    ]

    assert seen == sorted(seen, reverse=True)
    for n in (1, 3):
        weeks = reviewed(run, look, known, "--per-week", n)["reviewed"][0]["weeks"]
        assert max(week["n_shown"] for week in weeks) <= n


def test_the_ranks_of_a_week_are_those_of_the_ranking(
    run: Path, look: Look, tmp_path: Path
) -> None:
    known = write_known(tmp_path / "known.csv", ROW)
    (matter,) = reviewed(run, look, known, "--per-week", 2)["reviewed"][0]["matters"]

    for week in matter["weeks"][:3]:
        day = date.fromisoformat(week["on"]) - timedelta(days=1)
        ranking = look("ranking", "--from-run", run, "--as-of", day, "--json").json
        place = [one["matter_id"] for one in ranking].index(matter["matter_id"]) + 1
        assert (week["rank"], week["n_listed"]) == (place, len(ranking))


def test_each_part_is_left_out_in_turn_and_drawn_weights_repeat(
    run: Path, look: Look, tmp_path: Path
) -> None:
    known = write_known(tmp_path / "known.csv", ROW)
    options = ("--per-week", 5, "--ablate", "--random-weights", 2, "--seed", 3)

    first, again = (reviewed(run, look, known, *options)["reviewed"] for _ in range(2))

    assert first == again
    names = [one["weights"] for one in first]
    assert names[:2] == ["as configured", "without strength"]
    assert names[-2:] == ["drawn at random, 1", "drawn at random, 2"]
    for one in first[1:-2]:
        assert one["values"][one["weights"].removeprefix("without ")] == 0


def test_a_rule_set_lists_nothing_that_it_did_not_find(
    run: Path, look: Look, tmp_path: Path
) -> None:
    known = write_known(tmp_path / "known.csv", ROW)

    found = reviewed(run, look, known, "--per-week", 5, "--criterion", "evans")["reviewed"][0]

    met = look("findings", "--from-run", run, "--criterion", "evans", "--first", "--json").json
    assert max(week["n_listed"] for week in found["weeks"]) <= len(met)
    assert found["criteria"] == ["evans"]


def test_weeks_are_drawn_and_shown(run: Path, look: Look, tmp_path: Path) -> None:
    known = write_known(tmp_path / "known.csv", ROW)
    figure = tmp_path / "weeks.svg"

    text = look(
        "backtest", "--from-run", run, "--known", known, "--per-week", 5, "--plot", figure
    ).output

    assert "a modelled reviewer of 5 matters a week" in text
    assert figure.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    "option", [("--ablate",), ("--random-weights", "2"), ("--criterion", "evans")]
)
def test_options_of_a_reviewer_need_one(run: Path, look: Look, option: tuple[str, ...]) -> None:
    error = look("backtest", "--from-run", run, "--known", KNOWN, *option).error

    assert isinstance(error, Misused)
    assert "--per-week N" in str(error)
