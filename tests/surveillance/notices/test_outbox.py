"""An outbox drops the content of what was sent long ago, and sends none of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from surveillance.notices import outbox as module
from surveillance.notices.outbox import Due, Outbox
from surveillance.notices.wording import a_test
from surveillance.register import database

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400.0
OLD, NEW, WAITING = (Due("desk", "", a_test(f"{n:032}", "here")) for n in range(3))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """Return an outbox of three notices: sent long ago, sent today, and still waiting."""
    found = Outbox(tmp_path / "outbox.db")
    found.open({}, 0)
    with found.writing() as writing:
        writing.add([OLD, NEW, WAITING], 0.0)
    found.sent(OLD, 1 * DAY)
    found.sent(NEW, 100 * DAY)
    yield found
    found.close()


def lengths(outbox: Outbox) -> dict[str, bool]:
    with database.reached(outbox._engine) as connection:
        rows = connection.execute(select(module._notices)).all()
    return {row.notice_id: bool(row.document) for row in rows}


def test_what_was_sent_long_ago_loses_its_content_and_nothing_else_does(outbox: Outbox) -> None:
    n = outbox.forget_sent(10 * DAY)

    assert n == 1
    assert lengths(outbox) == {
        OLD.notice.id: False, NEW.notice.id: True, WAITING.notice.id: True,
    }  # fmt: skip
    assert outbox.forget_sent(10 * DAY) == 0


def test_what_waits_is_kept_however_old_it_is(outbox: Outbox) -> None:
    outbox.forget_sent(10_000 * DAY)

    due = outbox.due("desk", 10_000 * DAY)
    assert due is not None
    assert due.notice == WAITING.notice


def test_what_was_forgotten_is_never_sent_again(outbox: Outbox) -> None:
    outbox.sent(WAITING, 2 * DAY)
    outbox.forget_sent(10_000 * DAY)

    with outbox.writing() as writing:  # the same changes, derived once more
        writing.add([OLD, NEW, WAITING], 10_000 * DAY)

    assert outbox.due("desk", 20_000 * DAY) is None
    assert outbox.waiting() == {}
