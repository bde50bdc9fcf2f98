"""The join, and what cannot be joined. What a report's fields mean: test_vaers_case.py."""

import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from data import vaers_years
from hypothesis import given
from hypothesis import strategies as st
from oracle.vaers_tables import canonical_tables, vaers_tables

from surveillance.domain.errors import Misused
from surveillance.intake.extracts import Extracts
from surveillance.intake.format import Read, Unusable
from surveillance.intake.registry import paths
from surveillance.intake.row_counts import RowCounts
from surveillance.intake.vaers import VAERS, Vaers
from surveillance.intake.vaers_case import N_TERM_ROWS_MAX, N_VACCINES_MAX
from surveillance.log.decode import decode_case

from .vaers_files import DATA, SYMPTOMS, VAX, Row, packed, part, parts

ROOT = Path(__file__).parents[3]


def read(path: Path, *, reader: Vaers = VAERS) -> tuple[list[Read], list[Unusable]]:
    """Read a file, and check on the way that every row is accounted for."""
    tally = RowCounts()
    items = list(reader.read(path, tally=tally))
    assert tally.is_balanced
    refused = sum(each.n_refused for each in tally.files.values())
    reads = [item for item in items if isinstance(item, Read)]
    bad = [item for item in items if isinstance(item, Unusable)]
    assert len(bad) == refused
    assert len(reads) == sum(each.n_emitted for each in tally.files.values())
    return reads, bad


def report(vaers_id: int, **changed: str) -> tuple[Row, Row, Row]:
    number = {"VAERS_ID": str(vaers_id)}
    return DATA | number | changed, VAX | number, SYMPTOMS | number


def many(*reports: tuple[Row, Row, Row]) -> dict[str, bytes]:
    data, vax, symptoms = zip(*reports, strict=True)
    return parts(data, vax, symptoms)


# ---- what is read


def test_a_report_is_joined_from_its_three_parts(tmp_path: Path) -> None:
    contents = parts()

    (found,), bad = read(packed(tmp_path, contents))

    case = decode_case(found.line)
    assert bad == []
    assert found.key == case.case_id == "VAERS-7"
    assert found.received_on == case.received_on == case.first_received_on == date(1999, 3, 28)
    assert [event.pt for event in case.events] == ["Intussusception", "Vomiting"]
    assert [product.product for product in case.products] == ["ROTAVIRUS (ROTASHIELD)"]
    assert case.provenance is not None
    assert case.provenance.place == "1999VAERSData.zip/1999VAERSDATA.csv:2"
    rows = b"".join(content.splitlines()[1] + b"\n" for content in contents.values())
    assert case.provenance.message_sha256 == hashlib.sha256(rows).hexdigest()


@given(order=st.permutations(range(1, 8)), bytes_in_memory=st.sampled_from([1, 700, 10_000_000]))
def test_reports_in_any_order_join_alike_in_any_memory(
    order: list[int], bytes_in_memory: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shuffled = [report(number) for number in order]
    contents = many(*shuffled)
    contents["VAX"] = many(*reversed(shuffled))["VAX"]
    path = packed(tmp_path_factory.mktemp("year"), contents)

    reads, bad = read(path, reader=Vaers(bytes_in_memory=bytes_in_memory))

    assert [each.key for each in reads] == [f"VAERS-{number}" for number in range(1, 8)]
    assert bad == []


def test_a_folder_of_csv_files_gives_the_lines_that_the_zip_file_gives(tmp_path: Path) -> None:
    contents = many(report(7), report(8))
    folder = tmp_path / "1999VAERSData.zip"  # named alike, so that the places are alike
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"1999vaers{name.lower()}.CSV").write_bytes(content)
    (tmp_path / "packed").mkdir()

    def reader() -> Vaers:
        return VAERS.with_extracts(Extracts({"": date(1999, 6, 4)}))

    from_folder, _ = read(folder, reader=reader())
    from_zip, _ = read(packed(tmp_path / "packed", contents), reader=reader())

    def without_place(lines: list[Read]) -> list[bytes]:
        return [each.line.replace(b"vaersdata.CSV", b"VAERSDATA.csv") for each in lines]

    assert without_place(from_folder) == without_place(from_zip)


def test_one_zip_file_may_hold_several_years(tmp_path: Path) -> None:
    path = tmp_path / "AllVAERSDataCSVS.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for prefix, number in (("2001", 2), ("1999", 1), ("NonDomestic", 3)):
            for name, content in many(report(number)).items():
                archive.writestr(f"sub/{prefix}VAERS{name}.csv", content)

    reads, _ = read(path)

    assert [each.key for each in reads] == ["VAERS-1", "VAERS-2", "VAERS-3"]
    assert [decode_case(each.line).country for each in reads] == ["US", "US", None]


