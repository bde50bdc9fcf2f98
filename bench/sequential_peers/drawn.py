"""Paths of Poisson events, drawn one by one, and the statistic of each from its formula."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special, stats

from bench.sequential_peers.sides import Numbers

N_DRAWS, N_AT_ONCE = 200_000, 20_000
NEVER = 1e-9  # chance of a path with more events than are drawn


def arrivals(rng: np.random.Generator, horizon: float, ratio: float = 1.0) -> Iterator[Numbers]:
    """Draw the times of the events of each path, some paths at once, past the horizon."""
    n_events = int(stats.poisson.isf(NEVER, ratio * horizon)) + 2
    for _ in range(N_DRAWS // N_AT_ONCE):
        gaps = rng.exponential(1 / ratio, size=(N_AT_ONCE, n_events))
        yield gaps.cumsum(axis=1)


def greatest_above(times: Numbers, horizon: float, *, least: int = 1, start: float = 0) -> Numbers:
    """Take the greatest log-likelihood ratio of an excess on each path."""
    n = np.arange(1, times.shape[1] + 1)
    is_look = (n >= least) & (times > start) & (times <= horizon)
    found = np.where(is_look & (n > times), special.kl_div(n, times), 0.0).max(axis=1)
    if start > 0:
        held = (times <= start).sum(axis=1)
        at_start = np.where((held >= least) & (held > start), special.kl_div(held, start), 0.0)
        found = np.maximum(found, at_start)
    return np.asarray(found)


def greatest_below(times: Numbers, horizon: float) -> Numbers:
    """Take the greatest log-likelihood ratio of a deficit: it is greatest before each event."""
    until = np.minimum(times, horizon)  # the count is n before arrival n + 1
    n = np.broadcast_to(np.arange(times.shape[1]), times.shape)
    before = np.concatenate([np.zeros((len(times), 1)), times[:, :-1]], axis=1)
    is_seen = (before <= horizon) & (n < until)
    return np.asarray(np.where(is_seen, special.kl_div(n, until), 0.0).max(axis=1))
