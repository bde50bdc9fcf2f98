"""`python -m bench.mutation [MODULE...]`: does a test fail when a line of `detectors` is wrong?

Each mutant lives in a process of its own, forked from one that has imported and collected what it
needs, so that it costs little more than the tests that notice it. No file is changed.

mutmut 3 does not fit: it mutates only the bodies of functions, by a trampoline, so that neither
constants nor defaults change. cosmic-ray rewrites the files of the work tree, and starts an
interpreter for each mutant.
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
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from bench.mutation import collected_once, imported_anew, trials
from bench.mutation.collected_once import Bounds
from bench.mutation.modules import CONTRACT, ROOT, chosen, source_of, tests_of
from bench.mutation.mutants import Mutant, mutants_of
from bench.mutation.seen import Seen

EXPLAINED = ROOT / "docs/validation/mutants.md"
HEAVY = ("numpy", "scipy.stats", "scipy.optimize", "pandas", "mpmath", "hypothesis", "pytest")
SLACK = 5  # CPU seconds
NOT_RUN = (  # one starts an interpreter without the mutant, the other looks at the clock
    f"{CONTRACT}::test_another_processor_gives_the_same_bits",
    f"{CONTRACT}::test_a_hundred_thousand_pairs_are_screened_in_less_than_a_third_of_a_second",
)
Fates = dict[str, str]  # by key


class Record:
    """What was found before, a JSON line each; it counts while the module's source is the same.

    Parameters
    ----------
    path : Path or None
    is_resumed : bool
        Whether survivors count too, as in a run that was interrupted; else only the killed do,
        since a test may have been written that kills a survivor.
    """

    def __init__(self, path: Path | None, *, is_resumed: bool) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        rows = map(json.loads, lines)
        self.known = {
            (row["source"], row["key"]): row["fate"]
            for row in rows
            if is_resumed or row["fate"] != "survived"
        }

    def add(self, source: str, key: str, fate: str) -> None:
        if self.path:
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"source": source, "key": key, "fate": fate}) + "\n")


def explanations() -> dict[str, str]:
    """Read what is known of survivors: a line `- key: reason` each.

    In place of the expression after the change may stand `*`, for every change of that expression.
    """
    text = EXPLAINED.read_text(encoding="utf-8") if EXPLAINED.exists() else ""
    line = r"^- (detectors\S+: `.+` -> `.+?`(?: \(\d+\))?): (.+)$"
    return dict(re.findall(line, text, re.MULTILINE))


def reason_for(key: str, known: dict[str, str]) -> str:
    """Name the line that gives the reason for a mutant: its own, or one for all of its kind."""
    return key if key in known else f"{key.partition('` -> `')[0]}` -> `*`"


def explained(key: str, known: dict[str, str]) -> str | None:
    """Give the reason why a survivor is no fault, or None."""
    return known.get(reason_for(key, known))


def examine(
    mutants: Sequence[Mutant], bounds: Bounds, arguments: Sequence[str]
) -> Iterator[collected_once.Fate]:
    """Run mutants, and give key and fate of each as it ends."""
    with tempfile.NamedTemporaryFile() as log:
        run = collected_once.run(mutants, bounds, arguments, Path(log.name))
        seen = next(run, None)
        if not isinstance(seen, Seen):
            raise SystemExit(f"{_text(log.name)}the tests cannot be collected")
        if seen.failed:
            raise SystemExit(f"these fail without a mutant: {' '.join(seen.failed)}")
        print(f"{len(seen.names)} tests, {sum(seen.seconds):.0f} s", file=sys.stderr, flush=True)
        anew, left = set(), {mutant.key for mutant in mutants}
        for key, fate in (found for found in run if not isinstance(found, Seen)):
            left.remove(key)
            if fate == "anew":
                anew.add(key)
            else:
                yield key, fate
        if left:
            raise SystemExit(f"{_text(log.name)}{len(left)} mutants were not run")
    tries = (_imported_anew(mutant, seen, bounds) for mutant in mutants if mutant.key in anew)
    yield from trials.run(tries, jobs=bounds.jobs)


def _text(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


def _imported_anew(mutant: Mutant, seen: Seen, bounds: Bounds) -> trials.Trial:
    places, seconds = seen.within(seen.of_module(mutant.module), bounds.budget)
    run = partial(imported_anew.try_out, mutant, [seen.names[place] for place in places])
    return trials.Trial(mutant.key, run, 4 * (bounds.slack + round(seconds)))  # with collecting


def report(module: str, mutants: Sequence[Mutant], fates: Fates, known: dict[str, str]) -> int:
    """Print a module's line and its survivors, and count those that nobody has explained."""
    counts = [sum(fates[mutant.key] == fate for mutant in mutants) for fate in trials.FATES]
    print(f"{module:<52}" + "".join(f"{count:>11}" for count in counts), flush=True)
    new = 0
    for mutant in mutants:
        if fates[mutant.key] == "survived":
            reason = explained(mutant.key, known)
            new += reason is None
            where = f"{source_of(module).relative_to(ROOT)}:{mutant.line}"
            print(f"  {where} {mutant.key}: {reason or 'NOT EXPLAINED'}", flush=True)
    return new


