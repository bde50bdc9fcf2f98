"""A full screen of millions of pairs: what the stage does at the first close of a day."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import data
from bench.apart import Stopwatch
from detectors.catalogue import CATALOGUE
from detectors.counts import Table
from surveillance.domain.contribution import Contribution
from surveillance.log.cells import Cells, nothing_stored
from surveillance.screening.screen import Screen, ScreenState

N_EVENTS_ALL = 3_000
N_EVENTS_A_ROW = 10
SECONDS_A_DAY = 86_400
WANTED = ("prr", "ror", "chi_square", "ic", "exact", "ebgm")  # of the budget, by catalogue name
SEED = 1


def screen(n_pairs: int) -> dict[str, Any]:
    """Fill the counts with pairs, most of them rare, and close two days.

    The first close sums up and emits every pair that meets a criterion; the second, a day
    later, evaluates every pair and has nothing to emit. Then every measure is computed for
    every pair, as nobody needs to do daily.
    """
    stage = Screen(data.configuration())
    state = stage.init(Cells(nothing_stored))
    _fill(stage, state, n_pairs)
    at = 19_723 * SECONDS_A_DAY  # 2024-01-01
    watch = Stopwatch()
    n_told = len(stage.close(state, 0, at).rows)
    first = watch.read()
    watch = Stopwatch()
    stage.close(state, 1, at + SECONDS_A_DAY)
    daily = watch.read()
    measures = _measures(Table(*state.counts.cells(slice(None))))
    return {
        "n_pairs": len(state.counts),
        "n_told": n_told,
        "first_close": first,
        "daily_close": daily,
        "measures_cpu_seconds": measures,
        "missing": [name for name in WANTED if name not in CATALOGUE],
    }


def _fill(stage: Screen, state: ScreenState, n_pairs: int) -> None:
    rng = np.random.default_rng(SEED)
    rows_a_product = N_EVENTS_ALL // N_EVENTS_A_ROW
    n_rows = n_pairs // N_EVENTS_A_ROW
    weights = rng.zipf(1.8, n_rows).clip(max=2_000).tolist()
    for row, weight in enumerate(weights):
        product, part = divmod(row, rows_a_product)
        events = range(part * N_EVENTS_A_ROW, (part + 1) * N_EVENTS_A_ROW)
        stage.apply(
            state,
            Contribution(
                weight, "US", "physician",
                [(f"product:P{product}", None)],
                [(f"pt:E{(event + product * 7) % N_EVENTS_ALL}", 0, None) for event in events],
            ),
        )  # fmt: skip


def _measures(table: Table) -> dict[str, float]:
    found = {}
    for name in WANTED:
        evaluate = CATALOGUE[name].evaluate if name in CATALOGUE else None
        if evaluate is not None:
            watch = Stopwatch()
            evaluate(table)
            found[name] = watch.read()["cpu_seconds"]
    return found
