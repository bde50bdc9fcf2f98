"""Outcomes from spreadsheets: what the template holds comes back, and nothing is guessed."""

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from calling import longwatch
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from surveillance.domain.errors import Misused
from surveillance.domain.outcome import OutcomeRecord
from surveillance.intake.format import Read, Unusable
from surveillance.intake.outcome_columns import MEANINGS, SheetRow, columns_of, fields_of
from surveillance.intake.outcome_sheets import Outcomes
from surveillance.intake.outcome_template import cells_of, dictionary, examples, rows
from surveillance.intake.registry import FORMATS, paths
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_outcome

HEADER = "type,record_id,programme,patient_id,received_on,"
START = "R1,P1,one,2024-03-05,"


def read(path: Path) -> list[Read | Unusable]:
    tally = RowCounts()
    found = list(Outcomes().read(path, tally=tally))
    assert tally.is_balanced
    return found


def records(found: list[Read | Unusable]) -> list[OutcomeRecord]:
    assert not [item for item in found if isinstance(item, Unusable)]
    return [decode_outcome(item.line) for item in found if isinstance(item, Read)]


def table(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, text: str) -> Unusable:
    (item,) = read(table(folder, text))
    assert isinstance(item, Unusable), item
    return item


@pytest.mark.parametrize("out", ["new.csv", "new.xlsx", "new"])
def test_what_the_template_holds_is_read_back_as_the_same_records(out: str, tmp_path: Path) -> None:
    written = longwatch("outcomes", "template", "--out", tmp_path / out)

    assert written.code == 0, written.err
    found = [
        record
        for path in paths([tmp_path / out], FORMATS["outcomes"])
        for record in records(read(path))
    ]
    by_id = sorted(found, key=lambda record: (record.record_id, record.version))
    assert by_id == sorted(examples(), key=lambda record: (record.record_id, record.version))


def test_the_template_is_printed_where_no_file_is_named() -> None:
    printed = longwatch("outcomes", "template").out

    assert list(csv.reader(io.StringIO(printed))) == rows()


def test_the_template_is_replayed_under_the_configuration_that_ships(tmp_path: Path) -> None:
    longwatch("outcomes", "template", "--out", tmp_path / "t.csv")

    answer = longwatch("replay", "outcomes", tmp_path / "t.csv", "--out", tmp_path / "run")

    assert answer.code == 0, answer.err


def test_a_template_takes_the_place_of_no_file(tmp_path: Path) -> None:
    for name in ("a.csv", "b-dictionary.csv"):
        (tmp_path / name).write_text("mine")
        out = tmp_path / f"{name[0]}.csv"
        assert longwatch("outcomes", "template", "--out", out).code == 2
        assert (tmp_path / name).read_text() == "mine"


def test_every_field_of_every_kind_of_record_is_in_the_dictionary() -> None:
    entries = {(row[0], row[1]) for row in dictionary()[1:]}
    for kind in get_args(OutcomeRecord):
        tag = kind.__struct_config__.tag
        fields = {field for field in kind.__struct_fields__ if field != "baseline"}
        assert {(tag, field) for field in fields} <= entries
    used = {name for columns in columns_of().values() for name in columns}
    assert used == MEANINGS.keys() - {"type"}
    assert all(
        meaning and holds and allowed for _, _, meaning, holds, _, allowed, *_ in dictionary()
    )


def test_an_example_is_given_of_every_needed_field() -> None:
    missing = [row for row in dictionary() if row[6] == "yes" and not row[7]]

    assert not missing


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
DAYS = st.dates(date(1990, 1, 1), date(2030, 1, 1))


def _values(kind: Any) -> st.SearchStrategy[dict[str, Any]]:  # noqa: ANN401 - a kind of record
    of: dict[str, st.SearchStrategy[Any]] = {}
    for column in columns_of()[kind.__struct_config__.tag].values():
        of[column.name] = {
            "day": DAYS.map(str),
            "yes or no": st.booleans(),
            "whole number": st.integers(1, 1_000),
            "number": st.floats(0, 130, allow_nan=False),
            "text": st.sampled_from(column.allowed.split(", "))
            if "characters" not in column.allowed
            else NAMES,
        }[column.holds]
    needed = {c.name for c in columns_of()[kind.__struct_config__.tag].values() if c.is_required}
    return st.fixed_dictionaries(
        {name: one for name, one in of.items() if name in needed},
        optional={
            name: one
            for name, one in of.items()
            if name not in needed
            and not name.startswith("baseline")
            and name not in {"low", "high"}
        },
    ).map(lambda values: {"type": kind.__struct_config__.tag, **values})


RECORDS = st.one_of([_values(kind) for kind in get_args(OutcomeRecord)])


