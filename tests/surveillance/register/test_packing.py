from __future__ import annotations

import random
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_rows import a_finding, a_watch_finding

from detectors.counts import Table
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from surveillance.domain.errors import Defect
from surveillance.register import dictionaries, packing
from surveillance.register.documents import finding_of
from surveillance.register.keys import NamedKeys
from surveillance.register.packing import (
    DOCUMENT,
    FINDING,
    OUTCOME,
    RECORD,
    ROW,
    SIGNAL,
    pack,
    unpack,
)
from surveillance.register.predicted import lengthen, shorten
from surveillance.register.rows import entries_of_row

CHECKSUMS = {
    1: 417640638,
    2: 1546671683,
    3: 2838341616,
    4: 1288392173,
    5: 2301567769,
    6: 2276284054,
    7: 3293657246,
    8: 1900773525,
}
DICTIONARIES = (RECORD, FINDING, SIGNAL, DOCUMENT, OUTCOME, ROW)
parts = st.one_of(
    st.binary(max_size=40),
    st.binary(min_size=32, max_size=32).map(lambda digest: b'"' + digest.hex().encode() + b'"'),
    st.sampled_from([b'"', b"\xff", b'"' + b"A" * 64 + b'"', b'"' + b"a" * 65 + b'"']),
)


# Rows as they are, and whatever looks like a number, a day or a digest and is none, or not quite.
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-100, 100).map(lambda value: round(value, 4)),
    st.dates().map(str),
    st.binary(min_size=8, max_size=8).map(lambda value: f"M-{value.hex()}"),
    st.text(alphabet="-+.0123456789ef:,[]x\x01", max_size=24),
)
rows = st.recursive(
    numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(rows)
def test_a_row_without_its_numbers_gets_them_back(row: object) -> None:
    content = msgspec.json.encode(row)

    assert unpack(pack(content, ROW)) == content


@given(st.text(alphabet="-+.0123456789ef:,[]\x01", max_size=60))
def test_text_that_is_no_json_comes_back_too(text: str) -> None:
    assert unpack(pack(text.encode(), ROW)) == text.encode()


def test_a_row_that_was_cut_or_has_more_than_its_numbers_is_a_defect() -> None:
    packed = pack(
        b'{"n":3,"on":"2024-01-02","prr":2.3456789,"matter_id":"M-0123456789abcdef"}', ROW
    )

    for wrong in (*(packed[:end] for end in range(1, len(packed))), packed + b"\x01"):
        with pytest.raises(Defect, match="register"):
            unpack(wrong)


counts = st.integers(1, 10**7)


@given(
    st.tuples(counts, counts, counts, counts),
    st.floats(1e-300, 1e300),
    st.floats(1e-300, 1e300),
)
def test_statistics_come_back_to_the_last_digit_whatever_the_counts(
    given_counts: tuple[int, int, int, int], statistic: float, lower: float
) -> None:
    n_pair, n_product, n_event, n_total = sorted(given_counts)
    row: dict[str, Any] = {"n_product": n_product, "n_event": n_event, "n_total": n_total}
    row |= {"ror": statistic, "prr": statistic, "prr_lower": lower, "prr_upper": statistic}
    row["chi_square"] = None
    short = dict(row)

    shorten(short, n_pair)
    lengthen(short, n_pair)

    assert short == row


def test_the_statistics_of_a_table_take_a_byte_each() -> None:
    table = Table(n_pair=[8], n_product=[44], n_event=[70], n_total=85_799)
    row: dict[str, Any] = {"n_product": 44, "n_event": 70, "n_total": 85_799}
    for name, one in (("prr", prr(table)), ("ror", ror(table))):
        row |= {name: float(one.point[0]), f"{name}_lower": float(one.lower[0])}
        row[f"{name}_upper"] = float(one.upper[0])
    row["chi_square"] = float(chi_square(table).value[0])

    shorten(row, 8)

    for name in ("prr", "prr_upper", "ror", "ror_upper", "chi_square"):
        assert isinstance(row[name], int)
        assert abs(row[name]) < 64


@given(st.lists(parts, max_size=12).map(b"".join), st.sampled_from(DICTIONARIES))
def test_whatever_is_packed_comes_back(content: bytes, dictionary: int) -> None:
    assert unpack(pack(content, dictionary)) == content


@pytest.mark.parametrize("dictionary", DICTIONARIES)
def test_every_length_can_be_packed(dictionary: int) -> None:
    generator = random.Random(1)
    for size in (0, 1, 255, 8_192, 100_000):
        value = generator.randbytes(size)
        assert unpack(pack(value, dictionary)) == value


def test_more_digests_than_a_byte_can_count_are_kept() -> None:
    content = b",".join(b'"' + bytes([i % 256] * 32).hex().encode() + b'"' for i in range(300))

    assert unpack(pack(content)) == content


def test_a_record_of_an_older_program_is_read() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -13, 6, 0, dictionaries.RECORDS_1)
    old = b"\x01" + packer.compress(b'{"case_id":"A-1"}') + packer.flush()

    assert unpack(old) == b'{"case_id":"A-1"}'


@pytest.mark.parametrize(
    "value", [b"", b"\x09abc", b"\x01\xff\xff\xff", b"\x02", b"\x02\x01" + pack(b"{}")[2:]]
)
def test_bytes_that_were_not_packed_here_are_a_defect(value: bytes) -> None:
    with pytest.raises(Defect, match="register"):
        unpack(value)


def test_a_dictionary_never_changes() -> None:
    known = {number: zlib.crc32(one) for number, one in packing._DICTIONARIES.items()}

    assert known == CHECKSUMS


def test_a_field_that_has_no_column_is_kept_by_itself() -> None:
    for finding in (a_finding(n_serious=2, undefined={"ror": "none"}), a_watch_finding()):
        (entry,) = entries_of_row(finding, finding.epoch, NamedKeys())
        names = {"product": finding.product, "event": finding.event}
        assert finding_of({**entry.values, **names}) == finding


def test_a_row_about_an_earlier_epoch_keeps_that_one() -> None:
    finding = a_finding(epoch=3)

    (entry,) = entries_of_row(finding, 7, NamedKeys())

    assert entry.values["epoch"] == 7
    assert finding_of({**entry.values, "product": "product:P", "event": "pt:E"}) == finding


def test_a_row_is_entered_alike_as_an_object_and_as_a_topic_carries_it() -> None:
    for finding in (a_finding(undefined={"ror": "none"}), a_watch_finding()):
        encoded = msgspec.Raw(msgspec.json.encode(finding, order="deterministic"))
        entered = [entries_of_row(row, 7, NamedKeys()) for row in (finding, encoded)]
        assert entered[0] == entered[1]
