"""The mutants that `bench.mutation` makes, and how it finds what becomes of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.mutation import modules
from bench.mutation.__main__ import explained, explanations, reason_for
from bench.mutation.mutants import mutants_of, unmutated

SOURCE = '''"""A module."""

LIMIT = 3


def check(x: int | None, *, mode: str = "fast") -> bool:
    """Say something."""
    require(x)
    if not (x is None or x < LIMIT):
        raise ValueError(f"{x + 1}")
    if mode == "none":
        return None
    return -x + 2 > 0
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    return path


def test_every_kind_of_change_is_made_and_names_what_it_changes(module: Path) -> None:
    keys = [mutant.key for mutant in mutants_of(module, "m")]

    assert keys == [
        "m: `LIMIT = 3` -> `LIMIT = 4`",
        "m: `LIMIT = 3` -> `LIMIT = 2`",
        "m.check: `x: int | None, *, mode: str='fast'` -> `x: int | None, *, mode: str='fast '`",
        "m.check: `require(x)` -> `pass`",
        "m.check: `not (x is None or x < LIMIT)` -> `x is None or x < LIMIT`",
        "m.check: `x is None or x < LIMIT` -> `x is None and x < LIMIT`",
        "m.check: `x is None` -> `x is not None`",
        "m.check: `x < LIMIT` -> `x <= LIMIT`",
        "m.check: `x < LIMIT` -> `x >= LIMIT`",
        "m.check: `mode == 'none'` -> `mode != 'none'`",
        "m.check: `return -x + 2 > 0` -> `return None`",
        "m.check: `-x` -> `x`",
        "m.check: `-x + 2` -> `-x - 2`",
        "m.check: `-x + 2` -> `-x + 3`",
        "m.check: `-x + 2` -> `-x + 1`",
        "m.check: `-x + 2 > 0` -> `-x + 2 >= 0`",
        "m.check: `-x + 2 > 0` -> `-x + 2 <= 0`",
        "m.check: `-x + 2 > 0` -> `-x + 2 > 1`",
        "m.check: `-x + 2 > 0` -> `-x + 2 > -1`",
    ]


def test_a_mutant_runs_differently_and_the_module_as_it_is_does_not(module: Path) -> None:
    limits = []
    for mutant in [unmutated(module), *mutants_of(module, "m")[:3]]:
        names: dict[str, object] = {}
        exec(mutant.code(), names)  # noqa: S102 - running them is what mutants are for
        limits.append(names["LIMIT"])

    assert limits == [3, 4, 2, 3]


def test_a_sample_is_drawn_by_name(module: Path) -> None:
    mutants = mutants_of(module, "m")

    few = [mutant.key for mutant in mutants if mutant.is_drawn(0.3, 1)]
    more = [mutant.key for mutant in mutants if mutant.is_drawn(0.7, 1)]

    assert set(few) < set(more) < {mutant.key for mutant in mutants}


def test_mutants_have_names_of_their_own() -> None:
    for module in ("detectors.wald", "detectors.validation", "detectors.disproportionality.ic"):
        keys = [mutant.key for mutant in mutants_of(modules.source_of(module), module)]

        assert len(keys) == len(set(keys))
        assert all(key.startswith(module) for key in keys)


def test_the_tests_of_a_module_are_its_own_and_then_those_that_use_it() -> None:
    assert modules.tests_of("detectors.wald")[0] == "detectors/wald.py"
    assert "tests/detectors/disproportionality/test_prr.py" in modules.tests_of("detectors.wald")
    assert (
        modules.tests_of("detectors.features.trend")[1] == "tests/detectors/features/test_trend.py"
    )


def test_a_test_that_imports_from_a_package_uses_the_modules_it_exports() -> None:
    assert "tests/detectors/sequential/test_cusum.py" in modules.tests_of(
        "detectors.sequential.cusum.watch"
    )


def test_a_change_in_a_body_names_the_function_and_one_at_import_does_not(module: Path) -> None:
    mutants = mutants_of(module, "m")

    assert {mutant.body for mutant in mutants} == {None, "m.check"}
    assert [mutant.key for mutant in mutants if mutant.body is None] == [
        "m: `LIMIT = 3` -> `LIMIT = 4`",
        "m: `LIMIT = 3` -> `LIMIT = 2`",
        "m.check: `x: int | None, *, mode: str='fast'` -> `x: int | None, *, mode: str='fast '`",
    ]


def test_a_reason_may_be_given_for_every_change_of_an_expression() -> None:
    known = {"m.f: `x + 1` -> `*`": "all", "m.f: `y + 1` -> `y + 2`": "one"}

    assert explained("m.f: `x + 1` -> `x - 1`", known) == "all"
    assert explained("m.f: `x + 1` -> `x + 2` (2)", known) == "all"
    assert explained("m.f: `y + 1` -> `y + 2`", known) == "one"
    assert explained("m.f: `y + 1` -> `y - 1`", known) is None


@pytest.mark.campaign
def test_every_reason_is_of_a_mutant_that_there_is() -> None:
    known = explanations()
    keys = {
        mutant.key
        for module in modules.all_modules()
        for mutant in mutants_of(modules.source_of(module), module)
    }

    served = {reason_for(key, known) for key in keys}

    assert set(known) - served == set()


TOY = """
from functools import cache

