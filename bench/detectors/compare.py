"""How far the numbers of two programs are apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.detectors import data

Numbers = NDArray[np.float64]
MEASURES = {  # ours, and vigipy's for the same quantity
    "prr": "prr PRR",
    "prr_lower": "prr CI Lower",
    "ror": "ror ROR",
    "ror_lower": "ror CI Lower",
    "p": "rfet p_value",
    "bcpnn_lower": "bcpnn quantile",
}
LEAST = 1e-300  # below, doubles lose their digits, and a share says nothing
SCORES = ("ebgm", "eb05", "eb95")


def apart(one: Numbers, other: Numbers, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Find the largest difference, and the largest in relation to the number.

    Numbers below 1e-300 have no relation.

    Parameters
    ----------
    one, other : ndarray of float64, of one shape
        Two programs' numbers.
    chosen : ndarray of bool, of the same shape
        Where they are to be the same quantity.
    """
    first, second = one[chosen], other[chosen]
    both = np.isfinite(first) & np.isfinite(second)
    difference = np.abs(first - second)[both]
    if difference.size == 0:
        return {"n": 0, "n_without": int(np.sum(~both)), "largest": None, "relative": None}
    scale = np.maximum(np.abs(first), np.abs(second))[both]
    share = np.divide(difference, scale, out=np.zeros_like(difference), where=scale > LEAST)
    return {
        "n": int(both.sum()),
        "n_without": int(np.sum(~both)),  # a number on one side alone, or on none
        "largest": float(difference.max()),
        "relative": float(share.max()),
    }


def with_vigipy(counts: Path, ours: Path, theirs: Path) -> dict[str, Any]:
    """Compare the measures of a 2x2 table where it has no zero: elsewhere vigipy adds a half."""
    table = data.read(counts).table
    is_full = np.all([cell > 0 for cell in table.cells()], axis=0)
    with np.load(ours) as one, np.load(theirs) as other:
        found = {
            name: apart(one[name], other[column], is_full) for name, column in MEASURES.items()
        }
        # Not the same quantity: shown so that nobody takes one for the other.
        found["ic025"] = apart(one["ic025"], other["bcpnn quantile"], is_full)
    return found


def limit_with_r(ours: Path, theirs: Path) -> dict[str, Any]:
    """Compare the lower limit of the information component with R's."""
    with np.load(ours) as one:
        limit = one["ic025"]
    other = pd.read_csv(theirs)["ic025"].to_numpy()
    return apart(limit, other, np.ones(limit.shape, dtype=np.bool_))


def scores(ours: Path, theirs: Path) -> dict[str, Any]:
    """Compare scores at one prior."""
    one, other = _scores(ours), _scores(theirs)
    every = np.ones(one["ebgm"].shape, dtype=np.bool_)
    return {name: apart(one[name], other[name], every) for name in SCORES}


def _scores(path: Path) -> dict[str, Numbers]:
    if path.suffix == ".csv":
        frame = pd.read_csv(path)
        return {name: frame[name].to_numpy() for name in SCORES}
    with np.load(path) as found:
        return {name: found[name] for name in SCORES}
