"""The mutants that `bench.mutate` makes."""

from pathlib import Path

import pytest

from bench import mutate
from bench.mutants import mutants_of, unmutated

SOURCE = '''"""A module."""

LIMIT = 3


def check(x: int | None, *, mode: str = "fast") -> bool:
    """Say something."""
    require(x)
    if not (x is None or x < LIMIT):
        raise ValueError(f"{x + 1}")
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
        keys = [mutant.key for mutant in mutants_of(mutate.source_of(module), module)]

        assert len(keys) == len(set(keys))
        assert all(key.startswith(module) for key in keys)


def test_the_tests_of_a_module_are_its_own_and_then_those_that_use_it() -> None:
    assert mutate.tests_of("detectors.wald")[0] == "detectors/wald.py"
    assert "tests/detectors/disproportionality/test_prr.py" in mutate.tests_of("detectors.wald")
    assert (
        mutate.tests_of("detectors.features.trend")[1] == "tests/detectors/features/test_trend.py"
    )
