"""Detectors of lost effect, and of benefit and risk together."""

from types import MappingProxyType
from typing import Any

import numpy as np

from detectors import benefit_risk
from detectors.catalogue.description import Call, Description, Watch
from detectors.effectiveness import (
    agreement,
    biomarker,
    change_point,
    detection,
    durability,
    innovations,
    lines,
    n_of_1,
    response,
)

_LOSSES = ((0, 0.5), (1, 1.0), (2, 1.5), (2, 2.0), (5, 2.5), (9, 3.0))
_LEVELS = (60.0, 59.0, 52.0, 49.0, 47.0, 46.0)
_SERIES = (10.0, 9.0, 11.0, 7.0, 6.0, 5.0)


def _patients(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "patient": np.repeat(np.arange(5), 4),
        "time": np.tile([0.0, 3.0, 6.0, 9.0], 5),
        "level": rng.normal(60.0, 5.0, 20),
        "components": lines.Components(25.0, 0.5, 0.0, 4.0),
        "threshold": 35.0,
        "now": 9.0,
        "ahead": 12.0,
    }


def _joint(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "harm": benefit_risk.Harm(
            events=int(rng.integers(3)),
            patient_years=10.0 + float(rng.random()),
            acceptable_rate=0.2,
        ),
        "benefit": benefit_risk.Responders(n_responding=4, n_patients=5, required_share=0.5),
        "prior": benefit_risk.Prior(benefit_risk.Gamma(1.0, 1.0), benefit_risk.Beta(1.0, 1.0)),
    }