@settings(max_examples=60)
@given(RECORDS, st.lists(st.tuples(NAMES, st.integers(0, 9), st.integers(1, 99)), max_size=3))
def test_a_record_written_as_cells_is_read_as_the_same_record(
    values: dict[str, Any], baselines: list[tuple[str, int, int]]
) -> None:
    if values["type"] == "enrolment":
        values["baseline"] = [
            {"endpoint": name, "n_events": n, "days": days} for name, n, days in baselines
        ]
    record = msgspec.convert(values, OutcomeRecord)

    fields = fields_of(SheetRow(cells_of(record)))

    assert msgspec.convert(fields, OutcomeRecord) == record


SEEN = HEADER + "seen_on\nfollow_up," + START + "2024-03-04\n"


@pytest.mark.parametrize(
    "text",
    [
        SEEN,
        "\ufeff" + SEEN,
        SEEN.replace("\n", "\r\n"),
        SEEN.replace(",", ";"),
        "sep=;\n" + SEEN.replace(",", ";"),
        SEEN.replace(",", "\t"),
        SEEN.replace("\n", ",,,\n"),
        SEEN.replace("\n", "\n,,,,,\n\n"),
        SEEN.replace("record_id", " Record ID "),
        SEEN.replace("2024-03-04", "2024-03-04 00:00:00"),
        "#my note," + SEEN.replace("\n", "\nanything,", 1),
        HEADER + "seen_on,reason,lot\nfollow_up," + START + "2024-03-04\n",  # cells left out
    ],
)
def test_the_habits_of_spreadsheets_change_nothing(text: str, tmp_path: Path) -> None:
    (record,) = records(read(table(tmp_path, text)))

    assert cells_of(record) == {
        "type": "follow_up", "record_id": "R1", "programme": "P1", "patient_id": "one",
        "received_on": "2024-03-05", "seen_on": "2024-03-04",
    }  # fmt: skip


def test_a_quoted_cell_may_hold_line_ends_and_rows_keep_their_line(tmp_path: Path) -> None:
    header = HEADER + "planned_on,reason\n"
    row = "missed_visit," + START + '2024-03-04,"family,\nabroad"\n'

    first, second = read(table(tmp_path, header + row + "follow_up," + START + ",\n"))

    assert isinstance(first, Read)
    assert msgspec.json.decode(first.line)["reason"] == "family,\nabroad"
    assert isinstance(second, Unusable)
    assert second.place == "a.csv:4"


MEASURED = HEADER + "code,value,unit,taken_on,is_below_limit\nmeasurement," + START


@pytest.mark.parametrize(
    ("cells", "value", "is_below"),
    [
        ("ammonia,31.5,umol/L,2024-03-04,", 31.5, False),
        ("ammonia,<5,umol/L,2024-03-04,", 5.0, True),
        ("ammonia,< 5,umol/L,2024-03-04,TRUE", 5.0, True),
        ("ammonia,1e3,umol/L,2024-03-04,no", 1000.0, False),
    ],
)
def test_a_value_below_the_limit_is_censored_at_it(
    cells: str, value: float, is_below: object, tmp_path: Path
) -> None:
    (record,) = records(read(table(tmp_path, f"{MEASURED}{cells}\n")))

    found = msgspec.to_builtins(record)
    assert (found["value"], found.get("is_below_limit", False)) == (value, is_below)


def test_a_file_with_semicolons_has_decimal_commas(tmp_path: Path) -> None:
    text = f"{MEASURED}ammonia,31#5,umol/L,2024-03-04,\n".replace(",", ";").replace("#", ",")

    (record,) = records(read(table(tmp_path, text)))

    assert msgspec.to_builtins(record)["value"] == 31.5


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ("ammonia,31.5,umol/L,04.03.2024,", "local_date", "taken_on"),
        ("ammonia,31.5,umol/L,3/4/2024,", "local_date", "taken_on"),
        ("ammonia,31.5,umol/L,45355,", "local_date", "taken_on"),
        ("ammonia,31.5,umol/L,2024-03,", "partial_date", "taken_on"),
        ("ammonia,31.5,umol/L,2024,", "partial_date", "taken_on"),
        ("ammonia,31.5,umol/L,2024-03-04T23:30-05:00,", "date_with_time", "taken_on"),
        ("ammonia,31.5,umol/L,2024-02-30,", "bad_date", "taken_on"),
        ("ammonia,31.5,umol/L,March,", "bad_date", "taken_on"),
        ('ammonia,"1,500",umol/L,2024-03-04,', "ambiguous_number", "value"),
        ("ammonia,high,umol/L,2024-03-04,", "bad_value", "value"),
        ("ammonia,nan,umol/L,2024-03-04,", "bad_value", "value"),
        ("ammonia,<5,umol/L,2024-03-04,no", "bad_value", "value"),
        ("ammonia,31.5,umol/L,2024-03-04,perhaps", "bad_value", "is_below_limit"),
        ("ammonia,31.5,umol/L,,", "missing_value", "taken_on"),
        ("ammonia,1e99,umol/L,2024-03-04,", "wrong_shape", "value"),
    ],
)  # fmt: skip
def test_a_cell_that_may_mean_two_things_or_none_is_refused_with_its_column(
    cells: str, code: str, column: str, tmp_path: Path
) -> None:
    item = refused(tmp_path, f"{MEASURED}{cells}\n")

    assert (item.place, item.code) == ("a.csv:2", code)
    assert item.reason.startswith(f"column {column}: ")
    assert item.remedy
    assert item.content.decode() in f"{MEASURED}{cells}"


