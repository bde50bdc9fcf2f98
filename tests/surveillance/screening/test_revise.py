"""Any order and repetition of a case's versions ends in what its standing version asserts."""

from collections import Counter
from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from strategies import (
    AT,
    DAY,
    a_case,
    a_configuration,
    case_versions,
    encode,
    record,
    rows,
)

from surveillance.configuration.types import (
    Configuration,
    Events,
    Group,
    ListedProduct,
    Products,
    Topics,
    VersionRule,
)
from surveillance.domain.case import CaseVersion, Dose, Event, Product, Seriousness
from surveillance.domain.completeness import completeness
from surveillance.domain.contribution import FATAL, SERIOUS, Contribution
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output
from surveillance.log.partitioner import partition_of
from surveillance.log.topics import REFUSED
from surveillance.screening.revise import Revise
from surveillance.screening.versions import N_BODY_MAX

CONFIGURATION = a_configuration(topics=Topics(cases=1))
Asserted = Counter[bytes]


def fold(*lines: bytes, configuration: Configuration = CONFIGURATION) -> Output:
    """Fold each line as a message of its own, in one epoch."""
    stage = Revise(configuration, 0)
    state = stage.init(Cells(nothing_stored))
    for offset, line in enumerate(lines):
        stage.apply(state, record(line, offset=offset))
    return stage.close(state, 0, AT)


def asserted(*saids: Output) -> Asserted:
    """Add up the signed contributions, by what they say."""
    total: Asserted = Counter()
    for said in saids:
        for row in rows(said.rows, Contribution):
            total[encode(msgspec.structs.replace(row, weight=0))] += row.weight
    return Counter({body: weight for body, weight in total.items() if weight})


def standing(versions: list[CaseVersion], *, order: str = "version") -> CaseVersion:
    """Say by the rule itself which version stands; the bytes decide the last tie."""
    best = versions[0]
    for one in versions[1:]:
        ranks = [(*_numbers(v, order), v.kind == "nullification") for v in (one, best)]
        if ranks[0] > ranks[1]:
            best = one
    return best


def _numbers(version: CaseVersion, order: str) -> tuple[int, int]:
    numbers = version.version, version.received_on.toordinal()
    return numbers if order == "version" else (numbers[1], numbers[0])


def one_row(case: CaseVersion, configuration: Configuration = CONFIGURATION) -> Contribution:
    (row,) = rows(fold(encode(case), configuration=configuration).rows, Contribution)
    assert isinstance(row, Contribution)
    return row


def refusal(line: bytes, configuration: Configuration = CONFIGURATION) -> RefusedRecord:
    said = fold(line, configuration=configuration)
    (fact,) = said.facts
    assert said.dispositions is not None
    assert (said.rows, said.dispositions.refused, fact.topic) == ([], 1, REFUSED)
    found = msgspec.json.decode(fact.value, type=RefusedRecord)
    assert (found.content_bytes, found.code) == (line, fact.code)
    return found


# Versions


def test_every_order_of_five_versions_ends_in_the_same_standing_version() -> None:
    versions = [
        a_case(version=1),
        a_case(version=2, kind="follow_up", events=(Event(pt="Fever"),)),
        a_case(version=3, kind="nullification"),
        a_case(version=4, kind="reinstatement", products=(Product(role="suspect", product="Q"),)),
        a_case(version=2, kind="amendment", received_on=DAY - timedelta(days=1)),
    ]
    ends = {tuple(asserted(fold(*map(encode, p))).items()) for p in permutations(versions)}

    assert ends == {tuple(asserted(fold(encode(versions[3]))).items())}


@given(
    st.lists(case_versions(), min_size=1, max_size=5).flatmap(
        lambda made: st.tuples(st.just(made), st.permutations(made * 2))
    ),
    st.integers(0, 10),
)
@settings(max_examples=400)
def test_contributions_over_any_order_and_repetition_sum_to_the_standing_version(
    drawn: tuple[list[CaseVersion], list[CaseVersion]], cut: int
) -> None:
    versions, order = drawn
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    saids = []
    for half in (order[:cut], order[cut:]):
        stage.apply(state, record(*map(encode, half)))
        saids.append(stage.close(state, 0, AT))

    greatest = standing(versions)
    ties = [
        v
        for v in versions
        if (v.version, v.received_on, v.kind == "nullification")
        == (greatest.version, greatest.received_on, greatest.kind == "nullification")
    ]

    assert asserted(*saids) in [asserted(fold(encode(tie))) for tie in ties]
    assert asserted(*saids) == asserted(fold(*map(encode, sorted(ties, key=encode))))
    n_blank = (not order[:cut]) + (not order[cut:])  # a message without a line is control
    assert sum(s.dispositions.n_read for s in saids if s.dispositions) == len(order) + n_blank