EFFECTS = MappingProxyType(
    {
        "response": Description(
            module="effectiveness.response",
            statistic="losses of response, or a lack of good events, against an exact boundary",
            citation=(
                "Kulldorff et al. (2011), Sequential Analysis 30:58-78; "
                "Li and Kulldorff (2010), Stat Med 29:284-295"
            ),
            assumptions=(
                "the mean count without a loss is known",
                "patients differ by a gamma factor, and are followed alike",
            ),
            smallest_count=1,
            characteristics="size at most alpha, exact to 1e-12; a step function where it says so",
            call=Call(
                function=response.operating_characteristics,
                arguments=lambda rng: {
                    "design": response.Design(5.0), "rate_ratio": float(rng.uniform(1.0, 4.0)),
                },
            ),
            watch=Watch(
                init=response.init,
                step=response.step,
                recompute=response.recompute,
                designs=(
                    response.Design(5.0),
                    response.Design(8.0, tail="good_events", dispersion=5.0),
                ),
                observations=tuple(
                    response.Observation(events=n, expected=mu) for n, mu in _LOSSES
                ),
            ),
        ),
        "time_to_detect": Description(
            module="effectiveness.detection",
            statistic="how long until a lost effect is found, and how long to plan for",
            citation="Kulldorff et al. (2011), Sequential Analysis 30:58-78",
            assumptions=("the effect is lost from the start", "patients differ by a gamma factor"),
            smallest_count=1,
            characteristics="exact; says where no test has the power asked",
            call=Call(
                function=detection.time_to_detect,
                arguments=lambda rng: {
                    "n_patients": 5, "natural_rate": float(rng.uniform(2.0, 3.0)), "effect": 0.8,
                },
            ),
        ),
        "biomarker": Description(
            module="effectiveness.biomarker",
            also=(
                biomarker.from_baseline,
                biomarker.operating_characteristics,
            ),
            statistic="e-process of a patient's level against the same patient's baseline",
            citation=(
                "Lai (1976), Ann Stat 4:265-280; "
                "Perez-Ortiz et al. (2024), Ann Stat 52:1410-1432"
            ),
            assumptions=(
                "values are independent and normal with one variance",
                "the level after the baseline is one",
            ),
            smallest_count=3,
            characteristics=(
                "signals in at most alpha of all series without a change, ever; after 5 values, in "
                "10 more spends 0.007 of 0.05, finds a fall of 2 deviations with a power of 0.68"
            ),
            call=Call(
                function=biomarker.recompute,
                arguments=lambda rng: {
                    "design": biomarker.Design(5, 61.0, 2.2),
                    "observations": [
                        biomarker.Observation(value=float(x)) for x in rng.normal(55.0, 4.0, 6)
                    ],
                },
            ),
            watch=Watch(
                init=biomarker.init,
                step=biomarker.step,
                recompute=biomarker.recompute,
                designs=(
                    biomarker.Design(5, 61.0, 2.2),
                    biomarker.Design(4, 10.0, 1.0, direction="change"),
                ),
                observations=tuple(biomarker.Observation(value=x) for x in _LEVELS),
            ),
        ),
        "change_point": Description(
            module="effectiveness.change_point",
            statistic="when a level changed, if it did",
            citation="Smith (1975), Biometrika 62:407-416",
            assumptions=("one change at most", "values are independent and normal"),
            smallest_count=3,
            characteristics="coverage of the interval by simulation",
            call=Call(
                function=change_point.change_point,
                arguments=lambda rng: {"values": rng.normal(size=12)},
            ),
        ),
        "durability": Description(
            module="effectiveness.durability",
            also=(
                lines.variance_components,
            ),
            statistic="chance that a patient's level falls below a threshold ahead",
            citation="Laird and Ware (1982), Biometrics 38:963-974",
            assumptions=("levels fall along lines", "variances between and within are known"),
            smallest_count=2,
            characteristics="coverage 0.95 (simulated)",
            call=Call(function=durability.durability, arguments=_patients),
        ),
        "agreement": Description(
            module="effectiveness.agreement",
            statistic="whether events go with the fall of a biomarker, exact",
            citation="Kendall (1938), Biometrika 30:81-93",
            assumptions=("patients are followed for equal times",),
            smallest_count=2,
            characteristics="size at most alpha, exactly; gives the least p that the data allow",
            call=Call(
                function=agreement.agreement,
                arguments=lambda rng: {
                    "change": rng.normal(size=8), "events": rng.integers(0, 3, 8),
                },
            ),
        ),
        "n_of_1": Description(
            module="effectiveness.n_of_1",
            statistic="change of level and slope in one patient's series with AR(1) noise",
            citation="Zellner and Tiao (1964), J Am Stat Assoc 59:763-778",
            assumptions=("steps are equal", "noise is a stationary AR(1)"),
            smallest_count=6,
            characteristics=(
                "coverage of 95 % limits with 24 values: 95 to 97 % at rho 0, 90 to 93 % at 0.6, "
                "83 to 92 % at 0.9 (simulated)"
            ),
            call=Call(
                function=n_of_1.interrupted,
                arguments=lambda rng: {"values": rng.normal(size=20), "n_before": 10},
            ),
        ),
        "innovations": Description(
            module="effectiveness.innovations",
            statistic="CUSUM of a series' innovations against an exact boundary",
            citation="Page (1954), Biometrika 41:100-115",
            assumptions=("level, slope, deviation and correlation are known",),
            smallest_count=1,
            characteristics="false-alarm chance equals alpha to 1e-9",
            call=Call(
                function=innovations.operating_characteristics,
                arguments=lambda rng: {
                    "design": innovations.Design(20, 10.0, 0.0, 1.0),
                    "shift": float(rng.uniform(0.5, 2.0)),
                },
            ),
            watch=Watch(
                init=innovations.init,
                step=innovations.step,
                recompute=innovations.recompute,
                designs=(
                    innovations.Design(20, 10.0, 0.0, 1.0),
                    innovations.Design(12, 5.0, 0.1, 2.0, rho=0.4, direction="rise"),
                ),
                observations=tuple(innovations.Observation(value=x) for x in _SERIES),
            ),
        ),
        "benefit_risk": Description(
            module="benefit_risk",
            also=(
                benefit_risk.sensitivity,
            ),
            statistic="posterior probability that harm is acceptable and effect retained",
            citation="conjugate posteriors; bounds of Frechet (1935), Fund Math 25:379-387",
            assumptions=("priors are proper", "harm and benefit are independent given the data"),
            smallest_count=1,
            characteristics="posterior statement; no error rate under repeated looks",
            call=Call(function=benefit_risk.joint, arguments=_joint),
        ),
    }
)  # fmt: skip
