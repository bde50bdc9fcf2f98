"""Where climbs begin, against the recurrence that is documented, and the coarse data."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from detectors.disproportionality.ebgm.climbing import from_transformed
from detectors.disproportionality.ebgm.likelihood import pairs_of
from detectors.disproportionality.ebgm.starting import explored, starting_points

BOX = np.array([(0.1, 50.0), (1.5, 50.0), (0.3, 10.0), (0.3, 1.5), (0.0005, 0.4)])


def shapes_and_means(n_starts: int) -> NDArray[np.float64]:
    points = np.array([from_transformed(x) for x in starting_points(n_starts)])
    alpha1, beta1, alpha2, beta2, p = points.T
    return np.stack([alpha1, alpha1 / beta1, alpha2, alpha2 / beta2, p], axis=1)


def test_the_second_to_the_ninth_start_are_all_ways_of_few_or_many_narrow_or_broad() -> None:
    ways = itertools.product((1.0, 30.0), [20.0], (0.3, 3.0), [0.7], (0.001, 0.1))

    found = sorted(map(tuple, shapes_and_means(9)[1:]))

    assert_allclose(found, sorted(ways), rtol=1e-13)


def test_later_starts_follow_the_recurrence_that_is_documented() -> None:
    roots = np.roots([1, 0, 0, 0, 0, -1, -1])  # r^6 = r + 1
    (root,) = (r.real for r in roots if abs(r.imag) < 1e-9 and r.real > 1)

    found = shapes_and_means(49)[9:]

    low, high = BOX.T
    shares = np.log(found / low) / np.log(high / low)
    steps = np.arange(1, 41)[:, np.newaxis]
    assert_allclose(shares, steps / root ** np.arange(1, 6) % 1.0, atol=1e-11)


def test_later_starts_lie_in_every_corner_of_the_box() -> None:
    found = shapes_and_means(9 + 512)[9:]

    halves = found > np.sqrt(BOX.prod(axis=1))
    _, n_in_corner = np.unique(halves, axis=0, return_counts=True)
    # Sixteen in the mean. Points drawn at random would err by four, and reach 6 or 26.
    assert n_in_corner.size == 32
    assert n_in_corner.min() >= 10
    assert n_in_corner.max() <= 22


@pytest.mark.parametrize("n_starts", [2, 9, 10, 30])
def test_there_are_as_many_starts_as_asked_for_and_fewer_are_the_first_of_more(
    n_starts: int,
) -> None:
    points, more = starting_points(n_starts), starting_points(40)

    assert len(points) == n_starts
    assert [x.tobytes() for x in points] == [x.tobytes() for x in more[:n_starts]]


def test_the_coarse_data_are_the_means_of_eighths_of_an_octave() -> None:
    rng = np.random.default_rng(seed=8)
    n = rng.integers(1, 6, 900)
    expected = np.exp(rng.normal(0.0, 1.5, 900))
    weights = rng.integers(1, 4, 900)
    pairs = pairs_of(n, expected, weights, "full")

    found = explored(pairs)

    groups: dict[tuple[int, float], list[int]] = {}
    for i, key in enumerate(zip(n.tolist(), np.floor(8 * np.log2(expected)), strict=True)):
        groups.setdefault(key, []).append(i)
    cells = [groups[key] for key in sorted(groups)]
    assert found.n.tolist() == [n[cell[0]] for cell in cells]
    assert found.weights.tolist() == [weights[cell].sum() for cell in cells]
    means = [np.average(expected[cell], weights=weights[cell]) for cell in cells]
    assert_allclose(found.expected, means, rtol=1e-13)
    assert found.counts.tolist() == [1, 2, 3, 4, 5]
    assert np.repeat(found.counts, found.lengths).tolist() == found.n.tolist()


def test_pairs_of_different_counts_stay_apart_in_the_coarse_data() -> None:
    pairs = pairs_of([1, 2, 4, 4], [0.5, 0.5, 0.5, 0.5], None, "full")

    found = explored(pairs)

    assert found.n.tolist() == [1, 2, 4]
    assert found.weights.tolist() == [1.0, 1.0, 2.0]
