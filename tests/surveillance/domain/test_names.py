"""One name has one form, whatever its spelling and whoever sent it first."""

import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.names import Spelling, clean, identity, is_blank, upper

INVISIBLE = "\u200b\u200d\ufeff\u2060\u00ad\u202e\u2066\x00\x7f\u180e\ufe0f\u3164"


@cache
def shipped() -> Spelling:
    """Return the spelling of a configuration without a names.toml of its own."""
    return read_configuration(SHIPPED / "vaers").names.spelling


SPACES = [" ", "\t", "\u00a0", "\u2003", "\u202f", "\u3000", "\r\n", "\u2028", "\x85"]


@pytest.mark.parametrize("hidden", INVISIBLE)
def test_what_is_not_seen_makes_no_other_name(hidden: str) -> None:
    assert clean(f"{hidden}Pyr{hidden}exia{hidden}") == "Pyrexia"
    assert is_blank(hidden)


@pytest.mark.parametrize("space", SPACES)
def test_white_space_of_any_kind_is_one_space_and_none_at_the_ends(space: str) -> None:
    assert clean(f"{space}Chest{space}{space} pain{space}") == "Chest pain"
    assert is_blank(space)


def test_composition_and_letter_case_make_no_other_name() -> None:
    assert clean("Cafe\u0301") == clean("Caf\u00e9") == "Caf\u00e9"
    assert identity("STRASSE") == identity("stra\u00dfe")
    assert upper("el0261") == upper("EL0261 ") == "EL0261"


def test_an_id_keeps_its_letter_case() -> None:
    assert clean("b1") != clean("B1")
    assert clean("B1 ") == "B1"


def _spellings(name: str) -> list[str]:
    return [
        name.upper(), name.lower(), name.casefold(), f"\u00a0{name} \u200b",
        unicodedata.normalize("NFD", name), identity(name), upper(name), clean(name),
    ]  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_every_spelling_of_a_name_has_its_identity_and_is_spelled_alike(name: str) -> None:
    for other in _spellings(name):
        assert identity(other) == identity(name)
        assert upper(other) == upper(name)
        assert shipped().term(other) == shipped().term(name)
        assert shipped().lot(other) == shipped().lot(name)
    assert clean(clean(name)) == clean(name)
    assert clean(upper(name)) == upper(name)


def test_every_character_in_a_word_keeps_its_identity_through_its_spellings() -> None:
    odd = [
        text
        for text in (f"a{chr(code)}" for code in range(0x20000))
        if not "\ud800" <= text[-1] <= "\udfff"
        and not identity(text) == identity(upper(text)) == identity(text.lower())
    ]
    assert odd == []


@pytest.mark.parametrize(
    "term",
    [
        "Infection",
        "Guillain-Barre syndrome",
        "COVID-19",
        "SARS-CoV-2 test positive",
        "Type IV hypersensitivity reaction",
        "Electrocardiogram QT prolonged",
        "Crohn's disease",
        "Hepatitis B e antigen negative",
        "Hepatitis E",
        "pH urine",
        "5-hydroxyindolacetic acid",
        "Stevens-Johnson syndrome",
        "Blood immunoglobulin G increased",
    ],
)
def test_a_term_in_any_letter_case_is_spelled_as_meddra_spells_it(term: str) -> None:
    assert {shipped().term(each) for each in (term, term.upper(), term.lower())} == {term}


@pytest.mark.parametrize(
    "word", ["Unknown", "UNKNOWN ", "unk", "N/A", "none", "\u00a0None given", "-", " ", ""]
)
def test_what_stands_for_no_lot_is_no_lot(word: str) -> None:
    assert shipped().lot(word) == ""


def test_a_placeholder_is_data_and_not_code() -> None:
    assert Spelling().lot("Unknown") == "UNKNOWN"
    assert Spelling(no_lot=["sin lote"]).lot("SIN  LOTE") == ""


@pytest.mark.parametrize(
    ("given_key", "key"),
    [
        ("product:RotaShield ", "product:ROTASHIELD"),
        ("pt:PYREXIA", "pt:Pyrexia"),
        ("lot:p/a12:3", "lot:P/A12:3"),
        ("group:flu", "group:flu"),
        ("*", "*"),
    ],
)
def test_a_key_that_a_person_wrote_is_spelled_as_it_is_counted(given_key: str, key: str) -> None:
    assert Spelling().key(given_key) == key
