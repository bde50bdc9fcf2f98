from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from surveillance.register.reader import Change
from surveillance.views.ranking import OPEN, Standings

DAY = date(1999, 2, 12)
CHANGES = st.lists(
    st.builds(
        Change,
        signal_id=st.sampled_from(("S-1", "S-2", "S-3", "S-4")),
        changed_on=st.dates(date(1999, 2, 10), date(1999, 2, 14)),
        level=st.just("product"),
        status=st.sampled_from(("detected", "confirmed", "refuted")),
        priority=st.sampled_from((0.1, 0.2, 0.3)),
    )
).map(lambda changes: sorted(changes, key=lambda change: change.changed_on))


def a_change(name: str, priority: float, *, status: str = "detected", day: date = DAY) -> Change:
    return Change(name, day, "product", status, priority)


@given(CHANGES)
def test_a_rank_is_one_more_than_those_of_greater_priority(changes: list[Change]) -> None:
    latest = {change.signal_id: change for change in changes if change.changed_on <= DAY}
    listed = {name: one.priority for name, one in latest.items() if one.status in OPEN}

    found = Standings(changes).board(DAY).top()

    assert found.keys() == listed.keys()
    for name, rank in found.items():
        assert rank.rank == 1 + sum(other > listed[name] for other in listed.values())
        assert rank.n_tied == sum(other == listed[name] for other in listed.values())
        assert rank.n_ranked == len(listed)
    assert [rank.rank for rank in found.values()] == sorted(rank.rank for rank in found.values())


def test_a_refuted_signal_leaves_the_list_and_comes_back_when_it_is_reopened() -> None:
    changes = [
        a_change("S-1", 0.9),
        a_change("S-2", 0.5),
        a_change("S-1", 0.9, status="refuted", day=date(1999, 3, 1)),
        a_change("S-1", 0.9, status="under_review", day=date(1999, 4, 1)),
    ]
    standings = Standings(changes)

    ranks = [standings.board(day).rank("S-2") for day in (DAY, date(1999, 3, 1), date(1999, 4, 1))]

    assert [rank.rank if rank else None for rank in ranks] == [2, 1, 2]
    assert standings.board(date(1999, 3, 1)).rank("S-1") is None


def test_a_level_is_ranked_apart() -> None:
    changes = [a_change("S-1", 0.9), Change("S-2", DAY, "lot", "detected", 0.5)]

    board = Standings(changes).board(DAY)

    assert list(board.top(level="lot")) == ["S-2"]
    rank = board.rank("S-2")
    assert rank is not None
    assert (rank.rank, rank.rank_in_level, rank.n_in_level) == (2, 1, 1)
    assert (board.n(), board.n("lot"), board.n("platform")) == (2, 1, 0)


def test_equal_priorities_are_listed_by_name_and_share_the_rank() -> None:
    board = Standings([a_change("S-2", 0.5), a_change("S-1", 0.5)]).board(DAY)

    assert list(board.top()) == ["S-1", "S-2"]
    assert [rank.rank for rank in board.top().values()] == [1, 1]
    assert list(board.top(n=1)) == ["S-1"]


def test_before_the_first_signal_the_list_is_empty() -> None:
    board = Standings([a_change("S-1", 0.9)]).board(date(1999, 2, 11))

    assert board.top() == {}
    assert board.rank("S-1") is None
    assert Standings([]).board(DAY).top() == {}
