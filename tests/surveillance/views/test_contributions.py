from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from backports import zstd

from surveillance.domain.contribution import Contribution
from surveillance.domain.errors import Misused
from surveillance.log.messages import Output, encode_output
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import CONTRIBUTIONS
from surveillance.runs.files import TOPIC_FILES
from surveillance.views.contributions import contributed_keys, read_contributions, read_days

if TYPE_CHECKING:
    from pathlib import Path

ROW = Contribution(1, "US", "unknown", [("product:P", None)], [("pt:E", 0, None)])


def write(directory: Path, *messages: bytes) -> None:
    (directory / "topics").mkdir()
    lines = b"".join(message + b"\n" for message in messages)
    (directory / TOPIC_FILES[CONTRIBUTIONS]).write_bytes(zstd.compress(lines))


def test_a_batch_that_was_written_again_counts_once(tmp_path: Path) -> None:
    messages = encode_output("revise/0", 3, Output([ROW, ROW], []))
    write(tmp_path, *messages, *messages, *encode_output("revise/1", 3, Output([ROW], [])))

    found = list(read_contributions(tmp_path))

    assert found == [(3, [ROW, ROW]), (3, [ROW])]


def test_keys_are_those_of_the_rows_and_those_known_before(tmp_path: Path) -> None:
    write(tmp_path, *encode_output("revise/0", 3, Output([ROW], [])))

    assert contributed_keys(tmp_path, (["group:g"], [])) == (["group:g", "product:P"], ["pt:E"])


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, *encode_output("revise/0", 3, Output([ROW], [])), b'{"type":"batch"')

    with pytest.raises(Misused, match=r"zst:3: cannot be read"):
        list(read_contributions(tmp_path))


def test_a_directory_without_topics_is_refused(tmp_path: Path) -> None:
    for read in (contributed_keys, read_days):
        with pytest.raises(Misused):
            read(tmp_path)


def test_the_day_of_an_epoch_is_that_of_its_tick_in_utc(tmp_path: Path) -> None:
    last_second, next_day = 918_863_999, 918_864_000  # 1999-02-12T23:59:59Z, and a second on
    ticks = [encode_tick(Tick(at, "c", {})) for at in (last_second, next_day)]
    (tmp_path / "ticks.ndjson").write_bytes(b"\n".join(ticks))

    assert [str(day) for day in read_days(tmp_path)] == ["1999-02-12", "1999-02-13"]


def test_a_tick_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "ticks.ndjson").write_bytes(msgspec.json.encode({"at": "noon"}))

    with pytest.raises(Misused, match=r"ticks\.ndjson:1"):
        read_days(tmp_path)
