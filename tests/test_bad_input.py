"""Bad input through the real command: one line, the right exit code, and nothing else harmed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import socket
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
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
DAY = date(2024, 1, 2)
VAERS_PARTS = {
    "DATA": b"VAERS_ID,RECVDATE,STATE,AGE_YRS,SEX,SYMPTOM_TEXT,DIED,L_THREAT,HOSPITAL,X_STAY,"
    b"DISABLE,RECOVD,VAX_DATE,ONSET_DATE,NUMDAYS\r\n"
    b"7,03/28/1999,OH,0.2,F,cried,,,Y,,,Y,03/01/1999,03/05/1999,4\r\n",
    "VAX": b"VAERS_ID,VAX_TYPE,VAX_LOT,VAX_DOSE,VAX_ROUTE,VAX_NAME\r\n"
    b"7,RV,A12,0,PO,ROTAVIRUS (ROTASHIELD)\r\n",
    "SYMPTOMS": b"VAERS_ID,"
    + b",".join(b"SYMPTOM%d,SYMPTOMVERSION%d" % (n, n) for n in range(1, 6))
    + b"\r\n7,Intussusception,8.10,,,,,,,,\r\n",
}


def a_line(case_id: str = "BAD", **changed: object) -> bytes:
    return json.dumps(
        {
            "case_id": case_id,
            "source": "simulated",
            "version": 1,
            "kind": "initial",
            "received_on": str(DAY),
            "products": [{"role": "suspect", "product": "P"}],
            "events": [{"pt": "Pyrexia"}],
            **changed,
        }
    ).encode()


def written(folder: Path, *lines: bytes, name: str = "cases.ndjson") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def summary_of(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((path / "run.json").read_bytes())
    return summary


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
GOOD = [a_line(f"G-{n}") for n in (1, 2, 3)]


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


def test_a_report_of_vaers_that_lies_ahead_is_refused_with_all_its_rows(tmp_path: Path) -> None:
    ahead = {
        name: content.replace(b"03/28/1999", b"03/28/2999") for name, content in VAERS_PARTS.items()
    }
    path = packed(tmp_path, ahead)

    answer = longwatch("replay", "vaers", path, "--out", tmp_path / "run")

    codes = [row["code"] for row in rows_of(tmp_path / "run" / "refused.ndjson")]
    assert answer.code == 3
    assert codes == ["lies_ahead", "orphan_row", "orphan_row"]
    assert all(
        (file["n_read"], file["n_used"], file["n_refused"]) == (1, 0, 1)
        for file in summary_of(tmp_path / "run")["files"]
    )


# --- files that cannot be used -------------------------------------------------------------


def packed(folder: Path, parts: dict[str, bytes]) -> Path:
    path = folder / "1999VAERSData.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(f"1999VAERS{name}.csv", content)
    return path


def _zipped(folder: Path, content: bytes) -> Path:
    path = folder / "cases.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cases.ndjson", content)
    return path


def _plain(folder: Path, content: bytes, name: str = "cases.ndjson") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _cut_off(folder: Path) -> Path:
    content = packed(folder, VAERS_PARTS).read_bytes()
    return _plain(folder, content[: len(content) // 2], "1999VAERSData.zip")


def _cut_off_gzip(folder: Path) -> Path:
    return _plain(folder, gzip.compress(os.urandom(5_000))[:-600], "cases.ndjson.gz")


BAD_FILES: dict[str, tuple[str, Any, str]] = {
    "an empty file": ("cases", lambda f: _plain(f, b""), "is empty"),
    "a file of blank lines": ("cases", lambda f: _plain(f, b"\n \n"), "holds no record"),
    "a file that is not there": ("cases", lambda f: f / "nowhere.ndjson", "does not exist"),
    "a folder without records": ("folder", lambda f: f, "holds no cases.ndjson"),
    "a folder that is not there": ("folder", lambda f: f / "nowhere", "does not exist"),
    "a file as a folder": ("folder", lambda f: _plain(f, b"x", "x"), "is not a folder"),
    "a zip file that is cut off": ("vaers", _cut_off, "is cut off"),
    "a gzip file that is cut off": ("cases", _cut_off_gzip, "is cut off or damaged"),
    "a zip file that is none": (
        "vaers",
        lambda f: _plain(f, b"nothing", "1999VAERSData.zip"),
        "is not a zip file",
    ),
    "a zip bomb": ("cases", lambda f: _zipped(f, bytes(20_000_000)), "inflates to more than"),
    "a bomb for VAERS": (
        "vaers",
        lambda f: packed(f, {**VAERS_PARTS, "DATA": bytes(20_000_000)}),
        "inflates to more than",
    ),
    "a year without SYMPTOMS": (
        "vaers",
        lambda f: packed(f, {name: VAERS_PARTS[name] for name in ("DATA", "VAX")}),
        "has no 1999VAERSSYMPTOMS.csv",
    ),
    "a part of a year": (
        "vaers",
        lambda f: _plain(f, VAERS_PARTS["DATA"], "1999VAERSDATA.csv"),
        "is one part of three",
    ),
    "a format that is not known": ("e2b-r9", lambda f: _plain(f, a_line()), "is not known"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_stops_the_command(tmp_path: Path, name: str) -> None:
    format_name, make, reason = BAD_FILES[name]
    path = make(tmp_path)
    place = f"format {format_name!r}" if name.startswith("a format") else path.name

    answer = longwatch("replay", format_name, path, "--out", tmp_path / "run")

    assert_refused_in_one_line(answer, place, reason)


def test_a_second_folder_that_holds_nothing_is_not_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "good", *GOOD)
    (tmp_path / "mistyped").mkdir()

    answer = longwatch(
        "replay", "folder", tmp_path / "good", tmp_path / "mistyped", "--out", tmp_path / "run"
    )

    assert_refused_in_one_line(answer, "mistyped", "holds no cases.ndjson")


# --- where a run may be written ------------------------------------------------------------


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return written(tmp_path / "in", *GOOD)


def test_an_out_that_is_a_file_is_refused_and_left_alone(cases: Path) -> None:
    before = cases.read_bytes()

    answer = longwatch("replay", "cases", cases, "--out", cases)

    assert_refused_in_one_line(answer, cases.name)
    assert cases.read_bytes() == before


def test_an_out_below_a_file_is_refused(cases: Path) -> None:
    answer = longwatch("replay", "cases", cases, "--out", cases / "run")

    assert_refused_in_one_line(answer, str(cases / "run"), "Not a directory")


def test_a_foreign_directory_is_refused_and_left_alone(cases: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine", encoding="utf-8")

    answer = longwatch("replay", "cases", cases, "--out", foreign)

    assert_refused_in_one_line(answer, "foreign", "holds no earlier run")
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A directory that an earlier run wrote, as far as a later one can tell."""
    run = tmp_path / "run"
    shutil.copytree(SHIPPED / "ucd", run / "configuration")
    (run / "run.json").write_text('{"status": "finished"}', encoding="utf-8")
    return run


