"""A patient whom two programmes name is counted in each, and every look of both states it."""

import pytest
from strategies import a_configuration, encode, instant, programmes, record
from treated import ENDPOINT, dose, on, visit

from surveillance.configuration.programmes import LostEffect
from surveillance.configuration.types import Topics
from surveillance.domain.finding import Look
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells
from surveillance.programmes.watch import WatchOutcomes

NOTE = "1 patient named by another programme too: counted in each"
CONFIGURATION = a_configuration(
    topics=Topics(outcomes=1),
    programmes=programmes("P1", "P2", effect=LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.5)),
)


class Watched:
    """A watch that is stored and restored between epochs, or is not."""

    def __init__(self, *, is_stored: bool) -> None:
        self.stage, self.epoch, self._is_stored = WatchOutcomes(CONFIGURATION, 0), -1, is_stored
        self.stored: dict[bytes, bytes] = {}
        self.cells = Cells(self.stored.get)
        self.state = self.stage.init(self.cells)

    def notes(self, *records: OutcomeRecord, day: int) -> dict[str, set[str]]:
        """Return the notes of the looks of each programme."""
        at = instant(on(day))
        self.stage.apply(self.state, record(*map(encode, records), at=at))
        self.epoch += 1
        rows = self.stage.close(self.state, self.epoch, at).rows
        self.stored |= self.cells.drain()
        if self._is_stored:
            self.cells = Cells(self.stored.get)
            self.state = self.stage.load(self.stage.dump(self.state), self.cells)
        found: dict[str, set[str]] = {}
        for row in rows:
            if isinstance(row, Look):
                found.setdefault(row.programme, set()).update(row.notes)
        return found


@pytest.mark.parametrize("is_stored", [False, True])
def test_both_programmes_state_it_until_one_takes_its_records_back(is_stored: bool) -> None:  # noqa: FBT001 - a parameter
    watched = Watched(is_stored=is_stored)
    assert watched.notes(dose(0), day=10) == {"P1": set()}

    assert watched.notes(dose(5, programme="P2"), day=20) == {"P1": {NOTE}, "P2": {NOTE}}
    assert watched.notes(visit(25), day=30) == {"P1": {NOTE}}
    watched.notes(dose(5, programme="P2", version=2, is_nullified=True), day=40)
    assert watched.notes(visit(45), day=50) == {"P1": set()}


def test_patients_of_other_names_are_nobodys_business() -> None:
    watched = Watched(is_stored=True)

    assert watched.notes(dose(0), dose(5, programme="P2", patient_id="two"), day=20) == {
        "P1": set(), "P2": set(),
    }  # fmt: skip
