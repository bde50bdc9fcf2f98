"""A process that cannot go on ends, whatever becomes of the line that says why."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from surveillance.domain.errors import Gap, Misused
from surveillance.stream.fail_stop import fail_stop, write_error

if TYPE_CHECKING:
    from collections.abc import Iterator

# A task that fails in a loop that would otherwise run for ever, as in a worker.
WORKER = """
import asyncio, os, sys, traceback
import surveillance.stream.fail_stop as module
from surveillance.domain.errors import Gap, Misused

async def fails():
    try:
        raise ERROR
    except BaseException as error:
        module.fail_stop(error)

async def main():
    task = asyncio.get_running_loop().create_task(fails())
    PRELUDE
    await asyncio.sleep(3_600)

asyncio.run(main())
"""
ERRORS = {
    "Misused('--state x', 'is taken', 'name another')": 2,
    "Gap('lost')": 70,
    "KeyError(7)": 70,
}
OUT_OF_MEMORY = """
    def no_memory(*_, **__):
        raise MemoryError
    traceback.format_exception = module.write_error = no_memory
"""


class Ended(BaseException):
    """Takes the part of the end of the process."""


def ended(error: str, stderr: int, *, prelude: str = "pass") -> int:
    """Return the exit code of a worker whose task fails."""
    program = WORKER.replace("ERROR", error).replace("PRELUDE", prelude)
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=stderr, stdin=subprocess.DEVNULL,
        check=False, timeout=120,
    )  # fmt: skip
    return done.returncode


@pytest.fixture
def full_disk() -> Iterator[int]:
    """Return a file that takes nothing."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("error", ERRORS)
def test_it_ends_where_standard_error_takes_nothing(error: str, full_disk: int) -> None:
    assert ended(error, full_disk) == ERRORS[error]


@pytest.mark.parametrize("error", ERRORS)
def test_it_ends_where_nobody_reads_standard_error_any_more(error: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        assert ended(error, writes) == ERRORS[error]
    finally:
        os.close(writes)


def test_it_ends_where_standard_error_is_a_pipe_that_is_full_and_that_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    try:
        while True:
            try:
                os.write(writes, b" " * 4_096)
            except BlockingIOError:
                break
        os.set_blocking(writes, True)
        assert ended("KeyError(7)", writes) == 70
    finally:
        os.close(reads)
        os.close(writes)


def test_it_ends_where_standard_error_is_closed() -> None:
    assert ended("KeyError(7)", subprocess.DEVNULL, prelude="os.close(2)") == 70


@pytest.mark.parametrize("error", ERRORS)
def test_it_ends_where_printing_runs_out_of_memory(error: str) -> None:
    assert ended(error, subprocess.DEVNULL, prelude=OUT_OF_MEMORY) == ERRORS[error]


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (Misused("--state x", "is taken", "name another"), 2, "longwatch: --state x: is taken"),
        (Gap("offset 7 is missing"), 70, "longwatch: stopped: offset 7 is missing"),
        (KeyError("of ours"), 70, "KeyError"),
    ],
)
def test_it_prints_why_and_in_one_line_if_it_is_no_bug(
    error: Exception,
    code: int,
    printed: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(Ended):
        fail_stop(error)

    assert codes == [code]
    found = capfd.readouterr().err
    assert printed in found
    assert isinstance(error, KeyError) or found.count("\n") == 1


def test_a_long_explanation_is_printed_whole(capfd: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"line {number}\n" for number in range(2_000))
    write_error(text)

    assert capfd.readouterr().err == text
