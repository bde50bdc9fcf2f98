"""Group sequential boundaries against reference values, their definition, and simulation."""

import math
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import ndtr, roots_legendre
from scipy.stats import norm

from detectors.sequential import group, normal_paths, spending_functions
from detectors.sequential.group import (
    Design,
    Observation,
    State,
    init,
    operating_characteristics,
    recompute,
    step,
)

KINDS: dict[str, tuple[Any, float]] = {
    "OF": ("wang_tsiatis", 0.0),
    "P": ("wang_tsiatis", 0.5),
    "WT": ("wang_tsiatis", 0.25),
    "asOF": ("obrien_fleming", 0.0),
    "asP": ("pocock", 0.0),
    "asKD": ("power", 2.0),
    "asHSD": ("hwang_shih_decani", -4.0),
}

every_kind = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))

nodes_of = lru_cache(roots_legendre)


def first_crossings_by_one_rule(
    planned: tuple[float, ...], limits: tuple[float, ...], sides: int
) -> list[float]:
    """Chance of a first crossing at each look; one Gauss-Legendre rule between two limits."""
    at, mass, before, found = np.zeros(1), np.ones(1), 0.0, []
    for k, (time, limit) in enumerate(zip(planned, limits, strict=True)):
        sd, edge = math.sqrt(time - before), limit * math.sqrt(time)
        found.append(float(mass @ ndtr((at - edge) / sd)))
        if sides == 2:
            found[-1] += float(mass @ ndtr((-edge - at) / sd))
        if k + 1 < len(planned):
            finest = math.sqrt(min(time - before, planned[k + 1] - time))
            low = -min(edge, 8.0 * math.sqrt(time)) if sides == 2 else -8.0 * math.sqrt(time)
            half = (min(edge, 8.0 * math.sqrt(time)) - low) / 2
            node, weight = nodes_of(32 * math.ceil(5 * half / finest / 32))  # 2.5 a deviation
            score = low + half * (node + 1)
            density = np.exp(-(((score[:, None] - at) / sd) ** 2) / 2) @ mass
            at, mass = score, half * weight * density / (sd * math.sqrt(2 * math.pi))
            before = time
    return found


def drawn_crossings(
    rng: np.random.Generator,
    planned: tuple[float, ...],
    limits: tuple[float, ...],
    sides: int,
    n_drawn: int,
) -> int:
    steps = np.sqrt(np.diff(planned, prepend=0.0))
    z = (rng.normal(size=(n_drawn, len(planned))) * steps).cumsum(axis=1) / np.sqrt(planned)
    return int(((z if sides == 1 else np.abs(z)) >= limits).any(axis=1).sum())


def test_boundaries_and_spent_alpha_match_rpact() -> None:
    n_compared = 0
    rpact = reference_table("group_sequential/rpact_boundaries.csv")
    groups: Any = rpact.groupby(["type", "kMax", "alpha"])
    for (kind, k_max, alpha), rows in groups:
        name, parameter = KINDS[kind]
        planned = tuple(rows["info"].tolist())

        design = Design(planned, alpha=alpha, kind=name, parameter=parameter)
        spent = np.cumsum(operating_characteristics(design, 0.0).crossing)

        # rpact stops its search where alpha is met to 1e-8, as its last column shows
        assert_allclose(design.boundary, rows["z"], atol=3e-7)
        assert_allclose(spent, rows["cum_alpha"], atol=3e-8)
        n_compared += k_max
    assert n_compared == len(rpact) == 280


@every_kind
@pytest.mark.parametrize("sides", [1, 2])
def test_a_finer_grid_moves_no_boundary(
    monkeypatch: pytest.MonkeyPatch,
    kind: tuple[Any, float],
    sides: Any,  # noqa: ANN401 - 1 or 2
) -> None:
    planned = (0.05, 0.3, 0.31, 0.7, 1.0)
    found = Design(planned, kind=kind[0], parameter=kind[1], sides=sides).boundary
    nodes, weights = np.polynomial.legendre.leggauss(28)

    monkeypatch.setattr(normal_paths, "NODES", nodes)
    monkeypatch.setattr(normal_paths, "WEIGHTS", weights)
    group._boundary.cache_clear()
    finer = Design(planned, kind=kind[0], parameter=kind[1], sides=sides).boundary
    group._boundary.cache_clear()

    assert_allclose(found, finer, atol=1e-9)  # as documented


