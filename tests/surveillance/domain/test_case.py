"""What a case version may hold, and what follows from it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from strategies import DAY, a_case, encode

from surveillance.domain.case import (
    N_EVENTS_MAX,
    N_PRODUCTS_MAX,
    Assessment,
    CaseVersion,
    Dose,
    Event,
    Product,
    Seriousness,
)

TOMORROW = DAY + timedelta(days=1)


def decode(line: bytes) -> CaseVersion:
    return msgspec.json.decode(line, type=CaseVersion)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duplicate_of": "A"}, "duplicate_of: a case cannot be a duplicate of itself"),
        ({"first_received_on": TOMORROW}, "first_received_on: lies after received_on"),
        ({"events": (), "products": ()}, "events: a standing case names at least one"),
        ({"events": (Event(pt="Rash", onset_on=TOMORROW),)}, "onset_on lies after received_on"),
        ({"assessments": (Assessment(product=1, event=0),)}, "assessments: name a product"),
        ({"assessments": (Assessment(product=0, event=1),)}, "assessments: name a product"),
    ],
)
def test_a_rule_across_fields_names_the_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_case(**changes)


def test_a_nullification_may_be_empty() -> None:
    case = a_case(kind="nullification", events=(), products=())

    assert decode(encode(case)) == case


@pytest.mark.parametrize("changes", [{"events": ()}, {"products": ()}])
def test_a_standing_case_may_lack_events_or_products(changes: dict[str, Any]) -> None:
    case = a_case(**changes)

    assert decode(encode(case)) == case


@pytest.mark.parametrize(
    "broken",
    [
        lambda line: line.replace(b'"A"', b'""'),
        lambda line: line.replace(b'"A"', b'"' + b"x" * 121 + b'"'),
        lambda line: line.replace(b'"version":1', b'"version":2147483648'),
        lambda line: line.replace(b'"version":1', b'"version":1.5'),
        lambda line: line.replace(b'"kind":', b'"country":"us","kind":'),
        lambda line: line.replace(b'"kind":', b'"narrative_sha256":"x","kind":'),
        lambda line: line.replace(b'"kind":', b'"ingested_at":"2024-03-10T00:00:00","kind":'),
        lambda line: line.replace(b'"kind":', b'"patient":{"age_years":131},"kind":'),
        lambda line: line.replace(b'{"pt":"Rash"}', b'{"pt":"Rash","outcome":"died"}'),
        lambda line: line.replace(b'"suspect"', b'"guilty"'),
        lambda line: line.replace(
            b'{"pt":"Rash"}', b",".join([b'{"pt":"Rash"}'] * (N_EVENTS_MAX + 1))
        ),
    ],
)
def test_a_value_out_of_range_is_refused(broken: Callable[[bytes], bytes]) -> None:
    line = encode(a_case())
    assert broken(line) != line

    with pytest.raises(msgspec.ValidationError):
        decode(broken(line))


def test_a_case_with_as_many_products_as_are_allowed_is_read() -> None:
    products = tuple(Product(role="suspect", product=f"P{n}") for n in range(N_PRODUCTS_MAX))

    assert len(decode(encode(a_case(products=products))).products) == N_PRODUCTS_MAX
    with pytest.raises(msgspec.ValidationError):
        decode(encode(a_case(products=(*products, products[0]))))


@pytest.mark.parametrize(
    "criterion", [name for name in Seriousness.__struct_fields__ if "is_" not in name]
)
def test_any_criterion_makes_an_event_serious(criterion: str) -> None:
    assert Seriousness(**{criterion: True}).is_serious
    assert not Seriousness(**{criterion: False}).is_serious
    assert not Seriousness().is_serious


def test_not_stated_is_not_no() -> None:
    stated, silent = Seriousness(death=False), Seriousness()

    assert stated != silent
    assert encode(stated) == b'{"death":false}'
    assert encode(silent) == b"{}"


@pytest.mark.parametrize(
    ("event", "is_fatal"),
    [
        (Event(pt="x", outcome="fatal"), True),
        (Event(pt="x", seriousness=Seriousness(death=True)), True),
        (Event(pt="x", seriousness=Seriousness(death=False), outcome="recovered"), False),
        (Event(pt="x"), False),
    ],
)
def test_an_event_is_fatal_by_outcome_or_by_criterion(event: Event, is_fatal: bool) -> None:  # noqa: FBT001 - what should be
    assert event.is_fatal == is_fatal


def test_a_product_names_each_lot_once_and_its_first_dose() -> None:
    doses = (Dose(lot="B"), Dose(lot="A", start_on=TOMORROW), Dose(start_on=DAY), Dose(lot="B"))
    product = Product(role="suspect", product="P", lot="A", doses=doses)

    assert product.lots == ("A", "B")
    assert product.first_dose_on == DAY
    assert Product(role="suspect", product="P").first_dose_on is None


def test_a_null_is_stated_and_not_the_same_as_nothing() -> None:
    masked = Event(pt="Rash", nulls={"E.i.4": "MSK"}, dates_as_stated={"E.i.5": "2014-10"})

    line = encode(a_case(events=(masked,)))

    assert decode(line).events == (masked,)
    assert b'"nulls":{"E.i.4":"MSK"}' in line
    assert encode(Event(pt="Rash")) == b'{"pt":"Rash"}'


@pytest.mark.parametrize(
    ("written", "broken"), [(b'"MSK"', b'"masked"'), (b'"2014-10"', b'"October 2014"')]
)
def test_a_null_or_a_date_of_no_known_form_is_refused(written: bytes, broken: bytes) -> None:
    event = Event(pt="Rash", nulls={"E.i.4": "MSK"}, dates_as_stated={"E.i.5": "2014-10"})
    line = encode(a_case(events=(event,)))

    with pytest.raises(msgspec.ValidationError):
        decode(line.replace(written, broken))
