"""What the log holds of a signal, as statements under the questions of a form.

Statements give counts and their denominators, and conclude nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isnan
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from surveillance.triage.causality import causality_of

if TYPE_CHECKING:
    from surveillance.configuration.life_cycle import Filled
    from surveillance.configuration.types import Publicity
    from surveillance.domain.case import CaseVersion
    from surveillance.domain.signal import Signal, Step
    from surveillance.triage.labels import Flags
    from surveillance.views.line_listing import LineListing, ListedCase, ListedEvent

N_SHOWN = 10  # of a list in one statement
_UNKNOWN = "not stated"


class Held(NamedTuple):
    """What is known of a signal."""

    signal: Signal  # with the numbers of the day
    steps: tuple[Step, ...]  # that people made
    of_matter: Sequence[Signal]  # other signals of the matter
    of_other_products: Sequence[Signal]  # of the same event
    flags: Flags
    publicity: Publicity | None
    listing: LineListing | None  # None: a test of patients' outcomes, which has no reports
    versions: Mapping[str, CaseVersion]  # that stand, by case

    @property
    def cases(self) -> Sequence[ListedCase]:
        """The reports that count."""
        return () if self.listing is None else self.listing.cases


def _label(held: Held) -> Iterator[str]:
    yield _flagged(held.flags.is_listed, "labels.csv", "listed", "not listed", "of the product")


def _indication(held: Held) -> Iterator[str]:
    listed, not_listed = "an indication of the product", "no indication of the product"
    yield _flagged(held.flags.is_indication, "indications.csv", listed, not_listed, "for it")


def _flagged(flag: float, file: str, yes: str, no: str, of: str) -> str:
    if isnan(flag):
        return f"not known: {file} has no line {of}"
    return f"{yes} ({file})" if flag else f"{no} ({file})"


def _other_products(held: Held) -> Iterator[str]:
    yield from _signals(held.of_other_products, "signals of the same event with other products")


def _matter(held: Held) -> Iterator[str]:
    yield from _signals(held.of_matter, "other signals of the same matter")


def _signals(found: Sequence[Signal], what: str) -> Iterator[str]:
    yield f"{len(found):,} {what}{_more(len(found))}"
    for one in found[:N_SHOWN]:
        yield f"{one.product} and {one.event}: n {one.n:,}, {one.status} ({one.signal_id})"


def _decisions(held: Held) -> Iterator[str]:
    yield f"{len(held.steps):,} decisions about this signal"
    for step in held.steps:
        people = step.decided_by or ""
        second = f" and {step.approved_by}" if step.approved_by else ""
        signed = "" if step.is_signed else ", unsigned"
        yield f"{step.on}: {step.action}, by {people}{second}{signed}: {step.reason}"


def _publicity(held: Held) -> Iterator[str]:
    if isnan(held.flags.is_publicised):
        yield "not known: there is no publicity.csv"
    elif held.publicity is None:
        yield "nothing in publicity.csv"
    else:
        yield held.publicity.sentence


def _counts(held: Held) -> Iterator[str]:
    signal = held.signal
    what = "events of treated patients" if held.listing is None else "cases"
    yield f"n {signal.n:,} {what}, expected {signal.expected:.3g}"
    if held.listing is not None:
        left_out = held.listing.not_counted
        n_copies = sum(one.duplicate_of is not None for one in left_out)
        yield (
            f"{len(left_out):,} more name the pair, or did, and do not count; {n_copies:,} of them "
            "are marked as duplicates"
        )
        yield "exposure is not known from reports alone"


def _criteria(held: Held) -> Iterator[str]:
    is_counted = held.listing is not None  # a sequential test has no limit
    what = "lower limit of the IC" if is_counted else "log2 of the rate ratio"
    yield (
        f"{what} {held.signal.evidence:.3f}; first met {held.signal.first_on}; "
        f"numbers of {held.signal.evaluated_on}"
    )
    for one in held.signal.support:
        stands = "stands" if one.is_standing else "no longer met"
        yield f"{one.criterion}: first met {one.first_on} with n {one.n:,}; {stands}"
    for change in held.signal.changes:
        yield f"changed after data had been seen: {change}"


def _onset(held: Held) -> Iterator[str]:
    days = sorted(one.onset_days for one in held.cases if one.onset_days is not None)
    yield f"dated in {len(days):,} of {len(held.cases):,} cases"
    if days:
        yield f"median {median(days):g} days from the first dose, {days[0]} to {days[-1]}"


def _challenges(held: Held) -> Iterator[str]:
    counts = {"dechallenge": Counter[str](), "rechallenge": Counter[str]()}
    for one in held.cases:
        version = held.versions[one.case_id]
        products = {item.product for item in one.products if item.is_counted}
        events = {item.pt for item in one.events if item.is_counted}
        for kind, tally in counts.items():
            found = {
                str(getattr(each, kind))
                for each in version.assessments
                if version.products[each.product].product in products
                and version.events[each.event].pt in events
                and getattr(each, kind) is not None
            }
            tally[" and ".join(sorted(found)).replace("_", " ") or _UNKNOWN] += 1
    for kind, tally in counts.items():
        yield f"{kind}: {_tally(tally, len(held.cases))}"


def _causality(held: Held) -> Iterator[str]:
    stated = Counter("; ".join(one.stated) or _UNKNOWN for one in held.cases)
    yield f"as reporters state it: {_tally(stated, len(held.cases))}"
    found = held.listing.causality if held.listing else {}
    n_assessed = sum(found.values())
    yield f"assessed by people: {n_assessed:,} of {len(held.cases):,} cases"
    for category, n in found.items():
        yield f"{category}: {n:,}"
    marked = [one for case in held.cases for one in case.assessed if not one.is_signed]
    if marked:
        yield f"{len(marked):,} of these assessments are unsigned"
    n_scored = sum(
        any(each.naranjo.n_answered for each in causality_of(held.versions[one.case_id]))
        for one in held.cases
    )
    yield f"{n_scored:,} reports answer at least one question of the scale of Naranjo"


def _patients(held: Held) -> Iterator[str]:
    n = len(held.cases)
    yield f"countries: {_tally(Counter(one.country or _UNKNOWN for one in held.cases), n)}"
    yield f"reporters: {_tally(Counter(one.reporter for one in held.cases), n)}"
    yield f"sex: {_tally(Counter(one.sex or _UNKNOWN for one in held.cases), n)}"
    ages = sorted(one.age_years for one in held.cases if one.age_years is not None)
    yield f"age stated in {len(ages):,} of {n:,} cases"
    if ages:
        yield f"median {median(ages):g} years, {ages[0]:g} to {ages[-1]:g}"


def _quality(held: Held) -> Iterator[str]:
    scores = [one.completeness for one in held.cases if one.completeness is not None]
    if not scores:
        yield "no case with a score of completeness"
        return
    yield f"completeness after vigiGrade: mean {sum(scores) / len(scores):.2f} of {len(scores):,}"
    lacking = Counter(name for one in held.cases for name in one.missing)
    yield f"lacking: {_tally(lacking, len(held.cases))}"


def _lots(held: Held) -> Iterator[str]:
    lots = Counter(
        lot
        for one in held.cases
        for lot in dict.fromkeys(
            lot for item in one.products if item.is_counted for lot in item.lots
        )
    )
    n_named = sum(any(item.is_counted and item.lots for item in one.products) for one in held.cases)
    yield f"a lot is named in {n_named:,} of {len(held.cases):,} cases"
    if lots:
        yield f"lots: {_tally(lots, len(held.cases))}"


def _seriousness(held: Held) -> Iterator[str]:
    signal = held.signal
    yield f"serious {signal.n_serious:,}, fatal {signal.n_fatal:,} of {signal.n:,}"
    found = Counter(
        name
        for one in held.cases
        for name in dict.fromkeys(name for item in _events(one) for name in item.seriousness)
    )
    if found:
        yield f"by criterion: {_tally(found, len(held.cases))}"


def _outcomes(held: Held) -> Iterator[str]:
    found = Counter(
        " and ".join(sorted({item.outcome for item in _events(one) if item.outcome})) or _UNKNOWN
        for one in held.cases
    )
    yield f"outcome of the event: {_tally(found, len(held.cases))}"


def _events(case: ListedCase) -> Iterator[ListedEvent]:
    yield from (item for item in case.events if item.is_counted)


def _tally(found: Counter[str], whole: int) -> str:
    """Return counts in words, the most frequent first, with their denominator."""
    if not found:
        return f"none of {whole:,}"
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in ordered[:N_SHOWN])
    return f"{named}{_more(len(ordered))} (of {whole:,})"


def _more(n: int) -> str:
    return f", of which {N_SHOWN} are shown" if n > N_SHOWN else ""


def filled(name: Filled, held: Held) -> tuple[str, ...]:
    """Return what the log holds for a question.

    Parameters
    ----------
    name : str
        Of the question's `filled_by`.
    held : Held
        What is known of the signal.
    """
    if name in _OF_REPORTS and held.listing is None:
        return ("this signal counts patients' outcomes, and rests on no reports",)
    return tuple(_FILLS[name](held))


_OF_REPORTS: tuple[Filled, ...] = (
    "onset", "challenges", "causality", "patients", "quality", "lots", "outcomes",
)  # fmt: skip
_FILLS: dict[Filled, Callable[[Held], Iterable[str]]] = {
    "label": _label,
    "other_products": _other_products,
    "decisions": _decisions,
    "publicity": _publicity,
    "counts": _counts,
    "criteria": _criteria,
    "onset": _onset,
    "challenges": _challenges,
    "causality": _causality,
    "matter": _matter,
    "patients": _patients,
    "quality": _quality,
    "lots": _lots,
    "seriousness": _seriousness,
    "outcomes": _outcomes,
    "indication": _indication,
}
