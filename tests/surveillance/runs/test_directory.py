"""A run's directory stores what a topic holds once, and gives it back byte for byte."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest
from strategies import a_configuration

from surveillance.domain.errors import Misused
from surveillance.log.messages import Output, encode_output
from surveillance.log.topics import FINDINGS
from surveillance.runs.directory import RunDirectory
from surveillance.runs.files import TOPIC_FILES, topic_messages, topic_rows

if TYPE_CHECKING:
    from pathlib import Path

    from surveillance.configuration.types import Configuration

ROWS = [{"type": "note", "n": n} for n in range(1_200)]  # more than a batch holds
MESSAGES = encode_output("screen/0", 0, Output(ROWS, []))
N_BATCHES, N_END = 3, 1


class NoRegister:
    """Takes the place of the register's process."""

    def __init__(self, url: str, configuration: Configuration) -> None:
        self.url, self.configuration = url, configuration

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
def _no_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surveillance.runs.directory.RegisterProcess", NoRegister)


def written(directory: Path, messages: list[bytes] = MESSAGES) -> Path:
    """Write a topic as a run does; return its file."""
    with RunDirectory(directory, a_configuration()) as run:
        for message in messages:
            run.line(TOPIC_FILES[FINDINGS], message)
    return directory / TOPIC_FILES[FINDINGS]


def test_messages_come_back_byte_for_byte(tmp_path: Path) -> None:
    written(tmp_path / "run")

    assert list(topic_messages(tmp_path / "run", FINDINGS)) == MESSAGES
    assert len(MESSAGES) == N_BATCHES + N_END


def test_a_run_of_an_older_program_is_read_from_its_gzip_files(tmp_path: Path) -> None:
    file = written(tmp_path / "run")
    file.with_suffix(".gz").write_bytes(gzip.compress(b"".join(one + b"\n" for one in MESSAGES)))
    file.unlink()

    assert list(topic_messages(tmp_path / "run", FINDINGS)) == MESSAGES
    assert len(list(topic_rows(tmp_path / "run", FINDINGS))) == len(ROWS)


def test_rows_are_those_of_the_batches_in_order(tmp_path: Path) -> None:
    written(tmp_path / "run")

    rows = list(topic_rows(tmp_path / "run", FINDINGS))

    assert rows[0] == b'{"n":0,"type":"note"}'
    assert len(rows) == len(ROWS)


def test_the_same_messages_give_the_same_file_wherever_and_whenever(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")

    content = one.read_bytes()
    assert content == other.read_bytes()
    assert len(content) < sum(map(len, MESSAGES)) / 4


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def _replace(file: Path) -> None:
    file.write_bytes(b"not packed\n")


def _remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("hurt", [_cut, _damage, _replace, _remove])
def test_a_file_that_is_not_whole_is_refused_by_name(tmp_path: Path, hurt: Any) -> None:  # noqa: ANN401
    file = written(tmp_path / "run")
    hurt(file)

    with pytest.raises(Misused, match=r"findings\.v\d+\.ndjson\.zst: cannot be read"):
        list(topic_messages(tmp_path / "run", FINDINGS))


def test_a_message_of_another_kind_is_refused_with_its_line(tmp_path: Path) -> None:
    written(tmp_path / "run", [MESSAGES[0], b'{"type":"other"}'])

    with pytest.raises(Misused, match=r"zst:2: cannot be read"):
        list(topic_rows(tmp_path / "run", FINDINGS))