@given(st.lists(case_versions(source="dated"), min_size=1, max_size=4).flatmap(st.permutations))
def test_a_source_without_version_numbers_orders_by_information_date(
    versions: list[CaseVersion],
) -> None:
    greatest = standing(versions, order="information_date")
    distinct = {(v.received_on, v.version, v.kind == "nullification") for v in versions}

    if len(distinct) == len(versions):  # else the bytes decide
        assert asserted(fold(*map(encode, versions))) == asserted(fold(encode(greatest)))


@pytest.mark.parametrize(
    ("source", "stands"), [("numbered", "Fever"), ("dated", "Rash")], ids=["numbered", "dated"]
)
def test_the_rule_of_the_source_decides_between_number_and_date(source: str, stands: str) -> None:
    early = a_case(source=source, version=1, received_on=DAY)
    late = a_case(
        source=source, version=2, received_on=DAY - timedelta(days=1), events=(Event(pt="Fever"),)
    )

    for order in permutations([early, late]):
        (body,) = asserted(fold(*map(encode, order)))
        assert f"pt:{stands}".encode() in body


def test_a_nullification_wins_a_tie_of_number_and_date() -> None:
    versions = [a_case(kind="follow_up", country=c) for c in ("US", "DE", "FR", "JP")]
    versions.append(a_case(kind="nullification"))

    for order in permutations(versions):
        assert not asserted(fold(*map(encode, order)))


def test_a_later_version_reinstates_a_nullified_case() -> None:
    lines = [encode(a_case(version=n, kind=k)) for n, k in ((1, "initial"), (2, "nullification"))]
    assert not asserted(fold(*lines))

    reinstated = encode(a_case(version=3, kind="reinstatement"))

    assert asserted(fold(*lines, reinstated)) == asserted(fold(reinstated))


def test_a_duplicate_counts_nothing_until_the_link_is_taken_back() -> None:
    linked = encode(a_case(version=2, kind="follow_up", duplicate_of="B"))
    unlinked = encode(a_case(version=3, kind="follow_up"))

    assert not asserted(fold(encode(a_case()), linked))
    assert asserted(fold(linked, unlinked)) == asserted(fold(unlinked))


def test_a_version_that_asserts_the_same_says_nothing() -> None:
    said = fold(encode(a_case()), encode(a_case(version=2, kind="follow_up")))

    assert [row.weight for row in rows(said.rows, Contribution)] == [1]
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    stage.apply(state, record(encode(a_case())))
    stage.close(state, 0, AT)
    stage.apply(state, record(encode(a_case(version=2, kind="follow_up"))))
    assert stage.close(state, 1, AT).rows == []


def test_cases_that_assert_the_same_are_said_as_one_row_with_their_number() -> None:
    said = fold(*(encode(a_case(case_id)) for case_id in "ABC"))

    assert [row.weight for row in rows(said.rows, Contribution)] == [3]


def test_dispositions_name_what_became_of_every_line() -> None:
    second = encode(a_case(version=2, kind="follow_up"))
    lines = [second, encode(a_case()), second, b"", b"  ", b"{", encode(a_case("B"))]
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    stage.apply(state, record(*lines))
    stage.apply(state, record())

    row = stage.close(state, 0, AT).dispositions

    assert row is not None
    assert (row.applied, row.superseded, row.repeated, row.refused, row.control) == (2, 1, 1, 1, 3)
    assert row.n_read == len(lines) + 1


def test_what_stands_is_in_the_cells_and_goes_on_after_a_restart() -> None:
    stored: dict[bytes, bytes] = {}
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(stored.get))
    stage.apply(state, record(encode(a_case())))
    stage.close(state, 0, AT)
    stored.update(state.standing.drain())

    again = stage.load(stage.dump(state), Cells(stored.get))
    stage.apply(again, record(encode(a_case(version=2, kind="nullification"))))

    assert [row.weight for row in rows(stage.close(again, 1, AT).rows, Contribution)] == [-1]


# What a version asserts


