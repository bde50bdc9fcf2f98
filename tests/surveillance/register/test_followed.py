"""A followed register belongs to one log and one deployment, and commits whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select
from strategies import AT, a_configuration

from surveillance.configuration.types import Topics
from surveillance.domain.errors import Misused
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import TICKS, raw_partitions
from surveillance.register import database, schema
from surveillance.register.followed import FollowedRegister

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
IDENTITY = {"generation": "1", "partitions": "cases=1", "feed": "here", "first_tick": "aa"}
READ_ONLY, FULL = "PRAGMA query_only = ON", "PRAGMA max_page_count = 1"  # at least what there is


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'register.db'}"


def opened(url: str, **changes: str) -> FollowedRegister:
    register = FollowedRegister(url, IDENTITY | changes, CONFIGURATION)
    try:
        register.open()
    except Misused:
        register.close()
        raise
    return register


def take_ticks(register: FollowedRegister, first: int, n: int) -> None:
    for epoch in range(first, first + n):
        cut = {topic: [0] * k for topic, k in raw_partitions(CONFIGURATION.topics).items()}
        tick = Tick(AT + epoch, CONFIGURATION.digest, cut)
        register.take_message((TICKS, 0), epoch, encode_tick(tick))


def held(url: str) -> tuple[int, int]:
    """Return how many epochs there are, and the offset that the ticks are read on from."""
    engine = database.open_engine(url)
    try:
        with engine.connect() as connection:
            n_epochs = len(list(connection.execute(select(schema.epochs))))
            offsets = schema.followed_offsets
            at = select(offsets.c.next_offset).where(offsets.c.topic == TICKS)
            return n_epochs, connection.execute(at).scalar_one()
    finally:
        engine.dispose()


def test_rows_and_offsets_are_committed_together(url: str) -> None:
    register = opened(url)
    take_ticks(register, 0, 3)
    assert held(url) == (0, 0)

    register.commit()
    register.close()

    assert held(url) == (3, 3)


def test_what_was_not_committed_is_read_again_and_written_once(url: str) -> None:
    register = opened(url)
    take_ticks(register, 0, 3)
    register.commit()
    take_ticks(register, 3, 2)
    register.close()  # as a kill would end it

    again = opened(url)
    take_ticks(again, 0, 5)  # ticks are read from the last whole epoch on
    again.commit()
    again.close()

    assert held(url) == (5, 5)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("generation", "another generation"),
        ("partitions", "other partitions"),
        ("feed", "another deployment"),
        ("first_tick", "another log"),
    ],
)
def test_a_register_of_something_else_is_refused_and_left_as_it_was(
    url: str, name: str, reason: str
) -> None:
    register = opened(url)
    take_ticks(register, 0, 3)
    register.commit()
    register.close()

    with pytest.raises(Misused, match=reason):
        opened(url, **{name: "other"})

    assert held(url) == (3, 3)


def test_a_second_follower_is_refused_while_the_first_runs(url: str) -> None:
    first = opened(url)

    with pytest.raises(Misused, match="another follower"):
        opened(url)

    first.close()
    opened(url).close()


@pytest.mark.parametrize(
    ("pragma", "reason"), [(READ_ONLY, "readonly"), (FULL, "database or disk is full")]
)
def test_a_database_that_cannot_be_written_loses_nothing_and_doubles_nothing(
    url: str, pragma: str, reason: str
) -> None:
    register = opened(url)
    take_ticks(register, 0, 3)
    register.commit()
    event.listen(register._engine, "begin", lambda connection: connection.exec_driver_sql(pragma))
    take_ticks(register, 3, 4_000)

    with pytest.raises(Misused, match=reason):
        register.commit()
    register.close()
    assert held(url) == (3, 3)

    again = opened(url)
    take_ticks(again, 0, 4_003)
    again.commit()
    again.close()
    assert held(url) == (4_003, 4_003)


def known(url: str) -> dict[str, str]:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        found = {row.name: row.value for row in connection.execute(select(schema.register_info))}
    engine.dispose()
    return found


def test_a_log_that_was_empty_at_first_is_named_with_its_first_tick(url: str) -> None:
    register = opened(url, first_tick="")
    register.commit()
    assert "first_tick" not in known(url)

    take_ticks(register, 0, 3)
    register.commit()
    register.close()

    assert len(known(url)["first_tick"]) == 64
    with pytest.raises(Misused, match="another log"):
        opened(url, first_tick="other")


def test_a_first_tick_that_was_not_committed_names_nothing(url: str) -> None:
    register = opened(url, first_tick="")
    take_ticks(register, 0, 3)
    register.close()  # as a kill would end it

    assert "first_tick" not in known(url)
