"""One broker for all tests that do not hurt it, with new topics for each."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from servers import refuse

from surveillance.stream.local_broker import BrokerMissing, LocalBroker

from .cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# kafka-python leaves a socket open that is connecting while its client is closed: for tests that
# end a broker under clients of their own.
LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect such sockets where they were left, so that no other test is blamed for them."""
    yield
    if LEAVES_SOCKETS.mark in request.node.iter_markers():
        gc.collect()


def started(directory: Path) -> LocalBroker:
    """Start a broker; where there is none to start, refuse as the other server tests do."""
    broker = LocalBroker(directory)
    try:
        broker.restart()
    except BrokerMissing as error:
        refuse(str(error))
    return broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with started(tmp_path_factory.mktemp("broker")) as one:
        yield one


@pytest.fixture
def cluster(broker: LocalBroker, tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster without topics and without workers."""
    with Cluster(broker, tmp_path / "cluster") as one:
        one.forget()
        yield one
