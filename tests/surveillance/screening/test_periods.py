"""What begins when: the first close of a UTC day, month, quarter or year."""

from datetime import date, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.configuration.types import Every
from surveillance.screening.periods import begins

PERIODS: tuple[Every, ...] = get_args(Every)


@pytest.mark.parametrize("every", PERIODS)
def test_every_period_begins_with_the_first_close(every: Every) -> None:
    assert begins(every, None, date(1999, 3, 17))


@pytest.mark.parametrize(
    ("before", "today", "begun"),
    [
        (date(1999, 3, 17), date(1999, 3, 17), ()),
        (date(1999, 3, 17), date(1999, 3, 18), ("day",)),
        (date(1999, 2, 28), date(1999, 3, 1), ("day", "month")),
        (date(1999, 3, 31), date(1999, 4, 1), ("day", "month", "quarter")),
        (date(1999, 3, 31), date(1999, 6, 30), ("day", "month", "quarter")),
        (date(1999, 12, 31), date(2000, 1, 1), ("day", "month", "quarter", "year")),
        (date(1998, 3, 1), date(1999, 3, 1), ("day", "month", "quarter", "year")),
    ],
)
def test_a_period_begins_when_its_number_has_changed(
    before: date, today: date, begun: tuple[Every, ...]
) -> None:
    assert tuple(every for every in PERIODS if begins(every, before, today)) == begun


@given(st.sampled_from(PERIODS), st.lists(st.integers(0, 45), min_size=1, max_size=60))
def test_gaps_between_closes_neither_skip_a_period_nor_begin_it_twice(
    every: Every, gaps: list[int]
) -> None:
    days = [date(1998, 11, 20)]
    for gap in gaps:
        days.append(days[-1] + timedelta(days=gap))

    n_begun = sum(begins(every, a, b) for a, b in pairwise(days))

    length = {"day": 10, "month": 7, "quarter": None, "year": 4}[every]
    names = (
        {(day.year, (day.month - 1) // 3) for day in days}
        if length is None
        else {day.isoformat()[:length] for day in days}
    )
    assert n_begun == len(names) - 1
