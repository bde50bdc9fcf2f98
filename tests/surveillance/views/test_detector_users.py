"""Who uses each detector is read from the source, and the page of the detectors repeats it."""

from pathlib import Path
from typing import get_args

import pytest

from bench.detector_users import FIRST, table, written
from detectors.catalogue import CATALOGUE, users
from detectors.catalogue.references import References
from surveillance.configuration.types import Criterion
from surveillance.views.detector_users import ROLES, detector_users, sources

PAGE = Path(__file__).parents[3] / "docs/detectors.md"
STORM = "from detectors import multiplicity\ndef decide(p): return multiplicity.storey_q(p)"


@pytest.fixture(name="texts", scope="module")
def texts_of_modules() -> dict[str, str]:
    return sources()


@pytest.fixture(name="found", scope="module")
def found_users() -> dict[str, tuple[str, ...]]:
    return detector_users()


def test_the_page_repeats_what_the_source_says() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert written(page) == page, "write it anew: make docs"
    assert len(table().splitlines()) == 2 + len(CATALOGUE)


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        written(f"text\n{FIRST}\ntext")


def test_a_user_is_found_through_other_modules(found: dict[str, tuple[str, ...]]) -> None:
    assert "feature measures" in found["prr"]
    assert "page series" in found["prr"]  # by way of the measures
    assert "watch" in found["poisson_maxsprt"]
    assert found["bcpnn"] == ()  # nobody's normal approximation


def test_a_criterion_is_named_as_a_configuration_names_it(
    found: dict[str, tuple[str, ...]],
) -> None:
    named = {role for roles in found.values() for role in roles if role.startswith("criterion ")}
    rules = {f"criterion {type_.__struct_config__.tag}" for type_ in get_args(Criterion)}

    assert named <= rules
    assert {"criterion evans", "criterion prr_lower"} <= set(found["prr"])


def test_a_new_criterion_is_found_and_told_from_its_neighbours(
    found: dict[str, tuple[str, ...]], texts: dict[str, str]
) -> None:
    after = users(CATALOGUE, texts | {"surveillance.screening.rules.storm": STORM}, ROLES)

    assert "criterion storm" in after["storey_q"]
    assert [name for name in found if after[name] != found[name]] == ["storey_q"]


def test_to_list_a_detector_is_not_to_use_it(
    found: dict[str, tuple[str, ...]], texts: dict[str, str]
) -> None:
    assert "detectors.catalogue" in texts
    assert "page detector_users" not in {role for roles in found.values() for role in roles}


def test_whatever_names_a_detector_has_a_role_to_show(texts: dict[str, str]) -> None:
    nodes = {
        f"{function.__module__}.{function.__qualname__}"
        for description in CATALOGUE.values()
        for function in description.functions
    }
    graph = References({n: x for n, x in texts.items() if not n.startswith("detectors.catalogue")})
    naming = {
        name
        for name in graph
        if name.startswith("surveillance.") and name not in texts and graph[name] & nodes
    }

    assert len(naming) >= 10
    assert [
        name for name in naming if not any(name.startswith(f"{place}.") for place in ROLES)
    ] == []
