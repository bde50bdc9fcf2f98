from __future__ import annotations

import logging

from surveillance.stream.client_logs import SECONDS_APART, OncePerMinute


def a_line(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, text, values, None)


def test_a_line_that_repeats_is_told_once_a_minute() -> None:
    now = 0.0
    calm = OncePerMinute(lambda: now)

    assert calm.filter(a_line("Unable to connect to %s", "one"))
    now = SECONDS_APART - 1
    assert not calm.filter(a_line("Unable to connect to %s", "another"))
    now = SECONDS_APART
    assert calm.filter(a_line("Unable to connect to %s", "one"))


def test_lines_of_other_kinds_are_told_beside_each_other() -> None:
    calm = OncePerMinute(lambda: 0.0)

    assert calm.filter(a_line("one thing"))
    assert calm.filter(a_line("another thing"))


def test_a_group_that_changes_its_members_is_no_news() -> None:
    calm = OncePerMinute(lambda: 0.0)

    assert not calm.filter(
        a_line("Heartbeat failed for group %s because it is rebalancing", "longwatch")
    )
