"""The bench of the detectors: what it makes, what it compares and what it writes; no times."""

from __future__ import annotations

import importlib
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench.detectors.__main__ as command
from bench.apart import Unfinished
from bench.detectors import (
    compare,
    data,
    of_r,
    of_vigipy,
    ours,
    peers,
    plan,
    sequential,
    show,
    show_sequential,
    watches,
)
from bench.detectors.runs import added, caches, forget, greatest_memory_mb, repeated, summed_up
from bench.detectors.text import at, ratio, rounded, seconds, table
from bench.show import failed
from detectors.counts import Table
from detectors.sequential import poisson_maxsprt
from detectors.sequential.poisson_maxsprt.boundary import boundary_of
from detectors.small_population import platform

SMALL = plan.Size(3_000, (), (1_500, 2_500), 2_000, 50, 2, 2, 1, 60.0, (1.0,), 2, 4)

Found = dict[str, Any]


# runs


def test_runs_are_summed_up_by_their_medians() -> None:
    readings = [{"cpu_seconds": cpu, "wall_seconds": 10 - cpu} for cpu in (3.0, 1.0, 2.0)]

    found = summed_up(readings)

    assert found == {
        "cpu_seconds": 2.0, "wall_seconds": 8.0, "cpu_seconds_of_runs": [3.0, 1.0, 2.0]
    }  # fmt: skip
    assert added(found, found) == {
        "cpu_seconds": 4.0, "wall_seconds": 16.0, "cpu_seconds_of_runs": [6.0, 2.0, 4.0]
    }  # fmt: skip


def test_work_is_repeated_so_many_times_and_its_last_result_returned() -> None:
    calls: list[int] = []

    def work() -> int:
        calls.append(len(calls))
        return calls[-1]

    result, found = repeated(work, 4)

    assert (result, len(calls), len(found["cpu_seconds_of_runs"])) == (3, 4, 4)


def test_the_greatest_memory_counts_what_was_given_back() -> None:
    n_bytes = 64 * 1_024 * 1_024
    before = greatest_memory_mb()

    block = np.ones(n_bytes + int(before * 1_024 * 1_024), dtype=np.uint8)
    del block

    assert greatest_memory_mb() >= before + 63  # the block alone is 64 MB above all there was


def _n_kept(cache: Any) -> int:  # noqa: ANN401 - an lru_cache, whose type has no name
    return int(cache.cache_info().currsize)


def test_what_is_kept_between_calls_is_forgotten() -> None:
    poisson_maxsprt.critical_value(3.25)
    kept = caches()
    before = sum(_n_kept(cache) for cache in kept)

    forget(kept)

    assert before > 0
    assert sum(_n_kept(cache) for cache in kept) == 0


# sequential tests


def test_the_setting_that_takes_longest_is_found_and_refusals_are_counted() -> None:
    def refuse() -> None:
        raise ValueError("horizon is 0.5: too short")

    works: list[sequential.Work] = [
        ("short", int),
        ("refused", refuse),
        ("long", lambda: sum(range(200_000))),
    ]

    found = sequential.slowest(works, 3)

    assert (found["setting"], found["n_settings"]) == ("long", 2)
    assert found["refusals"] == {"horizon is #: too short": 1}


def test_a_part_of_which_all_is_refused_is_not_measured() -> None:
    def refuse() -> None:
        raise ValueError("no")

    with pytest.raises(AssertionError, match="every setting was refused"):
        sequential.slowest([("refused", refuse)], 1)


def test_work_is_done_anew_in_every_run() -> None:
    calls: list[tuple[int, int]] = []

    def work() -> None:
        poisson_maxsprt.critical_value(3.25)
        known = boundary_of.cache_info()
        calls.append((known.hits, known.misses))

    sequential.slowest([("one", work)], 3)

    assert calls[1:] == [(0, 1)] * 3  # forgetting sets these back; the first call is not timed


def test_a_step_is_timed_for_every_watch(measured: Found) -> None:
    steps = measured["sequential"]["steps"]

    assert list(steps) == list(watches.WATCHED)
    assert {one["n_watches"] for one in steps.values()} == {SMALL.n_watches}
    assert all(one["microseconds"] > 0 for one in steps.values())


