"""What is in a file: cases, versions, dates, products, terms, refusals, completeness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from hashlib import blake2b

from msgspec import Struct

from surveillance.configuration.types import Configuration
from surveillance.domain.case import CaseVersion
from surveillance.domain.completeness import WELL_DOCUMENTED, completeness
from surveillance.intake.format import Read
from surveillance.log.decode import decode_case
from surveillance.screening.keys import Naming
from surveillance.screening.substances import SubstanceNames
from surveillance.screening.versions import COUNTED_ROLES

N_NAMES = 10  # of each list

_INFORMATIVE = ("positive", "negative")

# What a reader of a case looks for first, and whether a version has it.
_PARTS: dict[str, Callable[[CaseVersion], bool]] = {
    "reporter": lambda case: case.reporter != "unknown",
    "country": lambda case: case.country is not None,
    "type of report": lambda case: case.report_type != "unknown",
    "sex": lambda case: case.patient.sex not in (None, "unknown"),
    "age": lambda case: case.patient.age_years is not None,
    "seriousness": lambda case: any(event.seriousness.is_serious for event in case.events),
    "outcome": lambda case: any(event.outcome is not None for event in case.events),
    "onset": lambda case: any(event.onset_on is not None for event in case.events),
    "first dose": lambda case: any(product.first_dose_on for product in case.products),
    "amount of a dose": lambda case: any(
        dose.amount is not None for product in case.products for dose in product.doses
    ),
    "lot": lambda case: any(product.lots for product in case.products),
    "substance": lambda case: any(product.substances for product in case.products),
    "indication": lambda case: any(product.indications for product in case.products),
    "dechallenge": lambda case: (
        any(product.dechallenge in _INFORMATIVE for product in case.products)
        or any(pair.dechallenge in _INFORMATIVE for pair in case.assessments)
    ),
    "rechallenge": lambda case: (
        any(product.rechallenge in _INFORMATIVE for product in case.products)
        or any(pair.rechallenge in _INFORMATIVE for pair in case.assessments)
    ),
    "narrative": lambda case: case.narrative_sha256 is not None,
}


class Contents(Struct, frozen=True, kw_only=True):
    """What was found, for one screen."""

    n_cases: int
    n_versions: int  # nullifications among them
    kinds: dict[str, int]
    first_received_on: date | None
    last_received_on: date | None
    n_serious: int
    n_fatal: int
    n_events: int  # in versions; a case of two versions has its events twice
    n_terms: int  # different ones
    terms: list[tuple[str, int]]  # the commonest, with the versions that name them
    n_products: int
    n_names: int
    products: list[tuple[str, int]]  # suspect and interacting, as they are counted
    n_substances: int
    substances: list[tuple[str, int]]
    sources: dict[str, int]
    countries: list[tuple[str, int]]
    notes: list[tuple[str, int]]  # what was left out of records, by field
    completeness: dict[str, float]  # share of the versions with each part
    mean_score: float | None  # after vigiGrade, of versions that are no nullification
    n_well_documented: int
    refused: dict[str, int]  # by code


class _Tally:
    """Counts versions one by one; memory grows with the names alone, and 8 bytes a case."""

    def __init__(self, configuration: Configuration) -> None:
        self._naming = Naming(configuration)
        self._substances = SubstanceNames(configuration.substances)
        self.cases: set[bytes] = set()
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.countries: Counter[str] = Counter()
        self.terms: Counter[str] = Counter()
        self.products: Counter[str] = Counter()
        self.names: set[str] = set()
        self.substances: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.days: set[date] = set()
        self.score = 0.0

    def add(self, case: CaseVersion) -> None:
        """Count a version."""
        self.cases.add(blake2b(case.case_id.encode(), digest_size=8).digest())
        self.kinds[case.kind] += 1
        self.sources[case.source] += 1
        self.days.add(case.received_on)
        if case.provenance is not None:
            self.notes.update({note.split(":")[0] for note in case.provenance.notes})
        if case.kind == "nullification":
            return
        self._add_names(case)
        self.countries[case.country or "not stated"] += 1
        self.counts["serious"] += any(event.seriousness.is_serious for event in case.events)
        self.counts["fatal"] += any(event.is_fatal for event in case.events)
        self.counts["events"] += len(case.events)
        self.counts["products"] += len(case.products)
        score = completeness(case).score
        self.score += score
        self.counts["well_documented"] += score > WELL_DOCUMENTED
        self.parts.update(name for name, is_there in _PARTS.items() if is_there(case))

    def _add_names(self, case: CaseVersion) -> None:
        self.terms.update(
            {self._naming.event_keys(event.pt, event.llt)[0] for event in case.events}
        )
        named: set[str] = set()
        substances: set[str] = set()
        for product in case.products:
            self.names.add(product.product)
            if product.role in COUNTED_ROLES:
                named.update(self._naming.product_keys(product))
                substances.update(self._substances.of(product))
        self.products.update(key for key in named if key.startswith("product:"))
        self.substances.update(substances)


def contents_of(
    reads: Iterable[Read], refused: Counter[str], configuration: Configuration
) -> Contents:
    """Count what is in files of case versions.

    Parameters
    ----------
    reads : iterable of Read
        Read to its end.
    refused : Counter
        Rows refused by code; filled while `reads` is read.
    configuration : Configuration
        Under whose spelling names are counted.

    Returns
    -------
    Contents
        With the commonest names of each kind.
    """
    tally = _Tally(configuration)
    for read in reads:
        tally.add(decode_case(read.line))
    n_standing = tally.kinds.total() - tally.kinds["nullification"]
    return Contents(
        n_cases=len(tally.cases),
        n_versions=tally.kinds.total(),
        kinds=dict(tally.kinds.most_common()),
        first_received_on=min(tally.days, default=None),
        last_received_on=max(tally.days, default=None),
        n_serious=tally.counts["serious"],
        n_fatal=tally.counts["fatal"],
        n_events=tally.counts["events"],
        n_terms=len(tally.terms),
        terms=_commonest(tally.terms),
        n_products=tally.counts["products"],
        n_names=len(tally.names),
        products=_commonest(tally.products),
        n_substances=len(tally.substances),
        substances=_commonest(tally.substances),
        sources=dict(tally.sources.most_common()),
        countries=_commonest(tally.countries),
        notes=_commonest(tally.notes),
        completeness={name: tally.parts[name] / n_standing for name in _PARTS if n_standing},
        mean_score=tally.score / n_standing if n_standing else None,
        n_well_documented=tally.counts["well_documented"],
        refused=dict(refused.most_common()),
    )


def _commonest(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the greatest counts, ties by name, so that the order of arrival decides nothing."""
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:N_NAMES]
    return [(name.partition(":")[2] if ":" in name else name, count) for name, count in found]


class UnknownName(Struct, frozen=True, kw_only=True):
    """A reported name of a product for which no rule knows a substance."""

    name: str  # as it is counted
    n_cases: int  # versions in which it is suspect or interacting


def unknown_names(reads: Iterable[Read], configuration: Configuration) -> list[UnknownName]:
    """List the products that are counted under no substance, the commonest first.

    Parameters
    ----------
    reads : iterable of Read
        Case versions.
    configuration : Configuration
        With the rules and the user's dictionary.

    Returns
    -------
    list of UnknownName
        One for each name, whatever its spelling.
    """
    naming, substances = Naming(configuration), SubstanceNames(configuration.substances)
    counts: Counter[str] = Counter()
    for read in reads:
        case = decode_case(read.line)
        named = {
            key
            for product in case.products
            if product.role in COUNTED_ROLES and not substances.of(product)
            for key in naming.product_keys(product)
        }
        counts.update(key.partition(":")[2] for key in named if key.startswith("product:"))
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [UnknownName(name=name, n_cases=count) for name, count in found]
