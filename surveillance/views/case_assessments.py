"""How people assessed the causality of cases, beside what the reports state."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from surveillance.domain.causality import Answer, Question, Scale, WhoUmc, WorkUpState
from surveillance.domain.names import identity
from surveillance.triage.causality import Naranjo, naranjo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from surveillance.configuration.work_up import WorkUpList
    from surveillance.domain.decision import CausalityAssessment
    from surveillance.register.reader import RegisterReader

DIFFERENTLY = "assessed differently"


class WorkUpShown(Struct, frozen=True, kw_only=True):
    """An item of the work-up, and what a person recorded of it."""

    item: str
    asks: str  # empty where the configuration does not list it
    state: WorkUpState | None  # None: nothing was recorded
    result: str


class AssessedCausality(Struct, frozen=True, kw_only=True):
    """How one person assesses one product and one event of a case."""

    case_id: str
    case_version: int | None  # that the person saw
    product: str
    event: str
    scale: Scale
    who_umc: WhoUmc | None
    answers: dict[Question, Answer]
    naranjo: Naranjo | None  # computed from the answers
    work_up: tuple[WorkUpShown, ...]
    by: str
    role: str
    on: date
    epoch: int
    reason: str
    is_signed: bool
    is_latest: bool  # the same person has assessed it no later
    decision_id: str

    @property
    def category(self) -> str:
        """The category by either scale, in one phrase."""
        if self.naranjo is None:
            return str(self.who_umc)
        return f"Naranjo {self.naranjo.score} ({self.naranjo.category})"


class CaseAssessments:
    """Finds how people assessed cases.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    work_up : WorkUpList, optional
        Whose items are shown with what was recorded, those without a record among them; without
        it only what was recorded.
    """

    def __init__(self, reader: RegisterReader, work_up: WorkUpList | None = None) -> None:
        self._reader, self._work_up = reader, work_up

    def of(self, case_ids: Iterable[str], epoch: int) -> dict[str, list[AssessedCausality]]:
        """Return how cases were assessed, by case, in the order of the log.

        Parameters
        ----------
        case_ids : iterable of str
            Of the cases.
        epoch : int
            As known at its end.
        """
        records = self._reader.case_assessments(case_ids, epoch)
        days = self._reader.cases.days(at for at, _ in records)
        latest = {_whose(one): one.decision_id for _, one in records}
        found: dict[str, list[AssessedCausality]] = {}
        for at, one in records:
            is_latest = latest[_whose(one)] == one.decision_id
            shown = _shown(one, at, days[at], self._work_up, is_latest=is_latest)
            found.setdefault(one.case_id, []).append(shown)
        return found


def of_pair(
    found: Sequence[AssessedCausality], products: Iterable[str], events: Iterable[str]
) -> tuple[AssessedCausality, ...]:
    """Return each person's latest assessment of some products and events of a case.

    Parameters
    ----------
    found : sequence of AssessedCausality
        Of the case.
    products, events : iterable of str
        Names as they stand in the case.
    """
    names, terms = set(map(identity, products)), set(map(identity, events))
    return tuple(
        one
        for one in found
        if one.is_latest and identity(one.product) in names and identity(one.event) in terms
    )


def counted_by_category(latest: Mapping[str, Sequence[AssessedCausality]]) -> dict[str, int]:
    """Count cases by the category of the last assessment of each, the most frequent first.

    A case that people assess differently by one scale is in none of their categories.

    Parameters
    ----------
    latest : mapping of str to sequence of AssessedCausality
        By case, in the order of the log.
    """
    tally = Counter(_together(found) for found in latest.values() if found)
    return dict(sorted(tally.items(), key=lambda item: (-item[1], item[0])))


def _together(found: Sequence[AssessedCausality]) -> str:
    for scale in {one.scale for one in found}:
        if len({_group(one) for one in found if one.scale == scale}) > 1:
            return DIFFERENTLY
    return _group(found[-1])


def _group(one: AssessedCausality) -> str:
    return str(one.who_umc) if one.naranjo is None else f"Naranjo {one.naranjo.category}"


def _whose(one: CausalityAssessment) -> tuple[Any, ...]:
    names = (one.decided_by, one.product, one.event)
    return (one.case_id, one.scale, *map(identity, names))


def _shown(
    one: CausalityAssessment, epoch: int, on: date, work_up: WorkUpList | None, *, is_latest: bool
) -> AssessedCausality:
    return AssessedCausality(
        case_id=one.case_id,
        case_version=one.case_version,
        product=one.product,
        event=one.event,
        scale=one.scale,
        who_umc=one.category,
        answers=one.answers,
        naranjo=naranjo(one.answers) if one.scale == "naranjo" else None,
        work_up=_work_up(one, work_up),
        by=one.decided_by,
        role=one.role,
        on=on,
        epoch=epoch,
        reason=one.reason,
        is_signed=one.is_signed,
        is_latest=is_latest,
        decision_id=one.decision_id,
    )


def _work_up(one: CausalityAssessment, listed: WorkUpList | None) -> tuple[WorkUpShown, ...]:
    asks = {} if listed is None else {row.code: row.asks for row in listed.item}
    recorded = {each.item: each for each in one.work_up}
    if not recorded:
        return ()
    shown = [
        WorkUpShown(item=name, asks=asks.get(name, ""), state=each.state, result=each.result)
        for name, each in recorded.items()
    ]
    missing = [
        WorkUpShown(item=name, asks=text, state=None, result="")
        for name, text in asks.items()
        if name not in recorded
    ]
    return (*shown, *missing)
