"""Signals: findings taken up, with a life cycle that only people move.

Software opens a signal and may open a request for review. It never confirms, refutes
or withdraws anything.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from surveillance.domain.decision import Action
from surveillance.domain.finding import Family

N_STEPS_MAX = 8  # that a signal carries
Status = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,19}$")]  # of lifecycle.toml


class Support(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One criterion behind a signal: when it was first met, and how it stands."""

    criterion: str
    first_on: date
    last_on: date
    n: int
    is_standing: bool = True


class PriorityPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of the priority: a value from 0 to 1, what it came from, and its weight.

    Without a value the part is unknown, and counts for nothing.
    """

    name: str
    value: float | None = None
    basis: float | None = None
    weight: float = 1.0


class Review(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request for a review of a matter for market withdrawal, and the answer people gave."""

    review_id: str
    rule: str
    ground: str  # code in law.toml; a matter is asked about once for each
    product: str  # of the matter
    event: str
    signal_id: str  # that met the rule
    opened_on: date
    answer: Literal["upheld", "not_upheld"] | None = None
    answered_on: date | None = None
    ladder_step: str | None = None  # that people chose with the answer
    is_signed: bool | None = None  # the answer, by everybody who gave it; None: not answered

    @property
    def answer_in_words(self) -> str:
        """The answer, or that it is open; an answer that nobody signed is marked."""
        return f"{self.answer or 'open'}{', unsigned' if self.is_signed is False else ''}"


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One move along the life cycle, with who made it and why."""

    on: date
    status: Status
    action: Action  # "detect" for the first one, by software
    n: int = 0  # cases or events when the step was made
    is_signed: bool = False  # by everybody who decided
    decision_id: str | None = None
    decided_by: str | None = None
    approved_by: str | None = None
    reason: str = ""  # internal
    public_reason: str = ""
    ground: str | None = None
    ladder_step: str | None = None
    until: date | None = None
    merged_into: str | None = None
    band: str | None = None  # as people set it


class RunningClock(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A time limit of a signal, with the source that sets it."""

    code: str  # in lifecycle.toml
    citation: str
    started_on: date  # day 0, in UTC
    due_on: date  # the last day
    warn_on: date
    is_warned: bool = False
    is_breached: bool = False
    stopped_on: date | None = None


class Signal(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="signal", tag_field="type"):
    """A product-event pair that was taken up, as it stands at the end of an epoch.

    Cases, expectation, evidence and priority are those of the end of `evaluated_on`, the day
    of the latest finding. A decision changes the status later, and none of these.
    """

    signal_id: str
    matter_id: str
    family: Family
    product: str
    event: str
    status: Status
    first_on: date
    on: date  # of the latest change, by a finding or by people
    evaluated_on: date
    epoch: int
    priority: float
    parts: tuple[PriorityPart, ...]
    support: tuple[Support, ...]
    n: int
    n_serious: int = 0
    n_fatal: int = 0
    expected: float
    evidence: float  # lower limit of the IC on the log2 scale, or log2 of the rate ratio
    is_sentinel: bool = False
    reviews: tuple[Review, ...] = ()  # of its matter: every signal of it carries them
    history: tuple[Step, ...] = ()  # the first step and the latest ones
    n_steps: int = 1  # all of them
    is_open: bool = True  # as the table has it of the status
    set_aside_from: Status | None = None  # the status to which it may return
    is_emerging: bool = False  # flagged as an emerging safety issue
    clocks: tuple[RunningClock, ...] = ()  # the latest of each code
    n_changes: int = 0  # of the design and natural history behind it, after data had been seen
    changes: tuple[str, ...] = ()  # the latest of them, each with its reason
    configuration: str = ""


class SignalOutline(Struct, frozen=True):
    """What a list of many signals needs of each; all of it is in the signal as well."""

    signal_id: str
    matter_id: str
    product: str
    event: str
    status: Status
    first_on: date
    epoch: int  # from which on it stood like this
    priority: float
    n: int
    n_serious: int
    n_fatal: int
    has_excess: bool  # its evidence is above 0
    is_sentinel: bool
    is_screened: bool  # of a pair that is counted, and not of a sequential test

    @property
    def is_open(self) -> bool:
        """Lists ask for outlines of open signals alone."""
        return True


AnySignal = Signal | SignalOutline


class SignalStep(Struct, frozen=True, kw_only=True, tag="step", tag_field="type"):
    """One step of a signal that people made, as a row of its own: no history is cut short."""

    signal_id: str
    number: int  # 0 is its detection
    epoch: int
    step: Step


class DecisionPassedOver(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="decision_passed_over",
    tag_field="type",
):
    """A decision or an acknowledgement that is not allowed, kept with the reason."""

    decision_id: str
    signal_id: str = ""
    matter_id: str = ""  # where a matter was acknowledged
    on: date
    reason: str
    code: str = ""  # one of a bounded set; each is explained in docs/intake.md
    remedy: str = ""
    author: str = ""  # who made it
    is_admitted: bool = True  # else it was refused before the life cycle was asked
