"""Detectors whose evidence holds at any time, and what combines them."""

from types import MappingProxyType
from typing import Any

import numpy as np

from detectors.anytime import (
    binomial,
    combine,
    fixed_history,
    normal,
    poisson,
    streams,
    uncertain_comparator,
)
from detectors.catalogue.description import Call, Description, Watch

_ANY_TIME = "crosses 1 / alpha in at most alpha of all histories, whenever one looks or stops"
_LOOKS = ((0, 0.1), (2, 0.2), (9, 0.9), (9, 30.0), (10, 30.0), (10, 300.0))
_TRIALS = ((0, 0), (2, 2), (9, 9), (9, 90), (10, 91), (10, 200))
_VALUES = (1.0, 2.0, 1.5, 1.2, 1.4, 1.6, 1.1, 1.3, -9.0, -8.0)
_COMPONENTS = ((0.0, 0.0), (0.5, -0.1), (3.0, 2.0), (-1.0, 4.0))


def _log_e(rng: np.random.Generator) -> dict[str, Any]:
    return {"log_e": rng.normal(0.0, 2.0, size=(9, 5))}


EVIDENCE = MappingProxyType(
    {
        "anytime_poisson": Description(
            module="anytime.poisson",
            also=(
                poisson.confidence_sequence,
                poisson.operating_characteristics,
            ),
            statistic="e-process of an excess or a lack of events, by a gamma mixture",
            citation="Robbins (1970), Ann Math Stat 41:1397-1409",
            assumptions=(
                "events follow a Poisson process, whose expected count is known",
                "the prior was fixed before the first look",
            ),
            smallest_count=1,
            characteristics=f"{_ANY_TIME}; by 1, 5, 20 expected spends 0.013, 0.022, 0.027 of 0.05",
            call=Call(
                function=poisson.log_e,
                arguments=lambda rng: {
                    "design": poisson.Design(),
                    "events": rng.poisson(2.0, 20),
                    "expected": rng.uniform(0.1, 3.0, 20),
                },
            ),
            watch=Watch(
                init=poisson.init,
                step=poisson.step,
                recompute=poisson.recompute,
                designs=(poisson.Design(), poisson.Design(direction="fewer")),
                observations=tuple(poisson.Observation(events=n, expected=mu) for n, mu in _LOOKS),
            ),
        ),
        "anytime_binomial": Description(
            module="anytime.binomial",
            also=(
                binomial.confidence_sequence,
                binomial.operating_characteristics,
            ),
            statistic="e-process of a chance above or below a limit, by a beta mixture",
            citation="Robbins (1970), Ann Math Stat 41:1397-1409",
            assumptions=(
                "given the past, every trial's chance is within the null",
                "the prior was fixed before the first look",
            ),
            smallest_count=1,
            characteristics=f"{_ANY_TIME}; in 30 trials at a half spends 0.022 of 0.05",
            call=Call(
                function=binomial.log_e,
                arguments=lambda rng: {
                    "design": binomial.Design(0.3),
                    "hits": rng.binomial(20, 0.4, 9),
                    "trials": 20,
                },
            ),
            watch=Watch(
                init=binomial.init,
                step=binomial.step,
                recompute=binomial.recompute,
                designs=(binomial.Design(0.3), binomial.Design(0.3, direction="fewer")),
                observations=tuple(binomial.Observation(hits=c, trials=n) for c, n in _TRIALS),
            ),
        ),
        "anytime_normal": Description(
            module="anytime.normal",
            also=(
                normal.summarise,
                normal.confidence_sequence,
                normal.operating_characteristics,
            ),
            statistic="e-process of a mean, with known or unknown variance",
            citation="Robbins (1970), Ann Math Stat 41:1397-1409; Lai (1976), Ann Stat 4:265-280",
            assumptions=("values are independent and normal", "the prior was fixed beforehand"),
            smallest_count=2,
            characteristics=(
                f"{_ANY_TIME}; in 12 values spends 0.013 of 0.05 with a known deviation, 0.015 "
                "without, and finds a shift of 0.8 deviations with a power of 0.58 and 0.46"
            ),
            call=Call(
                function=normal.log_e,
                arguments=lambda rng: {
                    "design": normal.Design(),
                    "observation": normal.summarise(rng.normal(0.5, 1.0, 12)),
                },
            ),
            watch=Watch(
                init=normal.init,
                step=normal.step,
                recompute=normal.recompute,
                designs=(normal.Design(), normal.Design(sd=1.0)),
                observations=tuple(normal.summarise(_VALUES[:n]) for n in (0, 1, 4, 8, 9, 10)),
            ),
        ),
        "anytime_uncertain_comparator": Description(
            module="anytime.uncertain_comparator",
            also=(
                uncertain_comparator.confidence_sequence,
                uncertain_comparator.log_e_of_each,
                uncertain_comparator.operating_characteristics,
            ),
            statistic="e-process of events against events of a history, by person-time",
            citation="Li and Kulldorff (2010), Stat Med 29:284-295, for the null",
            assumptions=(
                "the history ended with its last event, and its rate is the background",
                "events follow Poisson processes",
                "the prior was fixed before the first look",
            ),
            smallest_count=1,
            characteristics=f"{_ANY_TIME}; with 5 events in 10 years, to 10 years, spends 0.019",
            call=Call(
                function=uncertain_comparator.log_e,
                arguments=lambda rng: {
                    "design": uncertain_comparator.Design(4, 5.0),
                    "events": int(rng.integers(0, 9)),
                    "person_time": float(rng.uniform(0.1, 3.0)),
                },
            ),
            watch=Watch(
                init=uncertain_comparator.init,
                step=uncertain_comparator.step,
                recompute=uncertain_comparator.recompute,
                designs=(
                    uncertain_comparator.Design(4, 5.0),
                    uncertain_comparator.Design(4, 5.0, direction="fewer"),
                ),
                observations=tuple(
                    uncertain_comparator.Observation(events=n, person_time=time)
                    for n, time in _LOOKS
                ),
            ),
        ),
        "anytime_fixed_history": Description(
            module="anytime.fixed_history",
            statistic="bound of a historical rate, to watch against as if it were known",
            citation="Garwood (1936), Biometrika 28:437-442",
            assumptions=(
                "the history was followed for a fixed time, and its rate is the background",
                "the watch has the alpha that the bound leaves",
            ),
            smallest_count=1,
            characteristics="bound and watch together cross in at most alpha of all histories",
            call=Call(
                function=fixed_history.rate_limit,
                arguments=lambda rng: {
                    "history_events": 3,
                    "history_time": float(rng.uniform(1.0, 9.0)),
                    "error": 0.01,
                },
            ),
        ),
        "combine_mean": Description(
            module="anytime.combine",
            statistic="mean of e-values",
            citation="Vovk and Wang (2021), Ann Stat 49:1736-1754",
            assumptions=("weights were fixed beforehand; any dependence",),
            smallest_count=1,
            characteristics="an e-value if each is one",
            call=Call(function=combine.mean, arguments=_log_e),
        ),
        "combine_streams": Description(
            module="anytime.streams",
            also=(
                streams.poisson_stream,
                streams.simulate,
            ),
            statistic="how often and how soon the mean or product of independent processes crosses",
            citation="Ville (1939), Etude critique de la notion de collectif, for the bound",
            assumptions=("the processes are independent", "their looks are at the same times"),
            smallest_count=1,
            characteristics=(
                "exact to 200,000 states, simulated with its standard error above; two constructs "
                "to 4 expected spend at most alpha, 0.56 of power where one has a ratio of 3"
            ),
            call=Call(
                function=streams.operating_characteristics,
                arguments=lambda rng: {
                    "design": combine.Design(2),
                    "streams": [
                        streams.poisson_stream(poisson.Design(), ratio, expected=(1.0, 2.0))
                        for ratio in (1.0, float(rng.uniform(1.0, 4.0)))
                    ],
                },
            ),
        ),
        "combine_product": Description(
            module="anytime.combine",
            statistic="product of e-values",
            citation="Vovk and Wang (2021), Ann Stat 49:1736-1754",
            assumptions=("each is an e-value given those before it",),
            smallest_count=1,
            characteristics="an e-value if the assumption holds, and not otherwise",
            call=Call(function=combine.product, arguments=_log_e),
            watch=Watch(
                init=combine.init,
                step=combine.step,
                recompute=combine.recompute,
                designs=(combine.Design(2), combine.Design(2, independence="two trials")),
                observations=tuple(combine.Observation(log_e=each) for each in _COMPONENTS),
            ),
        ),
    }
)
