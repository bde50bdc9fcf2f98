import tracemalloc
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.domain.errors import Misused
from surveillance.intake.format import Read
from surveillance.intake.spool import FAN_IN, in_order, stable_sort

READS = st.builds(
    Read,
    st.dates(date(1990, 1, 1), date(1990, 1, 5)),
    st.text(max_size=5),
    st.binary(max_size=20),
)


@given(
    reads=st.lists(READS, max_size=200),
    bytes_in_memory=st.integers(min_value=1, max_value=20_000),
)
def test_any_records_within_any_memory_come_out_sorted_and_stable(
    reads: list[Read], bytes_in_memory: int
) -> None:
    ordered = list(in_order(iter(reads), directory=None, bytes_in_memory=bytes_in_memory))

    assert ordered == sorted(reads, key=lambda read: read.received_on)


@pytest.mark.parametrize("n_runs", [FAN_IN, FAN_IN + 1, FAN_IN * FAN_IN + 1])
def test_more_runs_than_can_be_merged_at_once_are_merged_in_passes(n_runs: int) -> None:
    items = [(index * 7 % 11, index.to_bytes(4)) for index in range(n_runs)]

    ordered = list(stable_sort(items, directory=None, bytes_in_memory=1))

    assert ordered == sorted(items, key=lambda item: item[0])


def test_keys_below_zero_and_of_64_bits_sort_as_numbers() -> None:
    items = [(2**63 - 1, b"c"), (-(2**63), b"a"), (0, b"b")]

    ordered = stable_sort(items, directory=None, bytes_in_memory=1)

    assert [payload for _, payload in ordered] == [b"a", b"b", b"c"]


def test_memory_stays_at_the_bound_while_the_input_is_forty_times_as_large(tmp_path: Path) -> None:
    bound = 1_000_000
    n_reads = 40_000  # of 1,000 bytes: 40 MB

    def reads() -> Iterator[Read]:
        first = date(1990, 1, 1)
        for index in range(n_reads):
            line = index.to_bytes(4) + bytes(996)
            yield Read(first + timedelta(index * 7919 % 3650), "case", line)

    tracemalloc.start()
    days = [
        read.received_on for read in in_order(reads(), directory=tmp_path, bytes_in_memory=bound)
    ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert days == sorted(days)
    assert len(days) == n_reads
    assert peak < 6 * bound  # the bound, the buffers of one merge of 40 runs, and `days`


def test_nothing_is_left_in_the_folder_even_if_the_reader_stops_halfway(tmp_path: Path) -> None:
    reads = [Read(date(1990, 1, 1), "case", bytes(100))] * 100

    ordered = in_order(reads, directory=tmp_path, bytes_in_memory=1_000)
    next(ordered)

    assert list(tmp_path.iterdir()) == []
    assert hasattr(ordered, "close")
    ordered.close()


def test_a_folder_that_is_not_there_is_named() -> None:
    reads = [Read(date(1990, 1, 1), "case", b"line")]

    with pytest.raises(Misused, match="/no/such/folder: cannot hold"):
        list(in_order(reads, directory=Path("/no/such/folder"), bytes_in_memory=1))
