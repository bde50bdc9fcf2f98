"""What every format owes: nothing lost, nothing invented, the same every time, and no traceback.

A format that is added to the registry needs a seed here; the suite then finds it.
"""

import random
import re
import shutil
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from data import public
from faers_quarters import files as faers_files
from faers_quarters import packed as faers_packed
from faers_quarters import report as faers_report
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused
from surveillance.intake.format import N_BYTES_KEPT, Read, Unusable
from surveillance.intake.registry import FORMATS
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case, decode_decision, decode_outcome
from surveillance.screening.versions import digest_of

from .vaers_files import packed as vaers_packed
from .vaers_files import parts as vaers_parts

FILES = Path(__file__).parent / "files"
DECODE: dict[str, Callable[[bytes], object]] = {
    "cases": decode_case,
    "outcomes": decode_outcome,
    "decisions": decode_decision,
}
OURS = {"cases", "outcomes", "decisions"}  # canonical already: their provenance is the sender's
CASE = (
    b'{"case_id":"A","source":"simulated","version":1,"kind":"initial",'
    b'"received_on":"2020-01-05","events":[{"pt":"Rash"}],'
    b'"products":[{"role":"suspect","product":"P"}]}\n'
)
OUTCOME = (
    b'{"type":"follow_up","record_id":"r","programme":"CPS1","patient_id":"p",'
    b'"received_on":"2020-01-05","seen_on":"2020-01-04"}\n'
)
DECISION = (
    b'{"type":"decision","decision_id":"D-1","signal_id":"S-1","action":"start_validation",'
    b'"decided_by":"one",'
    b'"role":"safety_scientist","reason":"three cases","decided_at":"1999-02-13T00:00:00Z"}\n'
)
Contents = dict[str, bytes]


class Seed(NamedTuple):
    """A small file of a format, and how its parts make one."""

    given: Mapping[str, bytes | Path]
    written: Callable[[Path, Contents], Path]

    @property
    def contents(self) -> dict[str, bytes]:
        """The bytes of each file; those that lie beside the tests are read when asked for."""
        return {
            name: content.read_bytes() if isinstance(content, Path) else content
            for name, content in self.given.items()
        }


