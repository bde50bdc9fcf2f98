"""Where results are read from: a run directory, or a register."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from surveillance.configuration.programmes import criteria_of
from surveillance.configuration.reader import read_configuration
from surveillance.domain.errors import Misused
from surveillance.domain.product import key
from surveillance.register.chosen_rows import Chosen
from surveillance.register.database import sqlite_url
from surveillance.register.reader import RegisterReader
from surveillance.runs.workplace import require_whole
from surveillance.views.contributions import contributed_keys
from surveillance.views.names import resolve
from surveillance.views.series import sums_by_day, sums_in_register

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from surveillance.configuration.types import Configuration
    from surveillance.views.as_of import NumbersOfDay
    from surveillance.views.series import Sums


@dataclass(frozen=True)
class Results:
    """A register, and what lies beside it.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    directory : Path, optional
        The run's directory; None where only a register was given.
    """

    reader: RegisterReader
    directory: Path | None = None

    def sums(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[date, Sums]]:
        """Sum up the counts of some pairs and their margins, by day.

        Raises
        ------
        Misused
            If they are not here.
        """
        if self.directory is not None:
            return sums_by_day(self.directory, pairs)
        return sums_in_register(self.reader, pairs)

    def numbers_at(self, on: date) -> NumbersOfDay | None:  # noqa: ARG002 - where a day is kept
        """Return the numbers of a day where they are at hand: a command computes what it needs."""
        return None

    def counted_keys(self) -> tuple[list[str], list[str]]:
        """Return the keys of all products and events that a case counted under."""
        if self.directory is not None:
            return contributed_keys(self.directory)
        cases = self.reader.cases
        return cases.counted_keys("product"), cases.counted_keys("event")

    def configuration(self) -> Configuration | None:
        """Return the configuration of the run or register; None if it is not here."""
        if self.directory is None or not (self.directory / "configuration").is_dir():
            return self.reader.configuration()
        return read_configuration(self.directory / "configuration")

    def required_configuration(self) -> Configuration:
        """Return the configuration of the run.

        Raises
        ------
        Misused
            If it is not here.
        """
        found = self.configuration()
        if found is None:
            raise Misused("the register", "holds no configuration", "use --from-run DIR")
        return found

    def criteria(self) -> list[str]:
        """Return the names of criteria that are configured, or that a finding is of."""
        found, configuration = set(self.reader.criteria()), self.configuration()
        if configuration is not None:
            found |= {one.name for one in configuration.criteria.criterion}
            found |= set(criteria_of(configuration.programmes))
        return sorted(found)

    def choose(self, product: str | None, event: str | None, until: date | None = None) -> Chosen:
        """Find the keys that a person means.

        Parameters
        ----------
        product, event : str, optional
            A key, a name, or the name of a group.
        until : date, optional
            Last day to include.

        Raises
        ------
        Misused
            If a name is not known, or means several keys: lists the near ones.
        """
        if product is None and event is None:
            return Chosen(until=until)
        known = self._known()
        try:
            return _choose(product, event, until, known)
        except Misused:
            counted = self.counted_keys()
            both = (sorted({*known[0], *counted[0]}), sorted({*known[1], *counted[1]}))
            return _choose(product, event, until, both)

    def _known(self) -> tuple[list[str], list[str]]:
        """Return the keys of products and events that have results."""
        products, events = (set(keys) for keys in self.reader.known_keys())
        configuration = self.configuration()
        if configuration is not None:
            products |= {key("group", name) for name in configuration.products.group}
            events |= {key("group", name) for name in configuration.events.group}
        return sorted(products), sorted(events)


def _choose(
    product: str | None, event: str | None, until: date | None, known: tuple[list[str], list[str]]
) -> Chosen:
    return Chosen(
        product=None if product is None else resolve(product, known[0], option="--product"),
        event=None if event is None else resolve(event, known[1], option="--event"),
        until=until,
    )


def open_results(from_run: Path | None, register: str | None) -> Results:
    """Open the run or register that a command names.

    Parameters
    ----------
    from_run : Path, optional
        A directory written by `longwatch replay`.
    register : str, optional
        Address of a register.

    Raises
    ------
    Misused
        If not exactly one is given, or it holds no register.
    """
    if (from_run is None) == (register is None):
        raise Misused("--from-run, --register", "exactly one is needed", "give one of the two")
    if from_run is None:
        return Results(RegisterReader(register or ""))
    require_whole(from_run)
    return Results(RegisterReader(sqlite_url(from_run / "register.db")), from_run)
