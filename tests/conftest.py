"""What all tests share: reproducible Hypothesis runs, rows of references, and absent data."""

from collections.abc import Generator

import pytest
from hypothesis import settings
from servers import refuse

from bench.public import DataMissing

settings.register_profile("ci", derandomize=True, deadline=None)  # no test watches the clock
settings.load_profile("ci")

pytest_plugins = ["looking_at_a_small_run"]  # fixtures of views and of the command line


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test each row of a reference, which is read now and not on import.

    ``@pytest.mark.each_of("row", rows, ids=str)`` is `parametrize` with a function for the rows.
    """
    for marker in metafunc.definition.iter_markers("each_of"):
        name, read = marker.args
        rows = read()
        metafunc.parametrize(name, rows, ids=[marker.kwargs["ids"](row) for row in rows])


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