def plain(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the one file of a format."""
    ((name, content),) = contents.items()
    path = folder / name
    path.write_bytes(content)
    return path


def quarter(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Pack the tables of a quarter."""
    return faers_packed(folder / "faers_ascii_2015q1.zip", contents)


def folder_of(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the files of a format that joins them."""
    path = folder / "maude"
    path.mkdir()
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return path


MAUDE = {
    "mdrfoi.txt": b"MDR_REPORT_KEY|REPORT_NUMBER|DATE_RECEIVED\r\n7|R-7|01/03/2020\r\n",
    "device2020.txt": b"MDR_REPORT_KEY|BRAND_NAME|GENERIC_NAME|LOT_NUMBER\r\n7|PUMP|PUMPS|L1\r\n",
    "patient.txt": b"MDR_REPORT_KEY|DATE_RECEIVED|SEQUENCE_NUMBER_OUTCOME\r\n7|01/03/2020|1. H\r\n",
    "foidevproblem.txt": b"7|1546\r\n",
    "patientproblemcode.txt": b"MDR_REPORT_KEY|PATIENT_SEQUENCE_NO|PROBLEM_CODE\r\n7|1|2840\r\n",
    "deviceproblemcodes.csv": b"FDA_CODE,TERM\r\n1546,Break\r\n",
    "foitext.txt": b"MDR_REPORT_KEY|MDR_TEXT_KEY|FOI_TEXT\r\n7|1|In\r\nwords.\r\n",
}
CAERS = (
    b"RA_Report #,RA_CAERS Created Date,AEC_Event Start Date,PRI_Product Role,"
    b"PRI_Reported Brand/Product Name,CI_Age at Adverse Event,CI_Age Unit,CI_Gender,"
    b"AEC_One Row Outcomes,SYM_One Row Coded Symptoms\r\n"
    b'1,1/2/2014,1/1/2014,Suspect,"A, B",30,Year(s),Female,HOSPITALIZATION,"NAUSEA, VOMITING"\r\n'
    b'1,1/2/2014,1/1/2014,Concomitant,C,30,Year(s),Female,HOSPITALIZATION,"NAUSEA, VOMITING"\r\n'
    b"2,1/3/2014,,Suspect,D,,Not Available,Male,DEATH,DEATH\r\n"
)
SEEDS: dict[str, Seed] = {
    "cases": Seed({"a.ndjson": CASE * 2}, plain),
    "outcomes": Seed({"a.ndjson": OUTCOME * 2}, plain),
    "decisions": Seed({"a.ndjson": DECISION * 2}, plain),
    "vaers": Seed(vaers_parts(), vaers_packed),
    "faers": Seed(faers_files(faers_report(7)), quarter),
    "e2b": Seed({"a.xml": FILES / "invented_e2b_r3.xml"}, plain),
    "e2b-r2": Seed({"a.xml": FILES / "invented_e2b_r2.xml"}, plain),
    "maude": Seed(MAUDE, folder_of),
    "caers": Seed({"a.csv": CAERS}, plain),
    "openfda": Seed({"a.json": FILES / "invented_openfda.json"}, plain),
}
SAMPLES = {
    "vaers": ["vaers/1990VAERSData.zip"],
    "faers": [
        "faers/aers_ascii_2004q1.zip",
        "faers/faers_ascii_2017q2.zip",
        "faers/faers_ascii_2022Q4.zip",
    ],
    "e2b": [f"e2b_r3/FAERS2022Scenario{name}.xml" for name in ("1", "2", "3", "5-1", "5-2", "8")],
    "e2b-r2": ["faers/faers_xml_ADR12Q4_e2br2_sample.xml"],
    "openfda": ["openfda/event.preannotation.json", "openfda/event.postannotation.json"],
}
every_format = pytest.mark.parametrize("name", sorted(FORMATS))


def read(name: str, path: Path) -> list[Read | Unusable]:
    """Read a file, and hold it to everything that is true of every file."""
    tally = RowCounts()
    items = list(FORMATS[name].read(path, tally=tally))
    reads = [item for item in items if isinstance(item, Read)]
    refused = [item for item in items if isinstance(item, Unusable)]
    assert tally.is_balanced
    assert len(reads) == sum(each.n_emitted for each in tally.files.values())
    assert len(refused) == sum(each.n_refused for each in tally.files.values())
    for each_read in reads:
        hold_read(name, each_read)
    for each_refused in refused:
        hold_refused(each_refused)
    return items


def hold_read(name: str, item: Read) -> None:
    """Hold a record to its own line."""
    record = DECODE[FORMATS[name].topic](item.line)
    assert b"\n" not in item.line
    if isinstance(record, CaseVersion):
        assert (record.case_id, record.received_on) == (item.key, item.received_on)
    if name not in OURS:
        assert isinstance(record, CaseVersion)
        provenance = record.provenance
        assert provenance is not None
        assert provenance.place
        assert "/" in provenance.parser
        assert provenance.message_sha256 is not None


def hold_refused(item: Unusable) -> None:
    """Hold a refusal to what a sender needs to mend it."""
    assert re.search(r":\d+$", item.place), item.place
    assert "/tmp" not in item.place  # noqa: S108 - the same place on every machine
    assert re.fullmatch(r"[a-z_]+", item.code)
    assert item.reason
    assert item.remedy
    assert len(item.content) <= N_BYTES_KEPT
    assert "\n" not in item.reason


@every_format
def test_a_format_has_a_seed_that_it_reads_whole(name: str, tmp_path: Path) -> None:
    seed = SEEDS[name]

    items = read(name, seed.written(tmp_path, seed.contents))

    assert items
    assert all(isinstance(item, Read) for item in items)


@every_format
def test_a_file_gives_the_same_bytes_every_time(name: str, tmp_path: Path) -> None:
    seed = SEEDS[name]
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()

    assert read(name, seed.written(first, seed.contents)) == read(
        name, seed.written(second, seed.contents)
    )


@every_format
def test_what_cannot_be_read_at_all_is_a_misuse(name: str, tmp_path: Path) -> None:
    for content in (b"", b"\0" * 100, b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"%PDF-1.7\n"):
        path = tmp_path / "sent.zip"
        path.write_bytes(content)
        with pytest.raises(Misused):
            read(name, path)
    with pytest.raises(Misused):
        read(name, tmp_path / "absent.zip")


@pytest.mark.parametrize(
    ("name", "sample"), [(name, each) for name, found in SAMPLES.items() for each in found]
)
def test_every_sample_is_read(name: str, sample: str) -> None:
    assert any(isinstance(item, Read) for item in read(name, public(sample)))


# ---- broken on purpose

TOKENS = (
    b"", b'"', b"<", b">", b"&", b"{", b"[", b"]", b"}", b"\0", b"\xff\xfe", b"\x80", b"<!--",
    b"]]>", b"<![CDATA[", b"<?a?>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"$", b"|", b",",
    b"\r\n", b"\n", b"\r", b"\t", b" ", b"0", b"-1", b"9" * 40, b"1e999", b"NaN", b"null",
    b"99999999", b"20240231", b"x" * 300, "\u202e\u0000\u00e9".encode(), b'nullFlavor="MSK"',
    b'nullFlavor="XXX"', b' value="20991231"', b"</PORR_IN049016UV>", b"<PORR_IN049016UV>",
    b"</safetyreport>", b"<safetyreport>", b"\\u0000", b"\\",
)  # fmt: skip


class Break(NamedTuple):
    """One change of a file: a place, how much is taken away there, and what is put there."""

    place: float
    n_bytes: int
    token: bytes
    is_repeated: bool


breaks = st.builds(
    Break,
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0, 0, 1, 1, 2, 8, 40, 300, 100_000]),
    st.sampled_from(TOKENS),
    st.booleans(),
)


def broken(contents: Contents, changes: list[Break], member: int) -> Contents:
    """Return a seed with one part of it broken."""
    name = sorted(contents)[member % len(contents)]
    content = contents[name]
    for change in changes:
        at = int(change.place * (len(content) + 1))
        taken = content[at : at + change.n_bytes]
        again = taken * 2 if change.is_repeated and change.n_bytes <= 300 else b""
        content = content[:at] + change.token + again + content[at + change.n_bytes :]
    return contents | {name: content}


def hold_broken(name: str, changes: list[Break], member: int) -> None:
    """Read a broken file: it is read, refused in part, or a misuse, and nothing else."""
    seed = SEEDS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = seed.written(Path(folder), broken(seed.contents, changes, member))
        with suppress(Misused):
            read(name, path)


fuzzed = given(changes=st.lists(breaks, min_size=1, max_size=4), member=st.integers(0, 6))


@every_format
def test_a_broken_file_is_refused_cleanly(name: str) -> None:
    @settings(max_examples=100, deadline=None)
    @fuzzed
    def hold(changes: list[Break], member: int) -> None:
        hold_broken(name, changes, member)

    hold()


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Change one to four places: bits, bytes, pieces that move, repeat, go, or end the file."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        end = at + chance.choice((1, 1, 2, 8, 40, 300))
        taken = content[at:end]
        other = chance.randrange(len(content) + 1)
        way = chance.randrange(8)
        if way == 0 and taken:
            flipped = bytes([taken[0] ^ 1 << chance.randrange(8)])
            content = content[:at] + flipped + content[at + 1 :]
        elif way == 1:
            content = content[:at] + chance.randbytes(len(taken)) + content[end:]
        elif way == 2:
            content = content[:at] + content[end:]
        elif way == 3:
            content = content[:other] + taken + content[other:]
        elif way == 4:
            content = content[:at]
        else:
            content = content[:at] + chance.choice(TOKENS) + content[chance.choice((at, end)) :]
    return content


@pytest.mark.campaign
@every_format
def test_a_thousand_files_that_hypothesis_broke_are_refused_cleanly(name: str) -> None:
    @settings(max_examples=1_000, deadline=None)
    @fuzzed
    def hold(changes: list[Break], member: int) -> None:
        hold_broken(name, changes, member)

    hold()


@pytest.mark.campaign
@every_format
def test_ten_thousand_mutated_files_are_refused_cleanly(name: str, tmp_path: Path) -> None:
    seed, chance = SEEDS[name], random.Random(name)  # without the searching of Hypothesis: quick
    contents = seed.contents
    members = sorted(contents)

    for number in range(10_000):
        member = members[number % len(members)]
        made = contents | {member: mutated(contents[member], chance)}
        folder = tmp_path / "sent"
        folder.mkdir()
        try:
            with suppress(Misused):
                read(name, seed.written(folder, made))
        except BaseException as error:
            error.add_note(f"input {number}: {member} is {made[member]!r}")
            raise
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["caers", "e2b", "e2b-r2", "openfda"])
def test_a_copy_under_another_name_holds_the_same_versions(name: str, tmp_path: Path) -> None:
    ((member, content),) = SEEDS[name].contents.items()
    digests = []
    for stem in ("first", "second"):
        path = tmp_path / Path(member).with_stem(stem)
        path.write_bytes(content)
        lines = [one.line for one in FORMATS[name].read(path) if isinstance(one, Read)]
        assert any(stem.encode() in line for line in lines)  # each says where it was read
        digests.append([digest_of(line) for line in lines])

    assert digests[0] == digests[1] != []


# ---- large files


def repeated(name: str, n: int) -> Iterator[bytes]:
    """Yield a file that holds the records of a seed `n` times."""
    ((_, content),) = SEEDS[name].contents.items()
    if name == "openfda":
        record = content.strip()
        yield b'{"results":['
        for number in range(n):
            yield record + (b"," if number + 1 < n else b"")
        yield b"]}"
        return
    if name in OURS:
        yield from (content for _ in range(n))
        return
    first, last = {
        "e2b": (b"\n<PORR_IN049016UV>", b"</PORR_IN049016UV>\n"),
        "e2b-r2": (b"\n<safetyreport>", b"</safetyreport>\n"),
    }[name]
    begin, end = content.index(first) + 1, content.index(last) + len(last)
    yield content[:begin]
    yield from (content[begin:end] for _ in range(n))
    yield content[end:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("openfda", marks=pytest.mark.campaign),
        *sorted(SEEDS.keys() - {"vaers", "faers", "maude", "caers", "openfda"}),
    ],
)
def test_memory_does_not_grow_with_a_file(name: str, tmp_path: Path) -> None:
    size = sum(len(each) for each in SEEDS[name].contents.values())
    peaks = []
    for n_bytes in (2_000_000, 12_000_000):
        path = tmp_path / f"{n_bytes}{Path(next(iter(SEEDS[name].contents))).suffix}"
        with path.open("wb") as file:
            file.writelines(repeated(name, n_bytes // size))
        tracemalloc.start()
        assert sum(isinstance(item, Read) for item in FORMATS[name].read(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.5 * peaks[0] + 1_000_000
