"""Sequential tests: detectors that look again and again, and spend their error over the looks."""

from types import MappingProxyType
from typing import Any

import numpy as np

from detectors.catalogue import samples
from detectors.catalogue.description import Call, Description, Watch
from detectors.counts import Table
from detectors.estimate import Statistic, first_reason, where_defined
from detectors.sequential import (
    alpha_spending,
    binomial_maxsprt,
    conditional_likelihood,
    conditional_maxsprt,
    count_law,
    cusum,
    glr,
    group,
    poisson_maxsprt,
    poisson_paths,
)
from detectors.sequential.glr import stretch

_POISSON = "events follow a Poisson process under the null"
_KNOWN = "the expected count is known without error"
_FIXED = "everything in the design was fixed before the first look"
_EXPOSED = ((1, 0), (3, 2), (5, 4), (7, 6), (10, 9), (12, 10))
_BY_LOOK = (1, 1, 4, 8, 13, 14)
_Z = ((0.3, 1.0), (1.9, 2.0), (2.6, 3.0))


def _llr_of(table: Table) -> Statistic:
    state = first_reason(("no_expected", table.n_total == 0))
    expected = np.where(table.n_total == 0, 0.0, table.expected)
    llr = poisson_maxsprt.log_likelihood_ratio(table.n_pair, expected)
    return Statistic(value=where_defined(llr, state), state=state)


def _plan(rng: np.random.Generator) -> dict[str, Any]:
    plan = [count_law.CountLaw(float(mean)) for mean in rng.uniform(0.05, 1.0, 12)]
    return {"plan": plan, "rate_ratio": 2.0, "alpha": 0.05}


