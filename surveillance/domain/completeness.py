"""How much a report states of what an assessment of causality needs, after vigiGrade.

The score starts at 1 for each counted product with each event and is multiplied down for every
dimension that is missing; that of a report is the mean over its pairs. It measures how much is
stated, and not whether it supports the suspicion.

References
----------
Bergvall T, Norén GN, Lindquist M (2014). vigiGrade: a tool to identify well-documented
individual case reports and highlight systematic data quality issues. Drug Safety 37(1), 65-77.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from surveillance.domain.case import CaseVersion, Event, Product

Dimension = Literal[
    "time_to_onset",
    "indication",
    "outcome",
    "sex",
    "age",
    "dose",
    "country",
    "reporter",
    "report_type",
    "comments",
]
PENALTIES: dict[Dimension, float] = {  # where nothing is stated
    "time_to_onset": 0.5,
    "indication": 0.3,
    "outcome": 0.3,
    "sex": 0.3,
    "age": 0.3,
    "dose": 0.1,
    "country": 0.1,
    "reporter": 0.1,
    "report_type": 0.1,
    "comments": 0.1,
}
WELL_DOCUMENTED = 0.8  # the authors' limit: a report above it is well documented
_AGE_GROUP_ALONE = 0.1
_UNCERTAIN, _VERY_UNCERTAIN = 0.1, 0.3  # whether the drug came first: within a month, and beyond
_MONTH = timedelta(days=31)
_COUNTED = ("suspect", "interacting")
_START, _ONSET = "G.k.4.r.4", "E.i.4"


class Completeness(NamedTuple):
    """The score of a report, in (0, 1], and what is missing for any of its pairs."""

    score: float
    missing: tuple[Dimension, ...]


class _Span(NamedTuple):
    """The days on which something may have happened."""

    first: date
    last: date


def completeness(case: CaseVersion) -> Completeness:
    """Score a case version.

    Parameters
    ----------
    case : CaseVersion
        As it was received.

    Returns
    -------
    Completeness
        Of its suspect and interacting products with its events. A report that names no such
        pair is scored as one pair of which nothing is known.

    Examples
    --------
    >>> from datetime import date
    >>> from surveillance.domain.case import CaseVersion, Event, Product
    >>> bare = CaseVersion(
    ...     case_id="A", source="s", version=1, kind="initial", received_on=date(2020, 1, 1),
    ...     events=(Event(pt="Rash"),), products=(Product(role="suspect", product="P"),),
    ... )
    >>> found = completeness(bare)
    >>> round(found.score, 4), len(found.missing)
    (0.0788, 9)
    """
    shared = dict(_of_report(case))
    pairs = [shared | dict(_of_pair(case, *pair)) for pair in _pairs(case)]
    scores = [_product_of(each) for each in pairs]
    missing = {dimension for each in pairs for dimension in each}
    ordered = tuple(dimension for dimension in PENALTIES if dimension in missing)
    return Completeness(sum(scores) / len(scores), ordered)


def _product_of(penalties: Mapping[Dimension, float]) -> float:
    score = 1.0
    for penalty in penalties.values():
        score *= 1.0 - penalty
    return score


def _pairs(case: CaseVersion) -> Iterator[tuple[int | None, int | None]]:
    products: list[int | None] = [
        n for n, each in enumerate(case.products) if each.role in _COUNTED
    ]
    events: list[int | None] = list(range(len(case.events)))
    for product in products or [None]:
        for event in events or [None]:
            yield product, event


def _of_report(case: CaseVersion) -> Iterator[tuple[Dimension, float]]:
    """Yield the penalties that a report has for all its pairs alike."""
    patient = case.patient
    stated: dict[Dimension, bool] = {
        "sex": patient.sex in {"male", "female"},
        "country": case.country is not None,
        "reporter": case.reporter != "unknown",
        "report_type": case.report_type != "unknown",
        "comments": _has_words(case),
    }
    for dimension, is_stated in stated.items():
        if not is_stated:
            yield dimension, PENALTIES[dimension]
    if patient.age_years is None:
        yield "age", PENALTIES["age"] if patient.age_group is None else _AGE_GROUP_ALONE


def _has_words(case: CaseVersion) -> bool:
    return any(
        (case.narrative_sha256, case.reporter_comments_sha256, case.sender_comments_sha256)
    ) or bool(case.native_summaries)


def _of_pair(
    case: CaseVersion, product: int | None, event: int | None
) -> Iterator[tuple[Dimension, float]]:
    named = None if product is None else case.products[product]
    happened = None if event is None else case.events[event]
    if named is None or not (named.indications or named.coded_indications):
        yield "indication", PENALTIES["indication"]
    if named is None or not any(dose.amount is not None or dose.text for dose in named.doses):
        yield "dose", PENALTIES["dose"]
    if happened is None or happened.outcome in {None, "unknown"}:
        yield "outcome", PENALTIES["outcome"]
    if _has_interval(case, product, event):
        return
    penalty = PENALTIES["time_to_onset"]
    if named is not None and happened is not None:
        penalty = _time_to_onset(named, happened)
    if penalty:
        yield "time_to_onset", penalty


def _has_interval(case: CaseVersion, product: int | None, event: int | None) -> bool:
    return any(
        (each.onset_days is not None or each.from_first_dose is not None)
        and (each.product, each.event) == (product, event)
        for each in case.assessments
    )


def _time_to_onset(product: Product, event: Event) -> float:
    """Return the penalty for what the dates leave open: whether the drug came first."""
    start, onset = _start_of(product), _span(event.onset_on, event.dates_as_stated, _ONSET)
    if start is None or onset is None:
        return PENALTIES["time_to_onset"]
    if start.last <= onset.first or onset.last < start.first:
        return 0.0  # whatever the days were, their order is known
    uncertainty = max(start.last - start.first, onset.last - onset.first)
    return _VERY_UNCERTAIN if uncertainty > _MONTH else _UNCERTAIN


def _start_of(product: Product) -> _Span | None:
    spans = [_span(dose.start_on, dose.dates_as_stated, _START) for dose in product.doses]
    found = [span for span in spans if span is not None]
    return min(found) if found else None


def _span(day: date | None, stated: Mapping[str, str] | None, element: str) -> _Span | None:
    if day is not None:
        return _Span(day, day)
    text = (stated or {}).get(element)
    return None if text is None else _span_of(text)


def _span_of(text: str) -> _Span | None:
    """Return the days of a year, a month or a day.

    Examples
    --------
    >>> _span_of("2014-02").last
    datetime.date(2014, 2, 28)
    """
    parts = [int(part) for part in text[:10].split("-")]
    if len(parts) == 3:  # noqa: PLR2004 - year, month and day
        return _Span(date(*parts), date(*parts))
    if len(parts) == 2:  # noqa: PLR2004 - year and month
        year, month = parts
        following = date(year + month // 12, month % 12 + 1, 1)
        return _Span(date(year, month, 1), following - timedelta(days=1))
    return _Span(date(parts[0], 1, 1), date(parts[0], 12, 31))
