"""Values of Sequential 4.5.1 for an uncertain comparator, and their level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bench.sequential_peers.drawn import N_DRAWS, NEVER
from bench.sequential_peers.sides import ALPHA, SEED, Compared, Numbers, Side, Simulated, rows_of
from detectors.sequential import conditional_operating
from detectors.sequential.conditional_boundary import Boundary, boundary
from detectors.sequential.conditional_boundary import Plan as ConditionalPlan
from detectors.sequential.polya_paths import History

HISTORIES: dict[str, History] = {
    "liberal": "stopped_at_event",
    "conservative": "fixed_time",
    "exact": "exact",
}


def conditional_plan(row: Any) -> ConditionalPlan:  # noqa: ANN401 - a row of a table
    """Give the plan of a row of the reference."""
    by_events = row.stop == "Cases"
    return ConditionalPlan(
        n_historical=int(row.cc),
        n_max=int(row.K) if by_events else None,
        horizon=None if by_events else float(row.T),
        alpha=float(row.alpha),
        min_events=int(row.M),
        min_person_time=float(row.D),
        history=HISTORIES[row.inference],
    )


def greatest_conditional(rng: np.random.Generator, plan: ConditionalPlan) -> Numbers:
    """Draw histories and watches; take the greatest log-likelihood ratio of each."""
    c, end = plan.n_historical, plan.horizon or math.inf
    rate = rng.gamma(c + (plan.history == "fixed_time"), size=N_DRAWS)
    if plan.history == "exact":
        rate += rng.uniform(size=N_DRAWS) * rng.exponential(size=N_DRAWS)
    n_events = plan.n_max or int(stats.nbinom.isf(NEVER, c, 1 / (1 + end))) + 2
    times = rng.exponential(size=(N_DRAWS, n_events)).cumsum(axis=1) / rate[:, None]
    n, start = np.arange(1, n_events + 1), plan.min_person_time
    is_look = (n >= plan.min_events) & (times > start) & (times <= end)
    found = np.where(is_look, conditional_llr(n, times, c), 0.0).max(axis=1)
    if start > 0:
        held = (times <= start).sum(axis=1)
        at_start = conditional_llr(held, np.full(N_DRAWS, start), c)
        found = np.maximum(found, np.where(held >= plan.min_events, at_start, 0.0))
    return np.asarray(found)


def conditional_llr(n: NDArray[np.int64], tau: Numbers, c: int) -> Numbers:
    """Compute the statistic of Li and Kulldorff (2010)."""
    both = c + n
    llr = c * np.log(c * (1 + tau) / both) + special.xlogy(n, n * (1 + tau) / (tau * both))
    return np.where(n > c * tau, llr, 0.0)


def conditional(rows: Sequence[Any]) -> list[Compared]:
    """Judge the peer's values of the conditional test."""
    rng = np.random.default_rng([SEED, 4, len(rows)])
    found = []
    for row in rows:
        plan, peer = conditional_plan(row), float(row.cv_R_Sequential)
        limit = Boundary(
            decided_by="llr", critical_value=peer, min_events=int(row.M), attained_size=math.nan
        )
        level = conditional_operating.characteristics(plan, limit, 1.0).power
        own, greatest = boundary(plan), greatest_conditional(rng, plan)
        end = f"K = {row.K:g}" if row.stop == "Cases" else f"T = {row.T:g}, D = {row.D:g}"
        found.append(
            Compared(
                f'"{row.inference}", c = {row.cc:g}, {end}, M = {row.M:g}',
                plan.alpha,
                Side(peer, level, Simulated.of(greatest >= peer)),
                Side(
                    own.critical_value,
                    own.attained_size,
                    Simulated.of(greatest >= own.critical_value),
                ),
            )
        )
    return found


def conditional_rows() -> list[Any]:
    """Choose the settings with the greatest excess of each kind, and where it is small."""
    few = (
        "alpha == 0.05 and ((cc == 2 and K == 3 and M == 2) or (cc == 100 and K == 10 and M == 1))"
    )
    most = "inference == 'exact' and alpha == 0.05 and cc == 2 and K == 5 and M == 4"
    return [
        row
        for query in (
            f"inference == 'conservative' and {few}",
            most,
            f"inference == 'exact' and {few}",
        )
        for row in rows_of("cv_condpoisson.csv", query)
    ]


def delayed_rows() -> list[Any]:
    """Choose delayed starts, with that of the help page: what it prints, and what is returned."""
    query = "stop == 'Tal' and D == 0.1 and T == 0.25 and cc in (10, 50) and cv_R_Sequential > 0"
    of_help = {"inference": "liberal", "stop": "Tal", "cc": 20, "T": 0.5, "D": 0.1, "M": 1}
    said = [
        SimpleNamespace(**of_help, alpha=ALPHA, cv_R_Sequential=value)
        for value in (2.734248, 2.874993)  # handbook/statistics.md 2.4
    ]
    return [*said, *rows_of("cv_condpoisson.csv", query)]