def test_watches_are_at_most_as_many_as_have_a_history_of_their_own() -> None:
    name = "alpha spending, each at its own times"

    found = watches.steps(name, 10_000, 1)

    assert found["n_watches"] == 500
    assert found["microseconds"] == pytest.approx(found["cpu_seconds"] / 500 * 1e6)


@pytest.mark.parametrize("name", list(watches.BOUNDED))
def test_under_the_null_few_watches_cross_a_boundary(name: str) -> None:
    found = watches.steps(name, 100, 1)

    # Every design has a size of at most 0.05; 0.25 is some nine standard errors above it.
    assert found["n_crossed"] <= 25


def test_twenty_constructs_are_expected_what_the_horizon_says() -> None:
    works = list(sequential.platform_settings(platform, [50.0]))

    arguments = [work.args for _, work in works]  # type: ignore[attr-defined]  # partial

    assert {len(events) for events, _ in arguments} == {20}
    assert [sum(expected) for _, expected in arguments] == pytest.approx([50.0] * len(works))


def test_budgets_of_the_sequential_tests_are_judged_by_the_slowest(found: Found) -> None:
    found["size"] |= {"farthest": 500, "n_watches": 10_000}
    part = found["sequential"]
    part["poisson"]["cpu_seconds"], part["conditional_far"]["cpu_seconds"] = 0.05, 2.5
    part["shared"] = {"failed": ["given up"]}
    for name in watches.WATCHED:
        part["steps"][name]["microseconds"] = 2.0
    part["steps"]["group"]["microseconds"] = 25.0

    page = show.markdown(found)

    near = "critical value: Poisson, horizon to 50, continuous"
    assert _row(page, near)[1:] == ["0.1 s", "0.0500 s", "2.00", "met"]
    assert _row(page, "critical value: conditional, to event 500")[3:] == ["0.8000", "missed"]
    assert _row(page, "posterior: platform, 20 constructs, all")[2] == "not measured"
    assert _row(page, "one step of the slowest test")[2:] == ["25.0 µs", "0.8000", "missed"]
    assert _row(page, "one step of the slowest of the other")[2:] == ["2.00 µs", "10.0", "met"]
    assert _row(page, "10,000 watches closed")[2:] == ["0.2500 s", "4.00", "met"]
    assert _row(page, "group")[3:] == ["25.0", "0.8000", "0.2500", "missed"]


def test_of_a_part_of_the_tests_the_slowest_is_not_known(found: Found) -> None:
    found["size"]["n_watches"] = 10_000
    found["sequential"]["steps"]["group"] = {"failed": ["given up"]}

    page = show.markdown(found)

    assert _row(page, "one step of the slowest test")[2] == "not measured"
    assert "- sequential steps group: given up" in page


def test_small_runs_of_the_sequential_tests_are_not_judged(found: Found) -> None:
    page = show.markdown(found)

    assert _row(page, "critical value: Poisson, horizon 500")[4] == "too small to judge"
    assert _row(page, "one step of the slowest test")[4] == "too small to judge"


def test_refusals_stand_on_the_page_with_their_reasons(found: Found) -> None:
    for name in show_sequential.SETTINGS:
        found["sequential"][name]["refusals"] = {}
    found["sequential"]["poisson"]["refusals"] = {"# is too short": 3}

    page = show.markdown(found)

    assert "- Poisson, horizon to 50, continuous looks: 3 settings, # is too short" in page


def test_published_times_of_r_stand_without_a_ratio(found: Found) -> None:
    found["sequential"]["beside_r"]["poisson 50"] = {"cpu_seconds": 0.0625}

    row = _row(show.markdown(found), "`CV.Poisson`, alpha 0.01, horizon 50")

    assert row[1:] == ["R Sequential 4.5.1", "2.0", "0.0625"]


def test_every_published_time_has_one_of_ours_and_no_other_is_measured(found: Found) -> None:
    places = [one.place for one in show_sequential.published()]

    assert sorted(places) == sorted(sequential.of_r())
    assert list(found["sequential"]["beside_r"]) == ["poisson 1"]  # no farther than the size says