@pytest.mark.parametrize(
    ("row", "code", "reason"),
    [
        ("visit," + START + "2024-03-04,", "unknown_type", "column type: 'visit' is no kind"),
        ("," + START + "2024-03-04,", "unknown_type", "column type: nothing states"),
        ("follow_up," + START + "2024-03-04,L7", "foreign_column", "column lot: belongs to treat"),
        ("follow_up," + START + '2024-03-04,"L', "bad_quoting", "the row is not CSV"),
        ("follow_up," + START + "2024-03-04,,x,y", "wrong_columns", "the row has 9 columns, the"),
        ("follow_up," + START.replace("R1", "x" * 121) + "2024-03-04,", "wrong_shape", "column r"),
        ("follow_up," + START + "2024-03-04," + "x" * 300_000, "too_long", "the row has 300,0"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_record_is_refused(
    row: str, code: str, reason: str, tmp_path: Path
) -> None:
    item = refused(tmp_path, f"{HEADER}seen_on,lot\n{row}\n")

    assert (item.code, item.reason[: len(reason)]) == (code, reason)


def test_thousands_in_a_file_with_decimal_commas_are_not_guessed(tmp_path: Path) -> None:
    text = f"{MEASURED}ammonia#1.500#umol/L#2024-03-04#\n".replace(",", ";").replace("#", ";")

    assert refused(tmp_path, text).code == "ambiguous_number"


def test_a_record_of_a_later_day_than_today_is_refused(tmp_path: Path) -> None:
    (item,) = Outcomes().read(table(tmp_path, SEEN), today=date(2024, 3, 4))

    assert isinstance(item, Unusable)
    assert item.code == "lies_ahead"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n", "its header has no column type, record_id, programme"),
        (SEEN.replace("seen_on", "seen_onn"), "none of the template's; seen_on may be meant"),
        (SEEN.replace("seen_on", "programme"), "its column 'programme' is there twice"),
        (HEADER + "seen_on\n,,,,,\n", "holds no row"),
        (b"\xff\xfet\x00y\x00", "is UTF-16"),
    ],
)
def test_a_table_that_cannot_be_read_as_a_whole_ends_the_command(
    text: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Misused, match=reason):
        read(table(tmp_path, text))


# Workbooks


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, values in sheets.items():
        sheet = book.create_sheet(title)
        for row in values:
            sheet.append(row)
    book.save(path)
    return path


COLUMNS: list[object] = ["type", "record_id", "programme", "patient_id", "received_on", "seen_on"]


def test_days_and_numbers_of_a_workbook_are_read_as_they_are(tmp_path: Path) -> None:
    day = datetime(2024, 3, 4)  # noqa: DTZ001 - as the library has the day of a cell
    row: list[object] = ["follow_up", 1001, "P1", 7.0, day, day, "A"]
    path = workbook(tmp_path / "a.xlsx", {"x": [[], [*COLUMNS, "#note"], [], row], "y": []})

    (record,) = records(read(path))

    assert (record.record_id, record.patient_id, record.received_on) == (
        "1001",
        "7",
        date(2024, 3, 4),
    )


def test_a_row_of_a_workbook_that_is_refused_has_its_sheet_and_line(tmp_path: Path) -> None:
    row: list[object] = ["follow_up", "R1", "P1", "one", "2024-03-05", datetime(2024, 3, 4, 9)]  # noqa: DTZ001 - as above
    path = workbook(tmp_path / "a.xlsx", {"visits": [COLUMNS, row], "my dictionary": [["x"]]})

    (item,) = read(path)

    assert isinstance(item, Unusable)
    assert (item.place, item.code) == ("a.xlsx/visits:2", "date_with_time")
    assert item.content == b"follow_up,R1,P1,one,2024-03-05,2024-03-04 09:00:00"


@pytest.mark.parametrize("content", [b"not a workbook", b"PK\x03\x04 cut off"])
def test_what_is_no_workbook_ends_the_command(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(Misused):
        read(table(tmp_path, content, "a.xlsx"))
