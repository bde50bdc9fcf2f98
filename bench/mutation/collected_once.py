"""Mutants in the bodies of functions: tests are collected once, and a child changes the function.

A test that never enters the changed function cannot notice the change, so that only those which
enter it are run, the quickest first. A function that runs while the tests are collected may have
left its results in constants; its mutants must be imported anew.
"""

import functools
import gc
import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from bench.mutation import trials
from bench.mutation.imported_anew import options
from bench.mutation.modules import source_of
from bench.mutation.mutants import Mutant
from bench.mutation.seen import Entered, Seen

Fate = tuple[str, str]  # key, and what became of it; or "anew" for those that must be so imported
Where = tuple[str, str, int]  # a function: path, qualified name and first line


@dataclass(frozen=True)
class Bounds:
    """How much is done at most.

    Attributes
    ----------
    jobs : int
        Mutants at a time.
    slack : int
        CPU seconds that a mutant has besides four times what its tests take unchanged.
    budget : float
        CPU seconds of tests for each mutant; the slower tests are left out.
    """

    jobs: int
    slack: int
    budget: float


class Session:
    """A plugin that runs every mutant in place of running the tests once.

    Parameters
    ----------
    mutants : sequence of Mutant
    bounds : Bounds
    pipe : int
        Where `Seen` goes, pickled, and then what becomes of each mutant.
    """

    def __init__(self, mutants: Sequence[Mutant], bounds: Bounds, pipe: int) -> None:
        self.mutants = mutants
        self.bounds = bounds
        self.pipe = os.fdopen(pipe, "wb")
        names = {mutant.module for mutant in mutants}
        self.modules = {str(source_of(name)): name for name in names}
        self.entered = Entered(self.modules)
        self.passed = True
        self.is_sharing = False
        self.entering: list[Any] = []  # fixtures that enter a module

    def pytest_sessionstart(self) -> None:
        self.entered.__enter__()

    def pytest_runtestloop(self, session: Any) -> bool:  # noqa: ANN401 - pytest is not imported here
        self.entered.__exit__()
        self.items = session.items
        seen = _in_a_child(self._look)
        self._say(seen)
        if seen.failed:
            return True
        self._make_what_is_shared()
        self.functions, self.caches = _functions(self.modules), _caches()
        gc.freeze()  # or a child's first collection copies all that it shares with us
        for fate in trials.run(self._trials(seen), jobs=self.bounds.jobs):
            self._say(fate)
        return True

    def _say(self, what: Seen | Fate) -> None:
        pickle.dump(what, self.pipe)
        self.pipe.flush()

    def _look(self) -> Seen:
        seen = Seen([item.nodeid for item in self.items], [], {}, [])
        for place, name in enumerate(seen.names):
            began = time.process_time()
            with Entered(self.modules) as entered:
                passed = self._passes([place])
            seen.seconds.append(time.process_time() - began)
            if not passed:
                seen.failed.append(name)
            for function in entered:
                seen.entering.setdefault(function, []).append(place)
        return seen

    def _make_what_is_shared(self) -> None:
        """Make the session's fixtures here and not in each child, if no module has a part in them.

        A test followed by one that shares no folder with it lets them stand. What is made of a
        fixture that enters a module must itself be made in each child.
        """
        self.is_sharing = True
        left = {name for item in self.items for name in _of_session(item)}
        for item in self.items:
            if left & _of_session(item):
                left -= _of_session(item)
                apart = next((other for other in self.items if _top(other) != _top(item)), None)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=apart)
        for fixture in self.entering:
            fixture.cached_result = None
        self.is_sharing = False

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:  # noqa: ANN401 - as above
        if not self.is_sharing:
            return (yield)
        entering = {fixture.argname for fixture in self.entering}
        with Entered(self.modules) as entered:
            made = yield
        if entered or entering & set(fixturedef.argnames):
            self.entering.append(fixturedef)
        return made

    def _trials(self, seen: Seen) -> Iterator[trials.Trial]:
        for mutant in self.mutants:
            if mutant.body is None or mutant.body in self.entered.functions:
                self._say((mutant.key, "anew"))
                continue
            if not self._fits(mutant):
                self._say((mutant.key, "anew"))
                continue
            places, total = seen.within(seen.of_function(mutant.body), self.bounds.budget)
            run = functools.partial(self._try_out, mutant, places)
            yield trials.Trial(mutant.key, run, self.bounds.slack + 4 * round(total))

    def _changes(self, mutant: Mutant) -> Iterator[tuple[FunctionType, CodeType]]:
        """Pair functions with their changed code: several of a name, as of a property."""
        path = str(source_of(mutant.module))
        changed = _codes(mutant.code())
        for (file, name, line), functions in self.functions.items():
            if file == path and f"{mutant.module}.{name}" == mutant.body:
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


def _of_session(item: Any) -> set[str]:  # noqa: ANN401 - pytest's own
    made = item._fixtureinfo.name2fixturedefs.items()  # noqa: SLF001 - it says so nowhere else
    return {name for name, fixtures in made if fixtures[-1].scope == "session"}


def _top(item: Any) -> str:  # noqa: ANN401 - pytest's own
    return str(item.nodeid.partition("/")[0])


def _in_a_child(work: Callable[[], Seen]) -> Seen:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with os.fdopen(writing, "wb") as out:
            pickle.dump(work(), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        seen: Seen = pickle.load(found)  # noqa: S301 - from our own child
    os.waitpid(child, 0)
    return seen


def _functions(paths: dict[str, str]) -> dict[Where, list[FunctionType]]:
    found = dict[Where, list[FunctionType]]()
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename in paths:
            code = function.__code__
            where = code.co_filename, code.co_qualname, code.co_firstlineno
            found.setdefault(where, []).append(function)
    return found


def _caches() -> list[Any]:
    kind = type(functools.lru_cache(len))
    return [each for each in gc.get_objects() if isinstance(each, kind)]


def _codes(code: CodeType) -> dict[tuple[str, int], CodeType]:
    found = {(code.co_qualname, code.co_firstlineno): code}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _codes(inner)
    return found


def run(
    mutants: Sequence[Mutant], bounds: Bounds, arguments: Sequence[str], log: Path
) -> Iterator[Seen | Fate]:
    """Give what is seen without a change, and then what becomes of each mutant."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _serve(Session(mutants, bounds, writing), arguments, log)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        yield from _messages(said)
    os.waitpid(child, 0)


def _serve(session: Session, arguments: Sequence[str], log: Path) -> None:
    try:
        told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(told, 1)
        os.dup2(told, 2)
        pytest.main([*options(), *arguments], plugins=[session])
    finally:
        os._exit(0)


def _messages(said: Any) -> Iterator[Seen | Fate]:  # noqa: ANN401 - a binary file
    while True:
        try:
            yield pickle.load(said)  # noqa: S301 - from our own child
        except EOFError:
            return