def test_the_sequential_tests_are_run_alone(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        command, "apart", lambda function, **_: {"called": function.partition(":")[0]}
    )

    alone = command.Bench(SMALL, Path("-")).sequential(lambda _: None)

    assert "sets" not in alone
    assert list(alone["sequential"]) == list(found["sequential"])
    assert show.markdown(alone).count("\n## ") == 1


def test_the_whole_page_is_not_written_by_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "sequential", "--write", "page.md"])

    with pytest.raises(SystemExit):
        command.main()


# comparison


def test_the_largest_difference_is_found_among_the_numbers_that_both_have() -> None:
    one = np.array([1.0, 2.0, np.nan, 3.0, 0.0, 9.0])
    other = np.array([1.5, 2.1, 3.0, np.nan, 0.0, 0.0])
    chosen = np.array([True, True, True, True, True, False])

    found = compare.apart(one, other, chosen)

    assert (found["n"], found["n_without"]) == (3, 2)
    assert found["largest"] == 0.5
    assert found["relative"] == 0.5 / 1.5


def test_numbers_without_digits_have_no_relation() -> None:
    found = compare.apart(np.array([0.0, 0.5]), np.array([1e-310, 0.5]), np.array([True, True]))

    assert (found["largest"], found["relative"]) == (1e-310, 0.0)


def test_no_common_number_is_no_difference_of_0() -> None:
    nothing = np.array([np.nan])

    found = compare.apart(nothing, nothing, np.array([True]))

    assert (found["n"], found["n_without"], found["largest"]) == (0, 1, None)


def test_tables_with_a_zero_are_not_compared_with_vigipy(tmp_path: Path) -> None:
    n_pair = np.array([5, 5])
    table_ = Table(n_pair, [5, 9], [20, 20], [100, 100])  # the first has b = 0
    pairs = data.Pairs(table_, np.array([0, 1]), np.array([0, 0]))
    data.write(tmp_path / "pairs.npz", pairs)
    numbers = np.array([1.0, 1.0])
    far = np.array([99.0, 1.25])
    own: Found = dict.fromkeys([*compare.MEASURES, "ic025"], numbers)
    theirs: Found = dict.fromkeys(compare.MEASURES.values(), far)
    np.savez(tmp_path / "ours.npz", **own)
    np.savez(tmp_path / "theirs.npz", **theirs)

    found = compare.with_vigipy(*(tmp_path / f"{name}.npz" for name in ("pairs", "ours", "theirs")))

    assert {one["largest"] for one in found.values()} == {0.25}


def test_scores_are_compared_from_either_file(tmp_path: Path) -> None:
    numbers: Found = {name: np.array([0.1, 1 / 3]) for name in compare.SCORES}
    np.savez(tmp_path / "ours.npz", **numbers)
    pd.DataFrame(numbers).to_csv(tmp_path / "theirs.csv", index=False, float_format="%.17g")

    found = compare.scores(tmp_path / "ours.npz", tmp_path / "theirs.csv")

    assert [one["largest"] for one in found.values()] == [0.0, 0.0, 0.0]


