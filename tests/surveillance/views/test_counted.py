"""Counts of a run summed again: of some pairs alone, and in pieces of any size."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from small_run import FIRST_DAY, PAIR

from surveillance.views import counted
from surveillance.views.contributions import read_contributions
from surveillance.views.counted import CountedRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DAYS = [date(1999, 1, 12), date(1999, 2, 1), date(1999, 6, 30)]
NEVER = ("product:NEVER", "pt:Seen")


def _pairs(run: Path) -> list[tuple[str, str]]:
    pairs = {
        (product, event)
        for _, rows in read_contributions(run)
        for row in rows
        for product, _ in row.products
        for event, _, _ in row.events
    }
    return sorted(pairs)


def _facts(run: CountedRun, pairs: Sequence[tuple[str, str]], day: date) -> list[list[float]]:
    run.to_the_end_of(day)
    places = run.places(pairs)
    known = places >= 0
    found = [np.full(len(pairs), np.nan) for _ in range(16)]
    for column, values in zip(found, run.facts(places[known], day), strict=True):
        column[known] = values
    return [column.tolist() for column in found]


@pytest.mark.parametrize("n_waiting", [1, 7, 1_000_000])
def test_some_pairs_alone_have_the_numbers_that_they_have_among_all(
    run: Path, monkeypatch: pytest.MonkeyPatch, n_waiting: int
) -> None:
    chosen = [PAIR, *_pairs(run)[::5], NEVER]
    whole = CountedRun(run)
    expected = [_facts(whole, chosen, day) for day in DAYS]
    monkeypatch.setattr(counted, "N_WAITING_MAX", n_waiting)
    some, pieces = CountedRun(run, pairs=chosen), CountedRun(run)

    for day, facts in zip(DAYS, expected, strict=True):
        np.testing.assert_array_equal(_facts(some, chosen, day), facts)
        np.testing.assert_array_equal(_facts(pieces, chosen, day), facts)


def test_no_pair_is_held_that_was_not_asked_for(run: Path) -> None:
    some, none = CountedRun(run, pairs=[PAIR, NEVER]), CountedRun(run, pairs=[])

    for one in (some, none):
        one.to_the_end_of(DAYS[-1])

    assert (len(some.counts), len(none.counts)) == (1, 0)
    assert none.counts.n_total == some.counts.n_total > 0
    assert some.places([PAIR, NEVER]).tolist() == [0, -1]


def test_a_product_is_known_from_its_first_report_though_it_was_asked_for_before(
    run: Path,
) -> None:
    one = CountedRun(run, pairs=[PAIR])
    one.to_the_end_of(FIRST_DAY)
    one.to_the_end_of(DAYS[-1])
    whole = CountedRun(run)
    whole.to_the_end_of(DAYS[-1])

    first = [
        counted.counts.product_first.values[counted.counts.products.number(PAIR[0])]
        for counted in (one, whole)
    ]

    assert first[0] == first[1] > 0
