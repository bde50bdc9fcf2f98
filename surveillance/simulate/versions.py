"""How many versions a case has, when each is received, and when each arrives.

Received and arrived are two things: `received_on` is in the version; arrival is its place in
the stream. A version that is reordered arrives after the one that follows it, on the same
day or up to `delay_days_max` days after it was received.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surveillance.domain.case import Kind
from surveillance.simulate.scenario import VersionMix


class VersionStep(NamedTuple):
    """One version of a case, in days after the case was first received."""

    kind: Kind
    received: int
    arrival: int
    place: float  # in [0, 1): order within the day of arrival
    is_reordered: bool
    copy_arrival: int  # of an exact duplicate; -1 if there is none
    copy_place: float


class _Draws(NamedTuple):
    """The random draws for every version of a batch of cases."""

    gap: Sequence[int]
    short_gap: Sequence[int]
    is_reordered: Sequence[bool]
    is_amendment: Sequence[bool]
    is_copied: Sequence[bool]
    copy_lag: Sequence[int]
    place: Sequence[float]
    copy_place: Sequence[float]


def draw(
    rng: Generator, n_cases: int, mix: VersionMix, *, nullified: float, reinstated: float
) -> Iterator[tuple[VersionStep, ...]]:
    """Draw the versions of `n_cases` cases.

    Parameters
    ----------
    rng : Generator
    n_cases : int
    mix : VersionMix
    nullified, reinstated : float
        Shares of cases, in place of those in `mix`: planted cases are never nullified.

    Yields
    ------
    tuple of VersionStep
        The versions of one case in the order of their numbers.
    """
    follow_ups = rng.geometric(1 / (1 + mix.mean_follow_ups), n_cases) - 1
    fate = rng.random(n_cases)
    is_nullified = fate < nullified
    is_reinstated = fate < reinstated
    sizes = 1 + follow_ups + is_nullified + is_reinstated
    draws = _draws(rng, int(sizes.sum()), mix)
    at = 0
    for size, null, back in zip(
        sizes.tolist(), is_nullified.tolist(), is_reinstated.tolist(), strict=True
    ):
        yield _steps(at, _kinds(at, size, null + back, draws), draws, mix)
        at += size


def _draws(rng: Generator, n: int, mix: VersionMix) -> _Draws:
    # only a version that another follows can be reordered
    held = mix.reordered * mix.mean_versions / (mix.mean_versions - 1)
    return _Draws(
        gap=_gaps(rng, n, mix).tolist(),
        short_gap=_short(rng, n, mix.delay_days_max),
        is_reordered=(rng.random(n) < held).tolist(),
        is_amendment=(rng.random(n) < mix.amendments).tolist(),
        is_copied=(rng.random(n) < mix.exact_duplicates).tolist(),
        copy_lag=_short(rng, n, mix.delay_days_max),
        place=rng.random(n).tolist(),
        copy_place=rng.random(n).tolist(),
    )


def _gaps(rng: Generator, n: int, mix: VersionMix) -> NDArray[np.int64]:
    return np.minimum(rng.geometric(1 / mix.gap_days_mean, n), mix.gap_days_max)


def _short(rng: Generator, n: int, days_max: int) -> list[int]:
    """Draw days: half of them 0, the rest 1 to `days_max`."""
    days: list[int] = (rng.integers(1, days_max + 1, n) * (rng.random(n) < 0.5)).tolist()  # noqa: PLR2004 - a half
    return days


def _kinds(at: int, size: int, n_last: int, draws: _Draws) -> list[Kind]:
    last: tuple[Kind, ...] = ("nullification", "reinstatement")
    kinds: list[Kind] = ["initial"]
    amended = draws.is_amendment[at + 1 : at + size - n_last]
    kinds.extend("amendment" if is_amendment else "follow_up" for is_amendment in amended)
    kinds.extend(last[:n_last])
    return kinds


def _steps(at: int, kinds: list[Kind], draws: _Draws, mix: VersionMix) -> tuple[VersionStep, ...]:
    received = _received(at, len(kinds), draws)
    steps: list[VersionStep] = []
    for i in range(len(kinds) - 1, -1, -1):  # a reordered version waits for the next one
        following = steps[-1] if steps else None
        is_reordered = following is not None and draws.is_reordered[at + i]
        arrival, place = _arrival(received[i], draws.place[at + i], following, is_reordered)
        copy_arrival, copy_place = -1, 0.0
        if draws.is_copied[at + i]:
            latest = received[i] + mix.delay_days_max
            copy_arrival = min(arrival + draws.copy_lag[at + i], latest)
            copy_place = draws.copy_place[at + i]
            if copy_arrival == arrival:
                copy_place = _after(place, copy_place)
        steps.append(
            VersionStep(
                kinds[i], received[i], arrival, place, is_reordered, copy_arrival, copy_place
            )
        )
    steps.reverse()
    return tuple(steps)


def _received(at: int, size: int, draws: _Draws) -> list[int]:
    days = [0]
    for i in range(at + 1, at + size):
        gap = draws.gap[i]
        if draws.is_reordered[i - 1]:
            # in a run of reordered versions only the last gap may be longer than 0, so that
            # no version waits longer than `delay_days_max`
            is_run = i < at + size - 1 and draws.is_reordered[i]
            gap = 0 if is_run else draws.short_gap[i]
        days.append(days[-1] + gap)
    return days


def _arrival(
    received: int,
    place: float,
    following: VersionStep | None,
    is_reordered: bool,  # noqa: FBT001 - private, and a fact rather than a choice
) -> tuple[int, float]:
    if following is not None and is_reordered:
        return following.arrival, _after(following.place, place)
    return received, place  # the next version was received on a later day


def _after(place: float, share: float) -> float:
    return place + (1 - place) * share