def test_vigipys_rows_are_put_back_into_the_order_of_the_pairs() -> None:
    frame = pd.DataFrame(
        {"Product": [2, 0, 1, 0], "Adverse Event": [0, 7, 3, 2], "PRR": [4.0, 2.0, 3.0, 1.0]}
    )

    found = of_vigipy._in_order(frame, ("PRR",))

    assert found["PRR"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_r_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    assert of_r.versions(1.0) == {"R": None, "openEBGM": None}
    with pytest.raises(Unfinished, match="R is not installed"):
        of_r.run("ic", Path("-"), Path("-"), seconds=1.0)


def test_an_error_of_r_is_cut_to_what_went_wrong() -> None:
    errors = """Error in openEBGM::autoHyper(points, theta_init = starts, squashed = squashed,  :
      consistent convergence failed --
      try squashing data with another 'bin_size' value --
    Calls: squashed -> clocked
    Execution halted"""

    assert of_r._reason(errors).startswith("consistent convergence failed -- try squashing")
    assert len(of_r._reason(errors)) <= of_r.MOST_SAID
    assert of_r._reason("Error: no such part: x Execution halted").startswith("no such part: x")


# the page


def _here(function: str, /, *, seconds: float, **arguments: Any) -> Found:  # noqa: ANN401 - JSON values
    """Call what would be called in a process of its own."""
    assert seconds > 0
    module, _, name = function.partition(":")
    result: Found = getattr(importlib.import_module(module), name)(**arguments)
    return result


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A small run without peers."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(command, "apart", _here)
        monkeypatch.setattr("shutil.which", lambda _: None)
        monkeypatch.setattr(command, "_version", lambda name: None if name == "vigipy" else "1.0")
        return command.Bench(SMALL, tmp_path_factory.mktemp("bench")).run(lambda _: None)


@pytest.fixture
def found(measured: Found) -> Found:
    """Its numbers, which a test may change."""
    return deepcopy(measured)


def _row(page: str, start: str) -> list[str]:
    line = next(line for line in page.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_run_without_peers_gives_a_page_that_says_so(found: Found) -> None:
    page = show.markdown(found)

    assert page == show.markdown(found)
    assert "vigipy (not installed)" in page
    assert _row(page, "PRR with interval")[3].startswith("vigipy is not installed")
    assert _row(page, "`openebgm` fit")[3] == "R is not installed"
    assert _row(page, "PRR, ROR, chi-square")[4] == "too small to judge"
    assert _row(page, "full fit, 102,483 pairs")[2:] == ["-", "-", "R is not installed"]
    assert "- sets simulated r: R is not installed" in page
    assert not re.search(r"nan|inf\b|None", page)
    assert all(line == line.rstrip() or line.endswith("|") for line in page.splitlines())


def test_every_part_of_ours_is_measured(found: Found) -> None:
    part = found["sets"]["simulated"]

    for name in ("prr", "ror", "chi_square", "ic", "fisher", "together", "bcpnn_normal"):
        assert len(part["measures"][name]["cpu_seconds_of_runs"]) == SMALL.n_runs
    assert part["squashed"]["n_points"] < part["prior"]["n_points"]
    assert found["lrt"]["n_draws"] == SMALL.n_draws
    assert found["score"]["n_pairs"] == SMALL.n_scored
    assert list(found["growth"]) == ["1500", "2500"]
    assert {who for who, reason in failed(found)} == {
        "sets simulated vigipy", "sets simulated r"
    }  # fmt: skip


def test_pairs_of_one_and_of_two_reports_are_squashed_and_no_others() -> None:
    table_ = data.simulated(5_000).table

    found = ours._fewer(table_.n_pair, table_.expected)

    assert [found.weights[found.n == n].max() for n in (1, 2, 3)] == [50, 10, 1]


def test_the_fit_has_the_least_likelihood_of_its_kind(found: Found) -> None:
    named = found["sets"]["simulated"]["likelihoods"]["openebgm"]

    assert named["longwatch"] == min(named.values())
    assert named["longwatch"] == pytest.approx(
        -found["sets"]["simulated"]["prior"]["full_log_likelihood"], rel=1e-14
    )  # the same sum, from another call


def test_budgets_are_judged_at_their_full_size_alone(found: Found) -> None:
    found["size"] |= {"n_pairs": 102_483, "n_draws": 5_000, "n_scored": 3_000_000}
    found["sets"]["simulated"]["measures"]["together"]["cpu_seconds"] = 0.25
    found["sets"]["simulated"]["prior"]["both"]["cpu_seconds"] = 5.5
    found["lrt"] = {"failed": ["given up"]}

    page = show.markdown(found)

    assert _row(page, "PRR, ROR, chi-square")[1:] == ["1 s", "0.2500 s", "4.00", "met"]
    assert _row(page, "full fit, not squashed")[1:] == ["5 s", "5.50 s", "0.9091", "missed"]
    assert _row(page, "likelihood ratio test")[1:] == ["2 s", "not measured", "", ""]
    assert "- lrt: given up" in page


def test_peers_times_stand_beside_ours(found: Found) -> None:
    part = found["sets"]["simulated"]
    part["measures"]["prr"] = {"cpu_seconds": 0.5, "wall_seconds": 0.75}
    part["vigipy"] = {"measures": {"prr": {"cpu_seconds": 2.0, "wall_seconds": 3.0}}}
    times = {f"{name}_{unit}_seconds": 1.5 for name in ("squash", "fit", "score")
             for unit in ("cpu", "wall")}  # fmt: skip
    part["r"] = {
        "full": {"failed": ["given up after 300 s"]},
        "squashed": times,
    }
    turn = 2 * peers.PUBLISHED_CAERS / peers.TURNS_OF_CAERS  # half as fast as where published
    loop = {"loop_cpu_seconds": 6 * turn, "n_times": 6}
    found["sets"]["caers"] = part | {"r": {"loop": loop}}

    page = show.markdown(found)

    assert _row(page, "PRR with interval")[1:] == [
        "0.5000 (0.7500)", "vigipy", "2.00 (3.00)", "4.00"
    ]  # fmt: skip
    assert _row(page, "ROR with interval")[3:] == ["-", ""]
    assert _row(page, "squashing, fit and scores")[3] == "4.50 (4.50)"
    assert _row(page, "full fit, 102,483 pairs")[2:] == ["2.00", "224", "given up after 300 s"]
    assert _row(page, "full fit of CAERS")[1:] == ["40.6", "2.00", "81.2", "-"]


def test_time_is_given_for_a_million_pairs_too(found: Found) -> None:
    part = found["growth"]["2500"]
    part["measures"]["together"]["cpu_seconds"] = 0.5
    part["prior"] |= {
        "fit": {"cpu_seconds": 2.0}, "score": {"cpu_seconds": 3.0}, "both": {"cpu_seconds": 5.0},
        "greatest_memory_mb": 250.0,
    }  # fmt: skip

    page = show.markdown(found)

    assert _row(page, "2,500")[1:] == ["0.5000", "200", "2.00", "3.00", "2,000", "250"]


def test_likelihoods_stand_with_their_excess_over_the_least_of_their_kind(found: Found) -> None:
    found["sets"]["simulated"]["likelihoods"] = {
        "openebgm": {"longwatch": 10.5, "openEBGM": 12.75},
        "truncated_mixture": {"vigipy": 99.0},
    }

    page = show.markdown(found)

    rows = [
        line
        for line in page.splitlines()
        if line.startswith(("| simulated | openebgm", "| simulated | truncated"))
    ]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == ["0.0000", "2.2500", "0.0000"]


def test_differences_stand_with_the_peer_and_the_number_of_pairs(found: Found) -> None:
    one = {"n": 1_234, "n_without": 0, "largest": 1.5e-6, "relative": 2e-7}
    found["sets"]["simulated"]["differences"] = {"openEBGM scores": {"eb05": one}}

    page = show.markdown(found)

    assert "| simulated | EB05 | openEBGM | 1,234 | 1.5e-06 | 2.0e-07 |" in page


def test_only_a_failure_of_ours_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: Found
) -> None:
    page, numbers = tmp_path / "page.md", tmp_path / "numbers.json"
    monkeypatch.setattr(command.Bench, "run", lambda _, keep: keep(found) or found)
    for name in command.ONE_THREAD:
        monkeypatch.setenv(name, "1")  # so that it is as before when the test is over
    monkeypatch.setattr(
        "sys.argv", ["bench", "--quick", "--write", str(page), "--json", str(numbers)]
    )

    without_peers = command.main()
    found["lrt"] = {"failed": ["given up"]}
    without_ours = command.main()

    assert (without_peers, without_ours) == (0, 1)
    assert page.read_text(encoding="utf-8") == show.markdown(found)
    assert '"n_scored": 2000' in numbers.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "written"),
    [(None, "-"), (0.01234, "0.0123"), (1.0, "1.00"), (12.34, "12.3"), (1_234.5, "1,234")],
)
def test_numbers_are_written_with_about_three_figures(number: float | None, written: str) -> None:
    assert rounded(number) == written


def test_what_was_not_measured_has_no_ratio_and_no_number() -> None:
    assert ratio(None, 1.0) == ratio(1.0, None) == ""
    assert at({"a": {"failed": ["why"]}}, "a", "cpu_seconds") is None
    assert seconds({"failed": ["one", "two"]}) == "one; two"


def test_a_bar_in_a_reason_does_not_end_its_cell() -> None:
    assert table(["a"], [["x|y"]]).splitlines() == ["| a |", "| --- |", "| x/y |"]
