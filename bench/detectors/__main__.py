"""Speed of the detectors in one run on one machine, against the budgets and beside other programs.

    python -m bench.detectors [--quick] [--only sequential] [--json FILE] [--write FILE]

Times are CPU seconds of one thread, since other work on the machine then counts for little; each
is the median of repeated runs. Every part is in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine
from bench.apart import Unfinished, apart
from bench.detectors import compare, data, of_r, plan
from bench.detectors.plan import Size
from bench.detectors.runs import summed_up
from bench.detectors.show import markdown
from bench.show import failed

Found = dict[str, Any]
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
OTHERS = {"vigipy", "r"}  # parts that may be missing
VERSIONS = ("longwatch", "numpy", "scipy", "pandas", "vigipy")


FULL = Size(
    data.N_PAIRS, ("caers", "faers"), (10_000, 100_000, 1_000_000, 3_000_000), 3_000_000,
    5_000, 100, 5, 3, 300.0, (1e-4, 0.1, 1.0, 5.0, 20.0, 50.0), 500, 10_000,
)  # fmt: skip
QUICK = Size(5_000, (), (1_000, 5_000), 50_000, 200, 5, 2, 1, 60.0, (1e-4, 5.0), 20, 200)


class Bench:
    """One run of everything.

    Parameters
    ----------
    size : Size
        How much.
    home : Path
        For the data and the results that are compared.
    """

    def __init__(self, size: Size, home: Path) -> None:
        self._size, self._home = size, home
        self._start = time.perf_counter()

    def run(self, keep: Callable[[Found], None]) -> Found:
        """Run every part; keep what is known after each, and return all of it."""
        size = self._size
        found = self._described() | {"sets": {}}
        found["machine"]["versions"] |= of_r.versions(size.seconds)
        makers = {"simulated": lambda: data.simulated(size.n_pairs)}
        makers |= {name: getattr(data, name) for name in size.collections}
        for name, maker in makers.items():
            found["sets"][name] = self._set(name, maker)
            keep(found)
        theta = found["sets"]["simulated"]["prior"].get("theta", [2.0, 0.5, 2.0, 2.0, 0.1])
        self._say("likelihood ratio test")
        found["lrt"] = self._apart(
            "ours:likelihood_ratio_test", n_draws=size.n_draws, n_runs=size.n_runs
        )
        found["score"] = self._scored_alone(theta)
        keep(found)
        found["sequential"] = self._sequential()
        keep(found)
        found["growth"] = {str(n): self._grown(n) for n in size.grown}
        return self._ended(found, keep)

    def sequential(self, keep: Callable[[Found], None]) -> Found:
        """Run the sequential tests alone."""
        return self._ended(self._described() | {"sequential": self._sequential()}, keep)

    def _described(self) -> Found:
        found: Found = {"machine": machine.describe(), "size": self._size._asdict()}
        found["machine"]["versions"] = {name: _version(name) for name in VERSIONS}
        return found

    def _ended(self, found: Found, keep: Callable[[Found], None]) -> Found:
        found["machine"]["load_after"] = [round(load, 2) for load in os.getloadavg()]
        found["seconds"] = time.perf_counter() - self._start
        keep(found)
        return found

    def _sequential(self) -> Found:
        found: Found = {"steps": {}}
        for part in plan.parts(self._size):
            self._say(f"sequential: {part.name}")
            place = found["steps"] if part.is_of_steps else found
            place[part.name] = self._apart(part.function, **part.arguments)
        return found

    def _say(self, what: str) -> None:
        seconds = time.perf_counter() - self._start
        print(f"{seconds:5.0f} s {what}", file=sys.stderr, flush=True)

    def _apart(self, function: str, **arguments: Any) -> Found:  # noqa: ANN401 - JSON values
        seconds = self._size.seconds
        return _tried(lambda: apart(f"bench.detectors.{function}", seconds=seconds, **arguments))

    def _in_r(self, part: str, counts: Path, out: Path, *more: float) -> Found:
        return _tried(lambda: of_r.run(part, counts, out, *more, seconds=self._size.seconds))

    def _set(self, name: str, maker: Callable[[], data.Pairs]) -> Found:
        """Run ours and the peers on one set of pairs."""
        self._say(f"{name}: data")
        pairs = maker()
        path = self._home / f"{name}.npz"
        data.write(path, pairs)
        data.write_for_r(path.with_suffix(".csv"), pairs)
        self._say(f"{name}: ours")
        found = {"pairs": data.describe(pairs)} | self._ours(path)
        theta = found["prior"].get("theta")
        self._say(f"{name}: vigipy")
        found["vigipy"] = self._of_vigipy(path, theta)
        found["r"] = self._of_r(name, path, theta)
        self._say(f"{name}: comparison")
        found["likelihoods"] = self._apart(
            "ours:likelihoods", path=str(path), thetas=_thetas(found)
        )
        found["differences"] = self._differences(path)
        return found

    def _ours(self, path: Path) -> Found:
        size, at = self._size, str(path)
        kept = str(_beside(path, "ours"))
        found = {"measures": self._apart("ours:measures", path=at, keep=kept, n_runs=size.n_runs)}
        for key, likelihood in (("prior", "openebgm"), ("prior_mixture", "truncated_mixture")):
            found[key] = self._apart(
                "ours:prior", path=at, likelihood=likelihood, n_runs=size.n_runs_long
            )
        found["squashed"] = self._apart("ours:squashed", path=at, n_runs=size.n_runs_long)
        if "theta" in found["prior"]:
            kept = str(_beside(path, "ours-scores"))
            found["kept"] = self._apart(
                "ours:scores", path=at, keep=kept, theta=found["prior"]["theta"]
            )
        return found

    def _of_vigipy(self, path: Path, theta: list[float] | None) -> Found:
        if _version("vigipy") is None:
            return {"failed": ["vigipy is not installed: see requirements/bench.txt"]}
        size, at = self._size, str(path)
        kept = str(_beside(path, "vigipy"))
        found = {
            "measures": self._apart(
                "of_vigipy:measures", path=at, keep=kept, n_runs=size.n_runs_long
            ),
            "gps": self._apart("of_vigipy:gps", path=at, n_runs=size.n_runs_long),
        }
        if theta is not None:
            kept = str(_beside(path, "vigipy-scores"))
            found["scores"] = self._apart(
                "of_vigipy:scores", path=at, keep=kept, theta=theta, n_runs=size.n_runs_long
            )
        return found

    def _of_r(self, name: str, path: Path, theta: list[float] | None) -> Found:
        """Run the parts in R; those with openEBGM only where it is installed."""
        versions = of_r.versions(self._size.seconds)
        if versions["R"] is None:
            return {"failed": ["R is not installed"]}
        counts = path.with_suffix(".csv")
        self._say(f"{name}: R alone")
        found = {
            "ic": self._in_r("ic", counts, _beside(path, "r-ic.csv")),
            "loop": self._in_r("loop", counts, path, self._size.n_evaluations),
        }
        if versions["openEBGM"] is None:
            missing = {"failed": ["openEBGM is not installed"]}
            return found | dict.fromkeys(("full", "squashed", "scores"), missing)
        self._say(f"{name}: openEBGM, squashed")
        found["squashed"] = self._in_r("squashed", counts, path)
        if theta is not None:
            found["scores"] = self._in_r("scores", counts, _beside(path, "r-scores.csv"), *theta)
        self._say(f"{name}: openEBGM, full")
        found["full"] = self._in_r("full", counts, path)
        return found

    def _differences(self, path: Path) -> Found:
        ours, vigipy = _beside(path, "ours"), _beside(path, "vigipy")
        own, of_vigipy = _beside(path, "ours-scores"), _beside(path, "vigipy-scores")
        r_limit, r_scores = _beside(path, "r-ic.csv"), _beside(path, "r-scores.csv")
        works: dict[str, tuple[Callable[[], Found], tuple[Path, ...]]] = {
            "vigipy": (lambda: compare.with_vigipy(path, ours, vigipy), (ours, vigipy)),
            "R ic025": (lambda: compare.limit_with_r(ours, r_limit), (ours, r_limit)),
            "vigipy scores": (lambda: compare.scores(own, of_vigipy), (own, of_vigipy)),
            "openEBGM scores": (lambda: compare.scores(own, r_scores), (own, r_scores)),
        }
        return {
            name: work()
            for name, (work, files) in works.items()
            if all(file.exists() for file in files)
        }

    def _scored_alone(self, theta: list[float]) -> Found:
        self._say("scores alone")
        path = self._home / "scored.npz"
        data.write(path, data.simulated(self._size.n_scored))
        runs = [
            self._apart("ours:score_alone", path=str(path), theta=theta)
            for _ in range(self._size.n_runs_long)
        ]
        done = [run for run in runs if "failed" not in run]
        if not done:
            return runs[0]
        memory = max(run["greatest_memory_mb"] for run in done)
        return {"n_pairs": done[0]["n_pairs"], "greatest_memory_mb": memory} | summed_up(done)

    def _grown(self, n_pairs: int) -> Found:
        self._say(f"growth: {n_pairs:,} pairs")
        path = self._home / f"grown-{n_pairs}.npz"
        pairs = data.simulated(n_pairs)
        data.write(path, pairs)
        found = {"pairs": data.describe(pairs)}
        del pairs  # its memory would be taken from what runs next
        at, kept = str(path), str(_beside(path, "ours"))
        found["measures"] = self._apart("ours:measures", path=at, keep=kept, n_runs=1)
        found["prior"] = self._apart("ours:prior", path=at, likelihood="openebgm", n_runs=1)
        return found


def _tried(work: Callable[[], Found]) -> Found:
    try:
        return work()
    except (Unfinished, AssertionError) as error:
        return {"failed": [str(error)]}


def _beside(path: Path, what: str) -> Path:
    name = f"{path.stem}-{what}"
    return path.with_name(name if what.endswith(".csv") else f"{name}.npz")


def _thetas(found: Found) -> dict[str, dict[str, list[float]]]:
    """Gather every prior found, by the likelihood that it maximises."""
    given = {
        "openebgm": {
            "longwatch": found["prior"],
            "longwatch, squashed": found["squashed"],
            "openEBGM": found["r"].get("full", {}),
            "openEBGM, squashed": found["r"].get("squashed", {}),
        },
        "truncated_mixture": {
            "longwatch": found["prior_mixture"],
            "vigipy": found["vigipy"].get("gps", {}),
        },
    }
    return {
        kind: {name: part["theta"] for name, part in parts.items() if "theta" in part}
        for kind, parts in given.items()
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> int:
    """Run, write the tables and the numbers; exit 1 if a part of ours could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.detectors")
    parser.add_argument("--quick", action="store_true", help="less data, fewer runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument("--only", choices=["sequential"], help="run that part alone, and print it")
    chosen = parser.parse_args()
    if chosen.only is not None and chosen.write is not None:
        parser.error("--write is for the whole page")
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # before any process is started

    def keep(found: Found) -> None:
        if chosen.json is not None:
            chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="longwatch-bench-") as home:
        bench = Bench(QUICK if chosen.quick else FULL, Path(home))
        found = bench.run(keep) if chosen.only is None else bench.sequential(keep)
    text = markdown(found)
    if chosen.write is None:
        print(text, end="")
    else:
        chosen.write.write_text(text, encoding="utf-8")
    failures = list(failed(found))
    for place, reason in failures:
        print(f"not measured: {place}: {reason}", file=sys.stderr)
    return int(any(OTHERS.isdisjoint(place.split()) for place, _ in failures))


if __name__ == "__main__":
    sys.exit(main())
