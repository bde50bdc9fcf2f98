r"""Patterns that find names, in a time that grows with the length of the name and nothing else.

Whoever writes a configuration or a list of known signals need not know which patterns run
away: those that would need to look back or ahead are refused. Otherwise they are Python's,
without regard to case, but that ``\b``, ``\d``, ``\s`` and ``\w`` know ASCII alone and that
``$`` is the very end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

_N_BYTES_MAX = 1_048_576  # of a compiled pattern


def _options() -> re2.Options:
    chosen = re2.Options()
    chosen.case_sensitive = False
    chosen.log_errors = False
    chosen.max_mem = _N_BYTES_MAX
    return chosen


@lru_cache(maxsize=1_024)
def finder(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a pattern occurs in a name.

    Parameters
    ----------
    pattern : str
        A regular expression.

    Returns
    -------
    callable
        From a name to whether it is found there.

    Raises
    ------
    ValueError
        If it is no regular expression, or one that takes no linear time.

    Examples
    --------
    >>> finder("arthritis|arthralgia")("Rheumatoid ARTHRITIS")
    True
    """
    try:
        compiled = re2.compile(pattern, _options())
    except (re2.error, UnicodeError) as error:
        raise ValueError(f"{pattern!r} is no pattern of linear time ({_reason(error)})") from None
    return lambda name: compiled.search(name) is not None


def _reason(error: Exception) -> str:
    found = error.args[0] if error.args else error
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)
