"""Line listings: the cases behind a count, as a safety reviewer reads them.

The cases that count for a pair as of a day are just those that the screening counted: their
number is `n_pair`. Beside them stand the cases that name the pair, or once
counted for it, and do not count on that day, each with the reason.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from surveillance.domain.case import (
    CaseVersion,
    Dose,
    Event,
    Kind,
    Outcome,
    Product,
    Reporter,
    ReportType,
    Role,
    Sex,
)
from surveillance.domain.completeness import completeness
from surveillance.domain.errors import Refused
from surveillance.screening.versions import COUNTED_ROLES
from surveillance.views.case_assessments import (
    AssessedCausality,
    CaseAssessments,
    counted_by_category,
    of_pair,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from surveillance.register.case_reader import CaseReader, StoredVersion
    from surveillance.screening.keys import Naming

_CRITERIA = (
    "death", "life_threatening", "hospitalisation", "disabling", "congenital_anomaly", "other",
    "intervention",
)  # fmt: skip


class ListedDose(Struct, frozen=True, kw_only=True):
    """One dose of a product in a line listing."""

    start_on: date | None
    end_on: date | None
    dose_number: int | None
    amount: float | None
    unit: str | None
    route: str | None
    lot: str | None


class ListedProduct(Struct, frozen=True, kw_only=True):
    """A product of a case in a line listing."""

    product: str
    role: Role
    is_counted: bool | None  # whether it makes the case count for the pair; None: not known here
    platform: str | None
    programme: str | None
    construct: str | None
    lots: tuple[str, ...]
    doses: tuple[ListedDose, ...]
    first_dose_on: date | None
    action_taken: str | None


class ListedEvent(Struct, frozen=True, kw_only=True):
    """An event of a case in a line listing."""

    pt: str
    verbatim: str | None
    is_counted: bool | None  # as for a product
    onset_on: date | None
    end_on: date | None
    outcome: Outcome | None
    seriousness: tuple[str, ...]  # the criteria that are met
    is_inherited: bool  # the source states seriousness for the case, not the event
    is_serious: bool
    is_fatal: bool
    is_expected: bool | None


class ListedCase(Struct, frozen=True, kw_only=True):
    """One line: a case as it stood."""

    case_id: str
    source: str
    version: int
    kind: Kind
    first_received_on: date | None
    received_on: date
    in_force_since: date  # day of the epoch in which this version came to stand
    country: str | None
    report_type: ReportType
    reporter: Reporter
    sex: Sex | None
    age_years: float | None
    products: tuple[ListedProduct, ...]
    events: tuple[ListedEvent, ...]
    onset_days: int | None  # from the first dose to the onset, of the pair
    is_serious: bool  # any event of the pair
    is_fatal: bool
    duplicates: tuple[str, ...]  # cases that are marked as its duplicates
    duplicate_of: str | None
    reason: str | None = None  # why it does not count; None if it does
    completeness: float | None = None  # after vigiGrade, in (0, 1]; None for a nullification
    missing: tuple[str, ...] = ()  # what its completeness lacks
    stated: tuple[str, ...] = ()  # causality of the pair, as the report has it
    assessed: tuple[AssessedCausality, ...] = ()  # the latest of each person, of the pair


class LineListing(Struct, frozen=True, kw_only=True):
    """The cases of a pair, as of a day."""

    product: str
    event: str
    as_of: date | None  # day of the last epoch that is taken into account
    epoch: int | None
    n_cases: int  # n_pair
    cases: list[ListedCase]
    not_counted: list[ListedCase]
    causality: dict[str, int] = {}  # cases that count, by the last assessment of a person


class Pair:
    """A product key and an event key, and what of a case belongs to them.

    Parameters
    ----------
    product, event : str
        The keys.
    naming : Naming, optional
        Gives names their keys; where no configuration is at hand, names decide as far as they can.
    """

    def __init__(self, product: str, event: str, naming: Naming | None = None) -> None:
        self.product, self.event = product, event
        self._naming = naming

    def holds_product(self, product: Product) -> bool | None:
        """Return whether a product makes its case count; None if that is not known here."""
        if product.role not in COUNTED_ROLES:
            return False
        if self._naming is None:
            return None
        try:
            return self.product in self._naming.product_keys(product)
        except Refused:
            return False

    def holds_event(self, event: Event) -> bool | None:
        """Return whether an event makes its case count; None if that is not known here."""
        if self._naming is None:
            return None
        try:
            return self.event in self._naming.event_keys(event.pt, event.llt)
        except Refused:
            return False


def line_listing(
    reader: CaseReader,
    pair: Pair,
    until: date | None = None,
    assessments: CaseAssessments | None = None,
) -> LineListing:
    """List the cases of a pair.

    Parameters
    ----------
    reader : CaseReader
        The cases.
    pair : Pair
        Product and event.
    until : date, optional
        As it stood at the end of that day; without it as it stands.
    assessments : CaseAssessments, optional
        Finds how people assessed each case; without it none is shown.

    Returns
    -------
    LineListing
        In the order of receipt.
    """
    epoch = reader.epoch_on(until)
    if epoch is None:
        return LineListing(
            product=pair.product, event=pair.event, as_of=None, epoch=None, n_cases=0,
            cases=[], not_counted=[],
        )  # fmt: skip
    standing = reader.standing(pair.product, pair.event, epoch)
    named = {one.case_id for one in standing}
    left = set(reader.counted_before(pair.product, pair.event, epoch)) - named
    gone = reader.standing_of(left, epoch)
    days = reader.days([epoch, *_begun(standing), *_begun(gone)])
    copies = reader.duplicates_of(named | left, epoch)
    assessed = {} if assessments is None else assessments.of(named | left, epoch)
    listed = [
        _line(one, pair, _Context(days, copies, assessed, one.case_id in named))
        for one in [*standing, *gone]
    ]
    counted = [one for one in listed if one.reason is None]
    return LineListing(
        product=pair.product,
        event=pair.event,
        as_of=days[epoch],
        epoch=epoch,
        n_cases=len(counted),
        cases=counted,
        not_counted=[one for one in listed if one.reason is not None],
        causality=counted_by_category({one.case_id: one.assessed for one in counted}),
    )


def _begun(versions: Iterable[StoredVersion]) -> list[int]:
    return [one.valid_from for one in versions if one.valid_from is not None]


class _Context(NamedTuple):
    """What a line holds beyond the version itself."""

    days: dict[int, date]
    copies: dict[str, list[str]]  # duplicates, by the case that stands for them
    assessed: dict[str, list[AssessedCausality]]
    names_pair: bool


def _line(stored: StoredVersion, pair: Pair, context: _Context) -> ListedCase:
    case = stored.case
    products = tuple(_product(one, pair) for one in case.products)
    events = tuple(_event(one, pair) for one in case.events)
    of_the_pair = [one for one in events if one.is_counted is not False]
    scored = None if case.kind == "nullification" else completeness(case)
    return ListedCase(
        case_id=case.case_id,
        source=case.source,
        version=case.version,
        kind=case.kind,
        first_received_on=case.first_received_on,
        received_on=case.received_on,
        in_force_since=context.days[stored.valid_from or 0],
        country=case.country,
        report_type=case.report_type,
        reporter=case.reporter,
        sex=case.patient.sex,
        age_years=case.patient.age_years,
        products=products,
        events=events,
        onset_days=_onset_days(products, events),
        is_serious=any(one.is_serious for one in of_the_pair),
        is_fatal=any(one.is_fatal for one in of_the_pair),
        duplicates=tuple(context.copies.get(case.case_id, ())),
        duplicate_of=case.duplicate_of,
        reason=_reason(case, names_pair=context.names_pair),
        completeness=None if scored is None else round(scored.score, 4),
        missing=() if scored is None else scored.missing,
        stated=_stated(case, products, events),
        assessed=of_pair(
            context.assessed.get(case.case_id, []),
            [one.product for one in products if one.is_counted is not False],
            [one.pt for one in of_the_pair],
        ),
    )


def _stated(
    case: CaseVersion, products: Sequence[ListedProduct], events: Sequence[ListedEvent]
) -> tuple[str, ...]:
    """Return the causality that a report states of the pair, each wording once."""
    found = [
        one.causality
        for one in case.assessments
        if one.causality is not None
        and products[one.product].is_counted is not False
        and events[one.event].is_counted is not False
    ]
    return tuple(dict.fromkeys(found))


def _reason(case: CaseVersion, *, names_pair: bool) -> str | None:
    if case.kind == "nullification":
        return "nullified"
    if case.duplicate_of is not None:
        return f"duplicate of {case.duplicate_of}"
    return None if names_pair else "a later version no longer names this product with this event"


def _product(product: Product, pair: Pair) -> ListedProduct:
    return ListedProduct(
        product=product.product,
        role=product.role,
        is_counted=pair.holds_product(product),
        platform=product.platform,
        programme=product.programme,
        construct=product.construct,
        lots=product.lots,
        doses=tuple(_dose(dose) for dose in product.doses),
        first_dose_on=product.first_dose_on,
        action_taken=product.action_taken,
    )


def _dose(dose: Dose) -> ListedDose:
    return ListedDose(
        start_on=dose.start_on,
        end_on=dose.end_on,
        dose_number=dose.dose_number,
        amount=dose.amount,
        unit=dose.unit,
        route=dose.route,
        lot=dose.lot,
    )


def _event(event: Event, pair: Pair) -> ListedEvent:
    return ListedEvent(
        pt=event.pt,
        verbatim=event.verbatim,
        is_counted=pair.holds_event(event),
        onset_on=event.onset_on,
        end_on=event.end_on,
        outcome=event.outcome,
        seriousness=tuple(name for name in _CRITERIA if getattr(event.seriousness, name)),
        is_inherited=event.seriousness.is_inherited,
        is_serious=event.is_fatal or event.seriousness.is_serious,
        is_fatal=event.is_fatal,
        is_expected=event.is_expected,
    )


def _onset_days(products: Iterable[ListedProduct], events: Iterable[ListedEvent]) -> int | None:
    starts = [one.first_dose_on for one in products if one.is_counted and one.first_dose_on]
    onsets = [one.onset_on for one in events if one.is_counted and one.onset_on]
    return (min(onsets) - min(starts)).days if starts and onsets else None
