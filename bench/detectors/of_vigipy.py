"""vigipy's part of the bench, on the same margins; each is run in a process of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.detectors import data
from bench.detectors.runs import repeated

COLUMNS = {
    "prr": ("PRR", "CI Lower"),
    "ror": ("ROR", "CI Lower"),
    "rfet": ("p_value",),
    "bcpnn": ("quantile",),
}


def measures(path: str, keep: str, n_runs: int) -> dict[str, Any]:
    """Compute every measure of one 2x2 table; RFET gives the exact p, not its default mid-p."""
    from vigipy import bcpnn, prr, rfet, ror  # noqa: PLC0415 - only here is it needed

    container = _container(data.read(Path(path)))
    works: dict[str, Callable[[], Any]] = {
        "prr": lambda: prr(container, min_events=1),
        "ror": lambda: ror(container, min_events=1),
        "rfet": lambda: rfet(container, min_events=1, mid_pval=False),
        "bcpnn": lambda: bcpnn(container, min_events=1),
    }
    found: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        for name, work in works.items():
            result, found[name] = repeated(work, n_runs)
            columns = _in_order(result.all_signals, COLUMNS[name])
            kept |= {f"{name} {column}": values for column, values in columns.items()}
    np.savez(keep, **kept)
    return found


def gps(path: str, n_runs: int) -> dict[str, Any]:
    """Fit the prior and score every pair at it, which is one call."""
    from vigipy import gps as run  # noqa: PLC0415 - only here is it needed

    container = _container(data.read(Path(path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        result, seconds = repeated(lambda: run(container, min_events=1), n_runs)
    return {"both": seconds, "theta": [float(value) for value in result.params["prior_param"]]}


def scores(path: str, keep: str, theta: list[float], n_runs: int) -> dict[str, Any]:
    """Score every pair at a given prior."""
    from vigipy import gps as run  # noqa: PLC0415 - only here is it needed

    container = _container(data.read(Path(path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        result, seconds = repeated(lambda: run(container, min_events=1, prior_param=theta), n_runs)
    columns = _in_order(result.all_signals, ("EBGM", "LowerBound", "UpperBound"))
    np.savez(keep, ebgm=columns["EBGM"], eb05=columns["LowerBound"], eb95=columns["UpperBound"])
    return seconds


def _container(pairs: data.Pairs) -> Any:  # noqa: ANN401 - vigipy has no types here
    from vigipy.utils.Container import DataContainer  # noqa: PLC0415 - only here is it needed

    frame = pd.DataFrame(
        {
            "events": pairs.table.n_pair,
            "product_aes": pairs.table.n_product,
            "count_across_brands": pairs.table.n_event,
            "ae_name": pairs.event,
            "product_name": pairs.product,
        }
    )
    return DataContainer(data=frame, N=int(pairs.table.n_total.max()))


def _in_order(frame: pd.DataFrame, columns: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Take columns in the order of the pairs, by product and event; vigipy sorts by rank."""
    order = np.lexsort((frame["Adverse Event"], frame["Product"]))
    return {column: frame[column].to_numpy(dtype=np.float64)[order] for column in columns}
