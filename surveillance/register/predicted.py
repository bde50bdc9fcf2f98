"""Statistics that follow from the counts beside them, kept as how far they are from that.

Five statistics of a finding are quotients of its counts, or the upper limit to an estimate and its
lower limit. What is computed from those by multiplication and division alone is the same on
every machine, and differs from the statistic in its last digits at most. The difference is
kept, an integer where otherwise a number with a point stands, so that the statistic
comes back to the last digit.
"""

from __future__ import annotations

import struct
from typing import Any

_N_STEPS_MAX = 2**20  # beyond that the statistic itself is shorter
_double, _bits = struct.Struct("<d"), struct.Struct("<q")
_ESTIMATES = ("prr", "ror", "chi_square")
_UPPER = {"prr_upper": ("prr", "prr_lower"), "ror_upper": ("ror", "ror_lower")}


def shorten(row: dict[str, Any], n_pair: int) -> None:
    """Put differences in the place of what they are computed from.

    Parameters
    ----------
    row : dict
        A finding, changed in place.
    n_pair : int
        Its cases.

    Examples
    --------
    >>> row = {"n_product": 20, "n_event": 50, "n_total": 1000, "prr": 9.333333333333334}
    >>> shorten(row, 8)
    >>> row["prr"]
    0
    >>> lengthen(row, 8)
    >>> row["prr"]
    9.333333333333334
    """
    for name, guess in _guesses(row, n_pair):
        value = row[name]
        if guess > 0 and isinstance(value, float) and value > 0:
            steps = _steps(value) - _steps(guess)
            if abs(steps) <= _N_STEPS_MAX:
                row[name] = steps


def lengthen(row: dict[str, Any], n_pair: int) -> None:
    """Put statistics in the place of their differences; see `shorten`."""
    for names in (_ESTIMATES, tuple(_UPPER)):
        for name, guess in _guesses(row, n_pair, names):
            if isinstance(row[name], int):
                row[name] = _double.unpack(_bits.pack(_steps(guess) + row[name]))[0]


def _guesses(
    row: dict[str, Any], n_pair: int, names: tuple[str, ...] = (*_ESTIMATES, *_UPPER)
) -> list[tuple[str, float]]:
    """Compute what can be, of the statistics that the row has."""
    computed = _of_counts(n_pair, row["n_product"], row["n_event"], row["n_total"])
    found = []
    for name in names:
        if row.get(name) is None:
            continue
        if name in computed:
            found.append((name, computed[name]))
        elif name in _UPPER:
            estimate, lower = (row.get(one) for one in _UPPER[name])
            if estimate and lower:
                found.append((name, estimate * estimate / lower))
    return found


def _of_counts(a: int, n_product: int, n_event: int, n_total: int) -> dict[str, float]:
    """Compute PRR, ROR and Yates' chi-square from counts, where nothing is divided by nought."""
    b, c = n_product - a, n_event - a
    rest = n_total - n_product
    d = rest - c
    found = {}
    if n_product and c and rest:
        found["prr"] = a * rest / (n_product * c)
    if b and c:
        found["ror"] = a * d / (b * c)
    margins = n_product * rest * n_event * (n_total - n_event)
    if margins:
        apart = 2 * abs(a * d - b * c) - n_total
        found["chi_square"] = n_total * apart * apart / (4 * margins)
    return found


def _steps(value: float) -> int:
    """Return the place of a positive number among all numbers."""
    steps: int = _bits.unpack(_double.pack(value))[0]
    return steps
