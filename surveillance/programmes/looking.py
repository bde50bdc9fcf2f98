"""What one look of a test needs to know, and the form in which its result is handed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from surveillance.configuration.programmes import NaturalHistory, Programme, Visits
from surveillance.domain.finding import Look
from surveillance.domain.product import key
from surveillance.programmes.histories import AtRisk, History

YEAR_DAYS = 366
N_NOTES_MAX = 20


class Member(NamedTuple):
    """A programme with its patients."""

    programme: Programme
    patients: dict[str, History]


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """A look at one programme: the day, the patients, and the platform's other programmes.

    Attributes
    ----------
    on : date
        The UTC day of the epoch.
    epoch : int
        The epoch.
    name : str
        Name of the design.
    own : Member
        The programme that is looked at.
    members : callable, () to tuple of Member
        Makes all programmes of its platform with the same design, this one included; they are
        many records, and most looks need none.
    history : NaturalHistory
        The comparator.
    visits : Visits or None
        The schedule, which decides how long a silent patient counts as followed.
    n_shared : int, default: 0
        Patients whom another programme names too.
    """

    on: date
    epoch: int
    name: str
    own: Member
    members: Callable[[], tuple[Member, ...]]
    history: NaturalHistory
    visits: Visits | None
    n_shared: int = 0

    @cached_property
    def platform(self) -> tuple[Member, ...]:
        """All programmes of the platform with the same design."""
        return self.members()

    @cached_property
    def silence_days(self) -> int:
        """How long after a contact a patient still counts as followed."""
        if self.visits is None:
            return YEAR_DAYS
        days = (0, *self.visits.days)
        gaps = [later - day for day, later in pairwise(days)]
        return max(*gaps, self.visits.then_every_days or 0, 1) + self.visits.grace_days

    @property
    def comparator(self) -> str:
        """Name and version of natural history, for the record."""
        return f"{self.own.programme.natural_history} v{self.history.version}"

    def unit_key(self, level: str, unit: str) -> str:
        """Return the key of a unit: a construct, the programme, or the platform."""
        programme = self.own.programme
        names = {"construct": unit, "programme": programme.name, "platform": programme.platform}
        return key(level, names[level])  # type: ignore[arg-type]

    def look(self, level: str, unit: str, event: str, risk: list[AtRisk], **values: Any) -> Look:  # noqa: ANN401 - fields of Look
        """Make the row of a look.

        Parameters
        ----------
        level : {"construct", "programme", "platform"}
            At which it looked.
        unit : str
            Name of the construct, where the level is that.
        event : str
            Name of the endpoint.
        risk : list of AtRisk
            Patients, with their time and events.
        **values
            The other fields of `Look`.

        Returns
        -------
        Look
            With looks still to be counted by the stage.
        """
        notes = (*self._of_shared(level), *values.pop("notes", ()))[:N_NOTES_MAX]
        found = {
            "criterion": f"{self.name}_{level}",
            "on": self.on,
            "epoch": self.epoch,
            "design": self.name,
            "design_version": values["criterion_version"],
            "programme": self.own.programme.name,
            "product": self.unit_key(level, unit),
            "event": key("pt", event),
            "n_patients": len(risk),
            "n_events": sum([one.n_events for one in risk]),
            "n_fatal": sum([one.n_fatal for one in risk]),
            "person_days": sum([one.days for one in risk]),
            "expected": 0.0,
            "has_crossed": values["is_crossing"],
            "notes": notes,
        }
        return msgspec.convert(found | values, Look)

    def _of_shared(self, level: str) -> tuple[str, ...]:
        """State who is counted twice; of a pooled platform the test itself does."""
        if not self.n_shared or level == "platform":
            return ()
        who = f"{self.n_shared} patient{'s' * (self.n_shared > 1)}"
        return (f"{who} named by another programme too: counted in each",)
