"""What a place in a record may hold, for the message about a value that it may not."""

from __future__ import annotations

import re
from typing import Any

from msgspec import inspect

_FAULT = re.compile(
    r"^(?P<what>Invalid (?:enum )?value (?P<value>'.*?'|-?\d+))(?: - at `(?P<path>\$.*)`)?$"
)
_LENGTH = re.compile(
    r"^Expected `(?P<kind>\w+)` of length (?P<bound>>=|<=) (?P<n>\d+)(?: - at `(?P<path>\$.*)`)?$"
)
_OF_LENGTH = {"str": "character", "array": "item", "object": "field"}
_NO_DAY = re.compile(r"^Invalid RFC3339 encoded date\b")
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


def with_allowed(message: str, kind: Any) -> str:  # noqa: ANN401 - a type or a union of types
    """Add to a message about a value that is not allowed those that are.

    Parameters
    ----------
    message : str
        As the decoder made it.
    kind : type
        What was to be decoded.

    Returns
    -------
    str
        The message, without the decoder's quotes.

    Examples
    --------
    >>> from typing import Literal
    >>> import msgspec
    >>> Patient = msgspec.defstruct("Patient", [("sex", Literal["male", "female"])])
    >>> with_allowed("Invalid enum value 'M' - at `$.sex`", Patient)
    "'M' is not allowed at '$.sex': give one of female, male"
    >>> with_allowed("Expected `str` of length >= 10 - at `$.reason`", Patient)
    "is too short at '$.reason': give at least 10 characters"
    """
    message = _NO_DAY.sub("no day as 2024-01-31, without a time or a part left out", message)
    length = _LENGTH.match(message)
    if length is not None:
        return _of_length(length)
    found = _FAULT.match(message)
    if found is None:
        return message.replace("`", "'")
    values = _values(kind, found["path"] or "$")
    if not values:
        return message.replace("`", "'")
    where = f" at '{found['path']}'" if found["path"] else ""
    return f"{found['value']} is not allowed{where}: give one of {', '.join(values)}"


def _of_length(found: re.Match[str]) -> str:
    is_short, n = found["bound"] == ">=", int(found["n"])
    unit = _OF_LENGTH.get(found["kind"], "item") + ("s" if n != 1 else "")
    where = f" at '{found['path']}'" if found["path"] else ""
    bound = "at least" if is_short else "at most"
    return f"is too {'short' if is_short else 'long'}{where}: give {bound} {n:,} {unit}"


def _values(kind: Any, path: str) -> list[str]:  # noqa: ANN401 - as above
    nodes = _flat(inspect.type_info(kind))
    steps = list(_STEP.finditer(path))
    for number, step in enumerate(steps):
        name, is_last = step[1], number == len(steps) - 1
        tags = [tag for node in nodes if (tag := _tag(node, name)) is not None]
        if is_last and tags:
            return sorted(tags)
        nodes = [inner for node in nodes for inner in _step(node, name)]
    return sorted(
        {
            str(value)
            for node in nodes
            if isinstance(node, inspect.LiteralType)
            for value in node.values
        }
    )


def _tag(node: inspect.Type, name: str | None) -> str | None:
    """Return what the field `name` must hold for a record to be of this kind."""
    if isinstance(node, inspect.StructType) and node.tag_field == name:
        return None if node.tag is None else str(node.tag)
    return None


def _step(node: inspect.Type, name: str | None) -> list[inspect.Type]:
    """Go into a field, or into what a list or table holds."""
    if isinstance(node, inspect.StructType):
        return [
            inner
            for field in node.fields
            if field.encode_name == name
            for inner in _flat(field.type)
        ]
    if isinstance(node, inspect.DictType):
        return _flat(node.value_type)
    if name is None and isinstance(node, inspect.CollectionType):
        return _flat(node.item_type)
    return []


def _flat(node: inspect.Type) -> list[inspect.Type]:
    if isinstance(node, inspect.UnionType):
        return [inner for each in node.types for inner in _flat(each)]
    if isinstance(node, inspect.Metadata):
        return _flat(node.type)
    return [node]
