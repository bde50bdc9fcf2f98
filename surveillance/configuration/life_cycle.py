"""`lifecycle.toml`: statuses of a signal, who may move it, and the clocks that run meanwhile.

The table is data. `surveillance.triage.life_cycle` decides by it and holds no transition of its
own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from surveillance.configuration.law import Slug, Words, require_once
from surveillance.domain.decision import Action, PersonRole
from surveillance.domain.signal import Status
from surveillance.domain.values import Country

BandName = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9]{0,9}$")]
Days = Annotated[int, Meta(ge=0, le=3_660)]
Field = Literal["ground", "ladder_step", "merged_into", "until", "band", "public_reason"]
Section = Literal[
    "previous_awareness", "strength_of_evidence", "clinical_relevance", "conclusion"
]  # GVP Module IX Rev 1, IX.B.3
Filled = Literal[
    "label",
    "other_products",
    "decisions",
    "publicity",
    "counts",
    "criteria",
    "onset",
    "challenges",
    "causality",
    "matter",
    "patients",
    "quality",
    "lots",
    "seriousness",
    "outcomes",
    "indication",
]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the parts of the table: an unknown key is an error."""


class Role(_Part, frozen=True, kw_only=True):
    """A role that people act in."""

    name: PersonRole
    means: Words


class StatusRow(_Part, frozen=True, kw_only=True):
    """A status of a signal."""

    name: Status
    means: Words
    is_open: bool = True  # on the list of what people work on


class SecondPerson(_Part, frozen=True, kw_only=True):
    """When a transition takes two people; any condition is enough."""

    always: bool = False
    bands: tuple[BandName, ...] = ()  # of the matter, on the day
    min_fatal: Annotated[int, Meta(ge=1)] | None = None  # deaths among the cases of the signal
    sentinel: bool = False  # an event of a watch list
    longer_than_days: Days | None = None  # of what is to last until a day


class Transition(_Part, frozen=True, kw_only=True):
    """A row of the table: what people may do, from where, and who."""

    action: Action
    also: tuple[Action, ...] = ()  # earlier names of the action, on older logs
    about: Literal["signal", "matter", "case"] = "signal"
    before: tuple[Status, ...] = ()  # statuses; empty for a matter or a case
    after: Status | None = None  # None: the status stays
    returns: bool = False  # to the status before the signal was set aside
    sets_aside: bool = False  # a later action may return from there
    roles: Annotated[tuple[PersonRole, ...], Meta(min_length=1)]  # who may decide
    proposers: tuple[PersonRole, ...] = ()  # who may propose, beside those
    approvers: tuple[PersonRole, ...] = ()  # who may approve
    second_person: SecondPerson = SecondPerson()
    fields: tuple[Field, ...] = ()  # that must be given
    answers: Literal["upheld", "not_upheld"] | None = None  # a request for review
    of_matter: bool = False  # also of all signals of a matter at once, by one decision
    emerging: bool | None = None  # sets or clears the flag of an emerging safety issue
    days_max: Days | None = None  # from the day of the record until the day it names


class Clock(_Part, frozen=True, kw_only=True):
    """A time limit, with the source that sets it.

    Day 0 is the UTC day of the record that starts it.
    """

    code: Slug
    jurisdiction: Annotated[str, Meta(pattern="^([A-Z]{2}|own)$")]
    citation: Words
    applies_from: date  # no clock starts before this day
    applies_until: date | None = None  # nor after this one
    starts: Annotated[tuple[Action, ...], Meta(min_length=1)]  # actions
    ladder_steps: tuple[Slug, ...] = ()  # it starts with these alone; empty: with any
    stops: Annotated[tuple[Action, ...], Meta(min_length=1)]  # actions
    limit: Days | None = None  # None: the day that the record names
    unit: Literal["calendar_days", "working_days", "months"] = "calendar_days"
    day_off: Literal["as_it_is", "next_working_day"] = "as_it_is"  # where it ends on a day off
    warn_days: Days = 0  # calendar days before it is due


class CaseClock(_Part, frozen=True, kw_only=True):
    """A time limit for a report of one version of a case, with the source that sets it.

    Day 0 is the day of the most recent information, in calendar days.
    """

    code: Slug
    jurisdiction: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    citation: Words
    applies_from: date  # no clock starts before this day
    applies_until: date | None = None  # nor after this one
    seriousness: Literal["serious", "non_serious"]
    unlisted_alone: bool = False  # where the label is known to list the event, none runs
    countries: tuple[Country, ...] = ()  # of the reporter; empty: any
    limit: Annotated[int, Meta(ge=1, le=366)]


class FormField(_Part, frozen=True, kw_only=True):
    """A question of the form of the validation, and what of the log is filled in beside it."""

    section: Section
    code: Slug
    asks: Words
    filled_by: Filled | None = None  # None: people alone can answer it


