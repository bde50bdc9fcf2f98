"""Mutants in the bodies of functions: tests are collected once, and a child changes the function.

A test that never enters the changed function cannot notice the change, so that only those which
enter it are run, the quickest first. A function that runs while the tests are collected may have
left its results in constants; its mutants must be imported anew.
"""

import functools
import gc
import os
import pickle
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, zip_longest
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from bench.mutation import trials
from bench.mutation.imported_anew import options
from bench.mutation.modules import source_of, tests_of
from bench.mutation.mutants import Mutant

Fate = tuple[str, str]  # key, and what became of it; or "anew" for those that must be so imported
Where = tuple[str, int]  # a function: its qualified name and its first line


@dataclass
class _Entered:
    """Notes which functions of a file are entered."""

    path: str
    functions: set[str] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        del event, argument
        if frame.f_code.co_filename == self.path:
            self.functions.add(outermost(frame.f_code.co_qualname))

    def __enter__(self) -> set[str]:
        sys.settrace(self)
        return self.functions

    def __exit__(self, *raised: object) -> None:
        sys.settrace(None)


def outermost(name: str) -> str:
    """Name the function or method within which a code object stands.

    Examples
    --------
    >>> outermost("Design.check.<locals>.<lambda>")
    'Design.check'
    """
    return name.partition(".<locals>")[0]


@dataclass(frozen=True)
class Seen:
    """What the tests do when nothing is changed.

    Attributes
    ----------
    seconds : dict
        CPU time of each test, by place in the collection.
    tests : dict
        For each function, the tests that enter it.
    names : list of str
        The tests, by place.
    own : set of int
        The tests in the file that is named after the module.
    failed : list of str
        Tests that fail.
    """

    seconds: dict[int, float]
    tests: dict[str, list[int]]
    names: list[str]
    own: set[int]
    failed: list[str]

    def quickest(self, function: str | None, seconds: float) -> tuple[list[int], float]:
        """List the tests that enter a function, the quickest first, and their time in all.

        Without a function, those that enter any of the module, and the module's own, which may
        do no more than read its constants.
        """
        entering = {place for places in self.tests.values() for place in places}
        places = self.tests.get(function, []) if function else entering | self.own
        places = sorted(places, key=self.seconds.__getitem__)
        ends = list(accumulate(self.seconds[place] for place in places))
        n_run = max(bisect_right(ends, seconds), min(1, len(places)))
        return places[:n_run], ends[n_run - 1] if n_run else 0.0


