"""What a request asks for, read once: nothing behind it sees a query string."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row")
N_CHARACTERS_SHOWN = 200  # of what was typed, in a message about it


class NotThere(Exception):  # noqa: N818 - an answer, not an error of the program
    """What was asked for is not here; the page says why, and what to do.

    Parameters
    ----------
    status : int
        Of HTTP.
    what, why, remedy : str
        Three short sentences without full stops.
    """

    def __init__(self, status: int, what: str, why: str, remedy: str) -> None:
        super().__init__(what)
        self.status, self.what, self.why, self.remedy = status, what, why, remedy


class Asked(NamedTuple):
    """A request."""

    path: str
    query: dict[str, str]  # the last value of each
    name: str = ""  # what the path ends with

    def text(self, name: str) -> str:
        """Return a parameter; empty without it."""
        return self.query.get(name, "")

    def required(self, name: str) -> str:
        """Return a parameter that a page cannot do without.

        Raises
        ------
        NotThere
            If it is missing.
        """
        found = self.text(name)
        if not found:
            raise NotThere(400, f"No {name} is named", f"the address lacks {name}=", "go back")
        return found

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        """Return a parameter with few values; the first of them without it.

        Raises
        ------
        NotThere
            If it has another value.
        """
        found = self.text(name) or known[0]
        if found not in known:
            listed = ", ".join(known)
            raise NotThere(
                400, f"{name}={shown(found)} is not known", f"it is one of {listed}", "change it"
            )
        return found

    @property
    def at(self) -> date | None:
        """The day as of which the page is asked for; see `day`."""
        return self.day("at")

    def day(self, name: str) -> date | None:
        """Return a parameter that is a day in UTC; None without it.

        Raises
        ------
        NotThere
            If it is no date.
        """
        given = self.text(name)
        if not given:
            return None
        try:
            return date.fromisoformat(given)
        except ValueError:
            what = f"{name}={shown(given)} is not a date"
            raise NotThere(400, what, "it is a day in UTC", "give it as 1999-02-12") from None

    @property
    def first_row(self) -> int:
        """The number of the first row of a page, from 0 on.

        Raises
        ------
        NotThere
            If it is no such number.
        """
        given = self.text("from") or "0"
        if not (given.isascii() and given.isdigit() and len(given) < 10):  # noqa: PLR2004
            what = f"from={shown(given)} is not the number of a row"
            raise NotThere(400, what, "rows are numbered from 0 on", "go back to the first page")
        return int(given)

    def to(self, path: str, **parameters: object) -> str:
        """Return the address of a page of the same day."""
        at = {"at": self.query["at"]} if self.query.get("at") else {}
        return address(path, {**parameters, **at})

    def same(self, **changes: object) -> str:
        """Return the address of this page with other parameters; empty ones are left out.

        Where the first row is set anew, so is the row that a page follows.
        """
        if "from" in changes:
            changes = {"after": "", "before": ""} | changes
        return address(self.path, {**self.query, **changes})


class Rows(NamedTuple, Generic[Row]):
    """The rows of one page of a list."""

    rows: Sequence[Row]
    first: int  # number of the first of them, from 0 on
    n_found: int  # of the whole list
    n_rows: int  # of a page

    def values(self, rows: Sequence[object] | None = None) -> dict[str, object]:
        """Return what a template needs to show them, or what was made of them."""
        return self._asdict() | {"rows": self.rows if rows is None else rows}


def paged(
    found: Sequence[Row], asked: Asked, n: int, name: Callable[[Row], str] | None = None
) -> Rows[Row]:
    """Return the rows of the page that is asked for.

    Parameters
    ----------
    found : sequence
        Of the whole list.
    asked : Asked
        With ``from``, the number of the first row, or else ``after`` or ``before`` a row.
    n : int
        Rows of a page.
    name : callable, optional
        Names a row; without it rows have only numbers. A page that follows a row stays the same
        when others come in above it.

    Raises
    ------
    NotThere
        If there is no such row.
    """
    first = asked.first_row if name is None else _first(found, asked, n, name)
    if first and first >= len(found):
        why = f"there are {len(found):,} rows"
        raise NotThere(404, f"There is no row {first:,}", why, "go back to the first page")
    return Rows(found[first : first + n], first, len(found), n)


def _first(found: Sequence[Row], asked: Asked, n: int, name: Callable[[Row], str]) -> int:
    """Return the number of the first row of a page that follows a row, or precedes it."""
    for side, step in (("after", 1), ("before", -n)):
        wanted = asked.text(side)
        if wanted:
            for number, row in enumerate(found):
                if name(row) == wanted:
                    return max(number + step, 0)
            what = f"{shown(wanted)} is not on this list"
            raise NotThere(404, what, "the page follows it", "go back to the first page")
    return asked.first_row


def address(path: str, parameters: dict[str, object]) -> str:
    """Return a path with a query, in which what is empty is left out."""
    kept = {name: value for name, value in parameters.items() if value not in ("", None)}
    return f"{path}?{urlencode(kept, errors='replace')}" if kept else path


def shown(given: str) -> str:
    """Return what somebody typed, cut where it is endless."""
    cut = given[:N_CHARACTERS_SHOWN]
    return f"{cut!r}" if cut == given else f"{cut!r} and {len(given) - len(cut):,} more"
