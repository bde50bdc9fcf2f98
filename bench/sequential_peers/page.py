"""The page that sets the peers' numbers beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy import special

from bench.sequential_peers.drawn import N_DRAWS
from bench.sequential_peers.of_history import conditional, conditional_rows, delayed_rows
from bench.sequential_peers.of_looks import binomial_intervals, poisson_intervals, wald_levels
from bench.sequential_peers.of_poisson import Timed, lower, refused, times_to_signal
from bench.sequential_peers.of_trials import binomial
from bench.sequential_peers.sides import ALPHA, Compared, Side, Simulated, rows_of
from bench.sequential_peers.vigipy import (
    Judged,
    vigipy_bound,
    vigipy_e,
    vigipy_maxsprt,
    vigipy_value,
)
from detectors.sequential.poisson_band import signal_probability
from detectors.sequential.poisson_maxsprt import critical_value
from detectors.sequential.poisson_maxsprt.boundary import plan_of
from detectors.sequential.poisson_maxsprt.limits import band

TEXT = Path(__file__).with_name("page.template.md")


class Page:
    """Tables, and every exact number beside its simulation as they are made."""

    def __init__(self) -> None:
        self.pairs: list[tuple[float, Simulated]] = []

    def compared(self, rows: Sequence[Compared]) -> str:
        """Write both sides of each setting."""
        self.pairs += [(side.level, side.simulated) for row in rows for side in (row.peer, row.own)]
        heads = ["setting", "alpha", "peer's value", "its exact level", "simulated", "our value"]
        shown = [
            [row.setting, f"{row.alpha:g}", *_shown(row.peer), *_shown(row.own)] for row in rows
        ]
        return _rows([*heads, "its exact level", "simulated"], shown)

    def judged(self, heads: Sequence[str], rows: Sequence[Judged]) -> str:
        """Write a peer's exact number, its simulation, and our number."""
        self.pairs += [(level, simulated) for _, level, simulated, _ in rows]
        shown = [[f"{at:g}", f"{x:.4f}", str(sim), f"{own:.4f}"] for at, x, sim, own in rows]
        return _rows(heads, shown)

    def timed(self, rows: Sequence[Timed]) -> str:
        """Write mean times to a signal."""
        self.pairs += [(row.own, row.simulated) for row in rows]
        heads = ["setting", "peer's mean time", "our mean time", "simulated", "peer's power"]
        shown = [
            [
                row.setting,
                *(f"{x:.4f}" for x in (row.peer, row.own)),
                str(row.simulated),
                *(f"{x:.4f}" for x in (row.peer_power, row.own_power)),
            ]
            for row in rows
        ]
        return _rows([*heads, "our power"], shown)

    def refused(self, rows: Sequence[tuple[Any, Side | int]]) -> str:
        """Write our answer where the peer has none."""
        self.pairs += [(own.level, own.simulated) for _, own in rows if isinstance(own, Side)]
        heads = ["setting", "alpha", "the peer says", "our value", "its exact level", "simulated"]
        return _rows(heads, [_refused(row, own) for row, own in rows])


def report() -> str:
    """Compute everything and write it out."""
    page, curve = Page(), vigipy_maxsprt()
    bounds = ["T", "bound above 1, exact", "simulated", "our e-process, exact"]
    means = ["B", "mean of the peer's, exact", "simulated", "mean of ours, exact"]
    looked = ["expected to date", "peer's level, exact", "simulated", "ours, exact"]
    missed = ["peer's misses, exact", "simulated", "an exact interval's misses"]
    parts = {
        "vigipy_maxsprt": page.compared(curve),
        "vigipy_bound": page.judged(bounds, vigipy_bound()),
        "vigipy_e": page.judged(means, vigipy_e()),
        "conditional": page.compared(conditional(conditional_rows())),
        "delayed": page.compared(conditional(delayed_rows())),
        "lower": page.compared(lower()),
        "times": page.timed(times_to_signal()),
        "binomial": page.compared(binomial()),
        "refused": page.refused(list(refused())),
        "wald": page.judged(looked, wald_levels()),
        "poisson_intervals": page.judged(["expected", *missed], poisson_intervals()),
        "binomial_intervals": page.judged(["events", *missed], binomial_intervals()),
        "detectable": _detectable(),
        "n_draws": f"{N_DRAWS:,}",
        "n_outside": str(sum(not simulated.holds(exact) for exact, simulated in page.pairs)),
        "n_simulated": str(len(page.pairs)),
        "n_expected": f"{2 * float(special.ndtr(-3)) * len(page.pairs):.1f}",
        **_said_of_vigipy(curve),
        **_published(),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def _said_of_vigipy(curve: Sequence[Compared]) -> dict[str, str]:
    plan = plan_of(1.0, ALPHA, min_events=1, min_expected=0.0, looks=None, tail="upper")
    own, theirs = (
        signal_probability(band(plan, value), 3.0)
        for value in (critical_value(1.0).value, vigipy_value(1.0))
    )
    shares = [row.peer.level / ALPHA for row in curve if "M = 1" in row.setting]
    return {
        "vigipy_share": f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %",
        "vigipy_power": f"{theirs:.3f}",
        "own_power": f"{own:.3f}",
    }


def _published() -> dict[str, str]:
    rows = rows_of("poisson_published_table_check.csv", "T <= 10")
    greatest = max(
        abs(critical_value(row.T, min_events=row.M, min_expected=row.D).value - row.cv_published)
        for row in rows
    )
    return {"n_published": str(len(rows)), "published_difference": f"{greatest:.0e}"}


def _shown(side: Side) -> tuple[str, str, str]:
    return f"{side.value:.6f}", f"{side.level:.4f}", str(side.simulated)


def _refused(row: Any, own: Side | int) -> list[str]:  # noqa: ANN401 - a row of a table
    setting = f"T = {row.T:g}, D = {row.D:g}, M = {row.M:g}"
    said = [setting, f"{row.alpha:g}", row.R_note.strip()]
    if isinstance(own, Side):
        return [*said, *_shown(own)]
    size = float(special.gammainc(own, row.T))
    return [*said, f"signal at event {own}", f"{size:.4f}", "one Poisson tail"]


def _detectable() -> str:
    found = ((horizon, critical_value(horizon)) for horizon in (0.05, 0.01, 0.0001))
    return ", ".join(f"{own.detectable_rate_ratio:,.0f} at T = {t:g}" for t, own in found)


def _rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