def source_digest(module: str) -> str:
    return hashlib.sha256(source_of(module).read_bytes()).hexdigest()[:16]


def fates_of(
    mutants: Sequence[Mutant], record: Record, bounds: Bounds, arguments: Sequence[str]
) -> Fates:
    """Find each mutant's fate, from the record where it is known there."""
    sources = {mutant.key: source_digest(mutant.module) for mutant in mutants}
    fates = {key: record.known.get((source, key), "") for key, source in sources.items()}
    fates = {key: fate for key, fate in fates.items() if fate}
    left = [mutant for mutant in mutants if mutant.key not in fates]
    for key, fate in examine(left, bounds, arguments) if left else ():
        if fate == trials.NOT_RUN:
            raise SystemExit(f"this mutant could not be run, which is a fault of the tool: {key}")
        fates[key] = fate
        record.add(sources[key], key, fate)
        print(f"{fate}: {key}", file=sys.stderr, flush=True)
    return fates


def pytest_arguments(modules: Sequence[str], *, deselect: Sequence[str], quick: bool) -> list[str]:
    """List tests that may notice a change in the modules, and what is left out of them."""
    files = dict.fromkeys(test for module in modules for test in tests_of(module))
    # Doctests last: collected first, `logistic/firth.py` would take the name of the function.
    tests = sorted(files, key=lambda file: not file.startswith("tests/"))
    left_out = [f"--deselect={test}" for test in (*NOT_RUN, *deselect)]
    return [*(["-m", "not slow"] if quick else []), *left_out, *tests]


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
    parser.add_argument("--quick", action="store_true", help="without the tests marked slow")
    parser.add_argument("--deselect", action="append", default=[], help="a test that is not run")
    parser.add_argument(
        "--record",
        type=Path,
        help="kept from run to run: killed mutants of an unchanged module are not run again",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    given = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not survive a fork
    for name in HEAVY:
        importlib.import_module(name)
    modules = chosen(given.modules)
    mutants = {
        module: [
            mutant
            for mutant in mutants_of(source_of(module), module)
            if mutant.is_drawn(given.share, given.seed)
        ]
        for module in modules
    }
    bounds = Bounds(given.jobs, SLACK, given.budget)
    arguments = pytest_arguments(modules, deselect=given.deselect, quick=given.quick)
    record = Record(given.record, is_resumed=given.resume)
    fates = fates_of(list(chain(*mutants.values())), record, bounds, arguments)
    print(f"{'module':<52}" + "".join(f"{fate:>11}" for fate in trials.FATES), flush=True)
    known = explanations()
    new = sum(report(module, found, fates, known) for module, found in mutants.items())
    if new:
        print(f"{new} survivors are not explained in {EXPLAINED.relative_to(ROOT)}")
    return min(new, 1)


if __name__ == "__main__":
    sys.exit(main())
