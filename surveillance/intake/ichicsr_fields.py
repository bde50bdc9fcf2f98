"""The fields of one part of a report in the terms of E2B(R2), and what is noted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from surveillance.domain.values import Quantity
from surveillance.intake.hl7 import Part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

T = TypeVar("T")
Tree = dict[str, Any]  # of texts, trees, and lists of them

N_NAME = 250
_ELEMENTS = {  # of E2B(R3), under which dates of other precision than a day are kept
    "receivedate": "C.1.4",
    "receiptdate": "C.1.5",
    "lastmenstrualdate": "D.6",
    "patientmedicalstartdate": "D.7.1.r.2",
    "patientmedicalenddate": "D.7.1.r.4",
    "patientdrugstartdate": "D.8.r.4",
    "patientdrugenddate": "D.8.r.5",
    "patientdeathdate": "D.9.1",
    "reactionstartdate": "E.i.4",
    "reactionenddate": "E.i.5",
    "testdate": "F.r.1",
    "drugstartdate": "G.k.4.r.4",
    "drugenddate": "G.k.4.r.5",
}


class Fields(Part):
    """The fields of one part of a report."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree, notes: list[str]) -> None:
        super().__init__(notes)
        self.tree = tree

    def string(self, name: str) -> str:
        """Return a field as text; empty if it is not there, or is no single value."""
        value = self.tree.get(name)
        if isinstance(value, str):
            return self._without_control(name, value.strip())
        if isinstance(value, int | float):
            return str(value)
        if value:
            self.note(name, "is not one value")
        return ""

    def _without_control(self, name: str, text: str) -> str:
        """Leave out the control characters that JSON can hold and no record may."""
        if text.isprintable():
            return text
        kept = "".join(c for c in text if c >= " " or c in "\n\r\t")
        if kept != text:
            self.note(name, "held control characters, which were left out")
        return kept

    def short(self, name: str, n_max: int = N_NAME) -> str | None:
        """Return a name."""
        return self.name(name, self.string(name), n_max)

    def of(self, name: str, known: dict[str, T]) -> T | None:
        """Return what a code stands for."""
        code = self.string(name)
        if code and code not in known:
            self.note(name, "no such code", code)
        return known.get(code)

    def when(self, name: str) -> date | None:
        """Return a day; a year or a month is kept as it was stated."""
        return self.date(_ELEMENTS.get(name, name), self.string(name))

    def measured(self, number: str, unit: str, known: dict[str, str]) -> Quantity | None:
        """Return a number with its unit."""
        value = self.number(number, self.string(number))
        stated = self.string(unit)
        if value is None or not stated:
            return None
        return Quantity(value=value, unit=known.get(stated, stated[:50]))

    def parts(self, name: str) -> Iterator[Fields]:
        """Yield parts of a kind: none, one, or a list of them."""
        found = self.tree.get(name)
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, dict):
                yield Fields(each, self.notes)

    def part(self, name: str) -> Fields:
        """Return the first part of a kind; an empty one if there is none."""
        return next(self.parts(name), Fields({}, self.notes))
