"""What every e-process keeps as a watch."""

import math
import pickle
from dataclasses import replace
from types import ModuleType
from typing import Any

import msgspec
import pytest

from detectors.anytime import binomial, combine, normal, poisson, uncertain_comparator

WATCHES: list[tuple[ModuleType, Any, list[Any]]] = [
    *(
        (poisson, poisson.Design(direction=side), [
            poisson.Observation(events=n, expected=mu)
            for n, mu in [(0, 0.1), (2, 0.2), (9, 0.9), (9, 30.0), (10, 30.0), (10, 300.0)]
        ])
        for side in ("more", "fewer")
    ),
    *(
        (binomial, binomial.Design(0.3, direction=side), [
            binomial.Observation(hits=c, trials=n)
            for c, n in [(0, 0), (2, 2), (9, 9), (9, 90), (10, 91), (10, 200)]
        ])
        for side in ("more", "fewer")
    ),
    *(
        (normal, normal.Design(sd=sd), [
            normal.summarise([1.0, 2.0, 1.5, 1.2, 1.4, 1.6, 1.1, 1.3, -9.0, -8.0][:n])
            for n in (0, 1, 4, 8, 9, 10)
        ])
        for sd in (None, 1.0)
    ),
    *(
        (uncertain_comparator, uncertain_comparator.Design(4, 5.0, direction=side), [
            uncertain_comparator.Observation(events=n, person_time=t)
            for n, t in [(0, 0.1), (2, 0.2), (9, 0.9), (9, 90.0), (10, 90.0), (10, 900.0)]
        ])
        for side in ("more", "fewer")
    ),
    *(
        (combine, design, [
            combine.Observation(log_e=(x, y))
            for x, y in [(0.0, 0.0), (1.0, -1.0), (9.0, 0.0), (-3.0, 2.0), (0.5, 0.5), (1.0, 7.0)]
        ])
        for design in (combine.Design(2), combine.Design(2, independence="two trials"))
    ),
]  # fmt: skip
every_watch = pytest.mark.parametrize(("module", "design", "observations"), WATCHES)


@every_watch
def test_stepping_and_recomputing_agree(
    module: ModuleType,
    design: object,
    observations: list[Any],
) -> None:
    at_once, all_looks = module.recompute(design, observations)

    state, looks = module.init(design), []
    for observation in observations:
        state = pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
        state, look = module.step(state, observation)
        looks.append(look)

    assert state == at_once
    assert tuple(looks) == all_looks


@every_watch
def test_a_state_survives_encoding_and_is_small(
    module: ModuleType,
    design: object,
    observations: list[Any],
) -> None:
    state, _ = module.recompute(design, observations)

    encoded = msgspec.json.encode(state)
    decoded = msgspec.json.decode(encoded, type=module.State)

    assert decoded == state
    assert module.step(decoded, observations[-1]) == module.step(state, observations[-1])
    assert len(encoded) < 400


@every_watch
def test_a_crossing_stays_on_record_though_evidence_falls(
    module: ModuleType,
    design: object,
    observations: list[Any],
) -> None:
    state, looks = module.recompute(design, observations)

    crossings = [look.number for look in looks if look.is_crossing]
    assert crossings, "the sample must cross somewhere"
    assert state.record.first_crossing == crossings[0]
    assert [look.has_crossed for look in looks] == [look.number >= crossings[0] for look in looks]
    assert [look.number for look in looks] == list(range(1, 7))
    for i, look in enumerate(looks):
        assert look.greatest_log_e == max(0.0, *(each.log_e for each in looks[: i + 1]))
        assert look.e == pytest.approx(math.exp(look.log_e), rel=1e-15)
        assert look.is_crossing == (look.log_e >= look.log_threshold)


@pytest.mark.parametrize(
    ("module", "design", "observations"), [each for each in WATCHES if each[0] is not combine]
)
def test_a_total_that_went_back_is_refused(
    module: ModuleType,
    design: object,
    observations: list[Any],
) -> None:
    state, _ = module.recompute(design, observations)

    for earlier in observations[1:3]:
        with pytest.raises(ValueError, match="went back, so recompute"):
            module.step(state, earlier)


def test_alpha_is_where_evidence_crosses() -> None:
    design = poisson.Design()
    seen = poisson.Observation(events=3, expected=0.5)
    _, look = poisson.step(poisson.init(design), seen)

    for alpha, is_crossing in ((1.001 / look.e, True), (0.999 / look.e, False)):
        _, other = poisson.step(poisson.init(replace(design, alpha=alpha)), seen)
        assert other.is_crossing == is_crossing
