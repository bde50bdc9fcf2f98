"""How often the usual criteria find what is not there, and what is: exact, for a few margins.

python -m bench.operating [--write FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table, TableCells
from detectors.disproportionality import ebgm
from detectors.disproportionality.exact import fisher
from detectors.operating import probability_of_finding
from surveillance.configuration.types import (
    Eb05,
    Ema,
    Evans,
    IcLower,
    OfPair,
    PrrLower,
    RorLower,
)
from surveillance.screening.rules import rule_of
from surveillance.screening.rules.rule import Beside

N_TOTAL, N_PRODUCT = 1_000_000, 1_000
EXPECTED = (0.1, 1.0, 5.0, 50.0)
ODDS_RATIOS = (1.0, 2.0, 5.0)
ALPHA = 0.05
LEAST_SHOWN = 1e-6
CAERS = ebgm.Prior(3.256, 0.400, 2.024, 1.906, 0.0653)  # of openEBGM, as published
HEAD = """# How often the usual criteria err

Written by `python -m bench.operating`; do not edit. Exact: the noncentral hypergeometric
distribution of the number of reports, given the margins, is summed over the counts that meet the
criterion (`detectors.operating`). Margins: 1,000,000 reports, 1,000 of the product, and as many of
the event as make the number expected. In per cent; an odds ratio of 1 is no association, and the
share found is then false. Output of one pair, looked at once: nothing here allows for many pairs,
many looks, or bias.
"""


class Criterion(NamedTuple):
    """A decision, and how people call it."""

    name: str
    decide: Callable[[Table], NDArray[np.bool_]]


def _decided(criterion: OfPair) -> Callable[[Table], NDArray[np.bool_]]:
    decide, beside = rule_of(criterion), Beside(prior=CAERS)
    return lambda table: decide(TableCells(*table.cells()), beside)


def _exact(*, mid_p: bool) -> Callable[[Table], NDArray[np.bool_]]:
    return lambda table: np.asarray(fisher(table, mid_p=mid_p).p <= ALPHA)


CRITERIA = (
    Criterion("PRR >= 2, chi-square (Yates) >= 4, 3 reports (Evans)", _decided(Evans(name="e"))),
    Criterion("PRR, lower 95 % limit > 1, 3 reports", _decided(PrrLower(name="p"))),
    Criterion("ROR, lower 95 % limit > 1, 3 reports", _decided(RorLower(name="r"))),
    Criterion("ROR, lower 95 % limit > 1, 5 reports (EMA)", _decided(Ema(name="m"))),
    Criterion("IC025 > 0", _decided(IcLower(name="i"))),
    Criterion("EB05 >= 2, 3 reports, prior of CAERS", _decided(Eb05(name="b"))),
    Criterion("exact p <= 0.05", _exact(mid_p=False)),
    Criterion("exact mid-p <= 0.05", _exact(mid_p=True)),
)


def page() -> str:
    """Write the page."""
    head = "| criterion | odds ratio | " + " | ".join(f"E = {e:g}" for e in EXPECTED) + " |"
    rule = "|---|---|" + "---|" * len(EXPECTED)
    rows = [
        f"| {criterion.name} | {ratio:g} | " + " | ".join(map(_per_cent, chances)) + " |"
        for criterion in CRITERIA
        for ratio, chances in zip(ODDS_RATIOS, _chances(criterion), strict=True)
    ]
    counts = [
        f"| {criterion.name} | " + " | ".join(map(str, _first(criterion))) + " |"
        for criterion in CRITERIA
    ]
    firsts = "| criterion | " + " | ".join(f"E = {e:g}" for e in EXPECTED) + " |"
    return "\n".join(
        [
            HEAD, head, rule, *rows, "", "The fewest reports that meet each criterion:", "",
            firsts, rule[4:], *counts, "",
        ]
    )  # fmt: skip


def _n_event() -> NDArray[np.int64]:
    return np.array([round(e * N_TOTAL / N_PRODUCT) for e in EXPECTED])


def _chances(criterion: Criterion) -> NDArray[np.float64]:
    return probability_of_finding(
        criterion.decide,
        n_product=N_PRODUCT,
        n_event=_n_event(),
        n_total=N_TOTAL,
        odds_ratio=np.array(ODDS_RATIOS)[:, np.newaxis],
    )


def _first(criterion: Criterion) -> list[int]:
    found = []
    for n_event in _n_event().tolist():
        n = np.arange(min(N_PRODUCT, n_event) + 1)
        met = criterion.decide(Table(n, N_PRODUCT, n_event, N_TOTAL))
        found.append(int(n[met & (n > n_event * N_PRODUCT / N_TOTAL)][0]))
    return found


def _per_cent(chance: float) -> str:
    return "< 0.0001" if chance < LEAST_SHOWN else f"{100 * chance:.3g}"


def main(arguments: list[str]) -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.operating")
    parser.add_argument("--write", type=Path, help="a file, in place of standard output")
    given = parser.parse_args(arguments)
    if given.write:
        given.write.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
