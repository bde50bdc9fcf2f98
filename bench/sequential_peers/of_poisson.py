"""Values of Sequential 4.5.1 for Poisson counts, and their level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from bench.sequential_peers.drawn import arrivals, greatest_above, greatest_below
from bench.sequential_peers.sides import ALPHA, SEED, Compared, Numbers, Side, Simulated, rows_of
from detectors.sequential.poisson_band import signal_probability
from detectors.sequential.poisson_maxsprt import Design, critical_value, operating_characteristics
from detectors.sequential.poisson_maxsprt.boundary import plan_of
from detectors.sequential.poisson_maxsprt.limits import band


def poisson_sides(
    rng: np.random.Generator, peer: float, design: tuple[float, float, int, float, str]
) -> tuple[Side, Side]:
    """Judge a peer's value of the Poisson MaxSPRT, and ours."""
    horizon, alpha, least, start, tail = design
    given: dict[str, Any] = {"min_events": least, "min_expected": start, "tail": tail}
    plan = plan_of(horizon, alpha, looks=None, **given)
    own = critical_value(horizon, alpha=alpha, **given)
    parts = []
    for times in arrivals(rng, horizon):
        above = greatest_above(times, horizon, least=least, start=start)
        below = greatest_below(times, horizon) if tail != "upper" else above
        parts.append({"upper": above, "lower": below}.get(tail, np.maximum(above, below)))
    greatest = np.concatenate(parts)
    return (
        Side(peer, signal_probability(band(plan, peer)), Simulated.of(greatest >= peer)),
        Side(own.value, own.attained_size, Simulated.of(greatest >= own.value)),
    )


def lower() -> list[Compared]:
    """Judge the peer's values of a deficit, and of either."""
    rng = np.random.default_rng([SEED, 5])
    rows = rows_of("cv_poisson_lower_two_sided.csv", "T in (5, 10) and cv > 0")
    tails = {"lower": "lower", "two": "two_sided"}
    return [
        Compared(
            f'"{row.tailed}", T = {row.T:g}',
            ALPHA,
            *poisson_sides(rng, row.cv, (row.T, ALPHA, 1, 0.0, tails[row.tailed])),
        )
        for row in rows
    ]


class Timed(NamedTuple):
    """Mean times to a signal of a peer, of ours, and simulated; and both powers."""

    setting: str
    peer: float
    own: float
    simulated: Simulated
    peer_power: float
    own_power: float


def times_to_signal() -> list[Timed]:
    """Judge the peer's mean times with a delayed start."""
    rng, found = np.random.default_rng([SEED, 6]), []
    query = "alpha == 0.05 and D == 1 and M == 1 and T in (2, 3) and RR in (2, 3, 4)"
    for row in rows_of("performance_poisson.csv", query):
        design = Design(float(row.T), min_expected=float(row.D))
        own, c = operating_characteristics(design, row.RR), design.boundary.critical_value
        signals = np.concatenate(
            [first_times(times, design, c) for times in arrivals(rng, row.T, row.RR)]
        )
        found.append(
            Timed(
                f"T = {row.T:g}, D = {row.D:g}, rate ratio {row.RR:g}",
                row.ESignalTime,
                own.expected_time_to_signal,
                Simulated.of(signals[np.isfinite(signals)]),
                row.power,
                own.power,
            )
        )
    return found


def first_times(times: Numbers, design: Design, c: float) -> Numbers:
    n, start = np.arange(1, times.shape[1] + 1), design.min_expected
    crosses = (special.kl_div(n, times) >= c) & (n > times) & (times > start)
    first = np.where(crosses & (times <= design.horizon), times, np.inf).min(axis=1)
    held = (times <= start).sum(axis=1)
    at_start = (special.kl_div(held, start) >= c) & (held > start)
    return np.where(at_start, start, first)


def refused() -> Iterator[tuple[Any, Side | int]]:
    """Answer where the peer does not: our value, or our count, with its level."""
    rng = np.random.default_rng([SEED, 8])
    rows = rows_of("cv_poisson.csv", "R_note.notna() and M == 1")
    for row in [row for row in rows if row.D > 0 or row.T <= 0.1]:  # noqa: PLR2004 - too short at 5 %
        design = (row.T, row.alpha, 1, row.D, "upper")
        own = critical_value(row.T, alpha=row.alpha, min_expected=row.D)
        if own.decided_by == "llr":
            yield row, poisson_sides(rng, own.value, design)[1]
        else:
            yield row, own.min_events
