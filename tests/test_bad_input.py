"""Bad input through the real command: one line, the right exit code, and nothing else harmed."""

from __future__ import annotations

import base64
import json
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bad_input import DAY, GOOD, a_line, summary_of, written
from calling import (
    NOW,
    Answer,
    assert_refused_in_one_line,
    longwatch,
    longwatch_apart,
    rows_of,
    topic_rows_of,
)
from strategies import encode, too_many_names

from surveillance.cli import runs as running
from surveillance.configuration.reader import SHIPPED
from surveillance.log.topics import SIGNALS
from surveillance.triage.triage import signal_id

N_BYTES_MAX = 262_144


# --- lines that cannot be used -------------------------------------------------------------


def _replaced(old: bytes, new: bytes) -> bytes:
    line = a_line()
    assert old in line
    return line.replace(old, new)


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{nope", "not_json"),
    "cut off": (a_line()[:-20], "not_json"),
    "a list": (b"[1, 2]", "wrong_shape"),
    "a field that is not known": (a_line(colour="red"), "wrong_shape"),
    "10 MB": (a_line(verbatim="x" * 10_000_000), "too_long"),
    "deep lists": (b"[" * 100_000, "wrong_shape"),
    "deep lists in a field": (_replaced(b'"P"', b"[" * 100_000), "wrong_shape"),
    "NaN": (_replaced(b'"version": 1', b'"version": NaN'), "not_json"),
    "infinity": (_replaced(b'"version": 1', b'"version": 1e999'), "wrong_shape"),
    "a number of 5,000 digits": (
        _replaced(b'"version": 1', b'"version": ' + b"9" * 5_000),
        "wrong_shape",
    ),
    "a key twice": (a_line()[:-1] + b', "case_id": "G-1"}', "duplicate_key"),
    "invalid UTF-8": (_replaced(b"Pyrexia", b"Pyr\xff"), "bad_encoding"),
    "NUL, escaped": (_replaced(b"Pyrexia", b"Pyr\\u0000"), "control_character"),
    "NUL, raw": (_replaced(b"Pyrexia", b"Pyr\x00"), "not_json"),
    "half a surrogate pair": (_replaced(b"Pyrexia", b"Pyr\\ud800"), "not_json"),
    "a day that does not exist": (a_line(received_on="2023-02-29"), "wrong_shape"),
    "the year 2999": (a_line(received_on="2999-01-01"), "lies_ahead"),
    "the last day there is": (a_line(received_on="9999-12-31"), "lies_ahead"),
}
# The stage refuses it, not the intake.
TOO_LARGE = encode(too_many_names("LARGE", source="simulated", received_on=DAY))


class Replayed(NamedTuple):
    """A file with every bad line between good ones, and the run that was made of it."""

    lines: list[bytes]
    run: Path
    answer: Answer

    @property
    def summary(self) -> dict[str, Any]:
        return summary_of(self.run)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder = tmp_path_factory.mktemp("bad")
    bad = [line for line, _ in BAD_LINES.values()]
    lines = [GOOD[0], *bad[:9], GOOD[1], *bad[9:], TOO_LARGE, GOOD[2]]
    path = written(folder, *lines)
    answer = longwatch(
        "replay", "cases", path, "--out", folder / "run", "--config", SHIPPED / "ucd"
    )
    return Replayed(lines, folder / "run", answer)


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_kept_with_its_place_reason_remedy_and_bytes(
    replayed: Replayed, name: str
) -> None:
    line, code = BAD_LINES[name]
    place = f"file:cases.ndjson:{replayed.lines.index(line) + 1}"

    (found,) = [r for r in rows_of(replayed.run / "refused.ndjson") if r["topic"] == place]

    assert found["code"] == code
    assert found["reason"]
    assert found["remedy"]
    assert base64.b64decode(found["content"]) == line[:N_BYTES_MAX]


def test_bad_lines_end_with_exit_3_and_one_line_that_says_where_they_are(
    replayed: Replayed,
) -> None:
    n_bad = len(BAD_LINES) + 1

    assert replayed.answer.code == 3
    assert replayed.answer.err == (
        f"longwatch: {n_bad} record(s) refused; see {replayed.run / 'refused.ndjson'} or "
        f"`longwatch refused list --from-run {replayed.run}`\n"
    )


def test_the_neighbours_of_bad_lines_are_counted(replayed: Replayed) -> None:
    series = longwatch(
        "series", "--from-run", replayed.run, "--product", "P", "--event", "Pyrexia", "--json"
    )

    assert series.code == 0
    assert series.json()[-1]["n_pair"] == len(GOOD)