def test_concomitant_products_are_not_counted_and_the_case_still_is() -> None:
    products = (
        Product(role="concomitant", product="C"),
        Product(role="not_administered", product="N"),
        Product(role="interacting", product="I"),
    )

    assert one_row(a_case(products=products)).products == [("product:I", None)]
    assert one_row(a_case(products=products[:2])).products == []


def test_a_product_is_counted_at_every_level_and_under_its_listed_name() -> None:
    listed = ListedProduct(name="P one", aliases=("P-1", "p  uno"), platform="F", programme="G")
    groups = {"ps": Group(names=("p ONE",)), "by-pattern": Group(pattern="^p o")}
    configuration = a_configuration(
        topics=Topics(cases=1), products=Products(product=(listed,), group=groups)
    )
    product = Product(
        role="suspect",
        product="P  UNO ",
        platform="said otherwise",
        construct="K",
        lot="L1",
        doses=(Dose(lot="L2", start_on=DAY), Dose(lot="L1", start_on=DAY - timedelta(days=2))),
    )
    start = (DAY - timedelta(days=2)).toordinal()

    row = one_row(a_case(products=(product,)), configuration)

    assert row.products == [
        ("construct:K", start),
        ("group:by-pattern", start),
        ("group:ps", start),
        ("lot:P ONE/L1", start),
        ("lot:P ONE/L2", start),
        ("platform:F", start),
        ("product:P ONE", start),
        ("programme:G", start),
    ]


def test_levels_that_are_not_configured_are_not_counted() -> None:
    configuration = a_configuration(topics=Topics(cases=1), products=Products(levels=("lot",)))
    product = Product(role="suspect", product="P", construct="K", lot="L")

    assert one_row(a_case(products=(product,)), configuration).products == [("lot:P/L", None)]


def test_a_term_is_counted_with_its_groups_and_one_spelling_is_one_key() -> None:
    groups = {"skin": Group(names=("rash",), pattern="eczema")}
    configuration = a_configuration(topics=Topics(cases=1), events=Events(group=groups))
    events = tuple(Event(pt=pt) for pt in ("Rash ", "Cafe\u0301", "Caf\u00e9", "Eczema of hand"))

    keys = [key for key, *_ in one_row(a_case(events=events), configuration).events]

    assert keys == ["group:skin", "pt:Caf\u00e9", "pt:Eczema of hand", "pt:Rash"]


def test_a_case_counts_once_for_a_pair_that_it_names_twice() -> None:
    product = Product(role="suspect", product="P")
    row = one_row(a_case(products=(product, product), events=(Event(pt="Rash"), Event(pt="Rash"))))

    assert row.products == [("product:P", None)]
    assert row.events == [("pt:Rash", 0, None)]


def test_seriousness_is_stated_for_each_event_and_a_fatal_event_is_serious() -> None:
    events = (
        Event(pt="A", seriousness=Seriousness(hospitalisation=True)),
        Event(pt="B", outcome="fatal"),
        Event(pt="C", seriousness=Seriousness(death=True)),
        Event(pt="D", seriousness=Seriousness(death=False), onset_on=DAY),
        Event(pt="A", onset_on=DAY),
    )

    assert one_row(a_case(events=events)).events == [
        ("pt:A", SERIOUS, DAY.toordinal()),
        ("pt:B", SERIOUS | FATAL, None),
        ("pt:C", SERIOUS | FATAL, None),
        ("pt:D", 0, DAY.toordinal()),
    ]


def test_country_and_reporter_travel_with_the_pairs() -> None:
    row = one_row(a_case(country="DE", reporter="pharmacist"))

    assert (row.weight, row.country, row.reporter) == (1, "DE", "pharmacist")


# Refusals


def test_a_case_in_the_wrong_partition_is_refused_with_the_right_one() -> None:
    configuration = a_configuration(topics=Topics(cases=4))
    wrong = next(c for c in "ABCDEFGH" if partition_of(c, 4) == 3)

    found = refusal(encode(a_case(wrong)), configuration)

    assert found.code == "wrong_partition"
    assert "belongs to partition 3 and came in 0" in found.reason


