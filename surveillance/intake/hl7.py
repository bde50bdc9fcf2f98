"""Values as HL7 and ICH write them: points in time, null flavours, quantities, codes.

A value that cannot be used is left out with a note; it never costs the report.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from surveillance.domain.names import clean
from surveillance.domain.values import Null, Quantity

if TYPE_CHECKING:
    from surveillance.intake.xml_parts import Element

AGE_YEARS_MAX = 130.0
_N_CHARACTERS_SHOWN = 60
_YEAR_MIN = 1800  # of birth and history; earlier ones are slips of the pen
_NULLS = frozenset(get_args(Null))
_TS = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")
_YEARS = {
    "a": 1.0,
    "mo": 1 / 12,
    "wk": 7 / 365.25,
    "d": 1 / 365.25,
    "h": 1 / 8_766,
    "10.a": 10.0,
    "{decade}": 10.0,
}
_HOURS = {"wk": 168.0, "d": 24.0, "h": 1.0, "min": 1 / 60, "s": 1 / 3_600}


class Stated(NamedTuple):
    """A point in time: its day, and how it was stated if that is not a whole day."""

    day: date | None
    as_stated: str | None


class Part:
    """The nulls, stated dates and notes that are collected while a part is read."""

    __slots__ = ("dates", "notes", "nulls")

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.nulls: dict[str, Null] = {}
        self.dates: dict[str, str] = {}

    def note(self, element: str, reason: str, text: str = "") -> None:
        """Note what was left out, and why."""
        shown = f" ({clean(text)[:_N_CHARACTERS_SHOWN]})" if text else ""
        self.notes.append(f"{element}: {reason}{shown}")

    def null(self, element: str, node: Element) -> bool:
        """Keep a null flavour; whether there was one."""
        flavour = node.get("nullFlavor")
        if flavour is None:
            return False
        if flavour in _NULLS:
            self.nulls[element] = cast("Null", flavour)
        else:
            self.note(element, "no such null flavour", flavour)
        return True

    def text(self, element: str, node: Element | None, n_max: int) -> str | None:
        """Return what an element holds, on one line."""
        if node is None or self.null(element, node):
            return None
        return self.name(element, node.text, n_max)

    def name(self, element: str, text: str | None, n_max: int) -> str | None:
        """Return a name, or nothing if it is blank or too long."""
        if not text:
            return None
        name = clean(text)
        if len(name) > n_max:
            self.note(element, f"over {n_max} characters", name)
            return None
        return name or None

    def prose(self, element: str, text: str | None, n_max: int) -> str | None:
        """Return a text, cut to what is kept."""
        whole = clean(text or "")
        if len(whole) > n_max:
            self.note(element, f"cut at {n_max} characters of {len(whole)}")
        return whole[:n_max] or None

    def day(self, element: str, node: Element | None) -> date | None:
        """Return the day of a point in time; how it was stated is kept beside it."""
        if node is None or self.null(element, node):
            return None
        return self.date(element, node.get("value"))

    def date(self, element: str, text: str | None) -> date | None:
        """Return the day of a written point in time, as `day` does."""
        if not text:
            return None
        stated = point_in_time(text.strip())
        if stated is None:
            self.note(element, "no such date", text)
            return None
        if stated.as_stated:
            self.dates[element] = stated.as_stated
        return stated.day

    def flag(self, element: str, node: Element | None) -> bool | None:
        """Return a Boolean."""
        if node is None or self.null(element, node):
            return None
        value = node.get("value")
        if value in {"true", "1"}:
            return True
        if value in {"false", "0"}:
            return False
        self.note(element, "neither true nor false", value or "")
        return None

    def quantity(self, element: str, node: Element | None) -> Quantity | None:
        """Return a number with its unit."""
        if node is None or self.null(element, node):
            return None
        value = self.number(element, node.get("value"))
        unit = self.name(element, node.get("unit") or "1", 50)
        return None if value is None or unit is None else Quantity(value=value, unit=unit)

    def number(self, element: str, text: str | None) -> float | None:
        """Return a number."""
        if not text or not text.strip():
            return None
        if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(float(text)):
            self.note(element, "not a number", text)
            return None
        return float(text)

    def within(self, element: str, value: float | None, low: float, high: float) -> float | None:
        """Return a number that lies in `(low, high]`, or nothing."""
        if value is None or low < value <= high:
            return value
        self.note(element, f"not in ({low:g}, {high:g}]", f"{value:g}")
        return None

    def country(self, element: str, node: Element | None) -> str | None:
        """Return a country by its two letters; EU is a union of countries, and is kept."""
        if node is None or self.null(element, node):
            return None
        return self.two_letters(element, node.get("code") or node.text)

    def two_letters(self, element: str, text: str | None) -> str | None:
        """Return a country code."""
        code = (text or "").strip().upper()
        if not code:
            return None
        if _COUNTRY.fullmatch(code):
            return code
        self.note(element, "no country of two letters", code)
        return None

    def code(self, element: str, node: Element | None, n_max: int = 60) -> str | None:
        """Return a code."""
        if node is None or self.null(element, node):
            return None
        return self.name(element, node.get("code"), n_max)


@lru_cache(maxsize=65_536)
def point_in_time(text: str) -> Stated | None:
    """Read an HL7 time stamp.

    Parameters
    ----------
    text : str
        Digits from the year to whatever precision, and an offset from UTC.

    Returns
    -------
    Stated or None
        None if there is no such point in time. The day is the local one, as it was written.

    Examples
    --------
    >>> point_in_time("20141010").day
    datetime.date(2014, 10, 10)
    >>> point_in_time("201410")
    Stated(day=None, as_stated='2014-10')
    >>> point_in_time("20220614101010-0500").as_stated
    '2022-06-14T10:10:10-05:00'
    """
    match = _TS.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        lowest = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
            int(second or 0), tzinfo=_zone(offset),
        )  # fmt: skip
    except ValueError:
        return None
    if lowest.year < _YEAR_MIN:
        return None
    if day is None:
        return Stated(None, year if month is None else f"{year}-{month}")
    if hour is None:
        return Stated(lowest.date(), None)
    clock = ":".join(each for each in (hour, minute, second) if each)
    zone = f"{offset[:3]}:{offset[3:]}" if offset else ""
    return Stated(lowest.date(), f"{year}-{month}-{day}T{clock}{zone}")


def _zone(offset: str | None) -> timezone | None:
    if offset is None:
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


@lru_cache(maxsize=65_536)
def minutes_of(text: str) -> int | None:
    """Return the minutes from 1970 to a point in time, in UTC; a time without zone is in UTC.

    Examples
    --------
    >>> minutes_of("19700101020000+0100")
    60
    """
    match = _TS.fullmatch(text.strip())
    if match is None or point_in_time(text.strip()) is None:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    at = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
        int(second or 0), tzinfo=_zone(offset) or timezone.utc,  # noqa: UP017 - beside `timezone`
    )  # fmt: skip
    return int(at.timestamp() // 60)


def years(age: Quantity) -> float | None:
    """Return an age in years; None for a unit that is none of time.

    Examples
    --------
    >>> years(Quantity(value=18, unit="mo"))
    1.5
    """
    per = _YEARS.get(age.unit)
    found = None if per is None else age.value * per
    return found if found is not None and 0 <= found <= AGE_YEARS_MAX else None


def whole_days(interval: Quantity) -> int | None:
    """Return an interval in days, the last one not counted unless it is whole.

    Months and years have no fixed number of days, and give none.

    Examples
    --------
    >>> whole_days(Quantity(value=2, unit="wk")), whole_days(Quantity(value=30, unit="h"))
    (14, 1)
    """
    per = _HOURS.get(interval.unit)
    if per is None or interval.value < 0:
        return None
    return int(interval.value * per // 24)
