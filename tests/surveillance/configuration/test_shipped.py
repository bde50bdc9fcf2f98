"""The configurations that ship are whole, and each works with what it is for."""

from pathlib import Path

import pytest

from surveillance.cli.inputs import SHIPPED_FOR
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.intake.registry import FORMATS

ALL = sorted(path for path in SHIPPED.iterdir() if path.is_dir())


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_a_shipped_configuration_is_valid_and_lists_only_groups_that_it_defines(path: Path) -> None:
    found = read_configuration(path)

    groups = {f"group:{name}" for name in (*found.products.group, *found.events.group)}
    for criterion in found.criteria.criterion:
        for attribute in ("products", "events", "additional_monitoring"):
            keys = getattr(criterion, attribute, ())
            assert {key for key in keys if key.startswith("group:")} <= groups
    for name in (*found.products.levels, *found.feed.levels):
        assert name in ("group", *found.products.levels) or path.name == "vaers"


def test_every_format_starts_with_a_configuration_that_ships() -> None:
    assert set(SHIPPED_FOR.values()) == {path.name for path in ALL}
    for name in set(SHIPPED_FOR) & {path.name for path in ALL}:
        assert SHIPPED_FOR[name] == name
        assert name in read_configuration(SHIPPED / name).sources


def test_every_format_of_reports_has_a_configuration_that_knows_its_source() -> None:
    for one in FORMATS.values():
        if one.topic == "cases" and one.name != "cases":  # which may come from any source
            sources = read_configuration(SHIPPED / SHIPPED_FOR[one.name]).sources
            assert {"openfda": "faers"}.get(one.name, one.name.split("-")[0]) in sources