BLANK = encode(a_case("C")).replace(b'"product":"P"', '"product":" \u2003\u200b "'.encode())
REFUSALS: dict[str, Any] = {
    "lies_ahead": encode(a_case(received_on=DAY + timedelta(days=2))),
    "not_json": b"{",
    "wrong_shape": b"{}",
    "bad_encoding": b'{"case_id":"\xff"}',
    "duplicate_key": encode(a_case()).replace(b'"version":1', b'"version":1,"version":2'),
    "control_character": encode(a_case()).replace(b"Rash", b"R\\u0007sh"),
    "too_long": b'{"case_id":"' + b"x" * 300_000,
    "too_many_names": encode(
        a_case(
            "D",
            products=tuple(
                Product(
                    role="suspect",
                    product=f"{p:03}" + "p" * 247,
                    doses=tuple(Dose(lot=f"{lot}") for lot in range(100)),
                )
                for p in range(40)
            ),
        )
    ),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_line_is_kept_with_its_code(code: str) -> None:
    found = refusal(REFUSALS[code])

    assert found.code == code
    assert found.reason
    assert found.remedy
    assert found.place == "cases-received.v1/0@0:0"


def test_a_blank_name_is_refused_with_its_place() -> None:
    found = refusal(BLANK)

    assert found.code == "wrong_shape"
    assert found.reason == "product: holds nothing that can be seen - at '$.products[0]'"


def test_a_case_id_with_spaces_around_it_is_the_same_case() -> None:
    later = a_case(version=2, kind="follow_up", events=(Event(pt="Fever"),))
    spaced = encode(later).replace(b'"case_id":"A"', '"case_id":"\u00a0A \u200b"'.encode())

    assert asserted(fold(encode(a_case()), spaced)) == asserted(fold(encode(later)))


def test_a_source_without_a_rule_is_ordered_by_version_number_then_day() -> None:
    first = a_case(source="nobody", received_on=DAY)
    later = replace(first, version=2, kind="follow_up", events=(Event(pt="Fever"),))
    older = replace(later, received_on=DAY - timedelta(days=1))

    assert asserted(fold(encode(first), encode(older))) == asserted(fold(encode(older)))


def test_a_later_extract_stands_whatever_came_when() -> None:
    rule = a_configuration(topics=Topics(cases=1), sources={"dated": VersionRule(order="extract")})
    days = DAY - timedelta(days=90), DAY - timedelta(days=1)
    earlier, later = (
        a_case(source="dated", version=n, extracted_on=day, events=(Event(pt=pt),))
        for n, day, pt in zip((2, 1), days, ("Rash", "Fever"), strict=True)
    )
    unknown = replace(earlier, version=9, extracted_on=None)

    for order in permutations((earlier, later, unknown)):
        found = asserted(fold(*map(encode, order), configuration=rule))
        assert found == asserted(fold(encode(later), configuration=rule))


def test_a_day_of_grace_is_given_to_the_east() -> None:
    tomorrow = encode(a_case(received_on=DAY + timedelta(days=1)))

    assert asserted(fold(tomorrow))


def test_a_refused_line_changes_nothing_and_its_neighbours_survive() -> None:
    good, other = encode(a_case()), encode(a_case("B", events=(Event(pt="Fever"),)))
    stage = Revise(CONFIGURATION, 0)
    state = stage.init(Cells(nothing_stored))
    stage.apply(state, record(good, BLANK, *REFUSALS.values(), other))

    said = stage.close(state, 0, AT)

    assert asserted(said) == asserted(fold(good, other))
    assert said.dispositions is not None
    assert said.dispositions.refused == len(said.facts) == len(REFUSALS) + 1
    places = [msgspec.json.decode(f.value, type=RefusedRecord).place for f in said.facts]
    assert places == [f"cases-received.v1/0@0:{n}" for n in range(1, len(REFUSALS) + 2)]


def test_the_longest_names_that_are_taken_fit_into_a_message() -> None:
    lots = tuple(Dose(lot=f"{lot:03}") for lot in range(200))
    many = [Product(role="suspect", product=f"{p}" + "p" * 240, doses=lots) for p in range(9)]
    n = next(n for n in range(9) if not fold(encode(a_case(products=tuple(many[: n + 1])))).rows)

    (row,) = fold(encode(a_case(products=tuple(many[:n])))).rows

    assert N_BODY_MAX - 200 * 300 < len(bytes(row)) <= N_BODY_MAX + 100


def test_a_contribution_has_the_completeness_that_the_line_listing_shows() -> None:
    case = a_case(reporter="physician", country="DE")

    assert one_row(case).completeness == round(completeness(case).score * 10_000) > 0
