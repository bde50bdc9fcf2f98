"""How much is run, and what is run of the sequential tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.detectors.sequential import N_HISTORICAL
from bench.detectors.watches import WATCHED


class Size(NamedTuple):
    """How much is run."""

    n_pairs: int
    collections: tuple[str, ...]
    grown: tuple[int, ...]
    n_scored: int
    n_draws: int
    n_evaluations: int  # of the loop in R
    n_runs: int
    n_runs_long: int  # of what takes some ten seconds
    seconds: float  # given to one run
    horizons: tuple[float, ...]  # of critical values, in expected events or historical times
    farthest: int  # horizon
    n_watches: int  # that take a step


class Part(NamedTuple):
    """A piece of work for a process of its own."""

    name: str
    function: str
    arguments: dict[str, Any]
    is_of_steps: bool = False


def parts(size: Size) -> Iterator[Part]:
    """Yield every part of the sequential tests; what takes long is run once."""
    yield from _critical_values(size)
    named = {"n_runs": size.n_runs_long, "farthest": size.farthest}
    yield Part("beside_r", "sequential:beside_r", named)
    for model in ("shared", "exnex"):
        horizons = [*size.horizons, float(size.farthest)]
        arguments = {"model": model, "horizons": horizons, "n_runs": size.n_runs_long}
        yield Part(model, "sequential:posteriors", arguments)
    for name in WATCHED:
        steps = {"name": name, "n_watches": size.n_watches, "n_runs": size.n_runs_long}
        yield Part(name, "watches:steps", steps, is_of_steps=True)


def _critical_values(size: Size) -> Iterator[Part]:
    horizons, n_runs = list(size.horizons), size.n_runs_long
    near = {"horizons": horizons, "n_runs": n_runs}
    yield Part("poisson", "sequential:poisson", near)
    for looks in (20, 200):
        name = f"poisson_{looks}_looks"
        yield Part(name, "sequential:poisson_looks", near | {"looks": looks})
    far = {"horizons": [float(size.farthest)], "n_runs": 1}
    yield Part("poisson_far", "sequential:poisson", far)
    events = sorted({max(1, round(horizon)) for horizon in horizons})
    history = {"n_historical": list(N_HISTORICAL)}
    near = {"events": events, "n_runs": n_runs} | history
    yield Part("conditional", "sequential:conditional", near)
    times = {"horizons": horizons, "n_runs": 1} | history
    yield Part("conditional_time", "sequential:conditional_time", times)
    far = {"events": [size.farthest], "n_historical": [3, 50], "n_runs": 1}
    yield Part("conditional_far", "sequential:conditional", far)
