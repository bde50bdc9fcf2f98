"""How well each measure tells positive from negative controls, on the OMOP reference set.

    python -m bench.accuracy [--write FILE]

Nothing is tuned: areas need no threshold, and every constant was fixed before they were computed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from bench.controls import Controls, find, read_reports
from bench.roc import Area, area, gain
from detectors.calibration import (
    Null,
    calibrate_interval,
    calibrate_p,
    fit_null,
    leave_one_out,
)
from detectors.calibration.estimates import LEAST_CONTROLS
from detectors.counts import Table
from detectors.disproportionality import ebgm
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from detectors.sequential.poisson_maxsprt import log_likelihood_ratio

N_FOLDS = 5
Z = float(special.ndtri(0.975))
LN2 = float(np.log(2.0))
BAR = "number of reports"  # what a measure of disproportionality should pass
TEXT = Path(__file__).with_name("accuracy.template.md")

Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


class Estimated(NamedTuple):
    """A measure as an estimate on the log scale with a standard error; NaN where undefined."""

    log_rr: Numbers
    se: Numbers


def fit_prior(reports: pd.DataFrame) -> ebgm.Prior:
    """Fit the prior of the EBGM to every reported pair of a drug and a term."""
    pairs = Table.from_reports(reports, report="CASEID", product="DRUG", event="AE")
    return ebgm.fit(pairs.n_pair, pairs.expected)


def measures(table: Table, prior: ebgm.Prior) -> dict[str, Numbers]:
    """Score every pair by every measure; higher is more suspect, NaN is undefined."""
    ratio, odds, bits = prr(table), ror(table), ic(table.n_pair, table.expected)
    shrunk = ebgm.score(table.n_pair, table.expected, prior, quantiles=(0.05,))
    excess = np.sign(table.n_pair - table.expected)
    return {
        BAR: table.n_pair.astype(np.float64),
        "PRR": ratio.point,
        "PRR, lower limit": ratio.lower,
        "ROR": odds.point,
        "ROR, lower limit": odds.lower,
        "IC": bits.point,
        "IC025": bits.lower,
        "EBGM": shrunk.ebgm,
        "EB05": shrunk.quantile(0.05),
        "chi-square (Yates), signed": excess * chi_square(table).value,
        "exact p, one-sided": -fisher(table).log_p,
        "log likelihood ratio (Poisson)": log_likelihood_ratio(table.n_pair, table.expected),
    }


def estimates(table: Table) -> dict[str, Estimated]:
    """Give the measures that calibration can be applied to, each with a standard error."""
    ratio, odds, bits = prr(table), ror(table), ic(table.n_pair, table.expected)
    lowers = {"PRR": np.log(ratio.lower), "ROR": np.log(odds.lower), "IC": bits.lower * LN2}
    uppers = {"PRR": np.log(ratio.upper), "ROR": np.log(odds.upper), "IC": bits.upper * LN2}
    points = {"PRR": np.log(ratio.point), "ROR": np.log(odds.point), "IC": bits.point * LN2}
    return {
        name: Estimated(points[name], (uppers[name] - lowers[name]) / (2 * Z)) for name in points
    }


def folds(controls: Controls) -> NDArray[np.int64]:
    """Deal the pairs to folds in turn, outcome by outcome and kind by kind, by name."""
    fold = np.zeros(controls.drug.size, dtype=np.int64)
    for kind in (True, False):
        where = np.flatnonzero(controls.is_positive == kind)  # they are sorted by outcome and name
        fold[where] = np.arange(where.size) % N_FOLDS
    return fold


def cross_fitted(
    estimated: Estimated, is_negative: Chosen, fold: NDArray[np.int64]
) -> tuple[Numbers, Numbers]:
    """Calibrate each pair by the negative controls of the other folds: lower limit, and log p."""
    lower, score = (np.full(fold.size, np.nan) for _ in range(2))
    for each in range(N_FOLDS):
        here, there = fold == each, (fold != each) & is_negative & ~np.isnan(estimated.log_rr)
        if there.sum() >= LEAST_CONTROLS:
            null = fit_null(estimated.log_rr[there], estimated.se[there])
            lower[here], score[here] = _scores(estimated, here, null)
    return lower, score


def _scores(estimated: Estimated, where: Chosen, null: Null) -> tuple[Numbers, Numbers]:
    chosen = estimated.log_rr[where], estimated.se[where]
    p = calibrate_p(*chosen, null, alternative="greater")
    return calibrate_interval(*chosen, null).lower, -p.log_p


def report() -> str:
    """Compute everything and write it out."""
    reports = read_reports()
    controls = find(reports)
    prior = fit_prior(reports)
    outcomes = {"all": np.full(controls.drug.size, True)}
    outcomes |= {name: controls.outcome == name for name in np.unique(controls.outcome)}
    is_reported = controls.table.n_pair > 0
    scores = measures(controls.table, prior)
    better, worse = _apart(scores, controls.is_positive)
    parts = {
        "better": better,
        "worse": worse,
        "flow": _flow(controls),
        "prior": _prior(prior),
        "areas": _areas(scores, controls.is_positive, outcomes),
        "reported": _areas(scores, controls.is_positive, {"all": outcomes["all"] & is_reported}),
        "nulls": _nulls(controls),
        "calibrated": _calibrated(controls),
        "n_names": str(controls.n_names),
        "n_reports": f"{controls.n_reports:,}",
        "n_terms": str(reports["AE"].nunique()),
        "n_used": str(controls.drug.size),
        "n_never": str(int((~is_reported).sum())),
        "n_negative": str(int((~controls.is_positive).sum())),
        "n_estimated": str(int((is_reported & ~controls.is_positive).sum())),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def _flow(controls: Controls) -> str:
    rows = [
        [
            name.strip(),
            *map(str, (row.pairs, f"{row.terms} of {row.all_terms}", row.n_event)),
            *map(str, (row.no_term, row.no_drug, row.used, row.never)),
        ]
        for name, row in zip(controls.flow.index, controls.flow.itertuples(), strict=True)
    ]
    total = controls.flow.sum(numeric_only=True)
    last = [total["pairs"], "", "", total["no_term"], total["no_drug"], total["used"]]
    rows.append(["all", *map(str, last), str(total["never"])])
    heads = ["outcome", "pairs", "terms in the reports", "reports of the event", "no term"]
    return _rows([*heads, "no drug", "used", "of these, never reported together"], rows)


def _prior(prior: ebgm.Prior) -> str:
    numbers = (prior.alpha1, prior.beta1, prior.alpha2, prior.beta2, prior.p)
    return ", ".join(f"{number:.4g}" for number in numbers)


def _areas(scores: dict[str, Numbers], is_positive: Chosen, groups: dict[str, Chosen]) -> str:
    heads, rows = ["measure", "undefined"], []
    for name, where in groups.items():
        n_positive = int(is_positive[where].sum())
        heads.append(f"{name.strip()} ({n_positive} + {int(where.sum()) - n_positive})")
    everything = next(iter(groups.values()))
    for measure, score in scores.items():
        cells = [_shown(area(score[where], is_positive[where])) for where in groups.values()]
        more = gain(scores[BAR][everything], score[everything], is_positive[everything])
        n_undefined = str(int(np.isnan(score[everything]).sum()))
        rows.append([measure, n_undefined, *cells, _shown(more, sign="+")])
    return _rows([*heads, "all, over the number of reports"], rows)


def _apart(scores: dict[str, Numbers], is_positive: Chosen) -> tuple[str, str]:
    """List the measures that are better, and those that are worse, than the number of reports."""
    gains = {name: gain(scores[BAR], score, is_positive) for name, score in scores.items()}
    better = [name for name, found in gains.items() if found.lower > 0]
    worse = [name for name, found in gains.items() if found.upper < 0]
    return ", ".join(better) or "none", ", ".join(worse) or "none"


def _nulls(controls: Controls) -> str:
    heads = ["measure", "controls", "mean", "sd", "covered, usual", "covered, calibrated"]
    rows = []
    for name, (log_rr, se) in estimates(controls.table).items():
        use = ~controls.is_positive & ~np.isnan(log_rr)
        null, tested = fit_null(log_rr[use], se[use]), leave_one_out(log_rr[use], se[use])
        fit = null.fit
        if fit is None:
            raise AssertionError(name)
        limits = (
            f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, (low, high) in ((null.mean, fit.mean_interval), (null.sd, fit.sd_interval))
        )
        shares = (f"{share:.1%}" for share in (tested.coverage_without, tested.coverage))
        rows.append([name, str(fit.n_controls), *limits, *shares])
    return _rows(heads, rows)


def _calibrated(controls: Controls) -> str:
    heads = ["measure", "score", "usual", "calibrated", "gain"]
    return _rows(heads, list(_calibrated_rows(controls)))


def _calibrated_rows(controls: Controls) -> Iterator[list[str]]:
    everywhere = np.full(controls.drug.size, True)
    for name, estimated in estimates(controls.table).items():
        before = _scores(estimated, everywhere, Null(0.0, 0.0))
        after = cross_fitted(estimated, ~controls.is_positive, folds(controls))
        for score, one, other in zip(("lower limit", "one-sided p"), before, after, strict=True):
            areas = (area(each, controls.is_positive) for each in (one, other))
            more = gain(one, other, controls.is_positive)
            yield [name, score, *map(_shown, areas), _shown(more, sign="+")]


def _shown(found: Area, sign: str = "") -> str:
    if np.isnan(found.value):
        return "-"
    low, high = (f"{each + 0.0:{sign}.3f}" for each in (found.lower, found.upper))
    return f"{found.value + 0.0:{sign}.3f} ({low} to {high})"


def _rows(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the report, or write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.accuracy")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write it there")
    chosen = parser.parse_args()
    text = report()
    if chosen.write is None:
        print(text, end="")
    else:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
