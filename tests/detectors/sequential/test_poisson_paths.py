"""The chance to reach a deadline, against closed forms and another calculation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import poisson

from detectors.sequential.poisson_paths import crossing_probability


@given(horizon=st.floats(1e-6, 300.0), count=st.integers(1, 400))
@settings(deadline=None)
def test_a_deadline_at_the_horizon_is_the_tail_of_the_count(horizon: float, count: int) -> None:
    found = crossing_probability(lambda _: horizon, first_event=count, horizon=horizon)

    assert_allclose(found, poisson.sf(count - 1, horizon), atol=1e-13)


@given(first=st.floats(0.01, 5.0), wait=st.floats(0.01, 5.0))
def test_two_deadlines_have_a_closed_form(first: float, wait: float) -> None:
    deadlines = {1: first, 2: first + wait}

    found = crossing_probability(deadlines.__getitem__, first_event=1, horizon=first + wait)

    silent = math.exp(-first) * math.exp(-wait) * (1 + wait)  # none, then at most one
    assert_allclose(found, 1 - silent, atol=1e-14)


@pytest.mark.parametrize("first_event", [1, 4, 30])
def test_the_recursion_agrees_with_plain_convolution(first_event: int) -> None:
    horizon = 40.0

    def deadline(n: int) -> float:
        return 0.6 * n - 0.5

    found = crossing_probability(deadline, first_event=first_event, horizon=horizon)

    silent, reached, n = np.ones(1), 0.0, first_event
    while reached < horizon:
        until = min(horizon, deadline(n))
        silent = np.convolve(silent, poisson.pmf(np.arange(n), until - reached))[:n]
        reached, n = until, n + 1
    assert_allclose(found, 1 - silent.sum(), atol=1e-13)
