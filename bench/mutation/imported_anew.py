"""Mutants in what runs at import: the tests are collected again, around the changed module."""

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bench.mutation import modules
from bench.mutation.modules import source_of
from bench.mutation.mutants import Mutant
from bench.mutation.trials import BROKEN, FAILED, PASSED

IMPORTED_BEFORE = "ignore::pytest.PytestAssertRewriteWarning"  # as is meant here


class _InMemory(importlib.machinery.SourceFileLoader):
    """Finds one module, and gives the code that it was given."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        super().__init__(module, str(path))
        self.code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.code


class _Chosen:
    """Runs some tests in their order; a change may have taken one away, or renamed it."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if item.nodeid in self.places]
        items.sort(key=lambda item: self.places[item.nodeid])


def try_out(mutant: Mutant, tests: Sequence[str]) -> int:
    """Import the changed module, run tests, and say whether they passed."""
    import pytest  # noqa: PLC0415 - the parent has it, and must not need it to be read

    sys.meta_path.insert(0, _InMemory(mutant.module, source_of(mutant.module), mutant.code()))
    try:
        importlib.import_module(mutant.module)  # pytest then takes this one for the doctests
    except Exception:  # noqa: BLE001 - a module that cannot be imported is noticed, however it fails
        return FAILED
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    ended = int(pytest.main([*options(), "-x", *files], plugins=[_Chosen(tests)]))
    noticed = {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}
    if ended in noticed:  # the second is of tests that cannot be collected
        return FAILED
    passed = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    return PASSED if ended in passed else BROKEN


def options() -> list[str]:
    """Give pytest's options, the same for every run."""
    return ["-q", "-p", "no:cacheprovider", "-W", IMPORTED_BEFORE, f"--rootdir={modules.ROOT}"]
