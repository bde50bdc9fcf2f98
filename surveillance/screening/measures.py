"""All numbers of the pairs that become findings, computed together."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table
from detectors.disproportionality import ebgm
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from detectors.estimate import DEFINED
from surveillance.configuration.types import Criterion
from surveillance.domain.finding import N_CONSTRUCTS_MAX, Change, Finding
from surveillance.screening.counts import Counts, Features
from surveillance.screening.rules.rule import Interval

LN10 = math.log(10.0)

_Column = tuple[str, str, list[float], list[str]]  # measure, field, values, states


class Selected(NamedTuple):
    """One pair about to become a finding: where it is, what criterion, and what changed."""

    place: int
    criterion: Criterion
    interval: Interval
    change: Change
    family: tuple[float, int] | None = None  # adjusted p, and how many hypotheses there were


class When(NamedTuple):
    """Where findings lie in time, and under what configuration."""

    epoch: int
    on: date
    configuration: str


class InForce(NamedTuple):
    """The prior of the EBGM that findings are computed under, and its version."""

    version: str
    prior: ebgm.Prior


def measures(
    table: Table, *, confidence_level: float, tail: float, in_force: InForce | None = None
) -> list[dict[str, Any]]:
    """Compute every measure of every pair.

    Parameters
    ----------
    table : Table
        Counts, shape (n_pairs,).
    confidence_level : float
        Coverage of the intervals of PRR and ROR.
    tail : float
        Probability beyond each limit of the IC.
    in_force : InForce or None
        The prior of the EBGM; None before the first.

    Returns
    -------
    list of dict
        For each pair, fields of a `Finding`; undefined measures are left out and named in
        ``undefined``.
    """
    expected = table.expected
    none_expected = np.nan_to_num(expected)  # without a report: marked undefined below
    estimates = {
        "prr": prr(table, confidence_level=confidence_level),
        "ror": ror(table, confidence_level=confidence_level),
        "ic": ic(table.n_pair, expected, tail=tail),
    }
    yates, exact = chi_square(table), fisher(table)
    columns: list[_Column] = [
        ("chi_square", "chi_square", _floats(yates.value), yates.state.tolist()),
        ("exact_p", "exact_p", _floats(exact.p), exact.state.tolist()),
        ("exact_p", "exact_log10_p", _floats(exact.log_p / LN10), exact.state.tolist()),
        *_ebgm_columns(table, expected, in_force),
    ]
    for name, estimate in estimates.items():
        state = estimate.state.tolist()
        columns += [
            (name, name, _floats(estimate.point), state),
            (name, f"{name}_lower", _floats(estimate.lower), state),
            (name, f"{name}_upper", _floats(estimate.upper), state),
        ]
    rows = [_row(columns, index, value) for index, value in enumerate(_floats(none_expected))]
    if in_force is not None:
        for row in rows:
            row["prior"] = in_force.version
    return rows


def _ebgm_columns(
    table: Table, expected: NDArray[np.float64], in_force: InForce | None
) -> list[_Column]:
    if in_force is None:
        return []
    scored = ebgm.score(table.n_pair, expected, in_force.prior, quantiles=(0.05, 0.95))
    state: list[str] = scored.state.tolist()
    return [
        ("ebgm", "ebgm", _floats(scored.ebgm), state),
        ("ebgm", "eb05", _floats(scored.quantiles[..., 0]), state),
        ("ebgm", "eb95", _floats(scored.quantiles[..., 1]), state),
    ]


def _floats(values: NDArray[np.float64]) -> list[float]:
    numbers: list[float] = values.tolist()
    return numbers


def _row(columns: list[_Column], index: int, expected: float) -> dict[str, Any]:
    row: dict[str, Any] = {"expected": expected}
    undefined: dict[str, str] = {}
    for measure, field, values, states in columns:
        if states[index] == DEFINED:
            row[field] = values[index]
        else:
            undefined[measure] = states[index]
    if undefined:
        row["undefined"] = undefined
    return row


def findings(
    counts: Counts, selected: list[Selected], when: When, in_force: InForce | None = None
) -> list[Finding]:
    """Gather all that is known of the pairs that become findings.

    Parameters
    ----------
    counts : Counts
        Settled counts.
    selected : list of Selected
        What is emitted, in its order.
    when : When
        Epoch, day and configuration.
    in_force : InForce or None
        The prior of the EBGM; None before the first.

    Returns
    -------
    list of Finding
        One for each one, in that order.
    """
    found: list[Finding | None] = [None] * len(selected)
    about = counts.about(np.array([one.place for one in selected], np.int64))
    for interval in dict.fromkeys(one.interval for one in selected):
        chosen = [i for i, one in enumerate(selected) if one.interval == interval]
        places = np.array([selected[i].place for i in chosen], np.int64)
        distinct, where = np.unique(places, return_inverse=True)  # many criteria meet one pair
        numbers = _rows(counts, distinct, interval, in_force)
        for i, spot in zip(chosen, where.tolist(), strict=True):
            found[i] = _finding(
                counts, selected[i], about[selected[i].place], when, numbers[spot].copy()
            )
    return [finding for finding in found if finding is not None]


def _rows(
    counts: Counts, places: NDArray[np.int64], interval: Interval, in_force: InForce | None
) -> list[dict[str, Any]]:
    """Return the counts and measures of each pair."""
    table = Table(*counts.cells(places))
    rows = measures(table, **interval._asdict(), in_force=in_force)
    margins = zip(
        table.n_pair.tolist(), table.n_product.tolist(), table.n_event.tolist(), strict=True
    )
    for row, (n_pair, n_product, n_event) in zip(rows, margins, strict=True):
        row |= {"n_pair": n_pair, "n_product": n_product, "n_event": n_event}
    return rows


def _finding(
    counts: Counts, one: Selected, about: Features, when: When, numbers: dict[str, Any]
) -> Finding:
    place, criterion, _, change, family = one
    if family is not None:
        numbers |= {"adjusted_p": family[0], "n_hypotheses": family[1]}
    return Finding(
        criterion=criterion.name,
        criterion_version=criterion.version,
        change=change,
        on=when.on,
        epoch=when.epoch,
        product=counts.products.names[int(counts.pair_product.values[place])],
        event=counts.events.names[int(counts.pair_event.values[place])],
        n_total=counts.n_total,
        n_serious=int(counts.n_serious.values[place]),
        n_fatal=int(counts.n_fatal.values[place]),
        n_total_serious=counts.n_total_serious,
        n_total_fatal=counts.n_total_fatal,
        n_pair_before=about.n_before,
        n_total_before=counts.past.n_total,
        n_timed=int(counts.n_timed.values[place]),
        completeness=about.completeness,
        n_well_documented=int(counts.n_documented.values[place]),
        product_first_on=counts.first_report(place),
        onset_days_min=about.onset_days_min,
        countries=tuple(sorted(filter(None, about.countries))),
        reporters=tuple(sorted(about.reporters)),
        constructs=tuple(sorted(about.constructs)[:N_CONSTRUCTS_MAX]),
        n_constructs=len(about.constructs),
        multiplicity=criterion.multiplicity,
        configuration=when.configuration,
        **numbers,
    )
