from __future__ import annotations

import re

import pytest

from surveillance.configuration.patterns import finder
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Group

NAMES = [
    "Intussusception", "INTUSSUSCEPTION", "Arthritis", "Rheumatoid arthritis", "Arthralgia",
    "Reactive arthropathy", "Polyarthritis", "Fièvre", "ROTAVIRUS (ROTASHIELD)", "", "é",
    "Guillain-Barre",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))
def test_the_patterns_that_ship_find_what_pythons_own_matcher_finds(name: str) -> None:
    configuration = read_configuration(SHIPPED / name)
    for group in (*configuration.products.group.values(), *configuration.events.group.values()):
        if group.pattern is not None:
            found = finder(group.pattern)
            own = re.compile(group.pattern, re.IGNORECASE)
            assert [found(one) for one in NAMES] == [bool(own.search(one)) for one in NAMES]


def test_a_pattern_that_would_backtrack_for_years_is_answered() -> None:
    assert not finder("(a+)+$")("a" * 4_000 + "!")
    assert finder("(a|a)*b")("a" * 4_000 + "b")


@pytest.mark.parametrize(
    "pattern", [r"(?=a)", r"(?<!a)b", r"(a)\1", "arthr(itis", "a{2000}", "[z-a]"]
)
def test_a_pattern_that_takes_no_linear_time_or_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern: .* is no pattern of linear time \(.+\)"):
        Group(pattern=pattern)


def test_case_is_not_regarded_outside_ascii_either() -> None:
    assert finder("FIÈVRE")("fièvre aiguë")
    assert finder("^ÉRUPTION|œdème$")("ŒDÈME")


def test_words_and_digits_are_those_of_ascii() -> None:
    assert finder(r"\bx")("éx")
    assert not finder(r"\d")("٣")