class Session:
    """A plugin that runs every mutant in place of running the tests once.

    Parameters
    ----------
    module : str
    mutants : sequence of Mutant
        Those in the bodies of functions.
    jobs : int
        Mutants at a time.
    slack : int
        CPU seconds that a mutant has besides four times what its tests take unchanged.
    budget : float
        CPU seconds of tests for each mutant; the slower tests are left out.
    pipe : int
        Where `Seen` goes, pickled, and then what becomes of each mutant.
    """

    def __init__(
        self,
        module: str,
        mutants: Sequence[Mutant],
        *,
        jobs: int,
        slack: int,
        budget: float,
        pipe: int,
    ) -> None:
        self.module = module
        self.path = str(source_of(module))
        self.mutants = mutants
        self.jobs = jobs
        self.slack = slack
        self.budget = budget
        self.pipe = os.fdopen(pipe, "wb")
        self.entered = _Entered(self.path)

    def pytest_sessionstart(self) -> None:
        self.entered.__enter__()

    def pytest_runtestloop(self, session: Any) -> bool:  # noqa: ANN401 - pytest is not imported here
        self.entered.__exit__()
        self.items = session.items
        seen = self._in_a_child(self._look)
        self._say(seen)
        if seen.failed:
            return True
        self.functions, self.caches = _functions(self.path), _caches()
        for fate in trials.run(self._trials(seen), jobs=self.jobs):
            self._say(fate)
        return True

    def _say(self, what: Seen | Fate) -> None:
        pickle.dump(what, self.pipe)
        self.pipe.flush()

    def _look(self) -> Seen:
        seconds, tests, failed = {}, dict[str, list[int]](), []
        for place, item in enumerate(self.items):
            began = time.process_time()
            with _Entered(self.path) as entered:
                passed = self._passes([place])
            seconds[place] = time.process_time() - began
            if not passed:
                failed.append(item.nodeid)
            for function in entered:
                tests.setdefault(function, []).append(place)
        names = [item.nodeid for item in self.items]
        file = f"/test_{Path(self.path).stem}.py::"
        own = {place for place, name in enumerate(names) if file in name}
        return Seen(seconds, tests, names, own, failed)

    def _in_a_child(self, work: Any) -> Any:  # noqa: ANN401 - whatever the work gives
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(writing, "wb") as out:
                pickle.dump(work(), out)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as found:
            result = pickle.load(found)  # noqa: S301 - from our own child
        os.waitpid(child, 0)
        return result

    def _trials(self, seen: Seen) -> Iterator[trials.Trial]:
        for mutant in self.mutants:
            name = self._function(mutant)
            if name in self.entered.functions or not self._fits(mutant):
                self._say((mutant.key, "anew"))
                continue
            places, total = seen.quickest(name, self.budget)
            run = functools.partial(self._try_out, mutant, places)
            yield trials.Trial(mutant.key, run, self.slack + 4 * round(total))

    def _function(self, mutant: Mutant) -> str:
        return (mutant.body or "").removeprefix(f"{self.module}.")

    def _changes(self, mutant: Mutant) -> Iterator[tuple[FunctionType, CodeType]]:
        changed = _codes(mutant.code())
        for (name, line), functions in self.functions.items():
            if name == self._function(mutant):
                yield from ((function, changed[name, line]) for function in functions)

    def _fits(self, mutant: Mutant) -> bool:
        """Say whether the function can be given the changed code."""
        changes = list(self._changes(mutant))
        fit = [old.__code__.co_freevars == new.co_freevars for old, new in changes]
        return bool(fit) and all(fit)

    def _try_out(self, mutant: Mutant, places: list[int]) -> int:
        for function, code in self._changes(mutant):
            function.__code__ = code
        for cached in self.caches:
            cached.cache_clear()
        return trials.PASSED if self._passes(places) else trials.FAILED

    def _passes(self, places: list[int]) -> bool:
        """Run some tests, and stop at the first that fails."""
        followers = [self.items[place] for place in places[1:]]
        for place, follower in zip_longest(places, followers):
            item = self.items[place]
            self.passed = True
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=follower)
            if not self.passed:
                return False
        return True

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - as above
        self.passed = self.passed and not report.failed


def _functions(path: str) -> dict[Where, list[FunctionType]]:
    found = dict[Where, list[FunctionType]]()
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename == path:
            code = function.__code__
            found.setdefault((code.co_qualname, code.co_firstlineno), []).append(function)
    return found


def _caches() -> list[Any]:
    kind = type(functools.lru_cache(len))
    return [each for each in gc.get_objects() if isinstance(each, kind)]


def _codes(code: CodeType) -> dict[Where, CodeType]:
    found = {(code.co_qualname, code.co_firstlineno): code}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _codes(inner)
    return found


def run(
    session: Callable[[int], Session], not_run: Sequence[str], log: Path
) -> Iterator[Seen | Fate]:
    """Give what is seen without a change, and then what becomes of each mutant."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _serve(session(writing), not_run, log)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        yield from _messages(said)
    os.waitpid(child, 0)


def _serve(session: Session, not_run: Sequence[str], log: Path) -> None:
    try:
        told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        import pytest  # noqa: PLC0415 - the parent has it, and must not need it to be read

        pytest.main([*options(not_run), *tests_of(session.module)], plugins=[session])
    finally:
        os._exit(0)


def _messages(said: Any) -> Iterator[Seen | Fate]:  # noqa: ANN401 - a binary file
    while True:
        try:
            yield pickle.load(said)  # noqa: S301 - from our own child
        except EOFError:
            return