HALF = 2


@cache
def doubled(x: int) -> int:
    return x + x


class Counter:
    def count(self, x: int) -> int:
        while x > 0:
            x = x - 1
        return max(x, 0)


def made(x: int) -> int:
    return x + 3


def never(x: int) -> int:
    return x + 7


MADE = made(4)
"""
TOY_TEST = """
from detectors import toy

SEEN = toy.doubled(1)


def test_doubled() -> None:
    assert toy.doubled(4) == 8


def test_count() -> None:
    assert toy.Counter().count(5) == 0


def test_made() -> None:
    assert toy.MADE == 7
    assert toy.HALF == 2
"""
RUN = """
import json, sys
from pathlib import Path
from bench.mutation import __main__ as mutation, modules
modules.ROOT = Path(sys.argv[1])
mutants = mutation.mutants_of(modules.source_of("detectors.toy"), "detectors.toy")
bounds = mutation.Bounds(jobs=1, slack=1, budget=60)
arguments = mutation.pytest_arguments(["detectors.toy"], deselect=[], quick=False)
found = mutation.examine(mutants, bounds, arguments)
print(json.dumps(dict(found)))
"""


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Mutate a toy with its test, and say what became of each change."""
    root = tmp_path_factory.mktemp("toy")
    texts = {
        "detectors/__init__.py": "",
        "detectors/toy.py": TOY,
        "tests/detectors/test_toy.py": TOY_TEST,
        modules.CONTRACT: "def test_nothing_of_the_toy() -> None:\n    assert True\n",
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(root)],
        capture_output=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(modules.ROOT)},
        text=True,
        timeout=1_200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


@pytest.mark.campaign
def test_a_change_that_a_test_notices_is_killed_in_functions_methods_and_constants(
    fates: dict[str, str],
) -> None:
    assert fates["detectors.toy.doubled: `x + x` -> `x - x`"] == "killed"
    assert fates["detectors.toy.Counter.count: `return max(x, 0)` -> `return None`"] == "killed"
    assert fates["detectors.toy: `HALF = 2` -> `HALF = 3`"] == "killed"


@pytest.mark.campaign
def test_a_function_that_made_a_constant_is_imported_anew(fates: dict[str, str]) -> None:
    assert fates["detectors.toy.made: `x + 3` -> `x + 4`"] == "killed"


@pytest.mark.campaign
def test_what_no_test_enters_and_what_changes_nothing_survive(fates: dict[str, str]) -> None:
    assert fates["detectors.toy.never: `x + 7` -> `x - 7`"] == "survived"
    assert fates["detectors.toy.Counter.count: `x > 0` -> `x >= 0`"] == "survived"
    assert fates["detectors.toy.Counter.count: `x > 0` -> `x > 1`"] == "killed"


@pytest.mark.campaign
def test_a_change_that_never_ends_is_timed_out(fates: dict[str, str]) -> None:
    assert fates["detectors.toy.Counter.count: `x - 1` -> `x + 1`"] == "timed out"


@pytest.mark.campaign
def test_every_change_has_a_fate(fates: dict[str, str]) -> None:
    assert set(fates.values()) == {"killed", "survived", "timed out"}
    assert len(fates) > 20
