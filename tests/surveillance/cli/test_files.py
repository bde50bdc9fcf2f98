"""Commands on files alone: convert, inspect, names unknown; and what a new user is told."""

import gzip
import json
from pathlib import Path

import pytest
from calling import longwatch
from data import public
from faers_quarters import DRUG, files, packed, report, together, unpacked

from surveillance.intake.registry import FORMATS


@pytest.fixture
def quarters(tmp_path: Path) -> Path:
    """Three quarters as a new user has them: one zipped, one unpacked, one with its list."""
    folder = tmp_path / "quarters"
    folder.mkdir()
    named = [DRUG | {"prod_ai": "ROFECOXIB"}]
    packed(folder / "faers_ascii_2014q4.zip", files(report(3, drug=named), "14Q4"))
    contents = files(together(report(1), report(2)), "12Q1", "legacy")
    unpacked(folder / "aers_ascii_2012q1" / "ascii", contents)
    (folder / "DELETE14Q4.txt").write_bytes(b"2\r\n")
    return folder


def test_convert_writes_the_lines_of_every_quarter_by_day_of_receipt(
    quarters: Path, tmp_path: Path
) -> None:
    out = tmp_path / "all.ndjson"

    answer = longwatch("convert", "faers", quarters, "--out", out)

    assert answer.code == 0, answer.err
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(case["case_id"], case["kind"]) for case in found] == [
        ("FAERS-3", "initial"),
        ("FAERS-1", "initial"),
        ("FAERS-2", "initial"),
        ("FAERS-2", "nullification"),
    ]
    assert "gave 4 records" in answer.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.ndjson", "quarters"]