@pytest.mark.parametrize("effect", [-1.0, 0.0, 2.5])
def test_two_looks_are_a_bivariate_normal(effect: float) -> None:
    design = Design((0.3, 1.0), kind="pocock", alpha=0.05)
    a, b = design.boundary

    found = operating_characteristics(design, effect)

    correlation = math.sqrt(0.3)

    def silent_given_first(z: float) -> float:
        rest = b - correlation * z - effect * 0.7
        return float(norm.pdf(z, effect * correlation) * norm.cdf(rest / math.sqrt(0.7)))

    silent = quad(silent_given_first, -12.0, a, epsabs=1e-13)[0]
    assert_allclose(found.power, 1 - silent, atol=1e-9)  # the error of the other calculation
    first = norm.sf(a - effect * correlation)
    assert_allclose(found.crossing[0], first, rtol=1e-12)  # rounding
    assert_allclose(found.expected_information, 0.3 * first + 1 - first, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1e-9, 0.05, 0.5])
@pytest.mark.parametrize("sides", [1, 2])
def test_one_look_is_the_fixed_test(sides: Any, alpha: float) -> None:  # noqa: ANN401 - 1 or 2
    for kind, parameter in KINDS.values():
        design = Design((3.0,), alpha=alpha, kind=kind, parameter=parameter, sides=sides)

        assert_allclose(design.boundary, norm.isf(alpha / sides), atol=1e-10)  # the root


@pytest.mark.campaign
@pytest.mark.slow
def test_a_thousand_random_designs_spend_alpha_and_simulation_agrees() -> None:
    rng, n_drawn = np.random.default_rng(seed=20180202), 400
    sizes, crossed = [], []

    @given(
        steps=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8),
        alpha=st.floats(1e-4, 0.2),
        kind=st.sampled_from(list(KINDS.values())),
        sides=st.sampled_from([1, 2]),
    )
    @settings(max_examples=1_000, deadline=None)
    def spends_alpha(
        steps: list[float],
        alpha: float,
        kind: tuple[Any, float],
        sides: Any,  # noqa: ANN401 - 1 or 2
    ) -> None:
        planned = tuple(np.cumsum(steps).tolist())
        design = Design(planned, alpha=alpha, kind=kind[0], parameter=kind[1], sides=sides)

        size = first_crossings_by_one_rule(planned, design.boundary, sides)

        assert_allclose(math.fsum(size), alpha, rtol=0, atol=1e-9)  # as documented
        if kind[0] != "wang_tsiatis":
            allowed = [
                sides
                * spending_functions.spent(
                    kind[0], value / planned[-1], alpha / sides, parameter=kind[1]
                )
                for value in planned
            ]
            assert_allclose(np.cumsum(size), allowed, rtol=0, atol=1e-9)
        sizes.append(alpha)
        crossed.append(drawn_crossings(rng, planned, design.boundary, sides, n_drawn))

    spends_alpha()

    assert len(sizes) >= 1_000
    chance = np.array(sizes)
    error = math.sqrt((chance * (1 - chance)).sum() * n_drawn)
    assert abs(sum(crossed) - n_drawn * chance.sum()) < 3 * error


@pytest.mark.slow
@pytest.mark.parametrize("sides", [1, 2])
def test_simulation_agrees_with_the_recursion(sides: Any) -> None:  # noqa: ANN401 - 1 or 2
    rng = np.random.default_rng(seed=19690101)
    planned = np.array([0.2, 0.5, 0.6, 1.0])
    design = Design(tuple(planned.tolist()), alpha=0.1, parameter=0.25, sides=sides)
    steps = np.diff(planned, prepend=0.0)
    for effect in (0.0, 1.5):
        gains = rng.normal(effect * steps, np.sqrt(steps), size=(400_000, 4))
        z = gains.cumsum(axis=1) / np.sqrt(planned)
        crosses = (z if sides == 1 else np.abs(z)) >= design.boundary
        found = operating_characteristics(design, effect)
        first = np.where(crosses.any(axis=1), crosses.argmax(axis=1), 4)

        for look, chance in enumerate(found.crossing):
            error = math.sqrt(chance * (1 - chance) / len(first))
            assert abs((first == look).mean() - chance) < 3.5 * error  # sixteen comparisons
        stopped = np.append(planned, 1.0)[first]
        error = stopped.std() / math.sqrt(len(first))
        assert abs(stopped.mean() - found.expected_information) < 3.5 * error


