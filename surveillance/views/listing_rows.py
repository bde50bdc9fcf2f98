"""A line listing as rows of a file: one line a case, the same in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from surveillance.views.case_assessments import AssessedCausality
    from surveillance.views.line_listing import ListedCase

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for a formula
FILE_COLUMNS = (
    "case_id", "source", "version", "kind", "first_received_on", "received_on", "in_force_since",
    "country", "report_type", "reporter", "sex", "age_years", "products", "roles", "lots",
    "dose_dates", "events", "onset_dates", "seriousness", "outcomes", "onset_days", "is_serious",
    "is_fatal", "duplicates", "duplicate_of", "counts", "reason",
    "completeness", "missing", "causality_stated", "causality_assessed",
)  # fmt: skip


def joined(values: Iterable[object]) -> str | None:
    """Join values that are known; None if none is."""
    return "; ".join(str(value) for value in values if value is not None) or None


def unformula(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def unsigned(one: AssessedCausality) -> str:
    """Return the mark of an assessment that nobody signed; nothing for a signed one."""
    return "" if one.is_signed else " (unsigned)"


def file_row(one: ListedCase) -> list[object]:
    """Return a case as a value for each of `FILE_COLUMNS`."""
    products, events = one.products, one.events
    return [
        one.case_id, one.source, one.version, one.kind, one.first_received_on, one.received_on,
        one.in_force_since, one.country, one.report_type, one.reporter, one.sex, one.age_years,
        joined(item.product for item in products), joined(item.role for item in products),
        joined(lot for item in products for lot in item.lots),
        joined(dose.start_on for item in products for dose in item.doses),
        joined(item.pt for item in events), joined(item.onset_on for item in events),
        joined(dict.fromkeys(name for item in events for name in item.seriousness)),
        joined(dict.fromkeys(item.outcome for item in events)), one.onset_days,
        "yes" if one.is_serious else "no", "yes" if one.is_fatal else "no",
        joined(one.duplicates), one.duplicate_of, "no" if one.reason else "yes", one.reason,
        one.completeness, joined(one.missing), joined(one.stated),
        joined(f"{each.category} by {each.by}{unsigned(each)}" for each in one.assessed),
    ]  # fmt: skip
