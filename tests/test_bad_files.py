"""Files, folders and configurations that cannot be used, through the real command."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from bad_input import GOOD, a_line, summary_of, written
from calling import (
    assert_refused_in_one_line,
    longwatch,
    rows_of,
)

from surveillance.configuration.reader import SHIPPED

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
