"""Convert structs to JSON values, defaults included."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

_AS_THEY_ARE = frozenset((str, int, float, bool, type(None)))  # most of what a record holds


def plain(value: Any) -> Any:  # noqa: ANN401 - anything that a record holds
    """Convert a record to dictionaries, lists and strings, with every field.

    Examples
    --------
    >>> from surveillance.domain.case import Dose
    >>> plain(Dose(start_on=date(1999, 2, 12)))["start_on"], plain(Dose())["lot"]
    ('1999-02-12', None)
    """
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        head = {"type": tag} if tag is not None else {}
        return head | {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
