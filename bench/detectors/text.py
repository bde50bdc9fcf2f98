"""How numbers and tables are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def table(columns: list[str], rows: Iterable[list[str]]) -> str:
    """Write a table; a bar in a cell would end it."""
    head = [columns, ["---"] * len(columns)]
    cells = ([cell.replace("|", "/") for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(row) + " |" for row in [*head, *cells])


def at(found: Any, *keys: str) -> float | None:  # noqa: ANN401 - JSON values
    """Return the number at a place; None if it was not measured."""
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return float(found)


def count(number: int) -> str:
    """Write a whole number."""
    return f"{number:,}"


def rounded(number: float | None) -> str:
    """Write a number with three figures, or its whole part."""
    if number is None:
        return "-"
    decimals = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 4  # noqa: PLR2004 - powers of ten
    return f"{number:,.{decimals}f}"


def small(number: float | None) -> str:
    """Write a difference."""
    return "-" if number is None else f"{number:.1e}"


def ratio(more: float | None, less: float | None) -> str:
    """Write how many times as large a number is as another."""
    return "" if not more or not less else rounded(more / less)


def seconds(part: dict[str, Any]) -> str:
    """Write CPU seconds and seconds on the wall, or why there are none."""
    if "cpu_seconds" in part:
        return f"{rounded(part['cpu_seconds'])} ({rounded(part['wall_seconds'])})"
    return "; ".join(part.get("failed", ["-"]))
