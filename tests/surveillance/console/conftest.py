"""One console over the small run, for all tests of pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_pages import Site


@pytest.fixture(scope="session")
def site(run: Path) -> Site:
    return Site(run)