def test_a_field_may_hold_line_ends_quotes_and_any_latin_1(tmp_path: Path) -> None:
    text = 'said "no"\r\nthen, caf\xe9 \xff'

    (first, second), bad = read(packed(tmp_path, many(report(7, SYMPTOM_TEXT=text), report(8))))

    assert bad == []
    assert second.key == "VAERS-8"
    unix = text.replace("\r\n", "\n")  # how lines of one row are joined
    case = decode_case(first.line)
    assert case.narrative_sha256 == hashlib.sha256(unix.encode()).hexdigest()
    assert b"said" not in first.line


def test_a_row_repeated_word_for_word_is_counted_and_used_once(tmp_path: Path) -> None:
    path = packed(tmp_path, parts(data=(DATA, DATA)))
    tally = RowCounts()

    items = list(VAERS.read(path, tally=tally))

    counts = tally.of(f"{path}/1999VAERSDATA.csv")
    assert len(items) == 1
    assert (counts.n_read, counts.n_used, counts.n_repeated) == (2, 1, 1)


# ---- rows that cannot be used


def test_a_repeated_id_with_other_content_is_unusable_and_the_first_stands(tmp_path: Path) -> None:
    other = DATA | {"SEX": "M"}

    (found,), (bad,) = read(packed(tmp_path, parts(data=(DATA, other))))

    assert decode_case(found.line).patient.sex == "female"
    assert (bad.code, bad.place) == ("repeated_id", "1999VAERSData.zip/1999VAERSDATA.csv:3")
    assert b",M," in bad.content


@pytest.mark.parametrize("vaers_id", ["", "0", "-7", "seven", "7.5", "9" * 19])
def test_a_report_without_a_number_is_unusable(vaers_id: str, tmp_path: Path) -> None:
    contents = parts(data=[DATA | {"VAERS_ID": vaers_id}])

    reads, bad = read(packed(tmp_path, contents))

    assert reads == []
    assert [each.code for each in bad] == ["bad_id", "orphan_row", "orphan_row"]
    assert bad[0].place == "1999VAERSData.zip/1999VAERSDATA.csv:2"


@pytest.mark.parametrize(
    "received", ["", "02/29/1999", "1999-02-29", "13/01/1999", "03/28/99", "x"]
)
def test_a_report_without_a_day_of_receipt_is_unusable_with_all_its_rows(
    received: str, tmp_path: Path
) -> None:
    reads, bad = read(packed(tmp_path, parts(data=(DATA | {"RECVDATE": received},))))

    assert reads == []
    assert [each.code for each in bad] == ["bad_date", "orphan_row", "orphan_row"]
    assert all(each.content.startswith(b"7,") for each in bad)


def test_a_report_without_a_row_of_vaccine_or_symptoms_is_unusable(tmp_path: Path) -> None:
    data = [DATA | {"VAERS_ID": number} for number in "678"]
    vax = [VAX | {"VAERS_ID": number} for number in "78"]
    symptoms = [SYMPTOMS | {"VAERS_ID": number} for number in "68"]

    reads, bad = read(packed(tmp_path, parts(data, vax, symptoms)))

    assert [each.key for each in reads] == ["VAERS-8"]
    assert [each.code for each in bad] == ["no_vaccine", "orphan_row", "no_event", "orphan_row"]


def test_rows_without_their_report_are_unusable(tmp_path: Path) -> None:
    orphan = {"VAERS_ID": "9"}

    reads, bad = read(
        packed(tmp_path, parts(vax=(VAX, VAX | orphan), symptoms=(SYMPTOMS, SYMPTOMS | orphan)))
    )

    assert len(reads) == 1
    assert [(each.code, each.place.rpartition("/")[2]) for each in bad] == [
        ("orphan_row", "1999VAERSVAX.csv:3"),
        ("orphan_row", "1999VAERSSYMPTOMS.csv:3"),
    ]


@pytest.mark.parametrize("name", ["DATA", "VAX", "SYMPTOMS"])
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"8,a,b", "wrong_columns"),
        (b"8" + b"," * 60 + b"x", "wrong_columns"),
        (b'8,"a" b' + b"," * 30, "bad_quoting"),
        (b'8,a"b,"c' + b"," * 30, "bad_quoting"),
        (b"8," + b"x" * 300_000, "too_long"),
    ],
)
def test_a_row_of_the_wrong_form_is_unusable_and_costs_no_other(
    name: str, row: bytes, code: str, tmp_path: Path
) -> None:
    contents = parts()
    header, rest = contents[name].split(b"\r\n", 1)
    contents[name] = header + b"\r\n" + row + b"\r\n\r\n" + rest

    (found,), (bad,) = read(packed(tmp_path, contents))

    assert found.key == "VAERS-7"
    assert (bad.code, bad.content) == (code, row[:262_144])
    assert bad.place == f"1999VAERSData.zip/1999VAERS{name}.csv:2"
    assert ("are kept" in bad.reason) == (code == "too_long")