def test_every_line_of_a_bad_file_is_accounted_for(replayed: Replayed) -> None:
    (file,) = replayed.summary["files"]
    dispositions = replayed.summary["dispositions"].values()
    totals = {
        name: sum(counts[name] for counts in dispositions) for name in next(iter(dispositions))
    }

    assert file["n_read"] == len(replayed.lines)
    assert file["n_refused"] == len(BAD_LINES)
    assert file["n_used"] == len(GOOD) + 1
    assert sum(totals.values()) == replayed.summary["n_lines"] == len(GOOD) + 1
    assert (totals["applied"], totals["refused"]) == (len(GOOD), 1)


def test_what_no_message_could_hold_is_refused_by_the_stage(
    replayed: Replayed,
) -> None:
    (found,) = [
        row
        for row in rows_of(replayed.run / "refused.ndjson")
        if row["topic"] == "cases-received.v1"
    ]

    assert found["code"] == "too_many_names"
    assert "bytes of names" in found["reason"]
    assert "name fewer lots" in found["remedy"]
    assert found["read_at"] == f"cases.ndjson:{replayed.lines.index(TOO_LARGE) + 1}"
    assert base64.b64decode(found["content"]) == TOO_LARGE


def test_a_refused_line_can_be_listed_shown_and_taken_out(
    replayed: Replayed, tmp_path: Path
) -> None:
    listed = longwatch("refused", "list", "--from-run", replayed.run, "--json").json()
    place = next(row["place"] for row in listed if row["code"] == "duplicate_key")
    shown = longwatch("refused", "show", place, "--from-run", replayed.run)
    retry = longwatch(
        "refused", "retry", "--from-run", replayed.run, "--code", "duplicate_key",
        "--out", tmp_path / "mend.ndjson",
    )  # fmt: skip

    assert len(listed) == len(BAD_LINES) + 1
    assert (shown.code, retry.code) == (0, 0)
    assert "give every key once" in shown.out
    assert (tmp_path / "mend.ndjson").read_bytes() == BAD_LINES["a key twice"][0] + b"\n"


# --- days that have not come ---------------------------------------------------------------


def test_a_day_of_receipt_ahead_makes_no_epoch(tmp_path: Path) -> None:
    today = NOW.date()
    path = written(
        tmp_path,
        a_line("TODAY", received_on=str(today)),
        a_line("TOMORROW", received_on=str(today + timedelta(days=1))),
    )

    answer = longwatch("replay", "cases", path, "--out", tmp_path / "run")

    summary = summary_of(tmp_path / "run")
    (refused,) = rows_of(tmp_path / "run" / "refused.ndjson")
    assert answer.code == 3
    assert (summary["n_epochs"], summary["last_day"]) == (1, str(today))
    assert refused["code"] == "lies_ahead"
    assert refused["reason"] == "its day, 2026-07-02, lies ahead of today, 2026-07-01 (UTC)"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return written(tmp_path / "in", *GOOD)


# --- brokers -------------------------------------------------------------------------------

DECIDE = (
    "decide", "S-1", "--action", "start_validation", "--by", "a.person",
    "--role", "safety_scientist", "--reason", "three cases within two weeks",
)  # fmt: skip
ON_KAFKA: dict[str, tuple[str, ...]] = {
    "topics plan": ("topics", "plan"),
    "topics apply": ("topics", "apply"),
    "load": ("load", "cases", "{cases}"),
    "ticker": ("ticker", "--once"),
    "worker": ("worker", "--in-memory", "--metrics-address", "off"),
    "decide": DECIDE,
}


