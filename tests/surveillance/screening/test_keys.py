"""One name is one key, at every level it belongs to."""

import pytest
from strategies import a_configuration

from surveillance.configuration.types import Events, Group, ListedProduct, Names, Products
from surveillance.domain.case import Dose, Product
from surveillance.screening.keys import Naming

LISTED = ListedProduct(name="One", aliases=("ONE (brand)",), platform="F", programme="G")
NAMING = Naming(
    a_configuration(
        products=Products(
            product=(LISTED,),
            group={"ones": Group(names=("one",)), "vaccines": Group(pattern="vaccine$")},
        ),
        events=Events(group={"z": Group(names=("Rash",)), "a": Group(pattern="^rash")}),
    )
)


@pytest.mark.parametrize("name", ["One", "one", "ONE  (Brand)", " ONE (BRAND)"])
def test_a_listed_product_has_one_key_under_all_its_names(name: str) -> None:
    assert NAMING.product_keys(Product(role="suspect", product=name)) == (
        "platform:F",
        "programme:G",
        "product:ONE",
        "group:ones",
    )


def test_a_product_that_is_not_listed_belongs_where_the_case_says() -> None:
    product = Product(role="suspect", product="Flu vaccine", platform="X", construct=" K  1 ")

    assert NAMING.product_keys(product) == (
        "platform:X",
        "product:FLU VACCINE",
        "construct:K 1",
        "group:vaccines",
    )


def test_two_products_that_differ_in_one_part_do_not_share_keys() -> None:
    one = NAMING.product_keys(Product(role="suspect", product="P", platform="X"))
    other = NAMING.product_keys(Product(role="suspect", product="P", programme="X"))

    assert one == ("platform:X", "product:P")
    assert other == ("programme:X", "product:P")


def test_a_combination_counts_under_each_substance_and_as_itself_in_any_order() -> None:
    one = Product(role="suspect", product="P", substances=("B  b", "A", "A"))
    other = Product(role="suspect", product="P", substances=("a", "B b"))

    keys = ("substance:A", "substance:B B", "substance:A + B B", "product:P")
    assert NAMING.product_keys(one) == NAMING.product_keys(other) == keys


def test_a_combination_of_a_hundred_substances_has_a_short_key_of_its_own() -> None:
    names = tuple(f"{number:03d}" + "x" * 247 for number in range(100))

    *_, one, _ = NAMING.product_keys(Product(role="suspect", product="P", substances=names))
    *_, other, _ = NAMING.product_keys(Product(role="suspect", product="P", substances=names[1:]))

    assert len(one) < 300
    assert one != other


def test_a_term_is_in_its_groups_in_the_order_of_their_names() -> None:
    assert NAMING.event_keys("rash ") == ("pt:Rash", "group:a", "group:z")
    assert NAMING.event_keys("Rash pruritic") == ("pt:Rash pruritic", "group:a")


def test_blank_parts_are_left_out() -> None:
    product = Product(role="suspect", product="P", platform=" ", construct="\u2003", lot="\u200b")

    assert NAMING.product_keys(product) == ("product:P",)


@pytest.mark.parametrize(
    "spelling", ["el0261", "EL0261", " El0261 ", "EL\u200b0261", "EL0261\u00a0"]
)
def test_a_lot_in_another_spelling_is_the_same_lot(spelling: str) -> None:
    product = Product(role="suspect", product="p\u00a0\u00a0one", lot=spelling)

    assert NAMING.product_keys(product) == ("product:P ONE", "lot:P ONE/EL0261")


def test_what_stands_for_no_lot_is_none_whatever_the_dose_says() -> None:
    naming = Naming(a_configuration(names=Names(no_lot=("Unknown", "n/a"))))
    product = Product(role="suspect", product="P", lot="UNKNOWN", doses=(Dose(lot="N/A "),))

    assert naming.product_keys(product) == ("product:P",)


def test_terms_that_differ_in_letter_case_alone_are_one_event() -> None:
    assert NAMING.event_keys("infection") == NAMING.event_keys("INFECTION") == ("pt:Infection",)
