"""What is emitted of a look: the look itself, and a finding where something is new.

Both readers of programmes need it: `watch`, which tests outcomes, and the test of reports that
`screen` runs. A crossing stands however the statistic falls afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.finding import N_CHANGES_MAX, Change, Family, Look, WatchFinding
from surveillance.programmes.looking import N_NOTES_MAX

Row = Look | WatchFinding
_TESTED = ("log_e", "log_likelihood_ratio")  # elsewhere a look without news is none
_AFTER_THE_END = (
    "events are counted and shown as before, and no later look of this test can cross; testing on "
    "needs a new design with an error budget of its own"
)


class Progress(msgspec.Struct, array_like=True):
    """How far one test has come."""

    looks: int = 0
    n_emitted: int = 0  # events when the crossing was last emitted; 0 before
    stands: bool = False  # a crossing was emitted and its support was not taken back
    n_seen: int = -1  # events at the last look
    last: Look | None = None  # while the crossing stands
    epoch: int = -1  # of the last look
    has_ended: bool = False  # the horizon was reached, and that was emitted


class Emitting:
    """Makes the rows of looks, with what the configuration adds to them.

    Parameters
    ----------
    configuration : Configuration
        Budgets, recorded changes, and the hash that findings carry.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._digest = configuration.digest
        configured = configuration.programmes
        self._changed = configured.change
        self._history_of = {one.name: one.natural_history for one in configured.programme}
        self._budgets = {
            (one.name, family): configured.budget_of(one, family)
            for one in configured.programme
            for family in get_args(Family)
        }

    def rows(
        self,
        kept: dict[str, Progress],
        look: Look,
        extra: Callable[[Look, Change], Mapping[str, object]],
    ) -> Iterator[Row]:
        """Emit a look, and what is new with it.

        Parameters
        ----------
        kept : dict of str to Progress
            How far each test has come; changed in place.
        look : Look
            As the test has it, its number still to be counted.
        extra : callable
            Gives further fields of a finding, once there is one.

        Yields
        ------
        Look or WatchFinding
            A count that has not changed is no look.
        """
        progress = kept.setdefault(name_of(look), Progress())
        progress.looks += 1
        change = _change(progress, look)
        look = msgspec.structs.replace(
            look,
            looks=progress.looks,
            has_crossed=progress.stands,
            alpha_budget=self._budget(look),
            **self._changes(look),
        )
        if look.scale in _TESTED or progress.n_seen != look.n_events:
            yield look
        progress.n_seen, progress.epoch = look.n_events, look.epoch
        progress.last = look if progress.stands else None
        if change is not None:
            yield self.finding(look, change, extra(look, change))
        if _ends(progress, look):
            yield self.finding(_with_end(look), "ended", {})

    def finding(self, look: Look, change: Change, extra: Mapping[str, object]) -> WatchFinding:
        """Make the finding of a look.

        Parameters
        ----------
        look : Look
            The look.
        change : {"met", "grown", "ceased", "ended"}
            What is new.
        extra : mapping
            Further fields.
        """
        values: dict[str, Any] = msgspec.structs.asdict(look)
        del values["is_crossing"], values["has_crossed"]
        values |= {**self._changes(look), **extra}
        values |= {
            "change": change,
            "rate_ratio": look.n_events / look.expected if look.expected else None,
            "configuration": self._digest,
        }
        return WatchFinding(**values)

    def _budget(self, look: Look) -> float | None:
        """Return the budget that a look is part of; a test of one patient has its own."""
        is_part = look.alpha is not None and not look.patient_id
        return self._budgets[look.programme, look.family] if is_part else None

    def _changes(self, look: Look) -> dict[str, Any]:
        """Return the recorded changes of what a look rests on, up to its day, as fields."""
        names = {f"design.{look.design}"}
        if look.natural_history:
            names.add(f"natural_history.{self._history_of[look.programme]}")
        listed = (one for one in self._changed if one.what in names)
        found = sorted((one for one in listed if one.on <= look.on), key=lambda one: one.on)
        sentences = tuple(one.sentence for one in found)
        return {"n_changes": len(sentences), "changes": sentences[-N_CHANGES_MAX:]}


def name_of(look: Look) -> str:
    """Name the test that a look belongs to, within its programme.

    Parameters
    ----------
    look : Look
        Any.
    """
    test = f"{look.criterion}/{look.criterion_version}"
    return f"{test}/{look.product}/{look.patient_id}/{look.event}"


def _ends(progress: Progress, look: Look) -> bool:
    """Return whether the horizon is reached for the first time, and keep it in `progress`.

    Where a correction takes expected events back below it, the test goes on, and may end again.
    """
    is_past = look.horizon is not None and look.expected >= look.horizon
    is_new = is_past and not progress.has_ended
    progress.has_ended = is_past
    return is_new


def _with_end(look: Look) -> Look:
    crossed = "after a crossing" if look.has_crossed else "without a crossing"
    spent = f"{look.alpha_spent or 0:.3g} of {look.alpha or 0:.3g} is spent"
    reached = f"the planned horizon of {look.horizon:g} expected events was reached {crossed}"
    notes = (f"{reached}: {spent}", _AFTER_THE_END, *look.notes)
    return msgspec.structs.replace(look, notes=notes[:N_NOTES_MAX])


def _change(progress: Progress, look: Look) -> Change | None:
    """Return what is new, and keep it in `progress`; None if nothing is.

    A crossing ceases only when what carried it was taken back: fewer events, or a series that no
    longer crosses when computed anew.
    """
    n_events = look.n_events
    if look.is_crossing and not progress.stands:
        progress.n_emitted, progress.stands = n_events, True
        return "met"
    is_count = look.scale != "probability"
    if is_count and look.is_crossing and n_events >= 2 * progress.n_emitted > 0:
        progress.n_emitted = n_events
        return "grown"
    is_taken_back = n_events < progress.n_emitted or bool(look.patient_id)
    if progress.stands and not look.is_crossing and is_taken_back:
        progress.stands = False
        return "ceased"
    return None