def test_a_mistyped_input_does_not_cost_an_earlier_run(earlier: Path, tmp_path: Path) -> None:
    answer = longwatch("replay", "cases", tmp_path / "mistyped.ndjson", "--out", earlier)

    assert_refused_in_one_line(answer, "mistyped.ndjson")
    assert json.loads((earlier / "run.json").read_bytes()) == {"status": "finished"}


def test_input_that_lies_in_out_is_not_cleared_away(earlier: Path) -> None:
    inside = written(earlier, *GOOD)

    answer = longwatch("replay", "cases", inside, "--out", earlier)

    assert_refused_in_one_line(answer, "cases.ndjson", "would be cleared")
    assert inside.exists()


def test_a_configuration_that_lies_in_out_is_not_cleared_away(cases: Path, earlier: Path) -> None:
    configuration = earlier / "configuration"

    answer = longwatch("replay", "cases", cases, "--out", earlier, "--config", configuration)

    assert_refused_in_one_line(answer, "configuration", "would be cleared")
    assert (configuration / "criteria.toml").exists()


def test_simulated_records_are_not_written_over_others(tmp_path: Path) -> None:
    real = written(tmp_path, *GOOD)

    answer = longwatch("simulate", "ucd-small", "--out", tmp_path)

    assert_refused_in_one_line(answer, "cases.ndjson", "was not simulated here")
    assert real.read_bytes().startswith(GOOD[0])


# --- configurations ------------------------------------------------------------------------

_CRITERION = '[[criterion]]\nname = "{}"\nrule = "evans"\n'
BAD_CONFIGURATIONS: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "a wrong key": (
        "criteria.toml",
        _CRITERION.format("evans") + "min_cuont = 3\n",
        ("criteria.toml", "min_cuont"),
    ),
    "a wrong type": (
        "criteria.toml",
        _CRITERION.format("evans") + 'min_count = "3"\n',
        ("criteria.toml", "min_count"),
    ),
    "an unknown rule": (
        "criteria.toml",
        '[[criterion]]\nname = "x"\nrule = "nope"\n',
        ("criteria.toml", "rule"),
    ),
    "two criteria of one name": (
        "criteria.toml",
        2 * _CRITERION.format("evans"),
        ("criteria.toml", "names must differ"),
    ),
    "not TOML": ("criteria.toml", "criterion = [", ("criteria.toml", "is not TOML")),
    "not UTF-8": ("criteria.toml", b"growth_ratio = 2.0 # \xff\n", ("criteria.toml", "TOML")),
    "a broken regular expression": (
        "events.toml",
        '[group.bad]\npattern = "arthr(itis"\n',
        ("events.toml", "pattern", "group"),
    ),
    "a file that is not known": ("criterions.toml", "", ("criterions.toml", "not a file")),
    "no partitions": ("topics.toml", "cases = 0\n", ("topics.toml", "cases")),
}


