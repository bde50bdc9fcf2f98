"""Which version stands depends on what the versions hold, never on where they were read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from strategies import a_case, a_configuration, encode

from surveillance.domain.case import CaseVersion, Provenance
from surveillance.screening.versions import VersionRules, digest_of

PLACES = ["a.xml:1", 'b "quoted" \\ name.xml:7', "zip/ä.xml:30", "x" * 300]
READ = Provenance(parser="e2b-r3/1", message_sha256="0" * 64)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


def at(place: str, case: CaseVersion) -> bytes:
    return encode(replace(case, provenance=replace(READ, place=place)))


@given(st.sampled_from(PLACES), st.sampled_from(PLACES), texts)
def test_the_file_and_row_that_a_version_was_read_from_are_not_part_of_it(
    one: str, other: str, text: str
) -> None:
    case = a_case(sender=text)

    assert digest_of(at(one, case)) == digest_of(at(other, case))
    assert digest_of(at(one, case)) == digest_of(encode(replace(case, provenance=READ)))


@given(texts, texts)
def test_whatever_else_differs_tells_two_versions_apart(one: str, other: str) -> None:
    found = digest_of(at("a", a_case(sender=one))), digest_of(at("a", a_case(sender=other)))

    assert (found[0] == found[1]) == (encode(a_case(sender=one)) == encode(a_case(sender=other)))


@pytest.mark.parametrize("place", PLACES)
def test_a_text_that_looks_like_a_place_stays(place: str) -> None:
    look_alike = f'"provenance":{{"parser":"p","place":"{place}"'

    found = {digest_of(at("a", a_case(sender=one))) for one in (look_alike, look_alike[:-1])}

    assert len(found) == 2


def test_no_name_of_a_file_decides_which_of_two_versions_stands() -> None:
    rules = VersionRules(a_configuration())
    one, other = a_case(sender="one"), a_case(sender="other")

    orders = {
        rules.rank(one, at(place, one)) > rules.rank(other, at(elsewhere, other))
        for place in PLACES
        for elsewhere in PLACES
    }

    assert len(orders) == 1
