"""The join, the layouts and the deletions. What a report's fields mean: test_faers_case.py."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from data import public
from faers_quarters import (
    DEMO,
    DRUG,
    THER,
    Layout,
    Tables,
    files,
    packed,
    report,
    tables,
    text,
    together,
    unpacked,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused
from surveillance.intake import faers_tables
from surveillance.intake.faers import FAERS, Faers
from surveillance.intake.format import Read, Unusable
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case
from surveillance.screening.versions import VersionRules

TOO_WIDE = {"wrong_columns": 1, "orphan_row": 5, "no_drug": 1}
SAMPLES = {  # reports in DEMO, all of them read; and the rows of each table beside it
    "faers/aers_ascii_2004q1.zip": (100, 386, 416, 93, 119, 145, 124),
    "faers/faers_ascii_2017q2.zip": (100, 328, 286, 75, 2, 142, 232),
}


def read(path: Path, *, reader: Faers = FAERS) -> tuple[list[Read], list[Unusable]]:
    """Read a quarter, and check on the way that every row is accounted for."""
    tally = RowCounts()
    items = list(reader.read(path, tally=tally))
    assert tally.is_balanced
    reads = [item for item in items if isinstance(item, Read)]
    bad = [item for item in items if isinstance(item, Unusable)]
    assert len(bad) == sum(each.n_refused for each in tally.files.values())
    assert len(reads) == sum(each.n_emitted for each in tally.files.values())
    return reads, bad


def cases(path: Path, *, reader: Faers = FAERS) -> list[CaseVersion]:
    reads, bad = read(path, reader=reader)
    assert not bad
    return [decode_case(each.line) for each in reads]


def codes(bad: list[Unusable]) -> Counter[str]:
    return Counter(each.code for each in bad)


# ---- what is read


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_of_both_eras_come_through_whole(name: str) -> None:
    tally = RowCounts()
    items = list(FAERS.read(public(name), tally=tally))

    assert all(isinstance(item, Read) for item in items)
    assert len(items) == SAMPLES[name][0]
    assert tuple(each.n_used for each in tally.files.values()) == SAMPLES[name]


def test_a_sample_whose_tables_were_cut_independently_gives_what_joins_and_refuses_the_rest() -> (
    None
):
    reads, bad = read(public("faers/faers_ascii_2022Q4.zip"))

    found = [decode_case(each.line) for each in reads]
    assert Counter(case.kind == "nullification" for case in found) == {True: 3_624, False: 16}
    assert codes(bad) == {"orphan_row": 3_154, "no_event": 198, "no_drug": 44}


def test_legacy_and_modern_layouts_give_the_same_record_for_the_same_facts(tmp_path: Path) -> None:
    facts = tables(demo=DEMO | {"occr_country": ""})  # which legacy quarters lack
    found: dict[Layout, dict[str, Any]] = {}
    for layout in ("legacy", "2012Q4", "2014Q3"):
        path = packed(tmp_path / f"{layout}.zip", files(facts, layout=layout))
        ((read_,), _) = read(path)
        record = json.loads(read_.line)
        assert record.pop("version") == (50_012_345 if layout == "legacy" else 1)
        record.pop("provenance")
        found[layout] = record

    assert found["legacy"] == found["2012Q4"] == found["2014Q3"]
    assert found["legacy"]["case_id"] == "FAERS-5001234"


def test_a_zip_file_and_a_folder_of_any_spelling_give_the_same_bytes(tmp_path: Path) -> None:
    contents = files(report(7))
    zipped, _ = read(packed(tmp_path / "faers_ascii_2012q1.zip", contents))
    whole, _ = read(unpacked(tmp_path / "a", contents))
    upper = {f"Faers/ASCII/{name}": content for name, content in contents.items()}
    nested, _ = read(unpacked(tmp_path / "b", upper))

    assert zipped == whole == nested
    lower = {name.lower(): content for name, content in contents.items()}
    spelled, _ = read(packed(tmp_path / "c.zip", lower, folder="x/y"))
    assert [each.received_on for each in spelled] == [each.received_on for each in zipped]


def test_a_folder_of_quarters_is_read_from_the_oldest_on(tmp_path: Path) -> None:
    for quarter, number in (("12Q2", 2), ("04Q1", 1), ("11Q4", 3)):
        unpacked(tmp_path / quarter, files(report(number), quarter))

    assert [each.key for each in read(tmp_path)[0]] == ["FAERS-1", "FAERS-3", "FAERS-2"]


def test_a_table_in_any_order_gives_the_same_cases_in_the_same_order(tmp_path: Path) -> None:
    facts = together(*(report(number) for number in (5, 10, 7, 100, 99, 1_000, 9)))
    contents = files(facts)
    by_id = {name: sorted(rows, key=lambda row: row["primaryid"]) for name, rows in facts.items()}
    small = Faers(bytes_in_memory=400)

    unsorted_ = cases(packed(tmp_path / "a.zip", contents), reader=small)
    sorted_ = cases(packed(tmp_path / "b.zip", files(by_id)))

    assert [case.case_id for case in unsorted_] == [case.case_id for case in sorted_]
    assert [case.products for case in unsorted_] == [case.products for case in sorted_]
    numbers = [case.sender_report_id or "" for case in sorted_]
    assert numbers == sorted(numbers)  # as text, which is how the FDA sorts


# ---- what is wrong with a row


def test_a_separator_inside_a_makers_number_is_part_of_it(tmp_path: Path) -> None:
    facts = tables(demo=DEMO | {"mfr_num": "US$-MAKER$1"})

    (case,) = cases(packed(tmp_path / "q.zip", files(facts)))

    assert case.other_ids == ("US$-MAKER$1",)
    assert case.patient.age_years == 42


def test_a_row_broken_over_lines_is_one_row(tmp_path: Path) -> None:
    facts = tables(drug=[DRUG | {"dose_vbm": "one\r\ntwice"}, DRUG | {"drug_seq": "2"}])

    (case,) = cases(packed(tmp_path / "q.zip", files(facts)))

    assert len(case.products) == 2


@pytest.mark.parametrize("n_bytes", [1, 90, 700])
def test_where_a_file_is_cut_on_its_way_in_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    broken = DRUG | {"dose_vbm": "one\r\ntwice"}
    facts = together(*(report(n, drug=[broken, DRUG, DRUG | {"route": "d\n"}]) for n in (3, 5, 7)))
    contents = files(facts)
    name = next(each for each in contents if each.startswith("DRUG"))
    header, _, rows = contents[name].partition(b"\n")
    odd = rows.replace(b"twice", b"tw\xefce", 1) + b"\r\n\n71$7$9$PS$cut off$" + b"x" * 300_000
    path = packed(tmp_path / "q.zip", contents | {name: b"0$no id\n".join((header + b"\n", odd))})
    expected = read(path)

    monkeypatch.setattr(faers_tables, "_N_BYTES_CUT", n_bytes)

    assert read(path) == expected
    assert [each.key for each in expected[0]] == ["FAERS-3", "FAERS-5", "FAERS-7"]
    assert codes(expected[1]) == {"bad_id": 1, "too_long": 1}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (tables(demo=DEMO | {"fda_dt": "201203"}), {"bad_date": 1, "orphan_row": 6}),
        (tables(demo=DEMO | {"caseversion": ""}), {"bad_case": 1, "orphan_row": 6}),
        (tables(drug=[], ther=[], indi=[]), {"no_drug": 1, "orphan_row": 3}),
        (tables(reac=[]), {"no_event": 1, "orphan_row": 5}),
        (tables(drug=[DRUG | {"dechal": "Y$x$y$"}]), TOO_WIDE),
    ],
)  # fmt: skip
def test_a_report_that_cannot_stand_is_refused_with_all_its_rows(
    tmp_path: Path, facts: Tables, expected: dict[str, int]
) -> None:
    whole = together(facts, report(9, version=2))

    reads, bad = read(packed(tmp_path / "q.zip", files(whole)))

    assert [each.key for each in reads] == ["FAERS-9"]
    assert codes(bad) == expected


def test_rows_without_their_report_or_drug_are_refused_with_their_place(tmp_path: Path) -> None:
    contents = files(together(report(1), report(9)))
    contents["OUTC12Q1.txt"] += b"51$5$DE\r\n\r\nx$y$DE\r\n"  # before 9, and no number
    contents["THER12Q1.txt"] += b"91$9$2$2011$$$\r\n"

    reads, bad = read(packed(tmp_path / "q.zip", contents))

    assert len(reads) == 2
    assert sorted((each.place, each.code) for each in bad) == [
        ("OUTC12Q1.txt:4", "orphan_row"),
        ("OUTC12Q1.txt:6", "bad_id"),
        ("THER12Q1.txt:4", "orphan_row"),
    ]


def test_a_second_row_of_a_report_counts_once_or_is_refused(tmp_path: Path) -> None:
    contents = files(report(1))
    first = contents["DEMO12Q1.txt"].splitlines(keepends=True)[1]
    contents["DEMO12Q1.txt"] += first + first.replace(b"$42$", b"$43$")

    reads, bad = read(packed(tmp_path / "q.zip", contents))

    assert len(reads) == 1
    assert codes(bad) == {"repeated_id": 1}


# ---- deletions and versions


def test_a_deletion_list_nullifies_at_the_end_of_its_quarter(tmp_path: Path) -> None:
    contents = files(report(1)) | {"Deleted/DELETE12Q1.txt": b" \r\n7\r\n1\r\n7\r\nx\r\n"}

    reads, bad = read(packed(tmp_path / "q.zip", contents))

    assert sorted((each.received_on, each.key) for each in reads) == [
        (date(2012, 3, 2), "FAERS-1"),
        (date(2012, 3, 31), "FAERS-1"),
        (date(2012, 3, 31), "FAERS-7"),
    ]
    assert codes(bad) == {"bad_id": 1}


def test_a_list_by_itself_is_read_under_each_of_its_names(tmp_path: Path) -> None:
    for name in ("DELETE21Q4.txt", "ADR19Q1DeletedCases.txt"):
        (tmp_path / name).write_bytes(b"5\n")

    assert [each.received_on for each in read(tmp_path)[0]] == [
        date(2019, 3, 31),
        date(2021, 12, 31),
    ]
    assert len(read(public("faers/DELETE21Q4.txt"))[0]) == 7_983


def test_versions_follow_each_other_across_eras_and_deletions(tmp_path: Path) -> None:
    rules = VersionRules(read_configuration(SHIPPED / "faers"))
    history = [
        files(report(50, fda_dt="20040110"), "04Q1", "legacy"),
        files(report(50, version=2, fda_dt="20040110"), "04Q1", "legacy"),  # the same day
        files(report(50, version=2, fda_dt="20120920"), "12Q4"),
        files(report(50, version=10, fda_dt="20121231"), "12Q4"),
        {"Deleted/DELETE12Q4.txt": b"50\r\n"},
        files(report(50, version=10, fda_dt="20130101"), "13Q1"),
    ]

    ranks = []
    for number, contents in enumerate(history):
        (line,) = (each.line for each in read(unpacked(tmp_path / str(number), contents))[0])
        ranks.append(rules.rank(decode_case(line), line))

    assert ranks == sorted(ranks)


def test_two_copies_of_a_quarter_give_the_same_bytes(tmp_path: Path) -> None:
    contents = files(report(1)) | {"Deleted/DELETE12Q1.txt": b"7\r\n"}
    one, _ = read(packed(tmp_path / "faers_ascii_2012q1.zip", contents))
    other, _ = read(packed(tmp_path / "faers_ascii_2012q1 (1).zip", contents))

    assert one == other


# ---- what is wrong with a quarter


def test_a_quarter_without_a_table_is_a_misuse_that_names_it(tmp_path: Path) -> None:
    contents = files(report(1))
    del contents["DRUG12Q1.txt"]

    with pytest.raises(Misused, match="has no DRUG table of 2012Q1"):
        read(packed(tmp_path / "q.zip", contents))


def test_a_bad_quarter_among_good_ones_costs_only_itself(tmp_path: Path) -> None:
    lacking = files(report(2), "12Q2")
    del lacking["DRUG12Q2.txt"]
    headless = files(report(3), "12Q3")
    headless["REAC12Q3.txt"] = b"1$2$Rash\r\n"
    for name, contents in (("a", files(report(1))), ("b", lacking), ("c", headless)):
        unpacked(tmp_path / name, contents)
    unpacked(tmp_path / "d", files(report(4), "12Q4"))
    unpacked(tmp_path / "d", {"DEMO12Q4_new.txt": b""})
    unpacked(tmp_path / "e", files(report(4), "12Q4"))
    unpacked(tmp_path / "f", files(report(5), "13Q1"))

    items = list(FAERS.read(tmp_path))

    assert [item.key for item in items if isinstance(item, Read)] == [
        "FAERS-1",
        "FAERS-4",
        "FAERS-5",
    ]
    reasons = [item.reason for item in items if isinstance(item, Unusable)]
    assert [reason[:25] for reason in reasons] == [
        "has no DRUG table of 2012",
        "its first column is '1', ",
        "holds DEMO12Q4_new.txt tw",
    ]


def test_a_quarter_cut_off_is_not_read_in_part(tmp_path: Path) -> None:
    path = packed(tmp_path / "q.zip", files(together(*(report(n) for n in range(10, 99)))))
    content = bytearray(path.read_bytes())
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    content[1_000] ^= 0xFF  # inside a member; its checksum shows it
    (tmp_path / "damaged.zip").write_bytes(content)

    for name in ("cut.zip", "damaged.zip"):
        items: list[object] = []
        with pytest.raises(Misused, match="cut off"):
            items.extend(FAERS.read(tmp_path / name))
        assert not items


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("DEMO12Q1.txt", b"primaryid$caseid\r\n", "one table of seven"),
        ("notes.txt", b"", "holds no table of FAERS"),
        ("notes.csv", b"a,b\n", "is not a zip file"),
    ],
)
def test_what_is_no_quarter_is_a_misuse(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(Misused, match=reason):
        read(tmp_path / name)


def test_a_year_of_vaers_is_no_quarter() -> None:
    with pytest.raises(Misused, match="holds no table of FAERS in its ASCII layout"):
        read(public("vaers/1990VAERSData.zip"))


# ---- whatever comes


def mutated(data: st.DataObject) -> dict[str, bytes]:
    """Draw a quarter of some layout, and change bytes of one of its tables."""
    layouts: list[Layout] = ["legacy", "2012Q4", "2014Q3"]
    whole = together(report(1), report(12), report(9))
    contents = files(whole, layout=data.draw(st.sampled_from(layouts)))
    name = data.draw(st.sampled_from(sorted(contents)))
    body = bytearray(contents[name])
    pieces = st.sampled_from([b"$", b"\n", b"\r\n", b"$$", b"11$"])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body)))
        n_gone = data.draw(st.integers(0, 12))
        body[at : at + n_gone] = data.draw(st.one_of(st.binary(max_size=8), pieces))
    return contents | {name: bytes(body)}


def every_row_ends_once(folder: Path) -> None:
    try:
        reads, _ = read(folder)
    except Misused:
        return
    for each in reads:
        case = decode_case(each.line)
        assert (case.received_on, case.case_id) == (each.received_on, each.key)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_every_row_ends_once_and_nothing_is_lost(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    every_row_ends_once(unpacked(tmp_path_factory.mktemp("q"), mutated(data)))


@pytest.mark.campaign
@settings(max_examples=10_000, deadline=None)
@given(data=st.data())
def test_ten_thousand_changed_quarters_lose_nothing(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        every_row_ends_once(unpacked(Path(folder), mutated(data)))


def test_a_table_that_inflates_without_end_is_a_misuse(tmp_path: Path) -> None:
    contents = files(report(1)) | {"DRUG12Q1.txt": bytes(40_000_000)}

    with pytest.raises(Misused, match="inflates to more than"):
        read(packed(tmp_path / "q.zip", contents))


def test_names_that_point_outside_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    contents = {f"../../{name}": content for name, content in files(report(1)).items()}

    assert len(cases(packed(tmp_path / "in" / "q.zip", contents))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_text_in_utf8_and_in_latin_1_is_read_as_it_was_meant(tmp_path: Path) -> None:
    contents = files(tables(indi=[{"drug_seq": "1", "indi_pt": "Meniere\u00a0\u00e9"}]))
    (one,) = cases(packed(tmp_path / "a.zip", contents))
    contents["INDI12Q1.txt"] = contents["INDI12Q1.txt"].decode().encode("latin-1")
    (other,) = cases(packed(tmp_path / "b.zip", contents))

    assert one.products[0].indications == other.products[0].indications == ("Meniere \u00e9",)


def test_a_mark_before_the_header_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    contents = files(report(1))
    contents["DEMO12Q1.txt"] = b"\xef\xbb\xbf" + contents["DEMO12Q1.txt"] + b"\r\n\r\n"

    assert len(cases(packed(tmp_path / "q.zip", contents))) == 1


def test_a_report_of_tomorrow_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "q.zip", files(report(1)))

    items = list(FAERS.read(path, today=date(2012, 3, 1)))

    assert {item.code for item in items if isinstance(item, Unusable)} == {
        "lies_ahead",
        "orphan_row",
    }


def test_an_empty_table_has_a_header_and_no_row(tmp_path: Path) -> None:
    contents = files(report(1, rpsr=()))
    assert contents["RPSR12Q1.txt"] == text("RPSR", [])

    (case,) = cases(packed(tmp_path / "q.zip", contents))

    assert case.report_type == "unknown"
    assert THER["start_dt"] == "20111201"
    assert case.products[0].first_dose_on == date(2011, 12, 1)
