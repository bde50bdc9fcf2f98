"""`python -m bench.mutation [MODULE...]`: does a test fail when a line of `detectors` is wrong?

Each mutant lives in a process of its own, forked from one that has imported and collected what it
needs, so that it costs little more than the tests that notice it. No file is changed.

mutmut 3 does not fit: it mutates a copy of the tree in which `../shared` is not found, and only
the bodies of functions, by a trampoline, so that neither constants nor defaults change. cosmic-ray
rewrites the files of the work tree, and starts an interpreter for each mutant.
"""

import argparse
import hashlib
import importlib
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.mutation import collected_once, imported_anew, trials
from bench.mutation.modules import CONTRACT, ROOT, chosen, source_of
from bench.mutation.mutants import Mutant, mutants_of

EXPLAINED = ROOT / "docs/validation/mutants.md"
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "pandas", "mpmath", "hypothesis", "pytest")
SLACK = 5  # CPU seconds
NOT_RUN = (  # one starts an interpreter without the mutant, the other looks at the clock
    f"{CONTRACT}::test_another_processor_gives_the_same_bits",
    f"{CONTRACT}::test_a_hundred_thousand_pairs_are_screened_in_less_than_a_third_of_a_second",
)
Fates = dict[str, str]  # by key


class Record:
    """What was found before, a JSON line each; only killed mutants of the same source count."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self.killed = {(row["source"], row["key"]) for row in map(json.loads, lines) if _dead(row)}

    def knows(self, source: str, key: str) -> bool:
        return (source, key) in self.killed

    def add(self, source: str, key: str, fate: str) -> None:
        if self.path:
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"source": source, "key": key, "fate": fate}) + "\n")


def _dead(row: dict[str, str]) -> bool:
    return row["fate"] in {"killed", "timed out"}


def explanations() -> dict[str, str]:
    """Read what is known of survivors: a line `- key: reason` each."""
    text = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.exists() else ""
    line = r"^- (detectors\S+: `.+` -> `.+?`(?: \(\d+\))?): (.+)$"
    return dict(re.findall(line, text, re.MULTILINE))


def examine(
    module: str,
    mutants: Sequence[Mutant],
    *,
    jobs: int = 1,
    not_run: tuple[str, ...] = NOT_RUN,
    slack: int = SLACK,
    budget: float = math.inf,
) -> Iterator[tuple[str, str]]:
    """Run mutants, and give key and fate of each as it ends."""
    bodies = [mutant for mutant in mutants if mutant.body]
    session = partial(collected_once.Session, module, bodies, jobs=jobs, slack=slack, budget=budget)
    with tempfile.NamedTemporaryFile() as log:
        run = collected_once.run(lambda pipe: session(pipe=pipe), not_run, Path(log.name))
        seen = next(run, None)
        if not isinstance(seen, collected_once.Seen):
            print(Path(log.name).read_text(encoding="utf-8"), file=sys.stderr)
            raise SystemExit(f"{module}: its tests cannot be collected")
        if seen.failed:
            raise SystemExit(f"{module}: these fail without a mutant: {' '.join(seen.failed)}")
        fates = [found for found in run if not isinstance(found, collected_once.Seen)]
    yield from (found for found in fates if found[1] != "anew")
    anew = {key for key, fate in fates if fate == "anew"}
    tries = (
        _imported_anew(module, mutant, seen, slack, budget)
        for mutant in mutants
        if mutant.key in anew or not mutant.body
    )
    yield from trials.run(tries, jobs=jobs)


def _imported_anew(
    module: str, mutant: Mutant, seen: collected_once.Seen, slack: int, budget: float
) -> trials.Trial:
    function = mutant.body.removeprefix(f"{module}.") if mutant.body else None
    places, seconds = seen.quickest(function, budget)
    tests = [seen.names[place] for place in places]
    run = partial(imported_anew.try_out, module, mutant, tests)
    return trials.Trial(mutant.key, run, 4 * (slack + round(seconds)))  # collection is in it


def report(module: str, mutants: Sequence[Mutant], fates: Fates, known: dict[str, str]) -> int:
    """Print a module's line and its survivors, and count those that nobody has explained."""
    counts = [sum(found == fate for found in fates.values()) for fate in trials.FATES]
    print(f"{module:<52}" + "".join(f"{count:>11}" for count in counts), flush=True)
    new = 0
    for mutant in mutants:
        if fates[mutant.key] == "survived":
            reason = known.get(mutant.key)
            new += reason is None
            where = f"{source_of(module).relative_to(ROOT)}:{mutant.line}"
            print(f"  {where} {mutant.key}: {reason or 'NOT EXPLAINED'}", flush=True)
    return new


def fates_of(
    module: str,
    mutants: Sequence[Mutant],
    record: Record,
    examined: Callable[[str, Sequence[Mutant]], Iterator[tuple[str, str]]],
) -> Fates:
    """Find each mutant's fate, from the record where it is known there."""
    source = hashlib.sha256(source_of(module).read_bytes()).hexdigest()[:16]
    fates = {mutant.key: "killed" for mutant in mutants if record.knows(source, mutant.key)}
    left = [mutant for mutant in mutants if mutant.key not in fates]
    for key, fate in examined(module, left) if left else ():
        if fate == trials.NOT_RUN:
            raise SystemExit(f"this mutant could not be run, which is a fault of the tool: {key}")
        fates[key] = fate
        record.add(source, key, fate)
        print(f"{fate}: {key}", file=sys.stderr, flush=True)
    return fates


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mutation", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="or package, such as detectors.wald; all"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants that are run")
    parser.add_argument("--seed", type=int, default=1, help="which of them, if not all")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument(
        "--budget", type=float, default=math.inf, help="CPU seconds of tests for each mutant"
    )
    parser.add_argument("--deselect", action="append", default=[], help="a test that is not run")
    parser.add_argument(
        "--record",
        type=Path,
        help="kept from run to run: killed mutants of an unchanged module are not run again",
    )
    given = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not survive a fork
    for name in HEAVY:
        importlib.import_module(name)
    known, record, new = explanations(), Record(given.record), 0
    print(f"{'module':<52}" + "".join(f"{fate:>11}" for fate in trials.FATES), flush=True)
    not_run = (*NOT_RUN, *given.deselect)
    examined = partial(examine, jobs=given.jobs, not_run=not_run, budget=given.budget)
    for module in chosen(given.modules):
        every = mutants_of(source_of(module), module)
        mutants = [mutant for mutant in every if mutant.is_drawn(given.share, given.seed)]
        fates = fates_of(module, mutants, record, examined)
        new += report(module, mutants, fates, known)
    if new:
        print(f"{new} survivors are not explained in {EXPLAINED.relative_to(ROOT)}")
    return min(new, 1)


if __name__ == "__main__":
    sys.exit(main())
