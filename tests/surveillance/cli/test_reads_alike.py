"""Every command that reads gives the same from a run's directory as from its register alone."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from register_rows import AT, a_finding
from small_run import PAIR

from surveillance.cli import screen
from surveillance.register import Register, queries, reader
from surveillance.register.chosen_rows import Chosen
from surveillance.register.documents import AnyFinding, finding_of
from surveillance.register.reader import RegisterReader
from surveillance.triage.triage import signal_id
from surveillance.views.results import open_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from answers import Look

BY_NAME = ("--product", PAIR[0], "--event", PAIR[1])
BY_GROUP = ("--product", "rotashield", "--event", "intussusception")
READS = [
    ("findings",),
    ("findings", *BY_NAME),
    ("findings", "--first", "--as-of", "1999-03-01"),
    ("findings", "--criterion", "ror", "--limit", "3"),
    ("signals",),
    ("signals", *BY_GROUP),
    ("signals", "--status", "under_validation"),
    ("series", *BY_NAME, "--every", "day"),
    ("series", *BY_GROUP),
    ("series", "--product", "product:HIB (ACTHIB)", "--event", "Rash", "--as-of", "1999-02-03"),
    ("priors",),
    ("cases", *BY_NAME),
    ("cases", *BY_GROUP, "--as-of", "1999-03-01"),
    ("case", "R-1"),
    ("looks",),
    ("history", signal_id(*PAIR, "safety")),
]
KNOWN = """\
id,product,vax_name_regex,event,pt_regex,licensed,first_regulator_action,action,withdrawn,truth,source
r,RotaShield,ROTASHIELD,intussusception,intussusc,1998-08-31,1999-07-16,suspended,1999-10-15,true,MMWR
"""


def both(look: Look, run: Path, arguments: Iterable[object], *more: str) -> list[str]:
    url = f"sqlite:///{run / 'register.db'}"
    answers = [
        look(*arguments, *source, *more) for source in (("--from-run", run), ("--register", url))
    ]
    assert [answer.exit_code for answer in answers] == [0, 0], answers
    return [answer.output for answer in answers]


def decoded(look: Look, run: Path, *arguments: object) -> list[Any]:
    """Return what a command prints as JSON from a run, and from its register."""
    return [msgspec.json.decode(found) for found in both(look, run, arguments, "--json")]


@pytest.mark.parametrize("arguments", READS, ids=" ".join)
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["table", "json"])
def test_a_run_and_its_register_give_the_same(
    run: Path, look: Look, arguments: tuple[str, ...], more: tuple[str, ...]
) -> None:
    from_run, from_register = both(look, run, arguments, *more)

    assert from_run == from_register
    assert len(from_run) > 2


@pytest.mark.parametrize("more", [(), ("--as-of", "1999-02-20"), BY_NAME], ids=" ".join)
def test_a_register_ranks_by_the_numbers_of_the_latest_findings_and_dates_them(
    run: Path, look: Look, more: tuple[str, ...]
) -> None:
    """A run holds the contributions, and so the numbers of the day itself."""
    from_run, from_register = (
        msgspec.json.decode(found)
        for found in both(look, run, ("ranking", "--signals", *more), "--json")
    )
    of_day = {row["signal_id"]: row for row in from_run}

    assert {row["signal_id"] for row in from_register} == of_day.keys() != set()
    for row in from_register:
        assert row["evaluated_on"] <= of_day[row["signal_id"]]["evaluated_on"]


def test_the_refused_are_listed_alike_but_for_the_file_that_only_a_run_knows(
    run: Path, look: Look
) -> None:
    found = decoded(look, run, "refused", "list")

    assert any(row["place"].startswith("cases.ndjson:") for row in found[0])
    for row in (*found[0], *found[1]):
        del row["place"]
        row.pop("read_at", None)
    assert found[0] == found[1] != []


def test_a_backtest_finds_the_same_crossings(run: Path, look: Look, tmp_path: Path) -> None:
    known = tmp_path / "known.csv"
    known.write_text(KNOWN, encoding="utf-8")

    pairs = [
        [pair for one in found["signals"] for pair in one["pairs"]]
        for found in decoded(look, run, "backtest", "--known", known)
    ]

    kept = [[{**pair, "ranks": []} for pair in found] for found in pairs]
    assert kept[0] == kept[1]
    assert kept[0][0]["matched_product"].startswith("group of")


def test_a_refused_record_is_shown_alike_and_written_alike(
    run: Path, look: Look, tmp_path: Path
) -> None:
    place = look("refused", "list", "--from-run", run, "--json").json[0]["place"]
    files = [tmp_path / "of-run", tmp_path / "of-register"]
    url = f"sqlite:///{run / 'register.db'}"

    shown = both(look, run, ("refused", "show", place))
    look("refused", "retry", "--from-run", run, "--out", files[0])
    look("refused", "retry", "--register", url, "--out", files[1])

    assert shown[0] == shown[1]
    assert files[0].read_bytes() == files[1].read_bytes() != b""


def test_every_command_that_takes_a_run_takes_a_register(look: Look) -> None:
    names = ("findings", "signals", "ranking", "series", "backtest", "priors", "cases", "case")
    for name in (*names, "looks", "history"):
        assert "--register" in look(name, "--help").output


def test_the_counts_of_every_pair_are_those_of_the_contributions(run: Path) -> None:
    from_run = open_results(run, None)
    from_register = open_results(None, f"sqlite:///{run / 'register.db'}")

    keys = from_run.counted_keys()
    assert keys == from_register.counted_keys()
    pairs = [(product, event) for product in keys[0] for event in keys[1]]
    assert from_run.sums(pairs) == from_register.sums(pairs)


def test_a_register_without_cases_says_where_counts_over_time_are(
    look: Look, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'register.db'}"
    with Register(url) as register:
        register.take_epoch(7, AT)
        register.take_output(7, [a_finding()], [])

    answer = look("series", "--register", url, "--product", "product:P", "--event", "pt:E")

    assert "holds no cases; make it again from the log" in str(answer.error)


@pytest.fixture
def large(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'large.db'}"
    with Register(url) as register:
        register.take_epoch(7, AT)
        register.take_output(7, [a_finding(n_total=1_000 + n) for n in range(6_000)], [])
    return url


def test_the_first_row_is_written_before_a_few_more_are_read(
    large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = 0

    def counted(values: Mapping[str, Any]) -> AnyFinding:
        nonlocal n_read
        n_read += 1
        return finding_of(values)

    monkeypatch.setattr(reader, "finding_of", counted)
    source = RegisterReader(large)

    pieces = screen._array(source.each_finding(Chosen()))

    assert next(pieces).startswith(b"[\n  {")
    assert n_read == 1
    assert sum(1 for _ in pieces) == 6_000
    source.close()


def test_what_is_held_does_not_grow_with_the_rows(large: str) -> None:
    source = RegisterReader(large)
    list(source.each_finding(Chosen(), limit=1))  # caches

    def peak(limit: int) -> int:
        tracemalloc.start()
        try:
            for _ in screen._array(source.each_finding(Chosen(), limit=limit)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(6_000) < 1.5 * peak(2 * queries.N_ROWS_A_FETCH)
    source.close()


def test_an_array_is_printed_as_a_list_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for values in ([], [{"a": [1, {"b": "x\n\x1b"}]}], [1, "two", [], {}]):
        screen.print_json(values)
        screen.print_json_array(iter(values))
        screen.finish()
        printed = capfdbinary.readouterr().out
        assert printed[: len(printed) // 2] == printed[len(printed) // 2 :]
