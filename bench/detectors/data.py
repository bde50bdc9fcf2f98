"""The pairs that every part reads: simulated, and of two public collections.

The simulation is a stream of reports of one product and one event each, stopped at the report that
makes the last pair wanted. A cell of the table is reported at the rate of its product, times that
of its event, times a relative rate; so the first report of a cell comes after an exponential time,
and the later ones until the stop are Poisson.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.public import REFERENCE, public
from detectors.counts import Table

CAERS = "caers/caers_reports.csv"
FAERS = "faers/faers_2022q3_primary_suspect_pairs.csv.gz"
STATIN = REFERENCE / "contingency/statin46_contingency.csv"

N_PRODUCTS, N_EVENTS, N_PAIRS = 634, 756, 102_483  # of the table that PhViD brings
STEEPNESS = 2.0  # a share falls with this power of the rank: Zipf and Mandelbrot's law
FLATTENED = 0.024  # ranks, as a share of all, by which its top is flattened
SHARE_RAISED = 0.1
RAISED, USUAL = (2.0, 2.0), (2.0, 0.5)  # gammas, shape and scale: means 4 and 1
SEED = 1
MARGINS = ("n_pair", "n_product", "n_event", "n_total")


class Pairs(NamedTuple):
    """Counts of pairs, and which product and event each is of."""

    table: Table
    product: NDArray[np.int64]
    event: NDArray[np.int64]


def simulated(n_pairs: int = N_PAIRS, seed: int = SEED) -> Pairs:
    """Simulate reports until so many pairs were reported.

    The numbers of products and events grow with the root of `n_pairs`, so that the share of cells
    that are reported, and the form of the margins, are those of 634 by 756 at every size.
    """
    rng = np.random.default_rng(seed)
    scale = (n_pairs / N_PAIRS) ** 0.5
    shares = [_shares(round(n * scale)) for n in (N_PRODUCTS, N_EVENTS)]
    rates = np.multiply.outer(*shares)
    is_raised = rng.random(rates.shape) < SHARE_RAISED
    rates *= np.where(is_raised, rng.gamma(*RAISED, rates.shape), rng.gamma(*USUAL, rates.shape))
    first = rng.standard_exponential(rates.shape) / rates
    stop = np.partition(first, n_pairs - 1, axis=None)[n_pairs - 1]
    product, event = np.nonzero(first <= stop)
    later = rng.poisson(rates[product, event] * (stop - first[product, event]))
    n_pair = 1 + later
    return Pairs(_summed(n_pair, product, event), product, event)


def _shares(n: int) -> NDArray[np.float64]:
    shares = (np.arange(1, n + 1) / n + FLATTENED) ** -STEEPNESS
    return np.asarray(shares / shares.sum())


def _summed(
    n_pair: NDArray[np.int64], product: NDArray[np.int64], event: NDArray[np.int64]
) -> Table:
    of_product, of_event = np.zeros((2, 1 + max(product.max(), event.max())), dtype=np.int64)
    np.add.at(of_product, product, n_pair)
    np.add.at(of_event, event, n_pair)
    return Table(n_pair, of_product[product], of_event[event], n_pair.sum())


def caers() -> Pairs:
    """Count the pairs of the CAERS reports that come with openEBGM."""
    return _counted(pd.read_csv(public(CAERS)), report="id", product="var1", event="var2")


def faers() -> Pairs:
    """Count the pairs of FAERS 2022Q3, primary suspects, that come with pvLRT."""
    return _counted(pd.read_csv(public(FAERS)), report="CASEID", product="DRUG", event="AE")


def _counted(frame: pd.DataFrame, **columns: str) -> Pairs:
    table = Table.from_reports(frame, **columns)
    if table.labels is None:
        raise AssertionError("a table counted from reports has labels")
    product, event = (np.asarray(codes, dtype=np.int64) for codes in table.labels.codes)
    return Pairs(table, product, event)


def statin() -> NDArray[np.int64]:
    """Return the reports of 47 events with six statins and all other drugs."""
    with STATIN.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return np.array([[int(cell) for cell in row[1:]] for row in rows])


def describe(pairs: Pairs) -> dict[str, Any]:
    """Say how large a set of pairs is."""
    table = pairs.table
    return {
        "n_pairs": table.n_pair.size,
        "n_products": len(np.unique(pairs.product)),
        "n_events": len(np.unique(pairs.event)),
        "n_reports": int(table.n_total.max()),
        "largest": int(table.n_pair.max()),
        "share_at_least_3": float(np.mean(table.n_pair >= 3)),  # noqa: PLR2004 - the usual least
    }


def write(path: Path, pairs: Pairs) -> None:
    """Write pairs for programs in Python."""
    columns: dict[str, Any] = {"product": pairs.product, "event": pairs.event, **_counts(pairs)}
    np.savez(path, **columns)


def write_for_r(path: Path, pairs: Pairs) -> None:
    """Write the counts as CSV; whole numbers, so that R computes from the same bits."""
    pd.DataFrame(_counts(pairs)).to_csv(path, index=False)


def _counts(pairs: Pairs) -> dict[str, NDArray[np.int64]]:
    return {name: getattr(pairs.table, name) for name in MARGINS}


def read(path: Path) -> Pairs:
    """Read what `write` wrote."""
    with np.load(path) as found:
        return Pairs(Table(*(found[name] for name in MARGINS)), found["product"], found["event"])
