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

    from surveillance.domain.case import CaseVersion, Product

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
_WITHOUT = {dimension: 1.0 - penalty for dimension, penalty in PENALTIES.items()}
_KNOWN_SEXES = frozenset({"male", "female"})
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
    missing: dict[Dimension, None] = {}
    missing |= {dimension: None for dimension, _ in _of_report(case)}
    timed = {
        (each.product, each.event)
        for each in case.assessments
        if each.onset_days is not None or each.from_first_dose is not None
    }
    products = _products(case, missing, is_single=bool(timed))
    events = _events(case, missing, is_single=bool(timed))
    total, n_pairs = 0.0, 0
    for product in products:
        for event in events:
            n_both = product.n * event.n
            n_pairs += n_both
            penalty = 0.0 if (product.place, event.place) in timed else _late(product, event)
            if penalty:
                missing["time_to_onset"] = None
            total += n_both * product.factor * event.factor * (1.0 - penalty)
    ordered = tuple(dimension for dimension in PENALTIES if dimension in missing)
    return Completeness(_shared(case) * total / n_pairs, ordered)


def score_of(case: CaseVersion) -> float:
    """Return the score alone: quick where all dates are days, as the stages need it.

    Days leave nothing open, so a pair is timed if both are known, and the sum over pairs is a sum
    of products. A date of another precision takes the long way.
    """
    products, events = _dosed(case), _happened(case)
    if products is None or events is None:
        return completeness(case).score
    late = _WITHOUT["time_to_onset"]
    of_events = of_dated = total = 0.0
    for factor, is_dated in events:
        of_events += factor
        of_dated += is_dated * factor
    for _, factor, is_dated in products:
        total += factor * (late * of_events + (1.0 - late) * of_dated * is_dated)
    if case.assessments and case.events:
        total += (1.0 - late) * _timed_otherwise(case, products, events)
    return _shared(case) * total / (len(products) * len(events))


def _shared(case: CaseVersion) -> float:
    score = 1.0
    for _, penalty in _of_report(case):
        score *= 1.0 - penalty
    return score


def _timed_otherwise(
    case: CaseVersion, products: list[tuple[int, float, bool]], events: list[tuple[float, bool]]
) -> float:
    """Return the sum over the pairs whose interval is stated and not known from two days."""
    timed = {
        (each.product, each.event)
        for each in case.assessments
        if each.onset_days is not None or each.from_first_dose is not None
    }
    return sum(
        factor * of_event
        for place, factor, is_dated in products
        for number, (of_event, has_onset) in enumerate(events)
        if not (is_dated and has_onset) and (place, number) in timed
    )


def _dosed(case: CaseVersion) -> list[tuple[int, float, bool]] | None:
    """Return place, factor and whether the start is known; None for a start that is no day."""
    found = []
    for place, each in enumerate(case.products):
        if each.role not in _COUNTED:
            continue
        factor = 1.0 if each.indications or each.coded_indications else _WITHOUT["indication"]
        has_amount = is_dated = False
        for dose in each.doses:
            if dose.start_on is not None:
                is_dated = True
            elif dose.dates_as_stated and _START in dose.dates_as_stated:
                return None
            has_amount = has_amount or dose.amount is not None or bool(dose.text)
        found.append((place, factor if has_amount else factor * _WITHOUT["dose"], is_dated))
    return found or [(-1, _WITHOUT["indication"] * _WITHOUT["dose"], False)]


def _happened(case: CaseVersion) -> list[tuple[float, bool]] | None:
    """Return factor and whether the onset is known; None for an onset that is no day."""
    found = []
    for each in case.events:
        onset, outcome = each.onset_on, each.outcome
        if onset is None and each.dates_as_stated and _ONSET in each.dates_as_stated:
            return None
        is_told = outcome is not None and outcome != "unknown"
        found.append((1.0 if is_told else _WITHOUT["outcome"], onset is not None))
    return found or [(_WITHOUT["outcome"], False)]


class _Alike(NamedTuple):
    """Products, or events, of which the same is known: pairs of them score the same."""

    place: int | None  # of the first; of the only one where pairs are told apart
    n: int
    factor: float
    when: _Span | None
    is_named: bool


def _products(
    case: CaseVersion, missing: dict[Dimension, None], *, is_single: bool
) -> list[_Alike]:
    found: dict[tuple[object, ...], _Alike] = {}
    for place, each in enumerate(case.products):
        if each.role not in _COUNTED:
            continue
        factor = 1.0
        if not (each.indications or each.coded_indications):
            factor *= 1.0 - PENALTIES["indication"]
            missing["indication"] = None
        if not any(dose.amount is not None or dose.text for dose in each.doses):
            factor *= 1.0 - PENALTIES["dose"]
            missing["dose"] = None
        _add(found, _Alike(place, 1, factor, _start_of(each), True), is_single=is_single)
    if not found:
        missing |= {"indication": None, "dose": None}
        factor = (1.0 - PENALTIES["indication"]) * (1.0 - PENALTIES["dose"])
        return [_Alike(None, 1, factor, None, False)]
    return list(found.values())


def _events(case: CaseVersion, missing: dict[Dimension, None], *, is_single: bool) -> list[_Alike]:
    found: dict[tuple[object, ...], _Alike] = {}
    for place, each in enumerate(case.events):
        factor = 1.0
        if each.outcome is None or each.outcome == "unknown":
            factor = 1.0 - PENALTIES["outcome"]
            missing["outcome"] = None
        when = _span(each.onset_on, each.dates_as_stated, _ONSET)
        _add(found, _Alike(place, 1, factor, when, True), is_single=is_single)
    if not found:
        missing["outcome"] = None
        return [_Alike(None, 1, 1.0 - PENALTIES["outcome"], None, False)]
    return list(found.values())


def _add(found: dict[tuple[object, ...], _Alike], one: _Alike, *, is_single: bool) -> None:
    """Count one with those of which the same is known, unless pairs have to be told apart."""
    alike = (one.factor, one.when, one.place if is_single else None)
    old = found.get(alike)
    found[alike] = one if old is None else old._replace(n=old.n + 1)


def _of_report(case: CaseVersion) -> Iterator[tuple[Dimension, float]]:
    """Yield the penalties that a report has for all its pairs alike."""
    patient = case.patient
    if patient.sex not in _KNOWN_SEXES:
        yield "sex", PENALTIES["sex"]
    if case.country is None:
        yield "country", PENALTIES["country"]
    if case.reporter == "unknown":
        yield "reporter", PENALTIES["reporter"]
    if case.report_type == "unknown":
        yield "report_type", PENALTIES["report_type"]
    if not _has_words(case):
        yield "comments", PENALTIES["comments"]
    if patient.age_years is None:
        yield "age", PENALTIES["age"] if patient.age_group is None else _AGE_GROUP_ALONE


def _has_words(case: CaseVersion) -> bool:
    return bool(
        case.narrative_sha256
        or case.reporter_comments_sha256
        or case.sender_comments_sha256
        or case.native_summaries
    )


def _late(product: _Alike, event: _Alike) -> float:
    """Return the penalty for what is not known of the time from the drug to the event."""
    start, onset = product.when, event.when
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
