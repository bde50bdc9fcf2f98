"""What is drawn: each scenario as it is, and one construct with few and many patients."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from surveillance.simulate.scenario import LostEffect, Scenario
from surveillance.simulate.variations import LNP, VARIATIONS, editor, programme

SIZES = (1, 3, 5, 10, 30)


class Cell(NamedTuple):
    """A scenario that is drawn many times, and how many patients it has."""

    name: str
    scenario: Scenario

    @property
    def n_patients(self) -> int:
        """Patients of all constructs."""
        platform = self.scenario.platform
        of = platform.programmes if platform else ()
        return sum(one.n_patients for each in of for one in each.constructs)


def _sized(n: int, *, is_lost: bool) -> Cell:
    base = next(one for one in VARIATIONS if one.name == "five-patients")
    lost = LostEffect(where=LNP, after_days=0, over_days=1) if is_lost else None
    name = f"{'lost' if is_lost else 'kept'}-{n}"
    of = editor(programme("CPS1", (n,)))
    return Cell(name, replace(base, name=name, platform=of, lost_effect=lost))


CELLS = {
    cell.name: cell
    for cell in (
        *(Cell(one.name, one) for one in VARIATIONS),
        *(_sized(n, is_lost=False) for n in SIZES),
        *(_sized(n, is_lost=True) for n in SIZES),
    )
}
