"""How often EB05 and EB95 miss the true ratio, on data simulated from the model that was fitted.

python -m bench.ebgm_coverage [--repeats N] [--write FILE]

A prior is fitted to real pairs. For each of them a new ratio and a new count are drawn from that
prior, given that the pair is reported and its expected count: what is drawn is the law of the
likelihood that was maximised. The prior is fitted anew to the drawn counts, the pairs are scored,
and it is counted how often the ratio lies below EB05 and above EB95. Every group of pairs that the
data define must miss 5 % on either side, since the limits are those of a posterior distribution.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bench.public import VAERS, public
from detectors.disproportionality import ebgm
from detectors.disproportionality.ebgm.prior import Likelihood

FAERS = "faers/faers_2022q3_primary_suspect_pairs.csv.gz"
LIKELIHOODS: tuple[Likelihood, ...] = ("truncated_mixture", "openebgm")
NOMINAL = 0.05
RATIOS = (0.0, 1.0, 5.0, 20.0, 100.0, np.inf)
GROUPS = (
    "all", "EB05 >= 2", *(f"n/E {low:g} to {high:g}" for low, high in pairwise(RATIOS))
)  # fmt: skip
HEAD = """# How often EB05 and EB95 miss

Written by `python -m bench.ebgm_coverage`; do not edit. Every real pair is given a new ratio and a
new count, drawn from the prior that was fitted to the data, given that the pair is reported; the
prior is fitted anew to the counts that were drawn, and the share of ratios below EB05 and above
EB95 is counted: 5 % each if the limits mean what they say. The model is that of the likelihood:
`truncated_mixture` draws the component of a pair by its weight among all pairs and discards counts
of 0; `openebgm` draws it by its weight among the reported pairs, as that likelihood has it, and
scores as openEBGM does. In brackets twice the Monte Carlo error.
"""


class Pairs(NamedTuple):
    """Counts and expectations of the pairs of a database."""

    n: NDArray[np.int64]
    expected: NDArray[np.float64]


class Missed(NamedTuple):
    """How many pairs there are in a group, and how many ratios lie outside the limits."""

    n: int
    below: int
    above: int

    def plus(self, other: Missed) -> Missed:
        """Add up two rounds."""
        return Missed(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def error(self) -> float:
        """Return the standard error of a share that is 5 %."""
        return float(np.sqrt(NOMINAL * (1 - NOMINAL) / max(self.n, 1)))


def faers() -> Pairs:
    """Return the pairs of drug and term of a quarter of FAERS."""
    rows = pd.read_csv(public(FAERS), dtype=str).dropna()
    return _pairs(rows.set_axis(["report", "product", "event"], axis=1))


def vaers() -> Pairs:
    """Return the pairs of vaccine type and term of the eleven years of VAERS."""
    tables = {"VAX": list[pd.DataFrame](), "SYMPTOMS": list[pd.DataFrame]()}
    for name in VAERS:
        with zipfile.ZipFile(public(name)) as year:
            for member in year.namelist():
                for kind, parts in tables.items():
                    if kind in member:
                        with year.open(member) as file:
                            parts.append(pd.read_csv(file, dtype=str, encoding="latin-1"))
    vaccines, symptoms = (pd.concat(parts) for parts in tables.values())
    terms = symptoms.melt("VAERS_ID", [f"SYMPTOM{i}" for i in range(1, 6)], value_name="event")
    rows = vaccines.merge(terms, on="VAERS_ID")[["VAERS_ID", "VAX_TYPE", "event"]].dropna()
    return _pairs(rows.set_axis(["report", "product", "event"], axis=1))


def _pairs(rows: pd.DataFrame) -> Pairs:
    rows = rows.drop_duplicates()
    n = rows.groupby(["product", "event"]).size()
    margins = [
        rows.drop_duplicates(["report", name]).groupby(name).size().loc[n.index.get_level_values(i)]
        for i, name in enumerate(("product", "event"))
    ]
    products = margins[0].to_numpy() * margins[1].to_numpy()
    return Pairs(n.to_numpy().astype(np.int64), products / rows["report"].nunique())


def drawn(
    prior: ebgm.Prior,
    expected: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    likelihood: Likelihood = "truncated_mixture",
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw a count above 0 and the ratio behind it, for each expected count."""
    gammas = ((prior.alpha1, prior.beta1), (prior.alpha2, prior.beta2))
    none = [np.exp(-shape * np.log1p(expected / rate)) for shape, rate in gammas]
    first = np.full(expected.shape, prior.p)
    if likelihood == "truncated_mixture":
        parts = prior.p * -_minus_one(none[0]), (1 - prior.p) * -_minus_one(none[1])
        first = parts[0] / (parts[0] + parts[1])
    which = np.where(rng.random(expected.shape) < first, 0, 1)
    shape, rate = (np.choose(which, [gamma[i] for gamma in gammas]) for i in (0, 1))
    # From above, so that the chance of a count above 0 keeps its digits where it is small.
    beyond = rng.random(expected.shape) * -_minus_one(np.choose(which, none))
    n = np.maximum(stats.nbinom.isf(beyond, shape, rate / (rate + expected)), 1).astype(np.int64)
    return n, rng.gamma(shape + n, 1 / (rate + expected))


