"""The OMOP reference set, found in one quarter of FAERS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.public import public
from detectors.counts import Table

# Words for salts, esters and hydrates that may end a name. Written before any area was computed.
SALTS = frozenset(
    """
    acetate alafenamide benzoate besilate besylate bisulfate bromide calcium chloride
    cilexetil citrate cypionate dihydrate dipropionate disoproxil fumarate furoate gluconate
    hcl hemihydrate hippurate hydrate hydrobromide hydrochloride lactate lysine magnesium
    malate maleate medoxomil mesilate mesylate monohydrate nitrate oxalate palmitate
    phosphate potassium propionate sodium succinate sulfate sulphate tartrate tromethamine
    trometamol valerate xinafoate
    """.split()  # noqa: SIM905 - a list of strings would fill fifty lines
)
SEPARATORS = re.compile(r"\\| and | / ")


Cases = NDArray[np.intp]


class Controls(NamedTuple):
    """Pairs of the reference set whose drug and event were reported, and what was left out."""

    outcome: NDArray[np.str_]
    drug: NDArray[np.str_]
    is_positive: NDArray[np.bool_]
    table: Table
    flow: pd.DataFrame  # by outcome: what became of its pairs, its terms, and its reports
    n_names: int  # names in the reports that were taken for a drug of the set
    n_reports: int


def read_reports() -> pd.DataFrame:
    """Read the cases, each with its one drug and its terms."""
    return pd.read_csv(
        public("faers/faers_2022q3_primary_suspect_pairs.csv.gz"), keep_default_na=False
    )


def names_of(name: str) -> set[str]:
    """List what a reported name may be called: each ingredient, with and without its salt."""
    names = set()
    for part in SEPARATORS.split(name.lower()):
        words = part.split()
        names.add(" ".join(words))
        while len(words) > 1 and words[-1] in SALTS:
            words.pop()
            names.add(" ".join(words))
    return names


def find(reports: pd.DataFrame) -> Controls:
    """Count the reports of every pair of the reference set."""
    reference = pd.read_csv(public("reference_sets/omop_reference_set.csv"))
    wanted = _wanted_terms()
    case, cases = pd.factorize(reports["CASEID"])
    by_term = _cases_by_name(reports["AE"].str.lower(), case)
    by_drug = _cases_by_name(reports["DRUG"], case)
    names = _names_taken(set(reference["exposureName"]), by_drug)
    events = {o: _together(by_term, wanted[o]) for o in reference["outcomeId"].unique()}
    products = {drug: _together(by_drug, found) for drug, found in names.items()}
    outcome, drug = reference["outcomeId"], reference["exposureName"]
    counted = reference.assign(
        n_pair=[
            np.intersect1d(products[d], events[o], assume_unique=True).size
            for d, o in zip(drug, outcome, strict=True)
        ],
        n_product=drug.map({each: found.size for each, found in products.items()}),
        n_event=outcome.map({each: found.size for each, found in events.items()}),
        terms=outcome.map({each: len(wanted[each] & set(by_term)) for each in events}),
        all_terms=outcome.map({each: len(wanted[each]) for each in events}),
    )
    return _controls(counted, n_reports=len(cases), n_names=len(set().union(*names.values())))


def _controls(counted: pd.DataFrame, *, n_reports: int, n_names: int) -> Controls:
    has_event, has_drug = counted["n_event"] > 0, counted["n_product"] > 0
    counted = counted.assign(
        pairs=1,
        no_term=~has_event,
        no_drug=has_event & ~has_drug,
        used=has_event & has_drug,
        never=has_event & has_drug & (counted["n_pair"] == 0),
    )
    by_outcome = counted.groupby("outcomeName")
    sums = by_outcome[["pairs", "no_term", "no_drug", "used", "never"]].sum()
    used = counted[counted["used"]].sort_values(["outcomeName", "exposureName"])
    return Controls(
        outcome=used["outcomeName"].to_numpy(dtype=str),
        drug=used["exposureName"].to_numpy(dtype=str),
        is_positive=used["groundTruth"].to_numpy() == 1,
        table=Table(used["n_pair"], used["n_product"], used["n_event"], n_reports),
        flow=sums.join(by_outcome[["terms", "all_terms", "n_event"]].first()),
        n_names=n_names,
        n_reports=n_reports,
    )


def _cases_by_name(names: pd.Series[str], case: Cases) -> dict[str, Cases]:
    return {str(name): np.unique(case[rows]) for name, rows in names.groupby(names).indices.items()}


def _together(by_name: dict[str, Cases], names: Iterable[str]) -> Cases:
    found = [by_name[name] for name in sorted(names) if name in by_name]
    return np.unique(np.concatenate([np.empty(0, dtype=np.intp), *found]))


def _names_taken(drugs: set[str], reported: Iterable[str]) -> dict[str, set[str]]:
    """List the reported names of each drug of the set."""
    called: dict[str, set[str]] = {}
    for name in reported:
        for each in names_of(name):
            called.setdefault(each, set()).add(name)
    synonyms = _synonyms()
    known = {drug: {drug.lower(), *synonyms.get(drug.lower(), ())} for drug in drugs}
    return {
        drug: set().union(*(called.get(name, set()) for name in names))
        for drug, names in known.items()
    }


def _wanted_terms() -> dict[int, set[str]]:
    terms = pd.read_csv(public("reference_sets/omop_outcome_to_meddra_pt_map.csv"))
    return {
        int(str(outcome)): set(part.str.lower())
        for outcome, part in terms.groupby("outcomeId")["meddra_pt"]
    }


def _synonyms() -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for row in pd.read_csv(public("reference_sets/drug_name_crosswalk.csv")).itertuples():
        for one, other in ((row.us_name, row.au_name), (row.au_name, row.us_name)):
            known.setdefault(str(one), set()).add(str(other))
    return known
