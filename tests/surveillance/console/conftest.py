"""One console over the small run, for all tests of pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from decided_run import make_decided_run
from programme_run import make_programme_run
from reading_pages import Site


@pytest.fixture(scope="session")
def site(run: Path) -> Site:
    return Site(run)


@pytest.fixture(scope="session")
def decided_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_decided_run(tmp_path_factory.mktemp("decided"))


@pytest.fixture(scope="session")
def decided(decided_run: Path) -> Site:
    return Site(decided_run)


@pytest.fixture(scope="session")
def treated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two small programmes."""
    return make_programme_run(tmp_path_factory.mktemp("treated"))


@pytest.fixture(scope="session")
def programmes(treated: Path) -> Site:
    return Site(treated)
