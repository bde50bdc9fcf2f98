"""Critical values, and the platform's posterior: each part is run in a process of its own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import product
from types import ModuleType
from typing import Any

from bench.detectors.runs import caches, forget, repeated
from detectors.sequential import binomial_maxsprt, conditional_maxsprt, poisson_maxsprt
from detectors.small_population import exnex, platform

ALPHAS = (0.05, 0.01)
TAILS = ("upper", "lower", "two_sided")
HISTORIES = ("stopped_at_event", "fixed_time", "exact")
N_HISTORICAL = (1, 3, 10, 20, 50)  # those of R's times are not said
N_CONSTRUCTS = 20

NUMBER = re.compile(r"(?<!\w)-?\d[\d.]*(e[-+]?\d+)?")

Found = dict[str, Any]
Work = tuple[str, Callable[[], object]]


def poisson(horizons: list[float], n_runs: int) -> Found:
    """Find Poisson critical values of looks without end, any tail, with and without a delay."""
    return slowest(_continuous(horizons), n_runs)


def poisson_looks(horizons: list[float], looks: int, n_runs: int) -> Found:
    """Find Poisson critical values of so many equal looks."""
    return slowest(
        (
            _poisson(horizon, alpha=alpha, tail=tail, looks=looks)
            for horizon, alpha, tail in product(horizons, ALPHAS, TAILS)
        ),
        n_runs,
    )


def conditional(events: list[int], n_historical: list[int], n_runs: int) -> Found:
    """Find conditional critical values to an event."""
    return slowest(
        (
            _conditional(n_max=n_max, n_historical=n, alpha=alpha, history=history)
            for n_max, n, alpha, history in product(events, n_historical, ALPHAS, HISTORIES)
        ),
        n_runs,
    )


def conditional_time(horizons: list[float], n_historical: list[int], n_runs: int) -> Found:
    """Find conditional critical values to a person-time."""
    return slowest(
        (
            _conditional(horizon=horizon, n_historical=n, alpha=alpha, history=history)
            for horizon, n, alpha, history in product(horizons, n_historical, ALPHAS, HISTORIES)
        ),
        n_runs,
    )


def beside_r(n_runs: int, farthest: int = 500) -> Found:
    """Do what the published times of R are of, as far as to so many events."""
    return {
        name: slowest(works, n_runs)
        for name, works in of_r().items()
        if int(name.rpartition(" ")[2]) <= farthest
    }


def posteriors(model: str, horizons: list[float], n_runs: int) -> Found:
    """Find posteriors of twenty constructs, events Poisson and with more dispersion."""
    return slowest(platform_settings({"shared": platform, "exnex": exnex}[model], horizons), n_runs)


def slowest(works: Iterable[Work], n_runs: int) -> Found:
    """Take the median of every piece of work, and return that of the one that takes longest.

    What is kept between calls is forgotten before each. Refusals are counted by their reason.
    """
    works = list(works)
    _warm(works)
    kept, times, refusals = caches(), dict[str, Found](), Counter[str]()
    for name, work in works:
        try:
            _, times[name] = repeated(partial(_anew, kept, work), n_runs)
        except ValueError as error:
            refusals[NUMBER.sub("#", str(error))] += 1
    if not times:
        raise AssertionError("every setting was refused")
    longest = max(times, key=lambda name: times[name]["cpu_seconds"])
    return times[longest] | {
        "setting": longest,
        "n_settings": len(times),
        "refusals": dict(sorted(refusals.items())),
    }


def _warm(works: Iterable[Work]) -> None:
    """Do the first work that is not refused, as loading on first use is no part of any."""
    for _, work in works:
        with suppress(ValueError):
            work()
            return


def _anew(kept: list[Any], work: Callable[[], object]) -> object:
    forget(kept)
    return work()


def _continuous(horizons: list[float]) -> Iterator[Work]:
    for horizon, alpha, tail in product(horizons, ALPHAS, TAILS):
        yield _poisson(horizon, alpha=alpha, tail=tail)
        yield _poisson(horizon, alpha=alpha, tail=tail, min_expected=0.3 * horizon)
        if tail != "lower":  # of a deficit it would say nothing
            yield _poisson(horizon, alpha=alpha, tail=tail, min_events=3)


def _poisson(horizon: float, **more: Any) -> Work:  # noqa: ANN401 - arguments of the detector
    name = _named(horizon=horizon, **more)
    return name, partial(poisson_maxsprt.critical_value, horizon, **more)


def _conditional(**arguments: Any) -> Work:  # noqa: ANN401 - arguments of the detector
    return _named(**arguments), partial(conditional_maxsprt.critical_value, **arguments)


def _named(**arguments: object) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items())


def of_r() -> dict[str, list[Work]]:
    """Give the work of every published time, several settings where its own is not said."""
    parts: dict[str, list[Work]] = {
        f"poisson {t}": [_poisson(float(t), alpha=0.01)] for t in (1, 5, 10, 20, 50, 100)
    }
    for t in (10, 50):
        parts[f"performance {t}"] = [(f"horizon {t}, rate ratio 2", partial(_performance, t))]
    for n_max in (10, 20, 50):
        parts[f"conditional {n_max}"] = [
            _conditional(n_max=n_max, n_historical=n) for n in N_HISTORICAL
        ]
    parts["conditional exact 10"] = [
        _conditional(n_max=10, n_historical=n, history="exact") for n in N_HISTORICAL
    ]
    for n in (20, 50):
        parts[f"conditional time {n}"] = [_conditional(horizon=2.0, n_historical=n)]
    for n in (20, 50, 100, 200):
        parts[f"binomial {n}"] = [
            (f"ratio {ratio}", partial(binomial_maxsprt.critical_value, n, ratio=ratio))
            for ratio in (0.5, 1.0, 3.0)
        ]
    return parts


def _performance(horizon: int) -> None:
    design = poisson_maxsprt.Design(float(horizon), alpha=0.01)
    poisson_maxsprt.operating_characteristics(design, 2.0)


def platform_settings(model: ModuleType, horizons: list[float]) -> Iterator[Work]:
    """Yield posteriors where so many events are expected of all constructs together."""
    some = [0, 1, 3, 0, 2] * (N_CONSTRUCTS // 5)
    shares = [1 + i % 4 for i in range(N_CONSTRUCTS)]
    for horizon, dispersion in product(horizons, (math.inf, 1.0, 0.3)):
        expected = [horizon * share / sum(shares) for share in shares]
        for events in ([0] * N_CONSTRUCTS, some):
            law = "Poisson" if math.isinf(dispersion) else f"dispersion {dispersion:g}"
            name = f"horizon {horizon:g}, {sum(events)} events, {law}"
            yield name, partial(model.posterior, events, expected, dispersion=dispersion)
