"""Sequential tests and small populations over the regimes that matter for rare diseases.

Horizons from 1e-4 to 500, one to thirty patients, 0 to 50 historical events, dispersion from 0.3 to
infinity, one to twenty constructs, one to two hundred looks: finite numbers in their range, or the
refusal that is documented. Warnings are errors.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from detectors.sequential import alpha_spending, conditional_maxsprt, cusum, glr, group
from detectors.sequential import binomial_maxsprt as binomial
from detectors.sequential import poisson_maxsprt as poisson
from detectors.small_population import attribution, body_system, exnex, platform, sentinel
from detectors.small_population import expected_events as expected
from detectors.small_population import natural_history as history
from detectors.small_population.stopping import beta_binomial, boundary, pocock, simon
from detectors.small_population.tree import Tree
from detectors.small_population.tree_scan import scan_exact

HORIZONS = [1e-4, 0.05, 1.0, 20.0, 500.0]
PATIENTS = [1, 2, 5, 30]
HISTORY = [0, 1, 5, 50]
DISPERSIONS = [0.3, math.inf]
CONSTRUCTS = [1, 2, 20]
LOOKS = [1, 5, 200]
RATIOS = [0.2, 1.0, 3.0, 30.0]
ROUNDING = 1e-14  # of one minus a sum
WITHOUT_SIGNAL = {"expected_time_to_signal", "expected_events_at_signal"}
CHANCES = {
    "power", "attained_size", "size_bound", "alpha_spent", "alpha_allowed", "probability", "bound",
    "p_above", "p_exchangeable", "p_mu_above", "p", "p_step_down", "stop_probability",
    "miss_probability", "pass_probability", "early_stop_probability", "value_at_start",
}  # fmt: skip


def numbers_of(name: str, found: object) -> Iterator[tuple[str, float]]:
    """Every real number of a result, with the field that holds it."""
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        for each in dataclasses.fields(found):
            yield from numbers_of(each.name, getattr(found, each.name))
    elif isinstance(found, np.ndarray) and found.dtype.kind == "f":
        yield from ((name, value) for value in found.ravel().tolist())
    elif isinstance(found, float | np.floating):
        yield name, float(found)
    elif isinstance(found, tuple | list):
        for each in found:
            yield from numbers_of(name, each)


def holds(found: object, *, undefined: frozenset[str] | set[str] = frozenset()) -> None:
    """Assert that no number is missing or infinite, and that chances lie in [0, 1]."""
    for name, value in numbers_of("", found):
        assert math.isfinite(value) or name in undefined, (name, value)
        assert name not in CHANCES or -ROUNDING <= value <= 1 + ROUNDING or math.isnan(value), name


def rises(powers: list[float]) -> None:
    assert (np.diff(powers) >= -1e-9).all()  # where both are near 0 or 1


def characteristics_hold(found: Any) -> None:  # noqa: ANN401 - of any family
    holds(found, undefined=WITHOUT_SIGNAL if found.power < 1e-12 else set())


@pytest.mark.parametrize("tail", ["upper", "lower", "two_sided"])
@pytest.mark.parametrize("looks", [None, 1, 5])
def test_poisson_maxsprt(tail: Any, looks: int | None) -> None:  # noqa: ANN401 - a name
    for horizon, alpha in itertools.product(HORIZONS, [1e-6, 0.05]):
        if tail == "lower" and math.exp(-horizon) > alpha:
            with pytest.raises(ValueError, match="is too short for a deficit at alpha="):
                poisson.Design(horizon, alpha=alpha, tail=tail, looks=looks)
            continue
        if horizon == 500 and (looks is None) != (tail == "upper" and alpha == 0.05):
            continue  # a second each

        design = poisson.Design(horizon, alpha=alpha, tail=tail, looks=looks)

        assert 0 <= design.boundary.attained_size <= alpha + ROUNDING
        holds(design.boundary, undefined={"detectable_rate_ratio"})
        if horizon < 20:
            found = [poisson.operating_characteristics(design, ratio) for ratio in RATIOS]
            for each in found:
                characteristics_hold(each)
            if tail == "upper":
                rises([each.power for each in found])
        at = horizon if looks is None else horizon / looks
        for events in (0, 1, 50):
            _, look = poisson.step(
                poisson.init(design), poisson.Observation(events=events, expected=at)
            )
            holds(look)


def test_poisson_maxsprt_with_two_hundred_looks() -> None:
    for horizon in (1e-4, 1.0):
        design = poisson.Design(horizon, looks=200)

        assert 0 < design.boundary.attained_size <= 0.05 + ROUNDING
        characteristics_hold(poisson.operating_characteristics(design, 3.0))


def test_binomial_maxsprt() -> None:
    for n_max, ratio, alpha in itertools.product(
        [1, 5, 30, 200], [0.01, 1.0, 50.0], [1e-6, 0.05, 0.3]
    ):
        if (1 + ratio) ** -n_max > alpha:
            with pytest.raises(ValueError, match=r"n_max is .*: too few, .* no signal is possible"):
                binomial.Design(n_max, ratio=ratio, alpha=alpha)
            continue

        design = binomial.Design(n_max, ratio=ratio, alpha=alpha)

        assert 0 < design.boundary.attained_size <= alpha
        found = [binomial.operating_characteristics(design, each) for each in RATIOS]
        for each in found:
            characteristics_hold(each)
        rises([each.power for each in found])
        if n_max <= 30:
            holds(binomial.spending_boundary([ratio] * n_max, n_max=n_max, alpha=alpha))


@pytest.mark.parametrize("kind", ["stopped_at_event", "fixed_time", "exact"])
def test_conditional_maxsprt(kind: Any) -> None:  # noqa: ANN401 - a name
    for n_historical, n_max, alpha in itertools.product(HISTORY, [1, 5, 20], [1e-6, 0.05]):
        if n_historical == 0 and kind == "stopped_at_event":
            with pytest.raises(ValueError, match="n_historical"):
                conditional_maxsprt.critical_value(
                    n_max, n_historical=n_historical, alpha=alpha, history=kind
                )
            continue
        found = conditional_maxsprt.critical_value(
            n_max, n_historical=n_historical, alpha=alpha, history=kind
        )
        holds(found)
        assert 0 < found.attained_size <= alpha + ROUNDING
    for n_historical, mean in itertools.product(HISTORY[1:], [1e-4, 0.05, 2.0]):
        design = conditional_maxsprt.Design(
            n_historical, 1.0, horizon=mean / n_historical, history=kind
        )
        assert 0 < design.boundary.attained_size <= 0.05 + ROUNDING
        found_at = [conditional_maxsprt.operating_characteristics(design, r) for r in RATIOS]
        for each in found_at:
            characteristics_hold(each)
        rises([each.power for each in found_at])
        for events in (0, 1, 50):
            seen = conditional_maxsprt.Observation(events=events, person_time=design.horizon or 1.0)
            holds(conditional_maxsprt.step(conditional_maxsprt.init(design), seen)[1])


@pytest.mark.parametrize(
    ("spending", "parameter"),
    [("power", 0.1), ("power", 3.0), ("obrien_fleming", 0.0), ("pocock", 0.0),
     ("hwang_shih_decani", -40.0), ("hwang_shih_decani", 10.0)],
)  # fmt: skip
def test_alpha_spending(spending: Any, parameter: float) -> None:  # noqa: ANN401 - a name
    for horizon, alpha, n in itertools.product(HORIZONS, [1e-9, 0.05], LOOKS):
        if n == 200 and horizon > 1:
            continue  # `test_alpha_spending` has them
        design = alpha_spending.Design(horizon, alpha=alpha, spending=spending, parameter=parameter)
        seen = [
            alpha_spending.Observation(events=0, expected=horizon * (i + 1) / n) for i in range(n)
        ]

        _, looks = alpha_spending.recompute(design, seen)

        holds(looks)
        spent = [look.alpha_spent for look in looks]
        assert (np.diff(spent) >= 0).all()
        assert spent[-1] <= alpha * (1 + 1e-12)


@pytest.mark.parametrize("sides", [1, 2])
def test_group(sides: Any) -> None:  # noqa: ANN401 - 1 or 2
    kinds: list[tuple[Any, float]] = [
        ("wang_tsiatis", -1.0), ("wang_tsiatis", 1.0), ("obrien_fleming", 0.0),
        ("hwang_shih_decani", 40.0),
    ]  # fmt: skip
    plans = [(1.0,), (1e-4, 1.0), (0.9999, 1.0), tuple(i / 10 for i in range(1, 11))]
    for (kind, parameter), plan, alpha in itertools.product(kinds, plans, [1e-9, 0.025, 0.5]):
        design = group.Design(plan, alpha=alpha, kind=kind, parameter=parameter, sides=sides)

        assert all(-0.001 <= z <= 37 for z in design.boundary)
        size = group.operating_characteristics(design, 0.0)
        holds(size)
        assert size.power <= alpha + 1e-10  # as documented
        powers = [group.operating_characteristics(design, each).power for each in (-20, 3, 20)]
        rises([powers[0], size.power, *powers[1:]] if sides == 1 else [size.power, *powers[1:]])


def test_cusum() -> None:
    for ratio, mean, n, dispersion in itertools.product(
        [0.2, 2.0], [1e-4, 0.05, 2.0], LOOKS, [0.3, None]
    ):
        if mean * n > 10:
            continue
        design = cusum.Design(
            ratio, expected_per_look=mean, looks=n, alpha=0.05, dispersion=dispersion
        )
        assert 0 <= design.boundary.attained_size <= 0.05
        holds(design.boundary)
        for true in (0.2, 5.0):
            characteristics_hold(cusum.operating_characteristics(design, true))
        seen = cusum.Observation(events=50, expected=mean)
        holds(cusum.step(cusum.init(design), seen)[1])


@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_glr(direction: Any) -> None:  # noqa: ANN401 - a name
    for mean, n, dispersion in itertools.product([1e-4, 0.05, 2.0], [1, 5, 20], [0.3, None]):
        design = glr.Design(
            expected_per_look=mean, looks=n, alpha=0.05, window=5, direction=direction,
            dispersion=dispersion,
        )  # fmt: skip

        assert 0 <= design.boundary.size_bound <= 0.05
        holds(design.boundary)
        for events in (0, 50):
            holds(glr.step(glr.init(design), glr.Observation(events=events, expected=mean))[1])


def test_rates_against_a_natural_history() -> None:
    y, t, h, v = (
        column.ravel() for column in np.meshgrid([0, 1, 30], HORIZONS, HISTORY, [1e-4, 20.0, 1e4])
    )
    for alternative in ("greater", "less"):
        holds(history.predictive_rate(y, t, h, v, alternative=alternative))
        holds(history.conditional_rate(y, t, h, v, alternative=alternative))
    higher = history.probability_rate_is_higher(y, t, h, v).value
    assert ((higher >= 0) & (higher <= 1)).all()
    ratio = history.rate_ratio(y, t, h, v)
    assert ((ratio.lower < ratio.point) & (ratio.point < ratio.upper)).all()
    plugged = history.plug_in_rate(y, t, h, v)
    assert (np.isnan(plugged.p) == (h == 0)).all()
    for events, past in itertools.product([0, 3], HISTORY):
        data = {"events": events, "person_time": 0.01, "historical_events": past}
        holds(history.commensurate_rate(**data, historical_person_time=20.0))  # type: ignore[arg-type]  # of both kinds
        found = history.tipping_delta_rate(**data, historical_person_time=20.0)  # type: ignore[arg-type]  # of both kinds
        holds(found, undefined=set() if found.changes else {"weight"})


def test_proportions_against_a_natural_history() -> None:
    for patients, past, all_past in itertools.product(PATIENTS, HISTORY, [50, 1000]):
        for events, delta in itertools.product({0, 1, patients}, [0.0, 0.3, 1.0]):
            data = (events, patients, past, all_past)
            holds(history.predictive_proportion(*data, delta=delta))
            higher = float(history.probability_proportion_is_higher(*data, delta=delta).value)
            assert 0 <= higher <= 1
            holds(history.conditional_proportion(*data))
        prior = history.robust_beta(
            history.BetaMixture((1.0,), (past + 0.5,), (all_past - past + 0.5,)), weight=0.3
        )
        holds(history.summary(history.update_beta(prior, events=0, patients=patients)))
        assert history.moment_sample_size(prior) > 0
        assert 0 < history.predictive_p(prior, events=1, patients=patients) < 1
        if past in {0, all_past}:
            with pytest.raises(ValueError, match=r"a and b must be 1, or at least 1\.01"):
                history.elir_sample_size(prior)
        else:
            assert history.elir_sample_size(prior) > 0


def test_expected_events() -> None:
    for patients, total, size in itertools.product(PATIENTS, HORIZONS, DISPERSIONS):
        hazards = [total / patients] * patients
        for law in (
            expected.poisson(hazards, least_reach=50),
            expected.negative_binomial(hazards, dispersion=size, least_reach=50),
            expected.negative_binomial(
                hazards, dispersion=size, variation="cohort", least_reach=50
            ),
        ):
            holds(law)
            tails = [expected.tail_probability(law, events) for events in (0, 1, 5, 50)]
            assert tails[0] == pytest.approx(1.0, abs=1e-12)
            assert (np.diff(tails) <= 0).all()
            assert min(tails) >= 0
        holds(expected.poisson_binomial(hazards))


@pytest.mark.slow
def test_platforms() -> None:
    for n, mean, top, size in itertools.product(CONSTRUCTS, [1e-4, 25.0], [0, 50], [0.3, math.inf]):
        events, means = [top] + [0] * (n - 1), [mean] * n
        holds(platform.posterior(events, means, dispersion=size))
        if size == math.inf and n < 20:
            holds(exnex.posterior(events, means))
    for n, mean in itertools.product(CONSTRUCTS[1:], [1e-4, 25.0]):
        events, means, half = [3] + [0] * (n - 1), [mean] * n, n // 2
        groups = ["p"] * half + ["q"] * (n - half)
        if n == 2:
            holds(body_system.posterior(events, means, groups))
        holds(attribution.attribute(events, means, groups))
        tree = Tree({"p": None, "q": None, **{f"c{i:02}": groups[i] for i in range(n)}})
        leaves = dict(zip(tree.leaves, events, strict=True))
        for null in ("poisson", "conditional"):
            holds(scan_exact(tree, leaves, dict.fromkeys(leaves, mean), null=null))


def test_stopping_rules_and_sentinels() -> None:
    for n, limit, direction in itertools.product(
        [*PATIENTS, 200], [0.001, 0.3, 0.999], ["harm", "loss"]
    ):
        strict = pocock.Design(n, limit, alpha=0.05, direction=direction)  # type: ignore[arg-type]  # one of two
        assert 0 <= strict.attained_size <= 0.05
        for design in (strict, beta_binomial.Design(n, limit, direction=direction)):  # type: ignore[arg-type]  # one of two
            for true in (0.0, limit, 1.0):
                found = boundary.operating_characteristics(design, true)
                never = found.stop_probability == 0
                holds(found, undefined={"expected_patients_given_stop"} if never else set())
    for low, high in ((0.001, 0.5), (0.3, 0.6), (0.9, 0.999)):
        holds(simon.operating_characteristics(simon.find(low, high), low))
    for mean, events, past in itertools.product([0.0, *HORIZONS], [1, 30], HISTORY):
        known = sentinel.background(rate=mean / 2, person_time=2.0, events=events)
        holds(known, undefined={"detectable_rate_ratio", "log_probability"} if not mean else set())
        uncertain = sentinel.uncertain_background(
            historical_events=past,
            historical_person_time=20.0,
            person_time=max(mean, 1e-4),
            events=events,
        )
        holds(uncertain)
        holds(sentinel.family([known, uncertain]))
