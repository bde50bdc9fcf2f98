"""The page of tables, from the numbers of one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template
from typing import Any

from bench.detectors import budgets, peers, show_sequential
from bench.detectors.budgets import Budget
from bench.detectors.text import at, count, rounded, seconds, small, table
from bench.show import failed

Found = dict[str, Any]
PAGE = Path(__file__).with_name("page.md")
NAMES = {"simulated": "simulated", "caers": "CAERS", "faers": "FAERS 2022Q3"}
KINDS = ("openebgm", "truncated_mixture")


BUDGETS = (
    Budget("PRR, ROR, chi-square, IC with interval and one-sided exact p together", 1.0, "s",
           ("sets", "simulated", "measures", "together", "cpu_seconds"),
           ("size", "n_pairs", 102_483)),
    Budget("full fit, not squashed, with EBGM, EB05 and EB95", 5.0, "s",
           ("sets", "simulated", "prior", "both", "cpu_seconds"), ("size", "n_pairs", 102_483)),
    Budget("likelihood ratio test of 47 events and 7 products, 5,000 draws", 2.0, "s",
           ("lrt", "cpu_seconds"), ("size", "n_draws", 5_000)),
    Budget("EBGM, EB05 and EB95 of 3,000,000 pairs at a given prior", 10.0, "s",
           ("score", "cpu_seconds"), ("size", "n_scored", 3_000_000)),
    Budget("most memory of the process that scores them", 1_000.0, "MB",
           ("score", "greatest_memory_mb"), ("size", "n_scored", 3_000_000)),
)  # fmt: skip


def markdown(found: Found) -> str:
    """Write everything as one page; the same numbers always give the same bytes.

    Of a run of the sequential tests alone, their section is written alone.
    """
    if "sets" not in found:
        return _alone(found)
    sets = found["sets"]
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(
        machine=_machine(found["machine"]),
        runs=_runs(found),
        budgets=budgets.judged(found, BUDGETS),
        sequential=show_sequential.section(found),
        sets=_sets(sets),
        beside="\n\n".join([*map(_beside, sets, sets.values()), *_failures(found)]),
        scaled=_scaled(sets),
        likelihoods=_likelihoods(sets),
        differences=_differences(sets),
        growth=_growth(found.get("growth", {})),
    )


def _alone(found: Found) -> str:
    parts = [_machine(found["machine"]), show_sequential.section(found), *_failures(found)]
    return "\n\n".join(parts) + "\n"


def _failures(found: Found) -> Iterator[str]:
    lines = [f"- {place}: {reason}" for place, reason in failed(found)]
    if lines:
        yield "\n".join(["Not measured:", "", *lines])


def _machine(here: Found) -> str:
    named = ", ".join(
        f"{name} {version or '(not installed)'}" for name, version in here["versions"].items()
    )
    return (
        f"{here['cores']} cores, {here['processor']}, {here['memory_mb']:,} MB, kernel "
        f"{here['kernel']}; Python {here['python']}; {named}."
    )


def _runs(found: Found) -> str:
    here, size = found["machine"], found["size"]
    before, after = (
        " ".join(f"{load:.2f}" for load in here.get(key, [])) or "-"
        for key in ("load_before", "load_after")
    )
    return (
        f"Load of the machine {before} before and {after} after; {found.get('seconds', 0):,.0f} s "
        f"in all. Medians of {size['n_runs']} runs; of {size['n_runs_long']} for priors, scores "
        f"and vigipy; of 1 for R. A run is given up after {size['seconds']:,.0f} s."
    )


def _sets(sets: Found) -> str:
    rows = []
    for name, part in sets.items():
        pairs = part["pairs"]
        counts = [pairs[key] for key in ("n_pairs", "n_products", "n_events", "n_reports")]
        rows.append(
            [
                NAMES[name],
                *map(count, counts),
                count(pairs["largest"]),
                f"{pairs['share_at_least_3']:.0%}",
            ]
        )
    columns = ["", "pairs", "products", "events", "reports", "largest count", "3 or more"]
    return table(columns, rows)


def _beside(name: str, part: Found) -> str:
    rows = [
        [row.work, seconds(row.ours), row.peer, seconds(row.theirs), row.ratio]
        for row in peers.rows(part)
    ]
    columns = ["work", "longwatch", "peer", "peer's time", "times as fast"]
    return f"### {NAMES[name]}\n\n{table(columns, rows)}"


def _scaled(sets: Found) -> str:
    rows = [
        [
            *(one.work, f"{one.published:,.1f}", rounded(one.factor), rounded(one.seconds)),
            seconds(one.measured),
        ]
        for one in peers.scaled(sets)
    ]
    columns = ["openEBGM 0.9.1", "published s", "factor", "scaled s", "measured in this run"]
    return table(columns, rows)


def _likelihoods(sets: Found) -> str:
    rows = []
    for name, part in sets.items():
        for kind in KINDS:
            named = part["likelihoods"].get(kind, {})
            least = min(named.values(), default=0.0)
            rows += [
                [NAMES[name], kind, who, f"{value:,.4f}", f"{value - least:.4f}"]
                for who, value in named.items()
            ]
    columns = ["data", "likelihood", "prior of", "negative log-likelihood", "above the least"]
    return table(columns, rows)


def _differences(sets: Found) -> str:
    rows = []
    for name, part in sets.items():
        for what, peer, one in peers.differences(part["differences"]):
            cells = [count(one["n"]), small(one["largest"]), small(one["relative"])]
            rows.append([NAMES[name], what, peer, *cells])
    columns = ["data", "number", "peer", "pairs", "largest difference", "relative"]
    return table(columns, rows)


def _growth(grown: Found) -> str:
    return table(
        [
            *("pairs", "2x2 measures", "a million", "fit", "EBGM, EB05, EB95"),
            *("fit and scores, a million", "their memory, MB"),
        ],
        _growing(grown.values()),
    )


def _growing(parts: Iterable[Found]) -> Iterator[list[str]]:
    for part in parts:
        n = part["pairs"]["n_pairs"] / 1e6
        measures = at(part, "measures", "together", "cpu_seconds")
        fit, score, both = (
            at(part, "prior", key, "cpu_seconds") for key in ("fit", "score", "both")
        )
        yield [
            count(part["pairs"]["n_pairs"]),
            rounded(measures),
            rounded(None if measures is None else measures / n),
            rounded(fit),
            rounded(score),
            rounded(None if both is None else both / n),
            rounded(at(part, "prior", "greatest_memory_mb")),
        ]
