"""What the register keeps of cases is what `revise` counts, in whatever order versions came."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from datetime import date, timedelta
from itertools import permutations
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from strategies import AT, DAY, a_case, a_configuration, case_versions, encode, record, rows

from surveillance.configuration.types import Events, Group, Products, Topics, VersionRule
from surveillance.domain.case import CaseVersion, Event, Product
from surveillance.domain.contribution import Contribution
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.partitioner import partition_of
from surveillance.register import CaseIndex, Register, case_tables, database, schema
from surveillance.register.keys import key_id
from surveillance.register.packing import unpack
from surveillance.register.reader import RegisterReader
from surveillance.screening.revise import Revise

if TYPE_CHECKING:
    from pathlib import Path

    from postgres import Postgres

CONFIGURATION = a_configuration(
    topics=Topics(cases=1),
    sources={"numbered": VersionRule(), "extracted": VersionRule(order="extract")},
    products=Products(levels=("programme", "product", "lot"), group={"g": Group(names=("P", "Q"))}),
    events=Events(group={"bad": Group(names=("Fever", "Death"))}),
)
Epochs = list[list[bytes]]
AS_OF = date(2021, 1, 29), date(2021, 6, 4)  # of two extracts
FIRST = a_case()
SECOND = a_case(version=2, kind="follow_up", events=(Event(pt="Fever"),))
NULLIFIED = a_case(version=3, kind="nullification")
REINSTATED = a_case(version=4, kind="reinstatement")
PAIR = ("product:P", "pt:Rash")
TABLES = (
    case_tables.case_versions,
    case_tables.case_repeats,
    schema.keys,
    case_tables.case_postings,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'register.db'}"


def write(url: str, epochs: Epochs, *, flush_every: int = 1) -> None:
    """Feed a register one message a line, and write after so many epochs."""
    with Register(url, CaseIndex(CONFIGURATION)) as register:
        assert register.cases is not None
        offset = 0
        for epoch, lines in enumerate(epochs):
            register.take_epoch(epoch, AT)
            for line in lines:
                register.cases.take(0, offset, line, epoch, AT)
                offset += 1
            register.cases.close(epoch)
            if epoch % flush_every == flush_every - 1:
                register.flush()


def table(url: str, name: str, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608 - a constant
    connection.close()
    return [{key: row[key] for key in row if key not in without} for row in found]


def kept(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows but where exactly in its epoch a version came first."""
    return {
        "case_versions": table(url, "case_versions", without=("offset", "line")),
        "keys": sorted(table(url, "keys"), key=str),
        "case_postings": table(url, "case_postings"),
    }


def spans(url: str) -> dict[int, tuple[int | None, int | None]]:
    """Return the span of each version of a single case, by its number."""
    return {
        row["version"]: (row["valid_from"], row["valid_to"]) for row in table(url, "case_versions")
    }


def n_counted(url: str, epoch: int, product: str = PAIR[0], event: str = PAIR[1]) -> int:
    reader = RegisterReader(url)
    try:
        return reader.cases.n_counted(product, event, epoch)
    finally:
        reader.close()


def lines(*versions: CaseVersion) -> list[bytes]:
    return [encode(version) for version in versions]


def test_a_version_stands_from_its_epoch_until_the_epoch_of_the_next(url: str) -> None:
    write(url, [lines(FIRST), lines(SECOND), [], lines(NULLIFIED), lines(REINSTATED)])

    assert spans(url) == {1: (0, 1), 2: (1, 3), 3: (3, 4), 4: (4, None)}
    assert [n_counted(url, epoch) for epoch in range(5)] == [1, 0, 0, 0, 1]
    assert [n_counted(url, epoch, event="pt:Fever") for epoch in range(5)] == [0, 1, 1, 0, 0]
    assert [n_counted(url, epoch, event="group:bad") for epoch in range(5)] == [0, 1, 1, 0, 0]


def test_a_version_that_comes_behind_a_greater_one_is_kept_without_a_span(url: str) -> None:
    write(url, [lines(SECOND), lines(FIRST)])

    assert spans(url) == {2: (0, None), 1: (None, None)}
    assert n_counted(url, 1) == 0


def test_of_versions_in_one_epoch_only_the_greatest_ever_stood(tmp_path: Path) -> None:
    found = []
    for number, order in enumerate(permutations(lines(FIRST, SECOND, NULLIFIED))):
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        write(url, [list(order), lines(REINSTATED)])
        assert spans(url) == {1: (None, None), 2: (None, None), 3: (0, 1), 4: (1, None)}
        found.append(kept(url))

    assert all(one == found[0] for one in found)


def test_an_earlier_extract_that_comes_later_is_kept_without_a_span(url: str) -> None:
    june = a_case(source="extracted", extracted_on=AS_OF[1])
    january = a_case(source="extracted", version=2, extracted_on=AS_OF[0])

    write(url, [lines(june), lines(january)])

    assert spans(url) == {1: (0, None), 2: (None, None)}


def test_a_duplicate_stands_and_is_not_counted_until_it_is_no_duplicate(url: str) -> None:
    duplicate = a_case(version=2, kind="follow_up", duplicate_of="B")
    write(url, [lines(FIRST), lines(duplicate), lines(REINSTATED)])

    assert [n_counted(url, epoch) for epoch in range(3)] == [1, 0, 1]
    assert [row["is_counted"] for row in table(url, "case_versions")] == [1, 0, 1]