@pytest.fixture
def nobody() -> str:
    """The address of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("command", ON_KAFKA)
def test_a_broker_that_is_not_there_is_named(cases: Path, nobody: str, command: str) -> None:
    arguments = [part.format(cases=cases) for part in ON_KAFKA[command]]

    answer = longwatch(*arguments, "--broker", nobody)

    assert_refused_in_one_line(answer, nobody, "does not answer", "start it")


@pytest.mark.parametrize("address", ["nonsense", ":9092", "host:", "host:port"])
def test_a_broker_without_host_or_port_is_refused(address: str) -> None:
    answer = longwatch("topics", "plan", "--broker", address)

    assert_refused_in_one_line(answer, repr(address), "is not HOST:PORT")


# --- options and names ---------------------------------------------------------------------

WRONG_OPTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a day that does not exist": (("--from", "1999-02-31"), ("--from '1999-02-31'", "not a date")),
    "a word for a date": (("--until", "yesterday"), ("--until 'yesterday'", "not a date")),
    "days the wrong way round": (
        ("--from", "2024-02-01", "--until", "2024-01-01"),
        ("--from 2024-02-01", "is later than --until 2024-01-01"),
    ),
    "an option that there is not": (("--nope",), ("--nope", "longwatch replay --help")),
}


@pytest.mark.parametrize("name", WRONG_OPTIONS)
def test_a_wrong_option_of_replay_is_refused(cases: Path, tmp_path: Path, name: str) -> None:
    given, parts = WRONG_OPTIONS[name]

    answer = longwatch("replay", "cases", cases, "--out", tmp_path / "run", *given)

    assert_refused_in_one_line(answer, *parts)
    assert not (tmp_path / "run").exists()


WRONG_USES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such command": (("replya",), ("replya", "`longwatch --help`")),
    "an argument is missing": (("replay",), ("FORMAT", "`longwatch replay --help`")),
    "an option is missing": (("simulate", "ucd"), ("--out", "`longwatch simulate --help`")),
    "a word for a number": (("demo", "--seed", "one"), ("--seed", "`longwatch demo --help`")),
    "no such scenario to simulate": (
        ("simulate", "mars", "--out", "x"),
        ("'mars'", "ucd-small"),
    ),
    "no such scenario to show": (("demo", "--scenario", "mars"), ("'mars'", "ucd-small")),
    "no run": (("signals",), ("--from-run", "--register")),
    "no register": (("signals", "--register", "nonsense"), ("nonsense",)),
    "no such log level": (("worker", "--log-level", "loud"), ("loud", "warn")),
}


@pytest.mark.parametrize("name", WRONG_USES)
def test_a_command_that_is_used_wrongly_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, parts = WRONG_USES[name]

    answer = longwatch(*arguments)

    assert_refused_in_one_line(answer, *parts)
    assert not any(tmp_path.iterdir())


WRONG_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "product": (("findings", "--product", "Nobody's"), ("--product", "Nobody's")),
    "event": (("series", "--product", "P", "--event", "Nothing"), ("--event", "'Nothing'")),
    "criterion": (("findings", "--criterion", "nope"), ("--criterion 'nope'", "evans")),
    "status": (("signals", "--status", "nope"), ("--status 'nope'", "not_validated")),
    "level": (("ranking", "--level", "nope"), ("--level 'nope'", "construct")),
    "day": (("signals", "--as-of", "1999-13-01"), ("--as-of '1999-13-01'", "not a date")),
    "period": (
        ("series", "--product", "P", "--event", "Pyrexia", "--every", "week"),
        ("--every 'week'", "month"),
    ),
    "place": (("refused", "show", "nowhere:1"), ("nowhere:1",)),
    "known signals": (("backtest", "--known", "nowhere.csv"), ("nowhere.csv", "cannot be read")),
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_name_that_is_not_known_is_refused_with_what_is(replayed: Replayed, name: str) -> None:
    arguments, parts = WRONG_NAMES[name]

    answer = longwatch(*arguments, "--from-run", replayed.run)

    assert_refused_in_one_line(answer, *parts)


# --- decisions -----------------------------------------------------------------------------

SIGNAL = signal_id("product:P", "pt:Pyrexia", "safety")
_SECOND = ("--approved-by", "b.person", "--approver-role", "committee_chair")
BAD_DECISIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "a reason that is too short": (("--reason", "so"), "$.reason"),
    "no such action": (("--action", "withdraw"), "withdraw"),
    "no such role": (("--role", "intern"), "intern"),
    "the same person twice": (
        ("--approved-by", " A.Person ", "--approver-role", "committee_chair"),
        "another person",
    ),
    "an approver without a role": (("--approved-by", "b.person"), "approver_role"),
    "a second way to write": (("--broker", "127.0.0.1:1"), "exactly one"),
}


@pytest.mark.parametrize("name", BAD_DECISIONS)
def test_a_decision_that_is_malformed_is_not_written(tmp_path: Path, name: str) -> None:
    changed, reason = BAD_DECISIONS[name]

    answer = longwatch(*DECIDE, *changed, "--append", tmp_path / "decisions.ndjson")

    assert_refused_in_one_line(answer, reason)
    assert not (tmp_path / "decisions.ndjson").exists()


@pytest.mark.parametrize("where", ["", "nowhere/decisions.ndjson"])
def test_a_decision_needs_a_file_that_can_be_written(tmp_path: Path, where: str) -> None:
    answer = longwatch(*DECIDE, "--append", tmp_path / where)

    assert_refused_in_one_line(answer, str(tmp_path / where))


def _decided(folder: Path, signal: str, action: str, *more: str) -> str:
    """Append a decision; return its id."""
    answer = longwatch(
        "decide", signal, "--action", action, "--by", "a.person", "--role", "safety_physician",
        "--reason", "as the committee saw it", *more, "--append", folder / "decisions.ndjson",
    )  # fmt: skip
    assert answer.code == 0, answer
    return answer.out.partition(":")[0]


def test_decisions_that_the_life_cycle_does_not_allow_are_passed_over_with_the_reason(
    tmp_path: Path,
) -> None:
    folder, configuration = tmp_path / "in", tmp_path / "configuration"
    written(folder, *GOOD)
    shutil.copytree(SHIPPED / "ucd", configuration)
    (configuration / "criteria.toml").write_text(
        'criterion = [{name = "any", rule = "count", min_count = 1, '
        'products = ["product:P"], events = ["pt:Pyrexia"]}]\n',
        encoding="utf-8",
    )
    expected = {
        _decided(folder, "S-nobody", "start_validation"): "there is no such signal",
        _decided(folder, SIGNAL, "confirm", *_SECOND): "confirm is not possible from detected",
        _decided(
            folder,
            SIGNAL,
            "uphold_review",
            "--role",
            "regulator",
            *_SECOND,
            "--ladder-step",
            "label",
        ): ("uphold_review answers a request for review, and none is open"),
        _decided(folder, SIGNAL, "start_validation", "--role", "regulator"): (
            "start_validation is not for the role regulator"
        ),
    }
    started = _decided(folder, SIGNAL, "start_validation")
    expected[_decided(folder, SIGNAL, "refute")] = "refute needs a second person"
    ahead = json.loads((folder / "decisions.ndjson").read_bytes().splitlines()[0])
    ahead |= {"decision_id": "D-ahead", "decided_at": "2999-01-01T00:00:00Z"}
    with (folder / "decisions.ndjson").open("ab") as file:
        file.write(json.dumps(ahead).encode() + b"\n" + b'{"type": "decision"}\n')

    answer = longwatch(
        "replay", "folder", folder, "--out", tmp_path / "run", "--config", configuration
    )

    rows = topic_rows_of(tmp_path / "run", SIGNALS)
    passed_over = {
        r["decision_id"]: r["reason"] for r in rows if r["type"] == "decision_passed_over"
    }
    (signal,) = longwatch("signals", "--from-run", tmp_path / "run", "--json").json()
    refused = rows_of(tmp_path / "run" / "refused.ndjson")
    assert answer.code == 3
    assert passed_over == expected
    assert signal["status"] == "under_validation"
    assert [step["decision_id"] for step in signal["history"]] == [None, started]
    assert [row["code"] for row in refused] == ["lies_ahead", "wrong_shape"]


# --- the process itself --------------------------------------------------------------------


def test_the_process_ends_with_the_code_and_one_line(tmp_path: Path) -> None:
    written(tmp_path, b"nope", *GOOD)

    refused = longwatch_apart("replay", "cases", "cases.ndjson", "--out", "run", cwd=tmp_path)
    wrong = longwatch_apart(
        "replay", "cases", "cases.ndjson", "--out", "cases.ndjson", cwd=tmp_path
    )

    assert refused.code == 3
    assert refused.err == (
        "longwatch: 1 record(s) refused; see run/refused.ndjson or "
        "`longwatch refused list --from-run run`\n"
    )
    assert_refused_in_one_line(wrong, "cases.ndjson: is a file")


def test_a_defect_ends_with_exit_70_and_never_with_1(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(running, "replay", fail)

    answer = longwatch("replay", "cases", cases, "--out", tmp_path / "run")

    assert answer.code == 70
    assert "ZeroDivisionError" in answer.err
    assert answer.err.splitlines()[-1].startswith("longwatch: stopped: a defect")


def test_a_full_disk_is_said_in_one_line(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running, "replay", fail)

    answer = longwatch("replay", "cases", cases, "--out", tmp_path / "run")

    assert_refused_in_one_line(answer, "No space left on device", "free space")


def test_a_command_without_arguments_shows_what_there_is() -> None:
    answer = longwatch()

    assert answer.code == 2
    assert "replay" in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_the_day_of_a_decision_is_its_day_in_utc(tmp_path: Path) -> None:
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)

    answer = longwatch(*DECIDE, "--append", tmp_path / "decisions.ndjson", now=late)

    (decision,) = rows_of(tmp_path / "decisions.ndjson")
    assert answer.code == 0
    assert decision["decided_at"].startswith("2026-07-01T23:30")