def _bad_configuration(folder: Path, name: str) -> Path:
    file, content, _ = BAD_CONFIGURATIONS[name]
    configuration = folder / "configuration"
    shutil.copytree(SHIPPED / "vaers", configuration)
    (configuration / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return configuration


@pytest.mark.parametrize("name", BAD_CONFIGURATIONS)
def test_a_configuration_that_cannot_be_used_is_refused_with_file_and_key(
    tmp_path: Path, name: str
) -> None:
    answer = longwatch("check-config", _bad_configuration(tmp_path, name))

    assert_refused_in_one_line(answer, *BAD_CONFIGURATIONS[name][2])


def test_a_replay_with_a_bad_configuration_writes_nothing(cases: Path, tmp_path: Path) -> None:
    configuration = _bad_configuration(tmp_path, "a wrong key")

    answer = longwatch(
        "replay", "cases", cases, "--out", tmp_path / "run", "--config", configuration
    )

    assert_refused_in_one_line(answer, "criteria.toml")
    assert not (tmp_path / "run").exists()


def test_a_configuration_without_criteria_or_without_a_directory_is_refused(
    tmp_path: Path,
) -> None:
    assert_refused_in_one_line(longwatch("check-config", tmp_path), "has no criteria.toml")
    assert_refused_in_one_line(longwatch("check-config", tmp_path / "x"), "is not a directory")


# --- brokers -------------------------------------------------------------------------------

DECIDE = (
    "decide", "S-1", "--action", "start_review", "--by", "a.person", "--role", "safety_scientist",
    "--reason", "three cases within two weeks",
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
    "status": (("signals", "--status", "nope"), ("--status 'nope'", "refuted")),
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
        _decided(folder, "S-nobody", "start_review"): "there is no such signal",
        _decided(folder, SIGNAL, "confirm", *_SECOND): "confirm is not possible from detected",
        _decided(folder, SIGNAL, "uphold_review", "--role", "regulator", *_SECOND): (
            "uphold_review answers a request for review, and none is open"
        ),
        _decided(folder, SIGNAL, "start_review", "--role", "regulator"): (
            "start_review is not for the role regulator"
        ),
    }
    started = _decided(folder, SIGNAL, "start_review")
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
    assert signal["status"] == "under_review"
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


# --- what is wrong with a whole file -------------------------------------------------------


def test_what_is_wrong_with_a_whole_file_is_said_once_with_how_many_and_where(
    tmp_path: Path,
) -> None:
    bad = [a_line(f"B-{n}", patient={"sex": "M"}) for n in range(40)]
    path = written(tmp_path, GOOD[0], *bad)

    answer = longwatch("replay", "cases", path, "--out", tmp_path / "run")

    first, last = answer.err.splitlines()
    assert answer.code == 3
    assert first == (
        f"longwatch: {path}: 40 of 41 records are refused as wrong_shape, first at "
        "cases.ndjson:2: 'M' is not allowed at '$.patient.sex': give one of female, male, unknown; "
        "compare the record with the schema in docs/schema"
    )
    assert "40 record(s) refused" in last


def test_a_source_without_a_rule_is_counted_and_named_once(tmp_path: Path) -> None:
    path = written(tmp_path, *(a_line(f"C-{n}", source="clinic") for n in range(9)))

    answer = longwatch("replay", "cases", path, "--out", tmp_path / "run")

    assert answer.code == 0
    assert summary_of(tmp_path / "run")["sources_without_rule"] == ["clinic"]
    assert answer.out.count("source 'clinic'") == 1


# --- two downloads of one year -------------------------------------------------------------


def _download(folder: Path, term: str) -> Path:
    folder.mkdir()
    for part, content in VAERS_PARTS.items():
        text = content.replace(b"Intussusception", term.encode())
        (folder / f"2021VAERS{part}.csv").write_bytes(text)
    return folder


@pytest.mark.parametrize("order", [("january", "june"), ("june", "january")])
def test_of_two_downloads_of_a_year_the_later_stands_or_the_command_asks(
    order: tuple[str, str], tmp_path: Path
) -> None:
    terms = {"january": "Chest pain", "june": "Myocarditis"}
    days = {"january": "2021-01-29", "june": "2021-06-04"}
    paths = [_download(tmp_path / name, terms[name]) for name in order]
    run = tmp_path / "run"

    asked = longwatch("replay", "vaers", *paths, "--out", run)
    stated = [f"--extracted-on={tmp_path / name}={days[name]}" for name in order]
    told = longwatch("replay", "vaers", *paths, "--out", run, *stated)
    case = longwatch("case", "VAERS-7", "--from-run", run, "--json").json()

    assert_refused_in_one_line(asked, "are two extracts of 2021", "--extracted-on")
    assert told.code == 0
    (stood,) = [one for one in case["versions"] if one["stood_from"] is not None]
    assert [event["pt"] for event in stood["record"]["events"]] == ["Myocarditis"]
