"""The page of a signal: why it fired, what speaks against it, and what people did about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.configuration.types import Criterion
from surveillance.console.asked import NotThere, shown
from surveillance.console.criteria_table import beside
from surveillance.console.inbox import LISTED, same_cases
from surveillance.console.matter import page_of
from surveillance.console.onset_figure import onset
from surveillance.console.pages import Page, name_of
from surveillance.console.programme_data import looks_of, name_of_test
from surveillance.console.programme_figures import statistic
from surveillance.console.signal_figures import over_time
from surveillance.console.strata_figure import strata
from surveillance.domain.finding import Finding
from surveillance.register.chosen_rows import Chosen
from surveillance.register.columns import SIGNAL_ID
from surveillance.triage.labels import Labels
from surveillance.triage.priority import NEGATIVE
from surveillance.views.as_of import is_screened
from surveillance.views.publicised import Publicised
from surveillance.views.signal_steps import steps_of
from surveillance.views.signed import is_signed
from surveillance.views.written import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.console.taken import Figure
    from surveillance.domain.finding import WatchFinding
    from surveillance.domain.signal import Signal, Support
    from surveillance.register.documents import AnyFinding
    from surveillance.views.day import Day
    from surveillance.views.line_listing import LineListing
    from surveillance.views.masking import Unmasked
    from surveillance.views.series import Point

N_CASES = 20
N_CASES_AT_ONCE = 50_000  # of the log: in a larger one, what reads many is for who asks for it
_REPORTS = "reports among reports; no rate in patients"
_OUTCOMES = "events of treated patients, at the rate that the design takes for untreated ones"
BASES = {
    "strength": "lower limit of the IC in bits, or how improbable what was seen is",
    "size": "log2 of (n + 1/2) / (expected + 1/2)",
    "severity": "serious and fatal cases per case",
    "novelty": "months since the product's first report",
    "impact": "cases beyond what is expected",
    "trend": "log2 of recent cases over those expected recently",
    "quality": "mean completeness of the cases",
    "spread": "countries",
    "plausibility": "1 for an event on a watch list",
    "stimulated": "1 where the event was in public",
    "indication": "1 where the event is an indication of the product",
}


class Why(NamedTuple):
    """A criterion behind a signal, with its latest finding."""

    support: Support
    rule: str
    thresholds: str
    multiplicity: str
    latest: AnyFinding | None


def signal(known: Known, asked: Asked) -> Page:
    """Return the page of a signal."""
    day = known.day(asked.at)
    held = signal_at(known, asked.name, day)
    item = day.of([held])[0]
    page = page_of(known, held.matter_id, day)
    findings = _latest(known, item, day)
    counted = is_screened(item)
    listing = known.listing(item.product, item.event, day.on) if counted else None
    series = known.series(item.product, item.event, day.on) if counted else []
    made = known.reader.steps(item.signal_id, day.on)
    return Page(
        "signal.html",
        f"{name_of(item.product)} and {name_of(item.event)}",
        {
            "item": item,
            "signed": is_signed(held),
            "page": page,
            "own": next(one for one in page.signals if one.signal_id == item.signal_id),
            "whys": [_why(known, one, findings) for one in item.support],
            "pairs": {k: v for k, v in findings.items() if isinstance(v, Finding)},
            "watches": {k: v for k, v in findings.items() if not isinstance(v, Finding)},
            "against": _against(known, item, findings, listing, day),
            "tests": [
                statistic(looks, name_of_test(one), one.programme, day.on)
                for one in findings.values()
                if not isinstance(one, Finding) and len(looks := looks_of(known, one, day)) > 1
            ],
            "point": series[-1] if series else None,
            "series": series,
            "beside": beside(
                (item.product, item.event),
                known.configuration().criteria.criterion,
                item.support,
                findings,
                series[-1] if series else None,
            ),
            "masking": _masking(known, asked, item, series, day),
            "onset": onset(listing, day.on) if listing and listing.cases else None,
            "strata": _strata(known, item, series, day),
            "copies": _copies(listing),
            "same": same_cases(known, day).of(item) if counted else None,
            "figures": over_time(series, item.product, item.event, day.on),
            "parts": [(one, BASES.get(one.name, ""), one.name in NEGATIVE) for one in item.parts],
            "steps": steps_of(held, made),
            "listing": listing,
            "cases": listing.cases[:N_CASES] if listing else [],
        },
    )


def signal_at(known: Known, signal_id: str, day: Day) -> Signal:
    """Return a signal as it stood.

    Raises
    ------
    NotThere
        If there was none by that day.
    """
    is_name = SIGNAL_ID.fullmatch(signal_id)
    held = known.reader.states_at([signal_id], day.epoch).get(signal_id) if is_name else None
    if held is None:
        what = f"{shown(signal_id)} is not a signal on {day.on}"
        remedy = "take one from the inbox, or choose a later day"
        raise NotThere(404, what, "a signal begins with its first finding", remedy)
    return held


def _latest(known: Known, item: Signal, day: Day) -> dict[str, AnyFinding]:
    """Return the latest finding of each criterion by the end of the day."""
    chosen = Chosen(item.product, item.event, day.on)
    found: dict[str, AnyFinding] = {}
    for one in item.support:
        newest = known.reader.newest_findings(chosen, 1, criterion=one.criterion)
        if newest:
            found[one.criterion] = newest[0]
    return found


def _why(known: Known, support: Support, findings: dict[str, AnyFinding]) -> Why:
    criteria: dict[str, Criterion] = {
        one.name: one for one in known.configuration().criteria.criterion
    }
    one, latest = criteria.get(support.criterion), findings.get(support.criterion)
    if one is None:
        of = "" if latest is None or isinstance(latest, Finding) else _test(latest)
        return Why(support, of or "a criterion that is no longer configured", "", "", latest)
    rule = (type(one).__doc__ or "").split("\n")[0].rstrip(".")
    return Why(support, rule, _thresholds(one), one.multiplicity, latest)


def _test(found: WatchFinding) -> str:
    return f"sequential test of the design {found.design}, version {found.design_version}"


def _thresholds(one: Criterion) -> str:
    """Return what a criterion was configured with, by the names of `criteria.toml`."""
    held = {
        name: getattr(one, name)
        for name in one.__struct_fields__
        if name not in ("name", "version", "multiplicity", "products", "events")
    }
    return ", ".join(f"{name} {_joined(value)}" for name, value in held.items() if value)


def _joined(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _against(
    known: Known,
    item: Signal,
    findings: dict[str, AnyFinding],
    listing: LineListing | None,
    day: Day,
) -> list[tuple[str, object, str]]:
    """Return what speaks against a signal, or would, and what is not known: name, value, why."""
    flags = Labels(known.configuration()).of(item.product, item.event, day.on)
    parts = {one.name: one for one in item.parts}
    publicised = parts["stimulated"].value if "stimulated" in parts else None
    found: list[tuple[str, object, str]] = [
        ("observed against expected", _over(item), _REPORTS if listing else _OUTCOMES),
        (
            "listed in the label",
            LISTED.get(flags.is_listed, "unknown"),
            "what the label lists is known already",
        ),
        (
            "an indication of the product",
            LISTED.get(flags.is_indication, "unknown"),
            "what a product is given for is reported with it",
        ),
        (
            "reporting stimulated by publicity",
            "unknown" if publicised is None else publicised,
            Publicised(known.source).of(item)
            or "after publicity more is reported of what happens as before",
        ),
    ]
    if listing is not None:
        found += _of_cases(listing)
    pairs = [one for one in findings.values() if isinstance(one, Finding)]
    if pairs:
        found += _of_finding(max(pairs, key=lambda one: one.epoch))
    for one in findings.values():
        found += [] if isinstance(one, Finding) else _of_test(one)
    if item.n_changes:
        found.append(("changes after data had been seen", item.n_changes, "; ".join(item.changes)))
    return list(dict.fromkeys(found))


def _masking(
    known: Known, asked: Asked, item: Signal, series: Sequence[Point], day: Day
) -> list[Unmasked]:
    """Return measures without other products; none where they have to be asked for."""
    is_asked = asked.one_of("with", ("", "masking")) == "masking"
    if not series or (series[-1].n_total > N_CASES_AT_ONCE and not is_asked):
        return []
    return known.masking(item.product, item.event, day.on)


def _strata(known: Known, item: Signal, series: Sequence[Point], day: Day) -> Figure | None:
    """Return the strata; none where the log is so large that they are for who asks for them."""
    if not series or series[-1].n_total > N_CASES_AT_ONCE:
        return None
    found = known.strata(item.product, item.event, day.on)
    return strata(found, item.product, item.event, day.on)


def _copies(listing: LineListing | None) -> list[tuple[str, tuple[str, ...]]]:
    """Return the cases with a marked duplicate, each with its copies."""
    return [
        (one.case_id, one.duplicates)
        for one in (listing.cases if listing else ())
        if one.duplicates
    ]


def _over(item: Signal) -> str:
    return f"{item.n:,} against {number(item.expected)}"


def _of_cases(listing: LineListing) -> list[tuple[str, object, str]]:
    n_marked = sum(bool(one.duplicates) for one in listing.cases)
    return [
        (
            "cases taken off",
            len(listing.not_counted),
            "nullified, duplicates of others, or changed by a later version",
        ),
        ("cases with a marked duplicate", n_marked, "the copies do not count"),
        (
            "cases that are not serious",
            sum(not one.is_serious for one in listing.cases),
            f"of {listing.n_cases:,}",
        ),
    ]


def _of_finding(found: Finding) -> Sequence[tuple[str, object, str]]:
    of = f"at the latest finding, {found.on}"
    if found.completeness is None:
        return []
    return [
        ("mean completeness", found.completeness, of),
        ("well documented cases", f"{found.n_well_documented:,} of {found.n_pair:,}", of),
        ("countries", ", ".join(found.countries) or "none stated", of),
        ("reporters", ", ".join(found.reporters) or "none stated", of),
    ]


def _of_test(found: WatchFinding) -> Sequence[tuple[str, object, str]]:
    of = f"at the finding of {found.criterion} on {found.on}"
    return [
        *(
            [("rate ratio if the lost had no event", found.ratio_best, of)]
            if found.ratio_best is not None
            else []
        ),
        *((("assumed or left out", note, of)) for note in found.notes),
    ]
