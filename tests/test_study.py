"""The study repeats, goes on where it stopped, and counts what it is asked to count."""

import math
from pathlib import Path

import msgspec
import pytest

from bench.study.__main__ import kept, main
from bench.study.cells import CELLS
from bench.study.history import Alarm, Drawn, draw
from bench.study.page import Rate, false_alarms, found_after, pages

ALARM = Alarm("effect_programme", "programme:P", "P", 400, 9.0, 0.0, is_true=False)
FOUND = Alarm("effect_construct", "construct:K", "P", 300, 8.0, 2.5, is_true=True)


def test_a_history_is_the_same_whenever_it_is_drawn() -> None:
    cell = CELLS["lost-5"]

    assert draw(cell, 3) == draw(cell, 3)
    assert draw(cell, 3) != draw(cell, 4)


def test_a_lost_effect_is_found_as_such_and_a_kept_one_is_not() -> None:
    lost, alike = draw(CELLS["lost-10"], 1), draw(CELLS["kept-10"], 1)

    assert math.isfinite(found_after(lost))
    assert false_alarms([alike]) == Rate(0, 1)


def test_a_programme_counts_once_however_many_of_its_units_crossed() -> None:
    construct = msgspec.structs.replace(ALARM, criterion="effect_construct", product="construct:K")
    visits = msgspec.structs.replace(ALARM, criterion="follow_up_lost", programme="Q")

    assert false_alarms([Drawn("kept-3", 1, 4, [ALARM, construct, visits])]) == Rate(1, 4)


def test_a_false_alarm_is_no_finding_of_the_loss() -> None:
    assert found_after(Drawn("lost-3", 1, 1, [ALARM])) == math.inf
    assert found_after(Drawn("lost-3", 1, 1, [ALARM, FOUND])) == 2.5


@pytest.mark.parametrize(
    ("rate", "limits"),
    [
        (Rate(0, 100), (0.0, 0.03622)),
        (Rate(1, 100), (0.000253, 0.05446)),
        (Rate(3, 3), (0.2924, 1)),
    ],
)
def test_limits_are_those_of_clopper_and_pearson(rate: Rate, limits: tuple[float, float]) -> None:
    assert rate.limits == pytest.approx(limits, rel=1e-3)


def test_it_goes_on_after_a_line_that_was_cut_off_and_writes_page_and_figures(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "kept"
    arguments = ["--cells", "kept-1", "lost-1", "--processes", "1", "--keep", str(folder)]
    main([*arguments, "--histories", "2", "--write", str(tmp_path)])
    path = folder / "kept-1.ndjson"
    first = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first[0] + first[1][:10] + b"\n")
    main([*arguments, "--histories", "2", "--write", str(tmp_path)])

    again = kept(folder)
    assert set(again["kept-1"]) == {0, 1}
    assert again["kept-1"][1] == msgspec.json.decode(first[1], type=Drawn)
    assert {path.name for path in tmp_path.glob("study*")} == set(pages(again))
    assert "| kept-1 | 1 | 2 |" in (tmp_path / "study.md").read_text(encoding="utf-8")
