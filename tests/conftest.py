"""What all tests share: reproducible Hypothesis runs, rows of references, and absent data."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings
from servers import refuse

from bench.public import DataMissing

settings.register_profile("ci", derandomize=True, deadline=None)  # no test watches the clock
settings.load_profile("ci")

# pytest-xdist gives its processes a width of its own, and tables would be cut to it.
os.environ.pop("COLUMNS", None)

pytest_plugins = ["left_out", "looking_at_a_small_run"]  # the last line; a run to look at


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test each row of a reference, which is read now and not on import.

    ``@pytest.mark.each_of("row", rows, ids=str)`` is `parametrize` with a function for the rows.
    """
    for marker in metafunc.definition.iter_markers("each_of"):
        name, read = marker.args
        rows = read()
        metafunc.parametrize(name, rows, ids=[marker.kwargs["ids"](row) for row in rows])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with long tests first, so that no process waits for another at the end."""
    kinds = ("kafka", "slow")
    marked = {
        kind: {item.path for item in items if item.get_closest_marker(kind)} for kind in kinds
    }
    items.sort(key=lambda item: [item.path not in marked[kind] for kind in kinds])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Refuse a test whose fixtures need public data that are not here."""
    return (yield from _or_refuse())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Refuse a test that needs public data that are not here."""
    return (yield from _or_refuse())


def _or_refuse() -> Generator[None, object, object]:
    try:
        return (yield)
    except DataMissing as missing:
        refuse(str(missing))
