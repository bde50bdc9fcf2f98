"""The tables on which pvLRT was run, and the test with its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from data import reference_table

from detectors.disproportionality.lrt import LikelihoodRatioTest, Model, lrt

if TYPE_CHECKING:
    import pandas as pd

every_run = pytest.mark.parametrize("name", ["statin46", "lovastatin"])


def contingency(name: str) -> pd.DataFrame:
    """Return a table of events by products."""
    return reference_table(f"contingency/{name}_contingency.csv").set_index("AE")


def as_pvlrt(counts: pd.DataFrame, model: Model, *, seed: int) -> LikelihoodRatioTest:
    """Test a table as pvLRT does: its last product, all others together, is not tested."""
    return lrt(
        counts,
        margin=None,
        model=model,
        null="poisson",
        family="table",
        tested=np.arange(counts.shape[1]) < counts.shape[1] - 1,
        n_draws=5_000,
        rng=np.random.default_rng(seed),
    )
