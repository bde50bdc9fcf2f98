from __future__ import annotations

import random
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_rows import a_finding, a_watch_finding

from surveillance.domain.errors import Defect
from surveillance.register import dictionaries, packing
from surveillance.register.documents import finding_of
from surveillance.register.keys import NamedKeys
from surveillance.register.packing import DOCUMENT, FINDING, OUTCOME, RECORD, SIGNAL, pack, unpack
from surveillance.register.rows import entries_of_row

CHECKSUMS = {
    1: 417640638,
    2: 1546671683,
    3: 2838341616,
    4: 1288392173,
    5: 2301567769,
    6: 2276284054,
}
DICTIONARIES = (RECORD, FINDING, SIGNAL, DOCUMENT, OUTCOME)
parts = st.one_of(
    st.binary(max_size=40),
    st.binary(min_size=32, max_size=32).map(lambda digest: b'"' + digest.hex().encode() + b'"'),
    st.sampled_from([b'"', b"\xff", b'"' + b"A" * 64 + b'"', b'"' + b"a" * 65 + b'"']),
)


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