def test_the_same_bytes_again_are_a_repeat_and_no_version(url: str) -> None:
    write(url, [lines(FIRST, FIRST), lines(SECOND), lines(FIRST)])

    assert spans(url) == {1: (0, 1), 2: (1, None)}
    assert [(row["offset"], row["epoch"]) for row in table(url, "case_repeats")] == [(1, 0), (3, 2)]


def test_feeding_the_whole_log_again_changes_nothing(url: str) -> None:
    log = [lines(FIRST, FIRST), lines(SECOND), lines(NULLIFIED, FIRST)]
    write(url, log)
    before = kept(url), table(url, "case_repeats")

    write(url, log, flush_every=2)
    assert (kept(url), table(url, "case_repeats")) == before


def test_both_databases_hold_the_same_rows(tmp_path: Path, server: Postgres) -> None:
    log = [lines(FIRST, FIRST, a_case("B")), lines(SECOND), lines(NULLIFIED, FIRST)]
    found = []
    for address in (f"sqlite:///{tmp_path / 'register.db'}", server.new_database()):
        write(address, log)
        engine = database.open_existing(address)
        with engine.connect() as connection:
            found.append([sorted(map(str, connection.execute(select(one)))) for one in TABLES])
        assert [n_counted(address, epoch) for epoch in range(3)] == [2, 1, 1]
        engine.dispose()

    assert found[0] == found[1]


def test_what_revise_refuses_is_no_version(url: str) -> None:
    ahead = a_case("ahead", received_on=DAY + timedelta(days=2))
    blank = encode(a_case("blank")).replace(b'"pt":"Rash"', b'"pt":"  "')
    write(url, [[b"{", b"", b"\n", *lines(ahead), blank]])

    assert table(url, "case_versions") == []


def test_a_case_in_the_wrong_partition_is_no_version(url: str) -> None:
    configuration = a_configuration(topics=Topics(cases=2))
    with Register(url, index := CaseIndex(configuration)):
        index.take(1 - partition_of("A", 2), 0, encode(FIRST), 0, AT)
        index.close(0)

    assert table(url, "case_versions") == []


def test_a_message_of_many_lines_gives_each_line_its_number(url: str) -> None:
    value = b"\r\n".join([encode(FIRST), b"", encode(a_case("B"))]) + b"\n"
    write(url, [[value]])

    assert {row["case_id"]: row["line"] for row in table(url, "case_versions")} == {"A": 0, "B": 2}


def test_a_record_comes_back_as_it_was_received(url: str) -> None:
    line = encode(FIRST).replace(b":", b" : ", 1)
    write(url, [[line]])

    assert unpack(table(url, "case_versions")[0]["record"]) == line


def test_the_number_of_a_key_never_changes() -> None:
    assert key_id("product", "product:P") == 7_843_607_302_610_548_413
    assert key_id("event", "pt:Rash") != key_id("product", "pt:Rash")


@st.composite
def logs(draw: st.DrawFn) -> Epochs:
    """Draw epochs of versions of three cases, with some bytes repeated."""
    drawn = st.one_of(case_versions("A"), case_versions("C"), case_versions("D", "dated"))
    epochs = draw(st.lists(st.lists(drawn.map(encode), max_size=4), min_size=1, max_size=4))
    flat = [line for epoch in epochs for line in epoch]
    if flat:
        epochs[-1] += draw(st.lists(st.sampled_from(flat), max_size=2))
    return epochs


def counts_of_revise(epochs: Epochs) -> list[Counter[tuple[str, str]]]:
    """Sum the contributions of `revise` into n_pair at the end of each epoch."""
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    total: Counter[tuple[str, str]] = Counter()
    found = []
    for epoch, some in enumerate(epochs):
        for offset, line in enumerate(some):
            stage.apply(state, record(line, offset=offset))
        for row in rows(stage.close(state, epoch, AT).rows, Contribution):
            for product, _ in row.products:
                for event, *_ in row.events:
                    total[product, event] += row.weight
        found.append(+total)
    return found


@settings(max_examples=60)
@given(logs())
def test_the_number_of_cases_is_the_count_of_revise_for_every_pair_and_epoch(
    epochs: Epochs,
) -> None:
    with TemporaryDirectory() as folder:
        write(url := f"sqlite:///{folder}/register.db", epochs)
        reader = RegisterReader(url)
        for epoch, expected in enumerate(counts_of_revise(epochs)):
            found = Counter(
                {
                    (product, event): n
                    for product in reader.cases.keys("product")
                    for event in reader.cases.keys("event")
                    if (n := reader.cases.n_counted(product, event, epoch))
                }
            )
            assert found == expected
        reader.close()


@settings(max_examples=40)
@given(logs(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_within_an_epoch_and_the_size_of_batches_change_no_row(
    epochs: Epochs, generator: random.Random, flush_every: int
) -> None:
    shuffled = [generator.sample(some, len(some)) for some in epochs]
    again = [some + generator.choices(some, k=2) if some else [] for some in shuffled]
    with TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{number}.db" for number in range(2)]
        write(urls[0], epochs)
        write(urls[1], again, flush_every=flush_every)
        assert kept(urls[0]) == kept(urls[1])


def test_only_suspects_are_found(url: str) -> None:
    products = (Product(role="suspect", product="P"), Product(role="concomitant", product="R"))
    write(url, [lines(a_case(products=products))])

    assert [row["key"] for row in table(url, "keys") if row["kind"] == "product"] == [
        "group:g",
        "product:P",
    ]
