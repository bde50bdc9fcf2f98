"""Data that the tests of the shrinker share: counts, expectations and published priors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import public, reference_json, reference_table
from numpy.typing import NDArray

Pairs = tuple[NDArray[np.int64], NDArray[np.float64]]


@pytest.fixture(scope="session")
def scores() -> dict[str, pd.DataFrame]:
    """Every pair of CAERS as openEBGM 0.9.1 scores it, with and without strata."""
    kinds = ("unstratified", "stratified")
    return {kind: reference_table(f"openebgm/caers_ebgm_{kind}.csv.xz") for kind in kinds}


@pytest.fixture(scope="session")
def vigipy_scores() -> pd.DataFrame:
    """Every pair of CAERS as vigipy 3.5.1 scores it, on expectations of its own."""
    return reference_table("vigipy/caers_all_methods.csv.xz")


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """Priors and likelihoods by openEBGM, by vigipy, and by an independent fit."""
    names = ("caers_hyperparameters", "gps_hyperparameter_reference")
    openebgm, independent = (reference_json(f"openebgm/{name}.json") for name in names)
    return {**openebgm, **independent}


@pytest.fixture(scope="session")
def data(scores: dict[str, pd.DataFrame], vigipy_scores: pd.DataFrame) -> dict[str, Pairs]:
    """Pairs of real data sets, by name."""
    pairs = {name: (rows["N"].to_numpy(), rows["E"].to_numpy()) for name, rows in scores.items()}
    pairs["pair_sum"] = (
        vigipy_scores["Count"].to_numpy(),
        vigipy_scores["Expected Count"].to_numpy(),
    )
    pairs["statin"] = _of_table("pvLRT_statin")
    pairs["faers"] = _of_reports()
    return pairs


def _of_table(name: str) -> Pairs:
    table = reference_table(f"contingency/{name}.csv.xz").iloc[:, 1:].to_numpy()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return table[table > 0].astype(np.int64), expected[table > 0]


def _of_reports() -> Pairs:
    path = public("faers/faers_2022q3_primary_suspect_pairs.csv.gz")
    rows = pd.read_csv(path, dtype=str).drop_duplicates()
    n = rows.groupby(["DRUG", "AE"]).size()
    margins = [
        rows.drop_duplicates(["CASEID", name]).groupby(name).size().loc[n.index.get_level_values(i)]
        for i, name in enumerate(("DRUG", "AE"))
    ]
    products = margins[0].to_numpy() * margins[1].to_numpy()
    return n.to_numpy().astype(np.int64), products / rows["CASEID"].nunique()


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Pairs]:
    """Make counts from a prior, with expectations as skewed as those of a database."""

    def draw(
        parameters: tuple[float, ...], n_pairs: int, seed: int, *, is_truncated: bool
    ) -> Pairs:
        alpha1, beta1, alpha2, beta2, p = parameters
        rng = np.random.default_rng(seed)
        expected = np.exp(rng.normal(-0.5, 1.3, n_pairs))
        is_first = rng.random(n_pairs) < p
        ratio = np.where(
            is_first, rng.gamma(alpha1, 1 / beta1, n_pairs), rng.gamma(alpha2, 1 / beta2, n_pairs)
        )
        n = rng.poisson(ratio * expected)
        kept = n > 0 if is_truncated else np.ones(n_pairs, dtype=np.bool_)
        return n[kept], expected[kept]

    return draw
