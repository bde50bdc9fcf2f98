"""Detectors for few patients: natural history, platforms, stopping rules, sentinel events."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from detectors.catalogue.description import Call, Description, Watch
from detectors.small_population import (
    attribution,
    body_system,
    exnex,
    expected_events,
    natural_history,
    platform,
    sentinel,
    tree,
    tree_scan,
)
from detectors.small_population.natural_history import proportions
from detectors.small_population.stopping import beta_binomial, boundary, pocock, simon

_ONE_LOOK = "one look: nothing corrects for looking again"
_EXCHANGEABLE = "the history is exchangeable with the patients treated"
_NO_RATE = "posterior statement; no error rate under repeated looks"
_POISSON = "events are Poisson"
_TREATED = ((3, 0), (6, 1), (9, 3), (12, 5), (20, 7), (30, 9))
_TWO_STAGES = ((5, 1), (9, 2), (10, 2), (17, 4), (20, 5), (29, 6))


def _rates(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "events": rng.poisson(1.0, 6), "person_time": 2.0,
        "historical_events": rng.poisson(3.0, 6), "historical_person_time": 20.0,
    }  # fmt: skip


def _one_rate(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "events": int(rng.integers(9)), "person_time": 5.0,
        "historical_events": 3, "historical_person_time": 20.0,
    }  # fmt: skip


def _proportions(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "events": rng.binomial(8, 0.3, 6), "patients": 8,
        "historical_events": rng.binomial(40, 0.2, 6), "historical_patients": 40,
    }  # fmt: skip


def _mixture(rng: np.random.Generator) -> dict[str, Any]:
    prior = natural_history.BetaMixture((0.4, 0.6), (2.5, 14.6), (7.2, 44.3))
    return {"prior": prior, "events": int(rng.integers(1, 6)), "patients": 6}


def _one_beta(rng: np.random.Generator) -> dict[str, Any]:
    return {"prior": natural_history.BetaMixture((1.0,), (2.0 + float(rng.random()),), (5.0,))}


def _constructs(rng: np.random.Generator) -> dict[str, Any]:
    return {"events": rng.poisson(1.0, 5), "expected": rng.uniform(0.1, 2.0, 5)}


def _by_system(rng: np.random.Generator) -> dict[str, Any]:
    expected = rng.uniform(0.1, 1.0, 4)
    systems = ["liver", "liver", "eye", "eye"]
    return {"events": rng.poisson(2 * expected), "expected": expected, "systems": systems}


def _programmes(rng: np.random.Generator) -> dict[str, Any]:
    return {**_constructs(rng), "programmes": ["a", "a", "b", "b", "c"]}


def _tree(rng: np.random.Generator) -> dict[str, Any]:
    leaves = ("p1", "p2", "q1")
    parents = {"all": None, "p": "all", "q": "all", "p1": "p", "p2": "p", "q1": "q"}
    return {
        "tree": tree.Tree(parents),
        "events": dict(zip(leaves, rng.poisson(1.0, 3).tolist(), strict=True)),
        "expected": {leaf: float(rng.uniform(0.3, 0.6)) for leaf in leaves},
    }


def _tree_and_draws(rng: np.random.Generator) -> dict[str, Any]:
    return {**_tree(rng), "n_draws": 99, "rng": np.random.default_rng(1)}


def _of_rates(
    name: str, statistic: str, citation: str, characteristics: str, *also: Callable[..., Any]
) -> Description:
    return Description(
        module="small_population.natural_history",
        also=also,
        statistic=statistic,
        citation=citation,
        assumptions=(_EXCHANGEABLE, _POISSON, _ONE_LOOK),
        smallest_count=1,
        characteristics=characteristics,
        call=Call(function=getattr(natural_history, name), arguments=_rates),
    )


POPULATIONS = MappingProxyType(
    {
        "predictive_rate": _of_rates(
            "predictive_rate",
            "p of the events under the negative binomial that a history of events predicts",
            "Ibrahim and Chen (2000), Stat Sci 15:46-60",
            "size kept on average over the posterior of the background rate",
        ),
        "conditional_rate": _of_rates(
            "conditional_rate",
            "exact p of the events, given those of treated and history together",
            "Przyborowski and Wilenski (1940), Biometrika 31:313-323",
            "size at most alpha at every background rate",
        ),
        "plug_in_rate": _of_rates(
            "plug_in_rate",
            "p of the events as if the rate of the history were the truth",
            "Li and Kulldorff (2010), Stat Med 29:284-295, on why not to use it",
            "signals too often, the more so the shorter the history: shown to compare with",
        ),
        "rate_is_higher": _of_rates(
            "probability_rate_is_higher",
            "posterior probability that the rate is above that of the history",
            "Ibrahim and Chen (2000), Stat Sci 15:46-60",
            _NO_RATE,
            natural_history.rate_ratio,
        ),
        "predictive_proportion": Description(
            module="small_population.natural_history",
            also=(
                natural_history.conditional_proportion,
                natural_history.probability_proportion_is_higher,
                natural_history.probability_first_is_greater,
                proportions.log_beta_binomial_tail,
                proportions.logit_nodes,
            ),
            statistic="p of the responses under the beta-binomial that a history predicts",
            citation="Ibrahim and Chen (2000), Stat Sci 15:46-60",
            assumptions=(_EXCHANGEABLE, "patients are independent", _ONE_LOOK),
            smallest_count=1,
            characteristics="size kept on average over the posterior of the history",
            call=Call(function=natural_history.predictive_proportion, arguments=_proportions),
        ),
        "robust_prior": Description(
            module="small_population.natural_history",
            also=(
                natural_history.robust_beta,
                natural_history.robust_gamma,
                natural_history.update_gamma,
                natural_history.probability_above,
                natural_history.predictive_p,
                natural_history.summary,
            ),
            statistic="posterior of a mixture prior, robust against a history that does not fit",
            citation="Schmidli et al. (2014), Biometrics 70:1023-1032",
            assumptions=("the history is exchangeable, or the vague component holds",),
            smallest_count=1,
            characteristics=_NO_RATE,
            call=Call(function=natural_history.update_beta, arguments=_mixture),
        ),
        "commensurate_rate": Description(
            module="small_population.natural_history",
            statistic="rate ratio under a prior that lets the history drift",
            citation="Hobbs, Carlin, Mandrekar and Sargent (2011), Biometrics 67:1047-1056",
            assumptions=(_POISSON, "the drift of the log rate is normal with half-normal spread"),
            smallest_count=1,
            characteristics=_NO_RATE,
            call=Call(function=natural_history.commensurate_rate, arguments=_one_rate),
        ),
        "effective_sample_size": Description(
            module="small_population.natural_history",
            also=(
                natural_history.moment_sample_size,
                natural_history.tipping_point,
                natural_history.tipping_delta_rate,
                natural_history.tipping_delta_proportion,
                natural_history.tipping_robust_weight,
            ),
            statistic="how many patients a prior is worth, by expected local information",
            citation="Neuenschwander, Weber, Schmidli and O'Hagan (2020), Biometrics 76:578-587",
            assumptions=("shapes of the components are 1 or at least 1.01",),
            smallest_count=1,
            characteristics="a description; promises nothing",
            call=Call(function=natural_history.elir_sample_size, arguments=_one_beta),
        ),
        "expected_events": Description(
            module="small_population.expected_events",
            also=(
                expected_events.poisson,
                expected_events.poisson_binomial,
                expected_events.cumulative_hazards,
                expected_events.gamma_dispersion,
                expected_events.log_normal_dispersion,
                expected_events.tail_probability,
                expected_events.count_quantile,
            ),
            statistic="law of the events expected of patients who differ in hazard and frailty",
            citation="Panjer (1981), ASTIN Bull 12:22-26",
            assumptions=("hazards of natural history are known", "frailty has a gamma law"),
            smallest_count=1,
            characteristics="tail p of size at most alpha if the law holds",
            call=Call(
                function=expected_events.negative_binomial,
                arguments=lambda rng: {"hazards": rng.random(5), "dispersion": 0.7},
            ),
        ),
        "beta_binomial_stopping": Description(
            module="small_population.stopping.boundary",
            also=(
                beta_binomial.Design,
                beta_binomial.posterior_probability,
            ),
            statistic="posterior stopping boundary for harm or for lost effect",
            citation="Thall, Simon and Estey (1995), Stat Med 14:357-379",
            assumptions=("outcomes are independent, and known in the order of treatment",),
            smallest_count=1,
            characteristics="false stops far above 1 - cut; exact by operating_characteristics",
            call=Call(
                function=boundary.operating_characteristics,
                arguments=lambda rng: {
                    "design": beta_binomial.Design(20, 0.2),
                    "proportion": float(rng.uniform(0.1, 0.5)),
                },
            ),
            watch=Watch(
                init=boundary.init, step=boundary.step, recompute=boundary.recompute,
                designs=(
                    beta_binomial.Design(30, 0.2),
                    beta_binomial.Design(30, 0.7, direction="loss"),
                ),
                observations=tuple(boundary.Observation(patients=n, events=y) for n, y in _TREATED),
            ),
        ),
        "pocock_stopping": Description(
            module="small_population.stopping.boundary",
            also=(
                pocock.Design,
            ),
            statistic="stopping after each patient at one pointwise level",
            citation="Ivanova, Qaqish and Schell (2005), Biometrics 61:540-545",
            assumptions=("outcomes are independent, and known in the order of treatment",),
            smallest_count=1,
            characteristics="size at most alpha, exactly; attained size stated",
            call=Call(
                function=boundary.operating_characteristics,
                arguments=lambda rng: {
                    "design": pocock.Design(20, 0.2),
                    "proportion": float(rng.uniform(0.1, 0.5)),
                },
            ),
            watch=Watch(
                init=boundary.init, step=boundary.step, recompute=boundary.recompute,
                designs=(pocock.Design(30, 0.2), pocock.Design(30, 0.3)),
                observations=tuple(boundary.Observation(patients=n, events=y) for n, y in _TREATED),
            ),
        ),
        "simon_two_stage": Description(
            module="small_population.stopping.simon",
            also=(
                simon.operating_characteristics,
            ),
            statistic="two-stage design with the smallest expected or greatest size",
            citation="Simon (1989), Control Clin Trials 10:1-10",
            assumptions=("patients are independent", "looks at the end of the two stages alone"),
            smallest_count=1,
            characteristics="size and power exact",
            call=Call(
                function=simon.find,
                arguments=lambda rng: {
                    "unacceptable": 0.1, "desirable": 0.3 + 0.1 * float(rng.random()),
                },
            ),
            watch=Watch(
                init=simon.init, step=simon.step, recompute=simon.recompute,
                designs=(simon.Design(1, 10, 5, 29),),
                observations=tuple(simon.Observation(patients=n, events=y) for n, y in _TWO_STAGES),
            ),
        ),
        "sentinel": Description(
            module="small_population.sentinel",
            also=(
                sentinel.uncertain_background,
                sentinel.family,
                sentinel.upper_rate,
            ),
            statistic="chance that the background brings an event of a listed kind",
            citation="Garwood (1936), Biometrika 28:437-442, for the limit of the rate",
            assumptions=("background events are Poisson at the stated rate; the result names it",),
            smallest_count=1,
            characteristics="an exact probability, at whatever time one looks",
            call=Call(
                function=sentinel.background,
                arguments=lambda rng: {"rate": 1e-5 * float(rng.random()), "person_time": 900.0},
            ),
        ),
        "platform": Description(
            module="small_population.platform",
            statistic="rate ratio of each construct, shared over a platform",
            citation=(
                "Neuenschwander et al. (2016), Pharm Stat 15:123-134; "
                "Gelman (2006), Bayesian Anal 1:515-533"
            ),
            assumptions=("constructs are exchangeable", "events are Poisson or negative binomial"),
            smallest_count=1,
            characteristics=_NO_RATE,
            call=Call(function=platform.posterior, arguments=_constructs),
        ),
        "platform_prior_sensitivity": Description(
            module="small_population.platform",
            statistic="the same under several priors",
            citation="Gelman (2006), Bayesian Anal 1:515-533",
            assumptions=("constructs are exchangeable",),
            smallest_count=1,
            characteristics=_NO_RATE,
            call=Call(function=platform.prior_sensitivity, arguments=_constructs),
        ),
        "platform_e_value": Description(
            module="small_population.platform",
            statistic="evidence that some construct of a platform is unsafe",
            citation="Vovk and Wang (2021), Ann Stat 49:1736-1754",
            assumptions=("each construct's e-value is one; any dependence",),
            smallest_count=1,
            characteristics="at most alpha at any time if each is an e-process of one history",
            call=Call(
                function=platform.e_value,
                arguments=lambda rng: {"log_e": rng.normal(0.0, 2.0, 5)},
            ),
        ),
        "exnex": Description(
            module="small_population.exnex",
            statistic="rate ratio of each construct, shared only if it fits the others",
            citation="Neuenschwander et al. (2016), Pharm Stat 15:123-134",
            assumptions=("each construct is exchangeable with the others, or stands by itself",),
            smallest_count=1,
            characteristics=_NO_RATE,
            call=Call(function=exnex.posterior, arguments=_constructs),
        ),
        "body_system": Description(
            module="small_population.body_system",
            statistic="rate ratio of each row, shared over body systems in two layers",
            citation="Berry and Berry (2004), Biometrics 60:418-426",
            assumptions=(
                "rows of a system are exchangeable, and so are systems",
                "events are Poisson or negative binomial, independent given the ratios",
            ),
            smallest_count=1,
            characteristics="calibrated if the model holds (simulated); no rate under looks",
            call=Call(function=body_system.posterior, arguments=_by_system),
        ),
        "attribution": Description(
            module="small_population.attribution",
            statistic="whether an excess belongs to a construct, a programme or the platform",
            citation="Kass and Raftery (1995), J Am Stat Assoc 90:773-795",
            assumptions=("one source of excess, all else at the background", "prior weights"),
            smallest_count=1,
            characteristics="calibrated if the model holds (simulated)",
            call=Call(function=attribution.attribute, arguments=_programmes),
        ),
        "tree_scan": Description(
            module="small_population.tree_scan",
            also=(
                tree.from_pairs,
            ),
            statistic="greatest excess over the nodes of a tree, with its rank among draws",
            citation=(
                "Kulldorff, Fang and Walsh (2003), Biometrics 59:323-331; "
                "Dwass (1957), Ann Math Stat 28:181-187"
            ),
            assumptions=("leaves are independent Poisson, or their total is given",),
            smallest_count=1,
            characteristics="size at most alpha for every number of draws",
            call=Call(function=tree_scan.scan, arguments=_tree_and_draws),
        ),
        "tree_scan_exact": Description(
            module="small_population.tree_scan",
            statistic="the same, by exact recursion over a small tree",
            citation="Kulldorff, Fang and Walsh (2003), Biometrics 59:323-331",
            assumptions=("leaves are independent Poisson, or their total is given",),
            smallest_count=1,
            characteristics="size at most alpha, exactly; a step function",
            call=Call(function=tree_scan.scan_exact, arguments=_tree),
        ),
    }
)  # fmt: skip