def _minus_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.expm1(np.log(x))


def missed(
    n: NDArray[np.int64],
    expected: NDArray[np.float64],
    ratio: NDArray[np.float64],
    prior: ebgm.Prior,
) -> dict[str, Missed]:
    """Count the ratios outside the limits, in groups of pairs that the data define."""
    limits = ebgm.score(n, expected, prior, quantiles=(0.05, 0.95)).quantiles
    below, above = ratio < limits[:, 0], ratio > limits[:, 1]
    reported = n / expected
    chosen = [np.ones(n.shape, np.bool_), limits[:, 0] >= 2]  # noqa: PLR2004 - as criteria ask
    chosen += [(reported >= low) & (reported < high) for low, high in pairwise(RATIOS)]
    return {
        name: Missed(int(group.sum()), int(below[group].sum()), int(above[group].sum()))
        for name, group in zip(GROUPS, chosen, strict=True)
    }


def coverage(
    prior: ebgm.Prior,
    expected: NDArray[np.float64],
    *,
    n_repeats: int,
    seed: int = 1,
    likelihood: Likelihood = "truncated_mixture",
) -> dict[str, Missed]:
    """Draw, fit and score as often as asked, and add up what was missed."""
    total = dict.fromkeys(GROUPS, Missed(0, 0, 0))
    for repeat in range(n_repeats):
        n, ratio = drawn(
            prior, expected, np.random.default_rng([seed, repeat]), likelihood=likelihood
        )
        fitted = ebgm.fit(n, expected, likelihood=likelihood)
        found = missed(n, expected, ratio, fitted)
        total = {name: total[name].plus(found[name]) for name in GROUPS}
    return total


def page(n_repeats: int) -> Iterator[str]:
    """Write the page, line by line."""
    yield from HEAD.splitlines()
    for database, pairs in (("FAERS 2022Q3", faers()), ("VAERS 1990 to 2000", vaers())):
        fits = {name: ebgm.fit(*pairs, likelihood=name) for name in LIKELIHOODS}
        yield from ("", f"## {database}, {len(pairs.n):,} pairs, {n_repeats} times", "")
        yield from _fits(fits)
        yield from ("", *_shares(fits, pairs, n_repeats))


def _fits(fits: dict[Likelihood, ebgm.Prior]) -> Iterator[str]:
    yield "| likelihood | alpha1 | beta1 | alpha2 | beta2 | p | at a bound |"
    yield "|---" * 7 + "|"
    for name, prior in fits.items():
        assert prior.diagnostics is not None  # noqa: S101 - `fit` always adds them
        hits = ", ".join(prior.diagnostics.boundary_hits) or "none"
        numbers = " | ".join(f"{x:.4g}" for x in prior.parameters)
        yield f"| `{name}` | {numbers} | {hits} |"


def _shares(fits: dict[Likelihood, ebgm.Prior], pairs: Pairs, n_repeats: int) -> Iterator[str]:
    found = [
        coverage(prior, pairs.expected, n_repeats=n_repeats, likelihood=name)
        for name, prior in fits.items()
    ]
    heads = (f"`{name}`: pairs | below EB05, % | above EB95, %" for name in fits)
    yield f"| pairs | {' | '.join(heads)} |"
    yield "|---" * (1 + 3 * len(fits)) + "|"
    for group in GROUPS:
        yield f"| {group} | {' | '.join(_cells(one[group]) for one in found)} |"


def _cells(one: Missed) -> str:
    if not one.n:
        return "0 | - | -"
    twice = 200 * one.error
    shares = (f"{100 * k / one.n:.2f} ({twice:.2f})" for k in (one.below, one.above))
    return f"{one.n:,} | " + " | ".join(shares)


def main(arguments: list[str] | None = None) -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.ebgm_coverage", description=__doc__)
    parser.add_argument("--repeats", type=int, default=4, metavar="N")
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    text = "".join(f"{line}\n" for line in page(given.repeats))
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
