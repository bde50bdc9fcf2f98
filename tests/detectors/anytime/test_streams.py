"""Combined evidence of independent streams: exact sums, simulation, and bounds."""

import math

import numpy as np
import pytest
from scipy.stats import poisson as law

from detectors.anytime import combine, poisson
from detectors.anytime.streams import (
    Stream,
    operating_characteristics,
    poisson_stream,
    simulate,
)

LOOKS = (0.5, 1.0, 2.0, 4.0)
REASON = "no patient is followed for two constructs"


def of_ratios(*ratios: float, expected: tuple[float, ...] = LOOKS) -> list[Stream]:
    return [poisson_stream(poisson.Design(), r, expected=expected) for r in ratios]


def test_one_look_is_a_sum_over_two_counts() -> None:
    n = np.arange(60)
    evidence = np.exp(poisson.log_e(poisson.Design(), n, 2.0))
    masses = np.outer(law.pmf(n, 2.0), law.pmf(n, 6.0))
    of_mean = (evidence[:, None] + evidence[None, :]) / 2 >= 20
    of_product = evidence[:, None] * evidence[None, :] >= 20

    for design, crosses in (
        (combine.Design(2), of_mean), (combine.Design(2, independence=REASON), of_product)
    ):  # fmt: skip
        found = operating_characteristics(design, of_ratios(1.0, 3.0, expected=(2.0,)))
        assert found.power == pytest.approx(masses[crosses].sum(), abs=1e-10)  # counts left out
        assert found.power_error == 0.0
        assert found.expected_looks == pytest.approx(1.0)


@pytest.mark.parametrize("independence", ["", REASON])
def test_a_walk_by_the_watch_itself_gives_the_same(independence: str) -> None:
    rng = np.random.default_rng(41)
    design, ratios, n_paths = combine.Design(3, independence=independence), (1.0, 2.0, 4.0), 1_500
    steps = np.diff(LOOKS, prepend=0.0)
    counts = rng.poisson(np.outer(ratios, steps), (n_paths, 3, 4)).cumsum(axis=2)
    table = poisson.log_e(poisson.Design(), np.arange(counts.max() + 1)[:, None], LOOKS)
    firsts = []
    for path in counts:
        seen = [combine.Observation(log_e=tuple(table[path[:, k], k].tolist())) for k in range(4)]
        firsts.append(combine.recompute(design, seen)[0].record.first_crossing)

    found = operating_characteristics(design, of_ratios(*ratios))

    times = np.array(firsts)
    assert abs((times > 0).mean() - found.power) < 3 * math.sqrt(0.25 / n_paths)
    lengths = np.where(times, times, 4)
    assert abs(lengths.mean() - found.expected_looks) < 3 * lengths.std() / math.sqrt(n_paths)


def test_simulation_agrees_with_the_exact_sum_and_states_its_error() -> None:
    streams = of_ratios(1.0, 3.0)
    for design in (combine.Design(2, weights=(0.25, 0.75)), combine.Design(2, independence=REASON)):
        exact = operating_characteristics(design, streams)

        found = simulate(design, streams, rng=np.random.default_rng(43), n_paths=20_000)

        assert abs(found.power - exact.power) < 3 * found.power_error
        assert found.power_error == pytest.approx(
            math.sqrt(exact.power * (1 - exact.power) / 20_000), rel=0.05
        )
        assert abs(found.expected_looks - exact.expected_looks) < 0.04  # 3 standard errors


@pytest.mark.parametrize("ratio", [0.1, 0.7, 1.0])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_the_null_crosses_in_at_most_alpha(ratio: float, alpha: float) -> None:
    for independence in ("", REASON):
        design = combine.Design(2, independence=independence, alpha=alpha)
        found = operating_characteristics(design, of_ratios(ratio, 1.0))
        assert found.power <= alpha + 1e-10  # counts left out


def test_the_power_is_at_least_that_of_any_construct_at_its_share_of_alpha() -> None:
    streams = of_ratios(1.0, 3.0)

    whole = operating_characteristics(combine.Design(2), streams).power

    alone = [
        operating_characteristics(combine.Design(1, alpha=0.025), [stream]).power
        for stream in streams
    ]
    bound = 1 - math.prod(1 - p for p in alone)
    assert bound <= whole < bound + 0.1


@pytest.mark.parametrize("n_looks", [1, 200])
@pytest.mark.parametrize("horizon", [1e-4, 1.0, 100.0])
def test_any_regime_gives_a_number(n_looks: int, horizon: float) -> None:
    expected = tuple(np.linspace(horizon / n_looks, horizon, n_looks).tolist())
    streams = of_ratios(1.0, expected=expected)

    found = operating_characteristics(combine.Design(1), streams)

    assert 0 <= found.power <= 0.05
    assert math.isnan(found.expected_looks_to_signal) == (found.power == 0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="streams has 1 elements"):
        operating_characteristics(combine.Design(2), of_ratios(1.0))
    with pytest.raises(ValueError, match=r"streams have \[1, 4\] looks"):
        operating_characteristics(
            combine.Design(2), of_ratios(1.0) + of_ratios(1.0, expected=(1.0,))
        )
    with pytest.raises(ValueError, match="simulate above 200000"):
        operating_characteristics(combine.Design(5), of_ratios(1, 1, 1, 1, 1))
    with pytest.raises(ValueError, match="n_paths is 3"):
        simulate(combine.Design(1), of_ratios(1.0), rng=np.random.default_rng(1), n_paths=3)
    with pytest.raises(ValueError, match="steps must not be negative"):
        Stream(np.zeros((1, 2)), np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="steps has shape"):
        Stream(np.zeros((1, 2)), np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match="log_e has shape"):
        Stream(np.zeros(2), np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match="log_e must be finite"):
        Stream(np.array([[math.nan]]), np.ones((1, 1, 1)))


@pytest.mark.parametrize(
    ("ratio", "expected", "message"),
    [(0.0, (1.0,), "rate_ratio is 0.0"), (math.nan, (1.0,), "rate_ratio is nan"),
     (1.0, (), "expected has 0"), (1.0, (1.0, 1.0), r"expected\[1\] is 1.0"),
     (1.0, (-1.0,), r"expected\[0\] is -1.0"), (10.0, (51.0,), r"expected\[0\] is 51.0"),
     (1.0, (math.nan,), r"expected\[0\] is nan"), (1.0, tuple(range(1, 201)), "too many")],
)  # fmt: skip
def test_bad_streams_are_refused(ratio: float, expected: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        poisson_stream(poisson.Design(), ratio, expected=expected)
