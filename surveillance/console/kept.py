"""What pages of the same day share, computed once and kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any

from surveillance.console.asked import NotThere
from surveillance.register.look_reader import ChosenLooks
from surveillance.screening.keys import Naming
from surveillance.views.case_assessments import CaseAssessments
from surveillance.views.day import Day, day_of
from surveillance.views.line_listing import LineListing, Pair, line_listing
from surveillance.views.masking import masking
from surveillance.views.refused import read_refused
from surveillance.views.results import Results
from surveillance.views.series import points, sums_in_register
from surveillance.views.strata import Reports

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import date

    from surveillance.configuration.types import Configuration
    from surveillance.domain.refused_record import RefusedRecord
    from surveillance.register.keys import KeyKind
    from surveillance.register.reader import EpochRow
    from surveillance.views.as_of import NumbersOfDay
    from surveillance.views.masking import Unmasked
    from surveillance.views.series import Point
    from surveillance.views.strata import Stratified

N_KEPT = 64  # of days, listings and series, the latest asked for
N_KEPT_REPORTS = 2  # of days: some thirty bytes for each case
N_KEPT_DAYS = 6  # a day of ten thousand signals takes some tens of megabytes


class Kept:
    """Values by key, the latest asked for.

    Parameters
    ----------
    n : int
        How many are kept.
    """

    def __init__(self, n: int) -> None:
        self._n, self._held, self._lock = n, OrderedDict[Any, Future[Any]](), Lock()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:  # noqa: ANN401 - any value
        """Return a value; compute it where it is not kept.

        Whoever asks for the same value meanwhile waits for it, and nobody else does. What could
        not be computed is raised for all of them, and computed anew when it is asked for again.
        """
        with self._lock:
            is_new = key not in self._held
            value = self._held.setdefault(key, Future())
            self._held.move_to_end(key)
            while len(self._held) > self._n:
                self._held.popitem(last=False)
        if is_new:
            try:
                value.set_result(compute())
            except BaseException as error:  # noqa: BLE001 - raised below, here and where it is awaited
                with self._lock:
                    self._held.pop(key, None)
                value.set_exception(error)
        return value.result()


class KeptResults(Results):
    """Results whose configuration is read once, and again where a register goes on."""

    def configuration(self) -> Configuration | None:
        """Return the configuration of the run or register; None if it is not here."""
        kept: dict[Any, Configuration | None] = self.__dict__.setdefault("_configurations", {})
        epoch = None if self.directory else self.reader.cases.epoch_on(None)
        if epoch not in kept:
            kept.clear()
            kept[epoch] = super().configuration()
        return kept.get(epoch)

    def numbers_at(self, on: date) -> NumbersOfDay | None:
        """Return the numbers of a day that a page was asked for lately; None for others."""
        kept: dict[date, NumbersOfDay] = self.__dict__.get("_numbers", {})
        return kept.get(on)

    def keep_numbers(self, on: date, numbers: NumbersOfDay | None) -> None:
        """Keep the numbers of a day of a run, as long as those of few others follow."""
        kept: dict[date, NumbersOfDay] = self.__dict__.get("_numbers", {})
        if numbers is not None:  # a new dict: another thread may be reading the old one
            latest = [(day, one) for day, one in kept.items() if day != on][1 - N_KEPT_DAYS :]
            self.__dict__["_numbers"] = dict([*latest, (on, numbers)])


class Known:
    """Answers what pages ask, from what is kept where it can.

    Parameters
    ----------
    results : Results
        A run or a register.
    place : str
        Where it is, as people know it.
    """

    def __init__(self, results: Results, place: str) -> None:
        self.place = place
        self.source = KeptResults(results.reader, results.directory)
        self.reader = results.reader
        self._reports = Kept(N_KEPT_REPORTS)
        self._days, self._others = Kept(N_KEPT_DAYS), Kept(N_KEPT)

    def configuration(self) -> Configuration:
        """Return the configuration in force."""
        return self.source.required_configuration()

    def epochs(self) -> list[EpochRow]:
        """Return every epoch, in order."""
        last = self.reader.cases.epoch_on(None)
        found: list[EpochRow] = self._others.get(("epochs", last), self.reader.epoch_rows)
        return found

    def day(self, at: date | None) -> Day:
        """Return a day, or the last one.

        Raises
        ------
        NotThere
            If the log has no such day.
        """
        epochs = self.epochs()
        if not epochs:
            raise NotThere(404, "The log holds nothing yet", "no epoch has closed", "come back")
        first, last = epochs[0].on, epochs[-1].on
        if at is not None and not first <= at <= last:
            where = "before the log begins" if at < first else "after the log ends"
            raise NotThere(
                404, f"{at} is {where}", f"it holds {first} to {last}", "choose a day in between"
            )
        on = last if at is None else at
        epoch = self.reader.cases.epoch_on(on)
        found: Day = self._days.get((on, epoch), lambda: self._computed(on))
        return found

    def _computed(self, on: date) -> Day:
        found = day_of(self.source, on)
        self.source.keep_numbers(on, found.numbers)
        return found

    def days(self) -> dict[int, date]:
        """Return the day of every epoch."""
        return {one.epoch: one.on for one in self.epochs()}

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:  # noqa: ANN401 - any value
        """Return what a page makes of a day and needs again; the key names the page and the day."""
        return self._others.get(key, compute)

    def listing(self, product: str, event: str, on: date) -> LineListing:
        """Return the cases of a pair at the end of a day."""
        epoch = self.reader.cases.epoch_on(on)
        pair = Pair(product, event, Naming(self.configuration()))
        found: LineListing = self._others.get(
            ("cases", product, event, epoch),
            lambda: line_listing(self.reader.cases, pair, on, CaseAssessments(self.reader)),
        )
        return found

    def series(self, product: str, event: str, on: date) -> list[Point]:
        """Return counts and statistics of a pair at the end of every month up to a day."""
        epoch = self.reader.cases.epoch_on(on)
        found: list[Point] = self._others.get(
            ("series", product, event, on, epoch),
            lambda: points(
                sums_in_register(self.reader, [(product, event)])[product, event], "month", on
            ),
        )
        return found

    def masking(self, product: str, event: str, on: date) -> list[Unmasked]:
        """Return measures of a pair without the reports of other products; none without a case."""
        epoch = self.reader.cases.epoch_on(on)
        series = self.series(product, event, on)
        if epoch is None or not series:
            return []
        found: list[Unmasked] = self._others.get(
            ("masking", product, event, epoch),
            lambda: masking(self.reader.counted, (product, event), series[-1].n_total, epoch),
        )
        return found

    def strata(self, product: str, event: str, on: date) -> Stratified:
        """Return a pair within strata; every report of the day is read once."""
        epoch = self.reader.cases.epoch_on(on)
        reports: Reports = self._reports.get(
            epoch, lambda: Reports(self.reader.counted, epoch or 0)
        )
        found: Stratified = self._others.get(
            ("strata", product, event, epoch), lambda: reports.of(product, event)
        )
        return found

    def keys(self, kind: KeyKind) -> list[str]:
        """Return every key of a kind that a case was ever found under."""
        last = self.reader.cases.epoch_on(None)
        found: list[str] = self._others.get(
            ("keys", kind, last), lambda: self.reader.cases.keys(kind)
        )
        return found

    def refused(self) -> list[RefusedRecord]:
        """Return every refused record, by code and place."""
        last = self.reader.cases.epoch_on(None)
        found: list[RefusedRecord] = self._others.get(
            ("refused", last), lambda: read_refused(self.source)
        )
        return found

    def programmes(self) -> list[str]:
        """Return the names of the programmes that there is a look of."""
        return self.reader.looks.watched()[0]

    def n_looks(self, programme: str, on: date) -> int:
        """Return how many looks a programme had by a day."""
        return self.reader.looks.n(ChosenLooks(programme, until=on))
