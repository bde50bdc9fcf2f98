"""docs/formats.md is what the formats read of the public data."""

from pathlib import Path

import pytest
from data import public

from bench.formats import look, page
from bench.public import folder
from surveillance.intake.registry import FORMATS

PAGE = Path(__file__).parents[1] / "docs/formats.md"


@pytest.fixture(scope="module")
def written() -> list[str]:
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]


@pytest.mark.parametrize("name", ["faers", "e2b_r3"])
def test_the_page_holds_what_the_formats_read_now(
    name: str, written: list[str], tmp_path: Path
) -> None:
    public("faers/faers_ascii_2017q2.zip")  # which names the reason where the data are absent
    (tmp_path / name).symlink_to(folder() / name)

    found = list(look(tmp_path))

    rows = [line for line in page(found).splitlines() if line[:3] == "| `"]
    assert rows
    assert rows == [line for line in written if line.startswith(f"| `{name}/")]
    assert all(one.is_balanced for one in found)


def test_the_page_has_every_format_of_reports_that_public_data_exist_for(
    written: list[str],
) -> None:
    formats = {line.split("|")[2].strip(" `") for line in written}

    assert formats >= {"vaers", "faers", "e2b"}
    assert formats <= set(FORMATS)