def test_what_convert_wrote_is_read_as_the_same_lines(quarters: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.ndjson.gz", tmp_path / "other.ndjson"
    longwatch("convert", "faers", quarters, "--out", one)

    assert longwatch("convert", "cases", one, "--out", other).code == 0

    assert gzip.decompress(one.read_bytes()) == other.read_bytes()


def test_convert_keeps_what_was_refused_beside_its_file(tmp_path: Path) -> None:
    path = packed(tmp_path / "q.zip", files(together(report(1), report(2, reac=()))))

    answer = longwatch("convert", "faers", path, "--out", tmp_path / "out.ndjson")

    assert answer.code == 3
    assert "no_event 1" in answer.err
    kept = (tmp_path / "out.ndjson.refused.ndjson").read_text().splitlines()
    assert {json.loads(line)["code"] for line in kept} == {"no_event", "orphan_row"}


def test_convert_never_writes_over_what_it_reads_and_leaves_no_half_file(tmp_path: Path) -> None:
    path = packed(tmp_path / "q.zip", files(report(1)))
    before = path.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(before[:300])

    assert longwatch("convert", "faers", path, "--out", path).code == 2
    assert longwatch("convert", "faers", cut, "--out", tmp_path / "out.ndjson").code == 2
    assert longwatch("convert", "faers", path, "--out", tmp_path / "none" / "out").code == 2

    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cut.zip", "q.zip"]


def test_inspect_shows_cases_dates_names_and_completeness(quarters: Path) -> None:
    answer = longwatch("inspect", "faers", quarters)

    assert answer.code == 0
    assert "3 in 4 versions (3 initial, 1 nullification)" in answer.out
    assert "2012-03-02 to 2014-12-31" in answer.out
    assert "ROFECOXIB 1" in answer.out
    found = longwatch("inspect", "faers", quarters, "--json").json()
    assert found["n_events"] == 3
    assert found["completeness"]["age"] == 1
    assert 0 < found["mean_score"] < 1
    assert f"{found['mean_score']:.2f} on average" in answer.out
    assert found["completeness"]["substance"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("format_name", "name"),
    [("vaers", "vaers/1990VAERSData.zip"), ("faers", "faers/faers_ascii_2017q2.zip")],
)
def test_inspect_reads_every_kind_of_report(format_name: str, name: str) -> None:
    assert format_name in FORMATS

    found = longwatch("inspect", format_name, public(name), "--json").json()

    assert found["n_cases"] == {"vaers": 2_106, "faers": 100}[format_name]
    assert found["refused"] == {}


def test_inspect_refuses_what_holds_no_reports(tmp_path: Path) -> None:
    (tmp_path / "outcomes.ndjson").write_text("{}\n")

    answer = longwatch("inspect", "outcomes", tmp_path / "outcomes.ndjson")

    assert answer.code == 2
    assert "no case versions" in answer.err


def test_names_without_a_substance_are_listed_until_a_dictionary_has_them(
    quarters: Path, tmp_path: Path
) -> None:
    answer = longwatch("names", "unknown", "faers", quarters, "--json")
    assert answer.json() == [{"name": "VIOXX", "n_cases": 2}]
    (tmp_path / "criteria.toml").write_text("criterion = []\n")
    (tmp_path / "substances.csv").write_text("reported,substance\nVioxx,Rofecoxib\n")

    mended = longwatch("names", "unknown", "faers", quarters, "--config", tmp_path)

    assert "every product has a substance" in mended.out


def test_a_folder_of_quarters_replays_with_nothing_else(quarters: Path, tmp_path: Path) -> None:
    lacking = files(report(9), "13Q1")
    del lacking["DRUG13Q1.txt"]
    unpacked(quarters / "faers_ascii_2013q1", lacking)
    (quarters / "faers_ascii_2013q2.zip").write_bytes(b"PK\x03\x04 cut off")
    packed(quarters / "vaers.zip", {"1999VAERSDATA.csv": b"x"})

    answer = longwatch("replay", "faers", quarters, "--out", tmp_path / "run")

    assert answer.code == 3
    assert "4 records, 2 days of receipt" in answer.out
    assert "3 record(s) refused" in answer.err
    listed = longwatch("refused", "list", "--from-run", tmp_path / "run", "--json").json()
    assert sorted((each["code"], each["place"]) for each in listed) == [
        ("unreadable_file", "faers_ascii_2013q2.zip"),
        ("unreadable_file", "quarters"),
        ("unreadable_file", "vaers.zip"),
    ]
    assert any("no DRUG table of 2013Q1" in each["reason"] for each in listed)
    told = answer.err.splitlines()
    assert [line.partition(". It is left out as a whole")[1] != "" for line in told] == [
        True, True, True, False,
    ]  # fmt: skip
    assert any("quarters: has no DRUG table of 2013Q1; fetch it again" in line for line in told)


def test_two_copies_of_a_quarter_count_once(quarters: Path, tmp_path: Path) -> None:
    copy = quarters / "faers_ascii_2014q4 (1).zip"
    copy.write_bytes((quarters / "faers_ascii_2014q4.zip").read_bytes())

    answer = longwatch("replay", "faers", quarters, "--out", tmp_path / "run")

    assert answer.code == 0
    assert "note: 1 record came again word for word, as in a second copy of a file" in answer.out
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert sum(each["repeated"] for each in run["dispositions"].values()) == 1


def test_a_quarter_that_was_cut_off_within_a_table_gives_the_reports_before_the_cut(
    tmp_path: Path,
) -> None:
    contents = files(together(report(1), report(2)), "14Q4")
    contents["DRUG14Q4.txt"] = contents["DRUG14Q4.txt"][:-25]
    unpacked(tmp_path / "faers_ascii_2014q4", contents)
    packed(tmp_path / "faers_ascii_2015q1.zip", files(report(3), "15Q1"))

    answer = longwatch("convert", "faers", tmp_path, "--out", tmp_path / "out.ndjson")

    assert answer.code == 3
    assert "wrong_columns 1" in answer.err
    lines = (tmp_path / "out.ndjson").read_text().splitlines()
    assert {json.loads(line)["case_id"] for line in lines} == {"FAERS-1", "FAERS-3"}
    kept = (tmp_path / "out.ndjson.refused.ndjson").read_text().splitlines()
    reasons = [json.loads(line)["reason"] for line in kept]
    assert any("the row has" in reason and "columns, the header" in reason for reason in reasons)


E2B = Path(__file__).parents[1] / "intake" / "files" / "invented_e2b_r3.xml"


def test_one_bad_message_among_a_hundred_good_ones_is_named_and_the_others_are_in(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    good = E2B.read_bytes()
    for number in range(100):
        (folder / f"{number:03}.xml").write_bytes(good)
    (folder / "100.xml").write_bytes(good[: len(good) // 2])

    answer = longwatch("convert", "e2b", folder, "--out", tmp_path / "out.ndjson")

    assert answer.code == 3
    assert (
        "100.xml: its one record is refused as cut_off, first at 100.xml:10: "
        "the message ends before its last tag" in answer.err
    )
    assert len((tmp_path / "out.ndjson").read_text().splitlines()) == 100


def test_many_files_that_cannot_be_read_are_told_of_in_a_few_lines(tmp_path: Path) -> None:
    folder = tmp_path / "quarters"
    folder.mkdir()
    packed(folder / "faers_ascii_2014q4.zip", files(report(3), "14Q4"))
    for number in range(20):
        (folder / f"faers_ascii_{2015 + number}q1.zip").write_bytes(b"PK\x03\x04 cut off")

    answer = longwatch("convert", "faers", folder, "--out", tmp_path / "out.ndjson")

    assert answer.code == 3
    assert "12 more files cannot be read and are left out" in answer.err
    assert len(answer.err.splitlines()) == 10


@pytest.mark.parametrize("format_name", ["e2b-r2", "vaers", "faers", "openfda", "caers", "maude"])
def test_a_file_in_another_format_is_refused_with_the_format_that_it_looks_like(
    tmp_path: Path, format_name: str
) -> None:
    path = tmp_path / "sent.xml"
    path.write_bytes(E2B.read_bytes())

    answer = longwatch("inspect", format_name, path)

    assert answer.code == 2
    assert "give e2b as FORMAT: the file looks like that" in answer.err
    assert len(answer.err.splitlines()) == 1
