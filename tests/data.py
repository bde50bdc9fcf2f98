"""What tests read: reference numbers of the repository, and public data from beside it.

A test whose public file is absent is left out with the reason (`conftest`); with CI=true it fails.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.public import REFERENCE, VAERS, public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "REFERENCE",
    "public",
    "reference_json",
    "reference_rows",
    "reference_table",
    "vaers_years",
]


def vaers_years() -> list[Path]:
    """Return the eleven yearly files of VAERS, oldest first."""
    return [public(name) for name in VAERS]


@cache
def reference_table(name: str, query: str = "") -> pd.DataFrame:
    """Return a table of tests/reference, or the rows of a query; shared: do not change it."""
    table = pd.read_csv(REFERENCE / name)
    return table.query(query) if query else table


def reference_rows(name: str, query: str = "") -> Iterator[Any]:
    """Yield the rows of a table of tests/reference as named tuples."""
    return reference_table(name, query).itertuples()


@cache
def reference_json(name: str) -> Any:  # noqa: ANN401 - a document may be anything
    """Return a JSON document of tests/reference, which is shared: do not change it."""
    return json.loads((REFERENCE / name).read_text(encoding="utf-8"))
