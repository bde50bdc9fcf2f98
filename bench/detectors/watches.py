"""Steps of every test look by look, over many watches that share a design."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from bench.apart import Stopwatch
from bench.detectors.runs import caches, forget, summed_up
from detectors.anytime import binomial, combine, normal, poisson, uncertain_comparator
from detectors.effectiveness import biomarker, response
from detectors.sequential import (
    alpha_spending,
    binomial_maxsprt,
    conditional_maxsprt,
    cusum,
    glr,
    group,
    poisson_maxsprt,
)

N_HISTORIES = 500  # different ones; more watches than that have them in turn
N_LOOKS = 6
WINDOW = 50  # of the GLR, which must be full
RATIOS = tuple(1.0 + i % 5 for i in range(50))

Seen = Callable[[np.random.Generator], list[Any]]


class Watched(NamedTuple):
    """A test, its design, and what a watch sees look by look; each to date.

    Where `most` is given, no more watches are tried, each with a history of its own: of times that
    no other watch has, or since a step takes long.
    """

    module: ModuleType
    make: Callable[[], Any]
    seen: Seen
    most: int | None = None


def _totals(rng: np.random.Generator, n_looks: int, *, is_planned: bool) -> Iterator[Any]:
    """Yield the events and the expected number to date: one event is expected at each look."""
    steps = np.ones(n_looks) if is_planned else rng.uniform(0.5, 1.5, n_looks)
    events = np.cumsum(rng.poisson(steps))
    return zip(events.tolist(), np.cumsum(steps).tolist(), strict=True)


def _counted(
    module: Any,  # noqa: ANN401 - every test has its own Observation
    second: str = "expected",
    *,
    n_looks: int = N_LOOKS,
    is_planned: bool = False,
) -> Seen:
    def seen(rng: np.random.Generator) -> list[Any]:
        totals = _totals(rng, n_looks, is_planned=is_planned)
        return [module.Observation(events=n, **{second: mu}) for n, mu in totals]

    return seen


def _exposed(rng: np.random.Generator, ratios: tuple[float, ...] = (1.0,) * N_LOOKS) -> list[Any]:
    chances = [1.0 / (1.0 + ratio) for ratio in ratios[:N_LOOKS]]
    hits = np.cumsum(rng.random(N_LOOKS) < chances).tolist()
    return [binomial_maxsprt.Observation(events=i, exposed=c) for i, c in enumerate(hits, start=1)]


def _hits(rng: np.random.Generator) -> list[Any]:
    hits = np.cumsum(rng.random(N_LOOKS) < 0.3).tolist()  # noqa: PLR2004 - the null of the design
    return [binomial.Observation(hits=c, trials=i) for i, c in enumerate(hits, start=1)]


def _means(rng: np.random.Generator) -> list[Any]:
    values = rng.normal(size=2 * N_LOOKS)
    return [normal.summarise(values[: 2 * i]) for i in range(1, N_LOOKS + 1)]


def _log_e(rng: np.random.Generator) -> list[Any]:
    paths = np.cumsum(rng.normal(-0.5, 1.0, size=(N_LOOKS, 20)), axis=0)
    return [combine.Observation(log_e=tuple(row)) for row in paths.tolist()]


def _values(rng: np.random.Generator) -> list[Any]:
    return [biomarker.Observation(value=value) for value in rng.normal(size=N_LOOKS).tolist()]


def _z(rng: np.random.Generator) -> list[Any]:
    scores = rng.normal(size=N_LOOKS).tolist()
    return [group.Observation(z=z, information=float(i)) for i, z in enumerate(scores, start=1)]


BOUNDED = {
    "Poisson MaxSPRT, continuous": Watched(
        poisson_maxsprt, lambda: poisson_maxsprt.Design(20.0), _counted(poisson_maxsprt)
    ),
    "Poisson MaxSPRT, two-sided": Watched(
        poisson_maxsprt,
        lambda: poisson_maxsprt.Design(20.0, tail="two_sided"),
        _counted(poisson_maxsprt),
    ),
    "Poisson MaxSPRT, 20 looks": Watched(
        poisson_maxsprt,
        lambda: poisson_maxsprt.Design(20.0, looks=20),
        _counted(poisson_maxsprt, is_planned=True),
    ),
    "binomial MaxSPRT": Watched(
        binomial_maxsprt, lambda: binomial_maxsprt.Design(50, ratio=1.0), _exposed
    ),
    "binomial MaxSPRT, a ratio that varies": Watched(
        binomial_maxsprt, lambda: binomial_maxsprt.Design(50, ratio=RATIOS),
        lambda rng: _exposed(rng, RATIOS), most=500
    ),
    "conditional MaxSPRT, to an event": Watched(
        conditional_maxsprt,
        lambda: conditional_maxsprt.Design(10, 10.0, n_max=50),
        _counted(conditional_maxsprt, "person_time"),
    ),
    "conditional MaxSPRT, to a time": Watched(
        conditional_maxsprt,
        lambda: conditional_maxsprt.Design(10, 10.0, horizon=2.0),
        _counted(conditional_maxsprt, "person_time"),
    ),
    "alpha spending, at shared times": Watched(
        alpha_spending,
        lambda: alpha_spending.Design(20.0),
        _counted(alpha_spending, is_planned=True),
    ),
    "group": Watched(
        group, lambda: group.Design(tuple(map(float, range(1, N_LOOKS + 1)))), _z
    ),
    "CUSUM, Poisson": Watched(
        cusum,
        lambda: cusum.Design(2.0, expected_per_look=1.0, looks=100, alpha=0.05),
        _counted(cusum),
    ),
    "CUSUM, negative binomial": Watched(
        cusum,
        lambda: cusum.Design(2.0, expected_per_look=1.0, looks=100, alpha=0.05, dispersion=1.0),
        _counted(cusum),
    ),
    "loss of response": Watched(response, lambda: response.Design(20.0), _counted(response)),
    "loss of response, good events": Watched(
        response, lambda: response.Design(20.0, tail="good_events"), _counted(response)
    ),
    "loss of response, dispersion 1": Watched(
        response, lambda: response.Design(20.0, dispersion=1.0), _counted(response)
    ),
}  # fmt: skip
UNBOUNDED = {
    "alpha spending, each at its own times": Watched(
        alpha_spending,
        lambda: alpha_spending.Design(20.0),
        _counted(alpha_spending),
        most=500,
    ),
    f"GLR, window of {WINDOW} looks": Watched(
        glr,
        lambda: glr.Design(expected_per_look=1.0, looks=100, alpha=0.05, window=WINDOW),
        _counted(glr, n_looks=WINDOW + 10),
    ),
    f"GLR, window of {WINDOW} looks, dispersion 1": Watched(
        glr,
        lambda: glr.Design(
            expected_per_look=1.0, looks=100, alpha=0.05, window=WINDOW, dispersion=1.0
        ),
        _counted(glr, n_looks=WINDOW + 10),
        most=20,
    ),
    "e-process, Poisson": Watched(poisson, poisson.Design, _counted(poisson)),
    "e-process, binomial": Watched(binomial, lambda: binomial.Design(0.3), _hits),
    "e-process, normal": Watched(normal, lambda: normal.Design(sd=1.0), _means),
    "e-process, t": Watched(normal, normal.Design, _means),
    "e-process, uncertain comparator": Watched(
        uncertain_comparator,
        lambda: uncertain_comparator.Design(10, 10.0),
        _counted(uncertain_comparator, "person_time"),
    ),
    "e-process, mean of 20": Watched(combine, lambda: combine.Design(20), _log_e),
    "biomarker, own control": Watched(
        biomarker, lambda: biomarker.Design(5, 0.0, 1.0), _values
    ),
}  # fmt: skip
WATCHED = BOUNDED | UNBOUNDED


def steps(name: str, n_watches: int, n_runs: int) -> dict[str, Any]:
    """Take the last look of so many watches of one test, each from its own state.

    What tests keep between calls is forgotten before each run, and made again by the looks before
    the last, which are not timed.
    """
    watched = WATCHED[name]
    n_watches = min(n_watches, watched.most or n_watches)
    step, kept, runs, n_crossed = watched.module.step, caches(), [], 0
    for seed in range(n_runs):
        forget(kept)
        before_last = _before_last(watched, min(n_watches, N_HISTORIES), seed)
        lasts = list(islice(cycle(before_last), n_watches))
        watch = Stopwatch()
        closed = [step(state, observation) for state, observation in lasts]
        runs.append(watch.read())
        n_crossed = sum(look.has_crossed for _, look in closed)
    found = summed_up(runs)
    microseconds = found["cpu_seconds"] / n_watches * 1e6
    return found | {"n_watches": n_watches, "n_crossed": n_crossed, "microseconds": microseconds}


def _before_last(watched: Watched, n_histories: int, seed: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    start, found = watched.module.init(watched.make()), []
    for _ in range(n_histories):
        state, seen = start, watched.seen(rng)
        for observation in seen[:-1]:
            state, _ = watched.module.step(state, observation)
        found.append((state, seen[-1]))
    return found
