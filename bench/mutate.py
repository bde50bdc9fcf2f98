"""`python -m bench.mutate [MODULE...]`: does some test fail when a line of `detectors` is wrong?

Each mutant lives in a process of its own, forked after NumPy, SciPy and pytest were imported, so
that it costs little more than its tests. The module comes from memory: no file is changed.

mutmut 3 does not fit: it mutates a copy of the tree in which `../shared` is not found, and only
the bodies of functions, by a trampoline, so that neither constants nor defaults change. cosmic-ray
rewrites the files of the work tree, and starts an interpreter for each mutant.
"""

import argparse
import ast
import importlib
import importlib.machinery
import importlib.util
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from bench.mutants import Mutant, mutants_of, unmutated

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "docs/validation/mutants.md"
CONTRACT = "tests/contracts/test_detectors.py"
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "pandas", "mpmath", "hypothesis", "pytest")
NOT_RUN = (  # one starts an interpreter without the mutant, the other looks at the clock
    f"{CONTRACT}::test_another_processor_gives_the_same_bits",
    f"{CONTRACT}::test_a_hundred_thousand_pairs_are_screened_in_less_than_a_third_of_a_second",
)
MOST_MEMORY = 8 * 2**30
IMPORTED_BEFORE = "ignore::pytest.PytestAssertRewriteWarning"  # as is meant here
FATES = ("killed", "survived", "timed out")


@dataclass(frozen=True)
class Trial:
    """A mutant with its tests."""

    module: str
    tests: tuple[str, ...]
    not_run: tuple[str, ...]
    mutant: Mutant
    cpu_seconds: int


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


def source_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def all_modules() -> list[str]:
    paths = sorted((ROOT / "detectors").rglob("*.py"))
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths]
    return [name for name in names if not name.endswith("__init__")]


def imports_of(path: Path) -> set[str]:
    """List the modules that a file imports, or imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def tests_of(module: str) -> tuple[str, ...]:
    """List doctests, the module's own tests, those that use it nearly, and the contracts."""
    own = [path for path in _tests() if path.stem == f"test_{module.rsplit('.', 1)[-1]}"]
    users = {module} | {other for other in all_modules() if module in imports_of(source_of(other))}
    near = [path for path in _tests() if path not in own and imports_of(path) & users]
    paths = [source_of(module), *own, *near]
    return (*(str(path.relative_to(ROOT)) for path in paths), CONTRACT)


def _tests() -> list[Path]:
    return sorted((ROOT / "tests/detectors").rglob("test_*.py"))


def _in_child(trial: Trial) -> int:
    """Run the tests and say how pytest ended; whatever is printed is lost."""
    resource.setrlimit(resource.RLIMIT_CPU, (trial.cpu_seconds, trial.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    path = source_of(trial.module)
    sys.meta_path.insert(0, _InMemory(trial.module, path, trial.mutant.code()))
    import pytest  # noqa: PLC0415 - the parent has it, and must not need it to be read

    importlib.import_module(trial.module)  # pytest then takes this one for the doctests
    left_out = [f"--deselect={test}" for test in trial.not_run]
    options = ["-q", "-x", "-p", "no:cacheprovider", "-W", IMPORTED_BEFORE, *left_out]
    return int(pytest.main([*options, *trial.tests]))


def _start(trial: Trial) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = _in_child(trial)
    finally:  # a mutant that cannot be imported is killed too
        os._exit(code)


def run(trials: Sequence[Trial], *, jobs: int) -> Iterator[tuple[Trial, str, float]]:
    """Run trials side by side, and say of each how it ended and what time it took."""
    waiting, running = list(reversed(trials)), dict[int, tuple[Trial, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            trial = waiting.pop()
            running[_start(trial)] = trial, time.monotonic()
        for child, (trial, began) in list(running.items()):
            done, status, usage = os.wait4(child, os.WNOHANG)
            if done:
                del running[child]
                yield trial, _fate(status), usage.ru_utime + usage.ru_stime
            elif time.monotonic() - began > 6 * trial.cpu_seconds:  # asleep, or the machine is busy
                os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _fate(status: int) -> str:
    if os.WIFSIGNALED(status):
        return "timed out"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def explanations() -> dict[str, str]:
    """Read what is known of survivors: a line `- key: reason` each."""
    text = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.exists() else ""
    line = r"^- (detectors\S+: `.+` -> `.+?`(?: \(\d+\))?): (.+)$"
    return dict(re.findall(line, text, re.MULTILINE))


def examine(
    module: str, *, share: float, seed: int, jobs: int, not_run: tuple[str, ...] = NOT_RUN
) -> dict[str, list[Mutant]]:
    """Run a sample of a module's mutants, and list them by fate."""
    unchanged = Trial(module, tests_of(module), not_run, unmutated(source_of(module)), 600)
    (bare, fate, seconds), *_ = run([unchanged], jobs=1)
    if fate != "survived":
        raise SystemExit(f"{module}: its tests fail without a mutant: {' '.join(bare.tests)}")
    drawn = [x for x in mutants_of(source_of(module), module) if x.is_drawn(share, seed)]
    limit = 10 + 4 * round(seconds)
    trials = [Trial(module, bare.tests, not_run, mutant, limit) for mutant in drawn]
    fates: dict[str, list[Mutant]] = {fate: [] for fate in FATES}
    for trial, fate, _ in run(trials, jobs=jobs):
        fates[fate].append(trial.mutant)
        print(f"{fate}: {trial.mutant.key}", file=sys.stderr, flush=True)
    return fates


def report(module: str, fates: dict[str, list[Mutant]], known: dict[str, str]) -> int:
    """Print a module's line and its survivors, and count those that nobody has explained."""
    print(f"{module:<48}" + "".join(f"{len(fates[fate]):>11}" for fate in FATES), flush=True)
    new = 0
    for mutant in sorted(fates["survived"], key=lambda mutant: mutant.line):
        reason = known.get(mutant.key)
        new += reason is None
        where = f"{source_of(module).relative_to(ROOT)}:{mutant.line}"
        print(f"  {where} {mutant.key}: {reason or 'NOT EXPLAINED'}", flush=True)
    return new


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as detectors.wald; all")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants that are run")
    parser.add_argument("--seed", type=int, default=1, help="which of them, if not all")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument("--deselect", action="append", default=[], help="a test that is not run")
    given = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not survive a fork
    sys.dont_write_bytecode = True
    for name in HEAVY:
        importlib.import_module(name)
    known, new = explanations(), 0
    print(f"{'module':<48}" + "".join(f"{fate:>11}" for fate in FATES), flush=True)
    for module in given.modules or all_modules():
        not_run = (*NOT_RUN, *given.deselect)
        fates = examine(
            module, share=given.share, seed=given.seed, jobs=given.jobs, not_run=not_run
        )
        new += report(module, fates, known)
    if new:
        print(f"{new} survivors are not explained in {EXPLAINED.relative_to(ROOT)}")
    return min(new, 1)


if __name__ == "__main__":
    sys.exit(main())
