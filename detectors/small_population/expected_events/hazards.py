"""Each patient's cumulative hazard from a table of natural history.

The table has one row of piecewise-constant hazards for each stratum (age, genotype, severity) and
one column for each interval of the time scale; a patient is at risk in one or more spells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.validation import as_counts, as_reals, refuse_where, require_one_index

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HazardTable:
    """Hazards by stratum and interval.

    Attributes
    ----------
    edges : ndarray of float64, shape (n_intervals + 1,)
        Ends of the intervals, rising, the first not negative; the last may be infinite.
    hazards : ndarray of float64, shape (n_strata, n_intervals)
        Events for each unit of time, not negative.

    Raises
    ------
    ValueError
        If edges do not rise, a hazard is missing, negative or infinite, or shapes do not fit.
    """

    edges: Reals
    hazards: Reals

    def __post_init__(self) -> None:
        edges, hazards = np.array(self.edges, dtype=np.float64), as_reals("hazards", self.hazards)
        if edges.ndim != 1 or edges.size < 2 or hazards.ndim != 2:  # noqa: PLR2004 - two edges, two axes
            raise ValueError(
                f"edges has shape {edges.shape}, hazards {hazards.shape}: must be 1, 2"
            )
        if hazards.shape[1] != edges.size - 1 or hazards.shape[0] == 0:
            rule = "needs a stratum, and a column for each interval"
            raise ValueError(f"hazards has shape {hazards.shape}, edges {edges.shape}: {rule}")
        refuse_where(np.isnan(edges), "edges", edges, "must not be missing")
        refuse_where(edges < 0, "edges", edges, "must not be negative")
        refuse_where(np.isinf(edges[:-1]), "edges", edges[:-1], "must be finite but for the last")
        refuse_where(edges[1:] <= edges[:-1], "edges", edges[1:], "must rise")
        refuse_where(np.isnan(hazards), "hazards", hazards, "must not be missing")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "hazards", np.array(hazards))


def cumulative_hazards(
    table: HazardTable,
    *,
    patient: ArrayLike,
    stratum: ArrayLike,
    entry: ArrayLike,
    leaving: ArrayLike,
    n_patients: int,
) -> Reals:
    r"""Add up each patient's hazard over the time at risk.

    Parameters
    ----------
    table : HazardTable
        Natural history.
    patient : array_like of whole numbers, shape (n_spells,)
        Whose spell it is, from 0.
    stratum : array_like of whole numbers, shape (n_spells,)
        Row of the table that applies in the spell.
    entry, leaving : array_like, shape (n_spells,)
        When the spell begins and ends on the time scale of the table. A patient who comes under
        observation late enters late; one with a gap has two spells.
    n_patients : int
        How many patients there are, with or without a spell.

    Returns
    -------
    ndarray of float64, shape (n_patients,)
        Expected events :math:`H_i = \int_{\mathrm{at\ risk}} h_i(t)\,dt`, exact, each added up in
        the order of time. A patient without a spell has 0.

    Raises
    ------
    ValueError
        If a spell ends before it begins, leaves the table, names no stratum or patient, or
        overlaps another of the same patient.

    Examples
    --------
    A hazard of 0.1 a year in the first two years and 0.02 after; at risk from year 1 to 4:

    >>> table = HazardTable(np.array([0.0, 2.0, np.inf]), np.array([[0.1, 0.02]]))
    >>> found = cumulative_hazards(
    ...     table, patient=[0], stratum=[0], entry=[1.0], leaving=[4.0], n_patients=1
    ... )
    >>> found.round(12).tolist()
    [0.14]
    """
    require_one_index(patient=patient, stratum=stratum, entry=entry, leaving=leaving)
    who, row = as_counts("patient", patient), as_counts("stratum", stratum)
    start, end = as_reals("entry", entry), as_reals("leaving", leaving)
    if who.ndim != 1 or len({who.shape, row.shape, start.shape, end.shape}) != 1:
        raise ValueError("patient, stratum, entry and leaving: must be of one length")
    for name, time in (("entry", start), ("leaving", end)):
        refuse_where(np.isnan(time), name, time, "must not be missing")
        refuse_where(time < table.edges[0], name, time, "is before the table begins")
        refuse_where(time > table.edges[-1], name, time, "is after the table ends")
    refuse_where(end < start, "leaving", end, "must not be before entry")
    refuse_where(who >= n_patients, "patient", who, "must be below n_patients")
    refuse_where(row >= table.hazards.shape[0], "stratum", row, "is no row of the table")
    order = np.lexsort((row, end, start, who))
    who, row, start, end = who[order], row[order], start[order], end[order]
    overlaps = (who[1:] == who[:-1]) & (start[1:] < end[:-1])
    refuse_where(overlaps, "entry, in order of patient and time,", start[1:], "overlaps a spell")
    total = np.zeros(n_patients)
    for i in range(table.edges.size - 1):
        low, high = table.edges[i], table.edges[i + 1]
        time = np.maximum(np.minimum(end, high) - np.maximum(start, low), 0.0)
        np.add.at(total, who, time * table.hazards[row, i])
    return total