@pytest.mark.slow
def test_two_hundred_looks_and_close_ones_give_numbers() -> None:
    even = tuple(i / 200 for i in range(1, 201))
    close = (0.5, 0.5001, 0.5002, 1.0)

    for planned in (even, close):
        design = Design(planned, kind="obrien_fleming")
        assert 0 < min(design.boundary) <= max(design.boundary) <= 37
        assert_allclose(operating_characteristics(design, 0.0).power, 0.025, atol=1e-9)


def test_power_grows_with_the_effect() -> None:
    design = Design((0.4, 0.7, 1.0), kind="power", parameter=2.0)

    powers = [operating_characteristics(design, x).power for x in (-20, -1, 0, 1, 3, 20)]

    assert np.all(np.diff(powers) > 0)
    assert powers[0] < 1e-15
    assert powers[-1] > 1 - 1e-12


def test_a_look_crosses_at_its_boundary_and_a_crossing_stays() -> None:
    design = Design((1.0, 2.0, 3.0), sides=1)
    two_sided = Design((1.0, 2.0, 3.0), sides=2)
    at = design.boundary[1]
    seen = [Observation(z=z, information=i) for z, i in [(0.0, 1.0), (at, 2.0), (-9.0, 3.0)]]

    state, looks = recompute(design, seen)
    _, other = recompute(two_sided, seen)

    assert [look.is_crossing for look in looks] == [False, True, False]
    assert [look.has_crossed for look in looks] == [False, True, True]
    assert [look.critical_value for look in looks] == list(design.boundary)
    assert other[2].is_crossing
    assert state == State(design=design, looks=3, first_crossing=2)
    with pytest.raises(ValueError, match="looks: all 3 planned were taken"):
        step(state, seen[2])


def test_a_state_survives_encoding() -> None:
    state, _ = step(init(Design((1.0, 2.0))), Observation(z=3.0, information=1.0))

    encoded = msgspec.json.encode(state)

    decoded = msgspec.json.decode(encoded, type=State)
    assert decoded == state
    assert decoded.design.boundary == state.design.boundary
    assert len(encoded) < 400


@pytest.mark.parametrize(
    ("z", "information", "message"),
    [
        (1.0, 0.9, r"information is 0\.9: look 1 is at 1\.0"),
        (1.0, math.nan, "information is nan"),
        (math.nan, 1.0, "z is nan"),
        (math.inf, 1.0, "z is inf"),
    ],
)
def test_an_observation_that_is_none_is_refused(z: float, information: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(init(Design((1.0, 2.0))), Observation(z=z, information=information))


@pytest.mark.parametrize(
    ("planned", "changed", "message"),
    [
        ((), {}, "information: must hold"),
        ((0.0,), {}, "information: must hold"),
        ((math.nan,), {}, "information: must hold"),
        (tuple(range(1, 202)), {}, "information: must hold"),
        ((1.0, 1.0), {}, r"information\[1\] is 1\.0"),
        ((-1.0, 1.0), {}, r"information\[0\] is -1\.0"),
        ((1e-5, 1.0), {}, r"information\[0\] is 1e-05"),
        ((1.0,), {"alpha": 0.0}, r"alpha is 0\.0"),
        ((1.0,), {"alpha": 0.6}, r"alpha is 0\.6"),
        ((1.0,), {"sides": 3}, "sides is 3"),
        ((1.0,), {"parameter": 1.1}, r"parameter is 1\.1"),
        ((1.0,), {"kind": "other"}, "kind is 'other'"),
        ((1.0,), {"kind": "power"}, r"parameter is 0\.0: must be positive"),
    ],
)
def test_a_design_out_of_range_is_refused(
    planned: tuple[float, ...], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Design(planned, **changed)


@pytest.mark.parametrize("effect", [21.0, -21.0, math.nan])
def test_an_effect_out_of_range_is_refused(effect: float) -> None:
    with pytest.raises(ValueError, match="effect is"):
        operating_characteristics(Design((1.0,)), effect)
