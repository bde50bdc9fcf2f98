"""One mutant against its tests, in a process of its own."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FATES = ("killed", "survived", "timed out")
NOT_RUN = "not run"  # the trial itself failed: a fault of ours, which must not pass for a kill
MOST_MEMORY = 8 * 2**30
PASSED, FAILED, BROKEN = 0, 1, 70


@dataclass(frozen=True)
class Trial:
    """What a child process does, and how long it may.

    Attributes
    ----------
    key : str
        The mutant's.
    run : callable
        Runs the tests, and gives PASSED or FAILED.
    cpu_seconds : int
        After so many it is ended.
    """

    key: str
    run: Callable[[], int]
    cpu_seconds: int


def run(trials: Iterator[Trial], *, jobs: int) -> Iterator[tuple[str, str]]:
    """Run trials side by side, and say of each how it ended."""
    running = dict[int, tuple[Trial, float]]()
    waiting = True
    while waiting or running:
        while waiting and len(running) < jobs:
            trial = next(trials, None)
            waiting = trial is not None
            if trial is not None:
                running[_start(trial)] = trial, time.monotonic()
        for child, (trial, began) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                del running[child]
                yield trial.key, _fate(status)
            elif time.monotonic() - began > 6 * trial.cpu_seconds:  # asleep, or the machine is busy
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _start(trial: Trial) -> int:
    child = os.fork()
    if child:
        return child
    code = BROKEN
    try:
        limit(trial.cpu_seconds)
        be_silent()
        code = trial.run()
    finally:
        os._exit(code)


def limit(cpu_seconds: int) -> None:
    """Bound this process in time and memory."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def be_silent() -> None:
    """Lose whatever is printed from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _fate(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "timed out"
    return {PASSED: "survived", FAILED: "killed"}.get(os.WEXITSTATUS(status), NOT_RUN)
