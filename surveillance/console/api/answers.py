"""What the interface answers with: pages of a list, one thing, or a problem."""

from __future__ import annotations

import base64
from datetime import date
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec
from litestar.exceptions import HTTPException, ValidationException

from surveillance.console.asked import NotThere
from surveillance.log.topics import GENERATION
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from surveillance.console.kept import Known
    from surveillance.views.day import Day

Item = TypeVar("Item")
N_ITEMS, N_ITEMS_MAX = 100, 1_000  # of one page of a list
JSON, PROBLEM = "application/json", "application/problem+json"
_GONE, _DEFECT = 410, 500
DESCRIBED = "/api/openapi.json"
_MOST = 2**63 - 1  # that a database counts to
_encode = msgspec.json.Encoder(order="deterministic").encode


class Listed(msgspec.Struct, Generic[Item]):
    """One page of a list, as of the end of a day."""

    items: list[Item]
    next: str | None  # cursor of the next page; null on the last one
    as_of: date  # the UTC day at whose end this stood
    epoch: int  # the last one closed by then
    configuration: str | None  # SHA-256 of what was in force
    generation: int  # of the algorithms


class Single(msgspec.Struct, Generic[Item]):
    """One thing, as of the end of a day."""

    item: Item
    as_of: date
    epoch: int
    configuration: str | None
    generation: int


class Problem(msgspec.Struct):
    """Why there is no answer (RFC 9457), and what to do."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    instance: str


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a list begins, and in which epoch the list was begun."""

    asked: str  # a digest of what was asked for: a list has no place in another
    epoch: int
    since: int  # epoch of the first item, where the list is one of epochs; else 0
    n_before: int  # items before it, of that epoch or of the list

    @property
    def text(self) -> str:
        """As it stands in an address."""
        return base64.urlsafe_b64encode(_encode(self)).decode().rstrip("=")


_decode_cursor = msgspec.json.Decoder(Cursor).decode


class Answer(NamedTuple):
    """The bytes of an answer, and the mark by which a program knows it again."""

    content: bytes
    mark: str  # ETag


class Portion(NamedTuple):
    """Which part of a list is asked for: as `Cursor` has it, and how many items."""

    asked: str
    since: int
    n_before: int
    n: int

    def after(self, epochs: Sequence[int] | None) -> tuple[int, int]:
        """Return where the next page begins.

        Parameters
        ----------
        epochs : sequence of int, optional
            Of the items of this page, where the list is one of epochs.
        """
        if not epochs:
            return 0, self.n_before + self.n
        last = epochs[-1]
        return last, epochs.count(last) + (self.n_before if last == self.since else 0)


def page_of(day: Day, cursor: str | None, limit: int, asked: str) -> Portion:
    """Return which part of a list is asked for.

    Parameters
    ----------
    day : Day
        As of which the list is read.
    cursor : str, optional
        Of the page before.
    limit : int
        Items of a page.
    asked : str
        The address with its parameters, but for where a page begins and how long it is.

    Raises
    ------
    NotThere
        If the cursor is none of ours, or of another list, or the day has gone on since the first
        page.
    """
    of = blake2b(asked.encode(), digest_size=6).hexdigest()
    if cursor is None:
        return Portion(of, 0, 0, limit)
    try:
        found = _decode_cursor(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:  # of either decoder
        found = Cursor("", -1, -1, -1)
    if min(found.since, found.n_before) < 0 or max(found.since, found.n_before) > _MOST:
        why = "it is no cursor that was given out here"
        raise NotThere(400, "The cursor is not known", why, "take `next` as it is")
    if found.asked != of:
        why = "it was given out for another address, or with other parameters"
        raise NotThere(400, "The cursor is of another list", why, "begin anew, without it")
    if found.epoch != day.epoch:
        why = f"the list was begun in epoch {found.epoch}, and {day.on} ends in {day.epoch}"
        raise NotThere(_GONE, "The list has changed", why, "begin anew, with the same `at`")
    return Portion(of, found.since, found.n_before, limit)


def listed(
    known: Known,
    day: Day,
    page: Portion,
    items: Iterable[Any],
    epoch_of: Callable[[Any], int] | None = None,
) -> Answer:
    """Make the answer of a page of a list.

    Parameters
    ----------
    known : Known
        Where it is read from.
    day : Day
        As of which.
    page : Portion
        Which part is asked for.
    items : iterable
        From the first one of that part on: records, or what `plain` has made of them.
    epoch_of : callable, optional
        The epoch of an item, where the list is one of epochs.
    """
    found = list(islice(items, page.n + 1))
    shown = found[: page.n]
    epochs = None if epoch_of is None else [epoch_of(one) for one in shown]
    more = len(found) > page.n
    following = Cursor(page.asked, day.epoch, *page.after(epochs)).text if more else None
    return _answer({"items": [plain(one) for one in shown], "next": following}, known, day)


def single(known: Known, day: Day, item: object) -> Answer:
    """Make the answer of one thing."""
    return _answer({"item": plain(item)}, known, day)


def _answer(values: dict[str, Any], known: Known, day: Day) -> Answer:
    standing = next(one for one in reversed(known.epochs()) if one.epoch == day.epoch)
    content = _encode(
        values
        | {
            "as_of": day.on,
            "epoch": day.epoch,
            "configuration": standing.configuration,
            "generation": GENERATION,
        }
    )
    return Answer(content, f'"{blake2b(content, digest_size=16).hexdigest()}"')


def misread(error: Exception) -> NotThere | None:
    """Return what was wrong with a request that reached no function; None if it was not that.

    Parameters
    ----------
    error : Exception
        Of the framework.
    """
    if not isinstance(error, HTTPException) or error.status_code >= _DEFECT:
        return None
    remedy = f"see {DESCRIBED}"
    if not isinstance(error, ValidationException):
        return NotThere(error.status_code, str(error.detail), "nothing is read there", remedy)
    parts = error.extra if isinstance(error.extra, list) else []
    faults = [f"{one.get('key', 'a parameter')}: {one['message']}" for one in parts]
    why = "; ".join(faults) or str(error.detail).partition(" for path ")[0]
    return NotThere(400, "A parameter cannot be used", why, remedy)


def problem(error: NotThere, path: str) -> bytes:
    """Return the bytes of a problem.

    Parameters
    ----------
    error : NotThere
        What, why, remedy.
    path : str
        That was asked for.
    """
    return _encode(
        Problem(
            type="about:blank",
            title=error.what,
            status=error.status,
            detail=error.why,
            remedy=error.remedy,
            instance=path,
        )
    )
