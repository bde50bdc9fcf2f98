"""How numbers and texts of others are written for people, in a terminal and on a page alike."""

from __future__ import annotations

import math
import re

ABSENT = "-"
# The categories Cc, Cf, Cs, Zl and Zp of Unicode, but for the two joiners that Persian, the
# languages of India and emoji are spelled with; and what later versions may add in between.
HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b\u200e"
    "\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_hidden = re.compile(f"[{HIDDEN}]")
_hidden_in_json = re.compile(f"(?!\n)[{HIDDEN}]")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\n"


def visible(text: str, encoding: str = "utf-8") -> str:
    r"""Return a text of others as what a screen may be sent.

    Parameters
    ----------
    text : str
        Of any origin.
    encoding : str, default: "utf-8"
        Of the screen.

    Returns
    -------
    str
        One line without controls, which the encoding has characters for.

    Examples
    --------
    >>> print(visible("HIB\u202e\x9b31m\n"))
    HIB\u202e\x9b31m\n
    """
    if not text.isprintable():
        text = _hidden.sub(lambda found: escape(found[0]), text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def escape(character: str) -> str:
    """Return a character as an escape."""
    return character.encode("unicode_escape").decode("ascii")


def safe_json(encoded: bytes) -> bytes:
    r"""Return JSON in which hidden characters are escaped as JSON allows: the values are the same.

    Parameters
    ----------
    encoded : bytes
        JSON in UTF-8.

    Examples
    --------
    >>> print(safe_json('["HIB\u202e"]'.encode()).decode())
    ["HIB\u202e"]
    """
    if not encoded.translate(None, delete=_PRINTABLE):
        return encoded
    return _hidden_in_json.sub(_escape_json, encoded.decode()).encode()


def _escape_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def number(value: float | None) -> str:
    """Write a statistic for people: three digits that mean something."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def probability(log10_p: float | None) -> str:
    """Write a probability that may be below the smallest double."""
    if log10_p is None:
        return ABSENT
    if log10_p >= -300:  # noqa: PLR2004 - far above the smallest double
        return f"{10**log10_p:.2g}"
    exponent = math.floor(log10_p)
    tenths = int(10 ** (log10_p - exponent + 1))  # cut, not rounded up to 10
    return f"{tenths / 10}e{exponent}"


def interval(point: float | None, lower: float | None, upper: float | None) -> str:
    """Write an estimate with its limits."""
    if point is None:
        return ABSENT
    return f"{number(point)} ({number(lower)} to {number(upper)})"
