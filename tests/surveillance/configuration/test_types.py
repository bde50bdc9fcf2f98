"""A configuration is read strictly."""

from typing import Any

import msgspec
import pytest

from surveillance.configuration import types as parts


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("cases = 0", parts.Topics, "cases"),
        ("case = 1", parts.Topics, "unknown field `case`"),
        ("levels = ['molecule']", parts.Products, "levels"),
        ("[group.g]\nnote = 'x'", parts.Events, "a group needs one of the two"),
        ("[group.g]\npattern = '('", parts.Events, "pattern"),
        ("[group.'G 1']\nnames = ['x']", parts.Events, "matching regex"),
        ("growth_ratio = 1.0\ncriterion = []", parts.Criteria, "growth_ratio"),
        ("[[criterion]]\nname = 'a'\nrule = 'guess'", parts.Criteria, "Invalid value 'guess'"),
        ("[[criterion]]\nname = 'a'\nrule = 'ic_lower'\ntail = 1.0", parts.Criteria, "tail"),
        (
            "[[criterion]]\nname = 'a'\nrule = 'evans'\n[[criterion]]\nname = 'a'\nrule = 'evans'",
            parts.Criteria,
            "criterion: names must differ",
        ),
        ("[weights]\nstrength = -1", parts.Triage, "strength"),
        ("smallest_cell = 0", parts.Feed, "smallest_cell"),
    ],
)
def test_a_wrong_key_or_value_is_named(text: str, kind: Any, message: str) -> None:  # noqa: ANN401 - a type
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.toml.decode(text, type=kind)


def test_the_defaults_are_those_of_the_papers() -> None:
    evans = parts.Evans(name="evans")
    assert (evans.prr, evans.chi_square, evans.min_count) == (2.0, 4.0, 3)  # Evans et al. 2001
    assert parts.IcLower(name="ic").tail == 0.025
    assert parts.RorLower(name="ror").confidence_level == 0.95


def test_levels_that_could_name_a_person_are_not_published_by_default() -> None:
    assert not {"construct", "lot"} & {*parts.Feed().levels}
    assert parts.Feed().smallest_cell == 3