SEQUENCES = MappingProxyType(
    {
        "poisson_maxsprt": Description(
            module="sequential.poisson_maxsprt",
            also=(
                poisson_maxsprt.log_likelihood_ratio,
                poisson_maxsprt.critical_value,
                poisson_maxsprt.boundary,
                poisson_maxsprt.operating_characteristics,
                poisson_maxsprt.alpha_spent,
                poisson_maxsprt.detectable_rate_ratio,
                poisson_maxsprt.sample_size,
                poisson_maxsprt.interval_after_signal,
                poisson_paths.crossing_probability,
            ),
            statistic="maximised Poisson log-likelihood ratio against an exact sequential boundary",
            citation=(
                "Kulldorff et al. (2011), Sequential Analysis 30:58-78; "
                "Kulldorff and Silva (2015), REVSTAT 13:373-394"
            ),
            assumptions=(_POISSON, _KNOWN, _FIXED),
            smallest_count=1,
            characteristics=(
                "type I error at most alpha, exactly, and attained with continuous looks; power "
                "and times by operating_characteristics"
            ),
            evaluate=_llr_of,
            watch=Watch(
                init=poisson_maxsprt.init,
                step=poisson_maxsprt.step,
                recompute=poisson_maxsprt.recompute,
                designs=(poisson_maxsprt.Design(6.0), poisson_maxsprt.Design(0.02)),
                observations=tuple(
                    poisson_maxsprt.Observation(events=n, expected=mu)
                    for n, mu in samples.EVENTS_AND_EXPECTED
                ),
            ),
        ),
        "binomial_maxsprt": Description(
            module="sequential.binomial_maxsprt",
            also=(
                binomial_maxsprt.log_likelihood_ratio,
                binomial_maxsprt.varying_log_likelihood_ratio,
                binomial_maxsprt.operating_characteristics,
                binomial_maxsprt.spending_boundary,
            ),
            statistic="maximised binomial log-likelihood ratio against an exact boundary",
            citation="Kulldorff et al. (2011), Sequential Analysis 30:58-78",
            assumptions=(
                "events are independent, and each is exposed with a known chance under the null",
                _FIXED,
            ),
            smallest_count=1,
            characteristics="type I error at most alpha, exactly; attained size given",
            call=Call(
                function=binomial_maxsprt.critical_value,
                arguments=lambda rng: {"n_max": 30, "ratio": float(rng.uniform(0.5, 3.0))},
            ),
            watch=Watch(
                init=binomial_maxsprt.init,
                step=binomial_maxsprt.step,
                recompute=binomial_maxsprt.recompute,
                designs=(
                    binomial_maxsprt.Design(20, ratio=1.0),
                    binomial_maxsprt.Design(12, ratio=(0.5, 1.0, 2.0) * 4),
                ),
                observations=tuple(
                    binomial_maxsprt.Observation(events=n, exposed=c) for n, c in _EXPOSED
                ),
            ),
        ),
        "conditional_maxsprt": Description(
            module="sequential.conditional_maxsprt",
            also=(
                conditional_maxsprt.log_likelihood_ratio,
                conditional_likelihood.deadline,
                conditional_maxsprt.operating_characteristics,
                conditional_maxsprt.detectable_rate_ratio,
            ),
            statistic="log-likelihood ratio of an excess over a historical count, exact boundary",
            citation="Li and Kulldorff (2010), Stat Med 29:284-295",
            assumptions=(
                "rates are constant, and history and present comparable",
                "the history ended as the design says",
                _FIXED,
            ),
            smallest_count=1,
            characteristics="size equals alpha to 1e-11 with continuous looks; less at a jump",
            call=Call(
                function=conditional_maxsprt.critical_value,
                arguments=lambda rng: {"n_max": 10, "n_historical": int(rng.integers(3, 60))},
            ),
            watch=Watch(
                init=conditional_maxsprt.init,
                step=conditional_maxsprt.step,
                recompute=conditional_maxsprt.recompute,
                designs=(
                    conditional_maxsprt.Design(10, 100.0, n_max=20),
                    conditional_maxsprt.Design(10, 1000.0, horizon=4.0),
                ),
                observations=tuple(
                    conditional_maxsprt.Observation(events=n, person_time=time)
                    for n, time in samples.EVENTS_AND_EXPECTED
                ),
            ),
        ),
        "alpha_spending": Description(
            module="sequential.alpha_spending",
            also=(
                alpha_spending.continuous_deadlines,
            ),
            statistic="smallest count whose cumulated exact spend is within the plan",
            citation="Kim and DeMets (1987), Biometrika 74:149-154",
            assumptions=(_POISSON, _KNOWN, "the times of the looks do not depend on the events"),
            smallest_count=1,
            characteristics="size at most alpha, exactly; unspent alpha is carried",
            call=Call(
                function=alpha_spending.operating_characteristics,
                arguments=lambda rng: {
                    "design": alpha_spending.Design(5.0),
                    "rate_ratio": float(rng.uniform(1.0, 3.0)),
                },
            ),
            watch=Watch(
                init=alpha_spending.init,
                step=alpha_spending.step,
                recompute=alpha_spending.recompute,
                designs=(alpha_spending.Design(8.0), alpha_spending.Design(7.0, alpha=0.01)),
                observations=tuple(
                    alpha_spending.Observation(events=n, expected=mu)
                    for n, mu in samples.EVENTS_AND_EXPECTED
                ),
            ),
        ),
        "group_sequential": Description(
            module="sequential.group",
            statistic="z boundaries at planned looks",
            citation="Armitage, McPherson and Rowe (1969), J R Stat Soc A 132:235-244",
            assumptions=("increments are independent and normal", _FIXED),
            smallest_count=1,
            characteristics="size equals alpha to 1e-10",
            call=Call(
                function=group.operating_characteristics,
                arguments=lambda rng: {
                    "design": group.Design((0.5, 1.0)),
                    "effect": float(rng.uniform(0.0, 3.0)),
                },
            ),
            watch=Watch(
                init=group.init,
                step=group.step,
                recompute=group.recompute,
                designs=(group.Design((1.0, 2.0, 3.0)), group.Design((1.0, 2.0, 3.0), sides=2)),
                observations=tuple(group.Observation(z=z, information=i) for z, i in _Z),
            ),
        ),
        "cusum": Description(
            module="sequential.cusum",
            also=(
                cusum.planned_law,
                cusum.average_run_length,
                cusum.operating_characteristics,
            ),
            statistic="CUSUM of log-likelihood ratios against an exact boundary",
            citation=(
                "Page (1954), Biometrika 41:100-115; Brook and Evans (1972), Biometrika 59:539-549"
            ),
            assumptions=("looks are independent", _KNOWN, _FIXED),
            smallest_count=1,
            characteristics=(
                "false-alarm chance at most alpha, or run length at least the one asked, exactly; "
                "at one expected a look, ratio 2, 24 looks, alpha 0.05: size 0.0499, power 0.962"
            ),
            call=Call(function=cusum.critical_value_for_plan, arguments=_plan),
            watch=Watch(
                init=cusum.init,
                step=cusum.step,
                recompute=cusum.recompute,
                designs=(
                    cusum.Design(2.0, expected_per_look=1.0, looks=24, alpha=0.05),
                    cusum.Design(0.5, expected_per_look=1.0, looks=24, run_length=370.0),
                    cusum.Design(
                        2.0, expected_per_look=(0.5, 1.0, 1.5), looks=12, alpha=0.05, dispersion=2.0
                    ),
                ),
                observations=tuple(
                    cusum.Observation(events=n, expected=float(i))
                    for i, n in enumerate(_BY_LOOK, 1)
                ),
            ),
        ),
        "glr": Description(
            module="sequential.glr",
            also=(
                glr.operating_characteristics,
                glr.false_signal_bound,
                glr.simulate,
            ),
            statistic="greatest log-likelihood ratio over changes of rate within a window",
            citation="Hoehle and Paul (2008), Comput Stat Data Anal 52:4357-4368",
            assumptions=("looks are independent", _KNOWN, _FIXED),
            smallest_count=1,
            characteristics="size bounded by alpha; attains mostly 30 to 80 % of it",
            call=Call(
                function=stretch.scan,
                arguments=lambda rng: {"recent": [(int(n), 1.0) for n in rng.poisson(1.5, 12)]},
            ),
            watch=Watch(
                init=glr.init,
                step=glr.step,
                recompute=glr.recompute,
                designs=(
                    glr.Design(expected_per_look=1.0, looks=24, alpha=0.05),
                    glr.Design(
                        expected_per_look=1.0, looks=24, alpha=0.05, direction="decrease",
                        dispersion=2.0,
                    ),
                ),
                observations=tuple(
                    glr.Observation(events=n, expected=float(i))
                    for i, n in enumerate(_BY_LOOK, 1)
                ),
            ),
        ),
    }
)  # fmt: skip
