"""How many cases of a matter people assessed, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.screening.keys import Naming
from surveillance.views.as_of import is_screened
from surveillance.views.case_assessments import CaseAssessments, counted_by_category, of_pair
from surveillance.views.line_listing import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.configuration.types import Configuration
    from surveillance.domain.case import CaseVersion
    from surveillance.domain.signal import Signal
    from surveillance.register.reader import RegisterReader
    from surveillance.views.case_assessments import AssessedCausality


def causality_of_matter(
    reader: RegisterReader,
    configuration: Configuration,
    signals: Sequence[Signal],
    epoch: int,
) -> tuple[int, dict[str, int]]:
    """Count the cases of a matter, and those that people assessed.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    configuration : Configuration
        Gives names their keys.
    signals : sequence of Signal
        Of the matter; sequential tests of outcomes count no reports.
    epoch : int
        As known at its end.

    Returns
    -------
    tuple of int and dict of str to int
        Cases that count for any signal; and of these, how many by the category of the last
        assessment. A case that was assessed for another product or event is in none.
    """
    screened = [one for one in signals if is_screened(one)]
    cases = {
        case
        for one in screened
        for case in reader.cases.counted_cases(one.product, one.event, epoch)
    }
    found = CaseAssessments(reader).of(cases, epoch)
    naming = Naming(configuration)
    pairs = [Pair(one.product, one.event, naming) for one in screened]
    standing = reader.cases.standing_of(list(found), epoch)
    latest = {one.case_id: _of_any(pairs, one.case, found[one.case_id]) for one in standing}
    return len(cases), counted_by_category(latest)


def _of_any(
    pairs: Sequence[Pair], case: CaseVersion, found: Sequence[AssessedCausality]
) -> list[AssessedCausality]:
    """Return the assessments that are about any of these pairs, in the order of the log."""
    names = {
        one.decision_id
        for pair in pairs
        for one in of_pair(
            found,
            [each.product for each in case.products if pair.holds_product(each)],
            [each.pt for each in case.events if pair.holds_event(each)],
        )
    }
    return [one for one in found if one.decision_id in names]
