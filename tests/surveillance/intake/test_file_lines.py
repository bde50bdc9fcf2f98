from __future__ import annotations

import gzip
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from calling import assert_refused_in_one_line, longwatch

from surveillance.domain.errors import Misused
from surveillance.intake import file_lines
from surveillance.intake.file_lines import bounded_lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\n"])
def test_blank_lines_may_follow_each_other_up_to_a_bound(
    blank: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lines, "N_BLANK_MAX", 1_000)
    lines = bounded_lines(BytesIO(blank * 1_000 + b"{}\n" + blank * 1_000))

    assert sum(1 for _ in lines) == 2_001
    with pytest.raises(Misused, match="more than 1,000 blank lines one after the other"):
        list(bounded_lines(BytesIO(blank * 1_001)))


def test_a_small_file_that_inflates_to_line_feeds_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "bomb.ndjson.gz"
    with gzip.open(file, "wb", 1) as packed:
        for _ in range(8):
            packed.write(b"\n" * 1_000_000)

    answer = longwatch("replay", "cases", file, "--out", tmp_path / "run")

    assert_refused_in_one_line(answer, "bomb.ndjson.gz", "blank lines")
