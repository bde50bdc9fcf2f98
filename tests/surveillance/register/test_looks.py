"""Looks and steps: what is asked of them, in either database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from register_rows import DAY, SIGNAL_ID, a_look, a_step

from surveillance.register import Register
from surveillance.register.look_reader import ChosenLooks
from surveillance.register.reader import RegisterReader

if TYPE_CHECKING:
    from surveillance.domain.finding import Look

LOOKS = [
    a_look(epoch=7, looks=1),
    a_look(epoch=9, looks=2, on=DAY + timedelta(days=2), statistic=3.6, is_crossing=True),
    a_look(epoch=7, looks=1, product="construct:C2"),
    a_look(epoch=8, looks=1, programme="P2", product="construct:C1", on=DAY + timedelta(days=1)),
    a_look(epoch=9, looks=1, patient_id="one", criterion="level_patient", design="level"),
]


@pytest.fixture
def reader(either_url: str) -> RegisterReader:
    with Register(either_url) as register:
        for look in LOOKS:
            register.take_output(look.epoch, [look], [])
        register.take_output(7, [a_step(1), a_step(2, action="confirm", status="confirmed")], [])
    return RegisterReader(either_url)


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (ChosenLooks(), [0, 2, 3, 1, 4]),
        (ChosenLooks(is_latest=True), [2, 3, 1, 4]),
        (ChosenLooks(is_latest=True, until=DAY + timedelta(days=1)), [0, 2, 3, 4]),
        (ChosenLooks(programme="P2"), [3]),
        (ChosenLooks(design="level"), [4]),
        (ChosenLooks(programme="P1", product="construct:C1", design="hepatic"), [0, 1]),
        (ChosenLooks(event="pt:Rash"), []),
    ],
)
def test_looks_are_chosen_by_programme_design_product_event_and_day(
    reader: RegisterReader, chosen: ChosenLooks, places: list[int]
) -> None:
    expected: list[Look] = [LOOKS[place] for place in places]

    assert sorted(reader.looks.each(chosen), key=str) == sorted(expected, key=str)
    assert reader.looks.n(chosen) == len(expected)
    assert [one.epoch for one in reader.looks.each(chosen)] == [one.epoch for one in expected]
    reader.close()


def test_of_too_many_looks_the_last_ones_are_given(reader: RegisterReader) -> None:
    found = list(reader.looks.each(ChosenLooks(), limit=2))

    assert [look.epoch for look in found] == [9, 9]
    reader.close()


def test_steps_come_in_their_order_up_to_a_day(reader: RegisterReader) -> None:
    assert [one.number for one in reader.steps(SIGNAL_ID)] == [1, 2]
    assert reader.steps(SIGNAL_ID, DAY - timedelta(days=1)) == []
    assert reader.looks.watched() == (["P1", "P2"], ["hepatic", "level"])
    reader.close()


def test_a_product_that_was_only_looked_at_can_be_named(reader: RegisterReader) -> None:
    assert "construct:C2" in reader.known_keys()[0]
    reader.close()
