"""Versions come in the mix that is asked for, within four standard errors."""

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from surveillance.simulate.scenario import VersionMix
from surveillance.simulate.versions import VersionStep, draw

N_CASES = 40_000
MIX = VersionMix()


@pytest.fixture(scope="module")
def drawn() -> list[tuple[VersionStep, ...]]:
    rng = np.random.default_rng(11)
    return list(draw(rng, N_CASES, MIX, nullified=MIX.nullified, reinstated=MIX.reinstated))


def _is_close(n_seen: int, share: float, n: int) -> bool:
    return abs(n_seen / n - share) < 4 * sqrt(share * (1 - share) / n)


def test_the_mean_number_of_versions_is_the_published_one(
    drawn: list[tuple[VersionStep, ...]],
) -> None:
    sizes = np.array([len(steps) for steps in drawn])

    assert MIX.mean_versions == 1.73
    assert abs(sizes.mean() - 1.73) < 4 * sizes.std() / sqrt(N_CASES)


@pytest.mark.parametrize(
    ("kind", "share"), [("nullification", MIX.nullified), ("reinstatement", MIX.reinstated)]
)
def test_nullified_and_reinstated_cases_have_their_shares(
    drawn: list[tuple[VersionStep, ...]], kind: str, share: float
) -> None:
    n_seen = sum(any(step.kind == kind for step in steps) for steps in drawn)

    assert _is_close(n_seen, share, N_CASES)


def test_only_a_nullified_case_is_reinstated(drawn: list[tuple[VersionStep, ...]]) -> None:
    for steps in drawn:
        kinds = [step.kind for step in steps]
        assert kinds[0] == "initial"
        if "reinstatement" in kinds:
            assert kinds[-2:] == ["nullification", "reinstatement"]
        assert kinds.count("nullification") <= 1


def test_duplicates_and_reordered_versions_have_their_shares(
    drawn: list[tuple[VersionStep, ...]],
) -> None:
    versions = [step for steps in drawn for step in steps]
    n_copied = sum(step.copy_arrival >= 0 for step in versions)
    n_overtaken = sum(
        (one.arrival, one.place) > (following.arrival, following.place)
        for steps in drawn
        for one, following in pairwise(steps)
    )

    assert _is_close(n_copied, MIX.exact_duplicates, len(versions))
    assert _is_close(n_overtaken, MIX.reordered, len(versions))
    assert n_overtaken == sum(step.is_reordered for step in versions)


def test_reordering_is_both_within_a_day_and_across_days(
    drawn: list[tuple[VersionStep, ...]],
) -> None:
    waits = {
        following.received - one.received
        for steps in drawn
        for one, following in pairwise(steps)
        if one.is_reordered
    }

    assert waits == set(range(MIX.delay_days_max + 1))


def test_nothing_arrives_before_it_was_received_or_later_than_the_limit(
    drawn: list[tuple[VersionStep, ...]],
) -> None:
    for step in (step for steps in drawn for step in steps):
        assert 0 <= step.arrival - step.received <= MIX.delay_days_max
        if step.copy_arrival >= 0:
            assert (step.copy_arrival, step.copy_place) >= (step.arrival, step.place)
            assert step.copy_arrival - step.received <= MIX.delay_days_max


def test_a_mix_without_room_for_its_nullifications_is_refused() -> None:
    with pytest.raises(ValueError, match="mean_versions"):
        VersionMix(mean_versions=1.05)