def test_a_stray_quote_costs_its_own_row_and_not_those_after_it(tmp_path: Path) -> None:
    contents = many(*(report(number) for number in range(1, 400)))
    rows = contents["DATA"].split(b"\r\n")
    rows[3] = rows[3].replace(b",OH,", b',"OH,')
    contents["DATA"] = b"\r\n".join(rows)

    reads, bad = read(packed(tmp_path, contents))

    assert len(reads) == 398
    assert [each.code for each in bad] == ["bad_quoting", "orphan_row", "orphan_row"]


def test_more_rows_than_a_report_can_have_are_unusable(tmp_path: Path) -> None:
    contents = parts(vax=[VAX] * (N_VACCINES_MAX + 2), symptoms=[SYMPTOMS] * (N_TERM_ROWS_MAX + 1))

    (found,), bad = read(packed(tmp_path, contents))

    assert len(decode_case(found.line).products) == N_VACCINES_MAX
    assert [each.code for each in bad] == ["too_many_rows"] * 3


def test_a_report_too_large_for_a_line_is_unusable(tmp_path: Path) -> None:
    vax = [VAX | {"VAX_NAME": "v" * 250, "VAX_TYPE": "t" * 250, "VAX_LOT": "l" * 120}] * 200
    terms = [
        {"VAERS_ID": "7"} | {f"SYMPTOM{n}": f"{row:03}{n}" + "s" * 246 for n in range(1, 6)}
        for row in range(100)
    ]

    reads, bad = read(packed(tmp_path, parts(vax=vax, symptoms=terms)))

    assert reads == []
    assert Counter(each.code for each in bad) == {"too_long": 1, "orphan_row": 300}


# ---- files that cannot be used


def raised(path: Path) -> Misused:
    with pytest.raises(Misused) as caught:
        list(VAERS.read(path))
    error = caught.value
    assert error.place.startswith(str(path))
    assert error.reason
    assert error.remedy
    return error


@pytest.mark.parametrize("name", ["DATA", "VAX", "SYMPTOMS"])
def test_a_year_without_a_part_is_a_misuse(name: str, tmp_path: Path) -> None:
    contents = parts()
    del contents[name]

    assert raised(packed(tmp_path, contents)).reason == f"has no 1999VAERS{name}.csv"


def test_a_part_that_is_there_twice_is_a_misuse(tmp_path: Path) -> None:
    path = packed(tmp_path, parts())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("older/1999VAERSVAX.csv", parts()["VAX"])

    assert raised(path).reason == "holds 1999VAERSVAX.csv twice"


@pytest.mark.parametrize("name", ["DATA", "VAX", "SYMPTOMS"])
@pytest.mark.parametrize("content", [b"", b"VAERS_ID,OTHER\r\n7,x\r\n", b"\r\n"])
def test_an_empty_or_foreign_part_is_a_misuse(name: str, content: bytes, tmp_path: Path) -> None:
    error = raised(packed(tmp_path, parts() | {name: content}))

    assert f"VAERS{name}" in error.place


def test_a_part_without_a_row_is_a_misuse(tmp_path: Path) -> None:
    assert raised(packed(tmp_path, parts(data=()))).reason == "holds no row"


def test_a_zip_file_cut_off_anywhere_is_a_misuse(tmp_path: Path) -> None:
    whole = packed(tmp_path, many(*(report(n) for n in range(1, 200)))).read_bytes()
    path = tmp_path / "cut.zip"

    for n_bytes in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        raised(path)


def test_a_zip_file_with_flipped_bits_is_a_misuse_before_any_report(tmp_path: Path) -> None:
    path = packed(tmp_path, many(*(report(n) for n in range(1, 200))))
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)

    assert "cut off or damaged" in raised(path).reason