class LifeCycle(_Part, frozen=True, kw_only=True):
    """`lifecycle.toml`: the table of what people may do.

    Raises
    ------
    ValueError
        If a name is given twice, or one is used that the table does not define.
    """

    version: Annotated[int, Meta(ge=1)] = 1
    role: tuple[Role, ...] = ()
    status: tuple[StatusRow, ...] = ()
    transition: tuple[Transition, ...] = ()
    clock: tuple[Clock, ...] = ()
    case_clock: tuple[CaseClock, ...] | None = None  # None: those that ship
    form_field: tuple[FormField, ...] | None = None  # None: those that ship

    def __post_init__(self) -> None:
        roles, statuses = [one.name for one in self.role], [one.name for one in self.status]
        actions = [name for one in self.transition for name in (one.action, *one.also)]
        require_once("role", roles)
        require_once("status", statuses)
        require_once("transition", actions)
        require_once("clock", [one.code for one in self.clock])
        require_once("case_clock", [one.code for one in self.case_clock or ()])
        require_once("form_field", [one.code for one in self.form_field or ()])
        for one in self.transition:
            place = f"transition {one.action}"
            people = (*one.roles, *one.proposers, *one.approvers)
            _require_known(f"{place}: role", people, roles)
            _require_known(f"{place}: status", one.before, statuses)
            _require_known(f"{place}: status", [one.after] if one.after else [], statuses)
            _require_sound(one)
        for clock in self.clock:
            named = (*clock.starts, *clock.stops)
            _require_known(f"clock {clock.code}: action", named, actions)

    @property
    def case_clocks(self) -> tuple[CaseClock, ...]:
        """The time limits of single cases: the table's own, or those that ship."""
        return shipped_case_clocks() if self.case_clock is None else self.case_clock

    @property
    def form_fields(self) -> tuple[FormField, ...]:
        """The form of the validation: the table's own, or that which ships."""
        return shipped_form_fields() if self.form_field is None else self.form_field

    @property
    def first_status(self) -> Status:
        """The status in which software opens a signal."""
        return self.status[0].name

    def is_open(self, status: Status) -> bool:
        """Tell whether people work on signals in a status."""
        return any(one.is_open for one in self.status if one.name == status)

    @property
    def open_statuses(self) -> tuple[Status, ...]:
        """Every status in which people work on a signal."""
        return tuple(one.name for one in self.status if one.is_open)

    def transition_of(self, action: str) -> Transition | None:
        """Return the row of an action by its name or an earlier one; None if there is none."""
        return next((one for one in self.transition if action in (one.action, *one.also)), None)


@lru_cache(maxsize=1)
def shipped() -> LifeCycle:
    """Return the table that ships with the program."""
    table = files("surveillance") / "configuration" / "lifecycle.toml"
    return msgspec.toml.decode(table.read_bytes(), type=LifeCycle)


class _CaseClocks(_Part, frozen=True, kw_only=True):
    """`case_clocks.toml`."""

    case_clock: tuple[CaseClock, ...]


@lru_cache(maxsize=1)
def shipped_case_clocks() -> tuple[CaseClock, ...]:
    """Return the time limits of single cases that ship with the program."""
    file = files("surveillance") / "configuration" / "case_clocks.toml"
    return msgspec.toml.decode(file.read_bytes(), type=_CaseClocks).case_clock


class _Form(_Part, frozen=True, kw_only=True):
    """`validation_form.toml`."""

    form_field: tuple[FormField, ...]


@lru_cache(maxsize=1)
def shipped_form_fields() -> tuple[FormField, ...]:
    """Return the form of the validation that ships with the program."""
    file = files("surveillance") / "configuration" / "validation_form.toml"
    return msgspec.toml.decode(file.read_bytes(), type=_Form).form_field


def _require_known(place: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{place} {name!r} is not in the table; known are: {listed}")


def _require_sound(one: Transition) -> None:
    """Require what a row needs to be carried out."""
    if (one.about == "signal") != bool(one.before):
        raise ValueError(f"transition {one.action}: before names statuses, if about a signal")
    if one.of_matter and (one.about != "signal" or one.answers is not None):
        raise ValueError(f"transition {one.action}: of_matter is for rows that move signals")
    if one.after is not None and one.returns:
        raise ValueError(f"transition {one.action}: either after or returns, not both")
    may_need = one.second_person != SecondPerson()
    if one.about == "case" and may_need:
        raise ValueError(f"transition {one.action}: a case is assessed by one person a record")
    if may_need and not one.approvers:
        raise ValueError(f"transition {one.action}: approvers must name who is the second person")
    if one.days_max is not None and "until" not in one.fields:
        raise ValueError(f"transition {one.action}: days_max needs the field until")
