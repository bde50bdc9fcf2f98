from __future__ import annotations

import pytest

from surveillance.domain.errors import Misused
from surveillance.views.names import near_keys, resolve

KEYS = [
    "group:arthritis",
    "lot:HIB (ACTHIB)/A12",
    "product:HIB (ACTHIB)",
    "product:MMR",
    "programme:MMR",
    "pt:Arthritis",
]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("product:MMR", "product:MMR"),
        ("HIB (ACTHIB)", "product:HIB (ACTHIB)"),
        ("  HIB  (ACTHIB) ", "product:HIB (ACTHIB)"),
        ("hib (acthib)", "product:HIB (ACTHIB)"),
        ("arthritis", "group:arthritis"),
        ("Arthritis", "pt:Arthritis"),
        ("PRODUCT:mmr", "product:MMR"),
    ],
)
def test_a_key_goes_before_a_name_and_a_name_as_written_before_one_in_any_case(
    given: str, key: str
) -> None:
    assert resolve(given, KEYS, option="--product") == key


@pytest.mark.parametrize("given", ["MMR", "mmr", "ARTHRITIS"])
def test_a_name_that_means_several_keys_is_refused_with_all_of_them(given: str) -> None:
    fitting = [key for key in KEYS if key.casefold().endswith(f":{given.casefold()}")]

    with pytest.raises(Misused) as caught:
        resolve(given, KEYS, option="--product")

    assert "means 2 keys" in str(caught.value)
    assert all(key in str(caught.value) for key in fitting)


def test_names_that_hold_the_word_come_before_those_that_look_like_it() -> None:
    keys = ["pt:Arthralgia", "pt:Arthritis", "pt:Rheumatoid arthritis", "lot:arthrit"]

    assert near_keys("arthrit", keys) == [
        "pt:Arthritis",
        "pt:Rheumatoid arthritis",
        "pt:Arthralgia",
    ]
