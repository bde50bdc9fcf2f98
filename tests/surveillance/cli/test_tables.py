from __future__ import annotations

import math
from typing import TYPE_CHECKING

from surveillance.cli.tables import interval, number, print_table, probability, shown

if TYPE_CHECKING:
    import pytest

COLUMNS = {"product": "left", "n": "right", "expected": "right"}


def test_brackets_in_a_name_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("of [bold]", COLUMNS, [("product:MMR [red] (II)", 3, "0.1")])

    out = capsys.readouterr().out
    assert "product:MMR [red] (II)" in out
    assert "of [bold]" in out


def test_a_narrow_terminal_leaves_columns_out_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")

    print_table("t", COLUMNS, [("product:MMR", 3, "0.1")], drop=("expected",))

    out = capsys.readouterr().out
    assert "left out for want of width: expected" in out
    assert "product:MMR" in out
    assert "0.1" not in out


def test_a_wide_terminal_leaves_nothing_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    print_table("t", COLUMNS, [("product:MMR", 3, "0.1")], drop=("expected",))

    assert "left out" not in (out := capsys.readouterr().out)
    assert "0.1" in out


def test_a_table_without_rows_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("t", COLUMNS, [])

    assert capsys.readouterr().out == ""


def test_numbers_keep_three_digits_that_mean_something() -> None:
    values = (None, 0.00358979, 2.797, 99.96, 1461.73, -3.004)

    assert [number(value) for value in values] == ["-", "0.00359", "2.8", "100", "1,462", "-3"]
    assert interval(None, 1.0, 2.0) == "-"
    assert interval(2.5, 1.25, 4.0) == "2.5 (1.25 to 4)"


def test_a_probability_keeps_two_digits_however_small_it_is() -> None:
    values = (None, 0.0, math.log10(0.0123), -299.5, -4_000.25, -5_000.0 + 0.99998)

    said = ["-", "1", "0.012", "3.2e-300", "5.6e-4001", "9.9e-5000"]
    assert [probability(value) for value in values] == said


def test_a_count_says_what_is_missing() -> None:
    assert shown(3, 3, "findings") == "3 findings"
    assert shown(40, 1_234, "findings") == "40 of 1,234 findings shown; --limit N shows more"