def test_what_is_no_zip_file_no_vaers_or_not_there_is_a_misuse(tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_bytes(b"not a zip file at all" * 10)
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    alone = tmp_path / "1999VAERSDATA.csv"
    alone.write_bytes(parts()["DATA"])

    for path in (text, foreign, alone, tmp_path / "absent.zip"):
        raised(path)


def test_an_encrypted_zip_file_is_a_misuse(tmp_path: Path) -> None:
    path = packed(tmp_path, parts())
    content = bytearray(path.read_bytes())
    for signature, flags_at in (
        (b"PK\x03\x04", 6),
        (b"PK\x01\x02", 8),
    ):  # APPNOTE.TXT 4.3.7, 4.3.12
        at = content.find(signature)
        while at >= 0:
            (flags,) = struct.unpack_from("<H", content, at + flags_at)
            struct.pack_into("<H", content, at + flags_at, flags | 1)
            at = content.find(signature, at + 4)
    path.write_bytes(content)

    assert raised(path).reason == "is encrypted"


def test_a_zip_bomb_is_stopped_and_nothing_of_an_archive_is_written(tmp_path: Path) -> None:
    bomb = part("DATA", [DATA]) + bytes(100_000_000)
    path = tmp_path / "1999VAERSData.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts() | {"DATA": bomb}).items():
            archive.writestr(f"../../1999VAERS{name}.csv", content)

    assert "inflates to more than" in raised(path).reason
    assert list(tmp_path.iterdir()) == [path]


# ---- the real files

MEASURE = """
import json, sys
from pathlib import Path
from surveillance.intake.vaers import VAERS
n = sum(1 for item in VAERS.read(Path(sys.argv[1])))
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(json.dumps([n, int(peak) // 1024]))
"""


@pytest.mark.campaign
def test_memory_does_not_grow_with_a_file_twenty_times_as_large(tmp_path: Path) -> None:
    n_reports = 10_000  # about a year of the 1990s
    measured = []
    for times in (1, 20):
        folder = tmp_path / str(times)
        folder.mkdir()
        text = {"SYMPTOM_TEXT": "x" * 200}
        rows = range(n_reports * times, 0, -1)
        for name, example in (("DATA", DATA | text), ("VAX", VAX), ("SYMPTOMS", SYMPTOMS)):
            one = part(name, [example])
            header, row = one.split(b"\r\n", 1)
            with (folder / f"1999VAERS{name}.csv").open("wb") as file:
                file.write(header + b"\r\n")
                file.writelines(b"%d" % number + row[1:] for number in rows)
        ran = subprocess.run(
            [sys.executable, "-c", MEASURE, str(folder)], check=True, capture_output=True, cwd=ROOT
        )
        measured.append(json.loads(ran.stdout))

    assert [n for n, _ in measured] == [n_reports, 20 * n_reports]
    assert measured[1][1] < 150
    assert measured[1][1] < measured[0][1] + 80  # the bound of the sort and the buffers of a merge


@pytest.fixture(scope="module")
def shared_lines() -> list[bytes]:
    tally = RowCounts()
    items = [item for path in paths(vaers_years(), VAERS) for item in VAERS.read(path, tally=tally)]
    assert tally.is_balanced
    assert sum(each.n_read for each in tally.files.values()) == 423_365
    assert sum(each.n_refused for each in tally.files.values()) == 0
    return [item.line for item in items if isinstance(item, Read)]


@pytest.mark.slow
def test_every_report_of_the_shared_years_comes_through(shared_lines: list[bytes]) -> None:
    notes: Counter[str] = Counter()
    n_without_term = 0
    for line in shared_lines:
        case = decode_case(line)
        assert case.provenance is not None
        notes.update(note.partition(" (")[0] for note in case.provenance.notes)
        n_without_term += not case.events

    assert len(shared_lines) == 111_014
    assert n_without_term == 1  # 132112 has a row of SYMPTOMS without a term
    assert notes == {
        "VAX_LOT: empty": 25_907,
        "ONSET_DATE: after receipt": 51,
        "NUMDAYS: rests on a date left out": 50,
        "VAX_DATE: after receipt": 36,
        "NUMDAYS: negative": 3,
        "SYMPTOM: empty; the report counts in the total and its vaccines' margins": 1,
    }


@pytest.mark.slow
def test_the_lines_count_as_the_files_themselves_do(shared_lines: list[bytes]) -> None:
    as_of = date(1999, 7, 15)
    groups = {"rotashield": "rotashield"}, {"intussusception": "intussusc"}
    zips = vaers_years()

    by_file = vaers_tables(zips, product_groups=groups[0], event_groups=groups[1]).at(as_of)
    by_line = canonical_tables(
        shared_lines, as_of, product_groups=groups[0], event_groups=groups[1]
    )

    assert len(by_file) > 250_000
    pd.testing.assert_frame_equal(by_line.sort_index(), by_file.sort_index())
