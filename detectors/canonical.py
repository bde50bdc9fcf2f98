"""Arguments of designs in one form, so that each is hashable and equal to any other of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def make_canonical(design: DataclassInstance) -> None:
    """Put the arguments of a frozen dataclass into their one form, in place.

    Numbers of NumPy become those of Python. Lists, arrays, series, ranges and iterators become
    tuples where the field is documented as one.

    Parameters
    ----------
    design : frozen dataclass
        Just made; to be called first of all in its ``__post_init__``.

    Raises
    ------
    ValueError
        If a single number is documented and several are given, if a sequence is nested, or if a
        set or mapping is given in place of a sequence.
    """
    for field in fields(design):
        if field.init:
            value = getattr(design, field.name)
            object.__setattr__(design, field.name, _canonical(field, value))


def _canonical(field: Field[Any], value: Any) -> Any:  # noqa: ANN401 - of any field
    is_sequence = "tuple" in str(field.type)
    if is_sequence and isinstance(value, AbstractSet | dict):
        raise ValueError(f"{field.name} is a {type(value).__name__}: must be in an order")
    found = _plain(value)
    if not isinstance(found, tuple):
        return found
    if not is_sequence:
        raise ValueError(f"{field.name} is {list(found)}: must be a single value")
    found = tuple(map(_plain, found))
    if any(isinstance(each, tuple) for each in found):
        raise ValueError(f"{field.name} is nested: must be a flat sequence")
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any field
    """Turn what holds elements in an order into a tuple, and numbers into those of Python."""
    if isinstance(value, np.generic) or hasattr(value, "__array__"):
        value = np.asarray(value).tolist()
    if isinstance(value, str | bytes):
        return value
    return tuple(value) if isinstance(value, Sequence | Iterator) else value
