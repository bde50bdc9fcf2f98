"""Loss of effect: endpoint events of the treated against what they would have if it were kept.

Each patient is an e-process. Without loss the patient's rate is that of natural history
times the ratio that was approved, times a factor of the patient's own from a gamma law; with
the factor integrated out the events are a Polya process, and the evidence is that of
`detectors.anytime.uncertain_comparator` with the law in the place of a history. Events
before the first dose, where they were counted, narrow the law. Patients are independent, so
that their evidence multiplies, at any time and for any order of enrolment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from detectors.anytime import combine, poisson, uncertain_comparator
from detectors.small_population import attribution, platform
from surveillance.configuration.programmes import LostEffect, Stratum
from surveillance.domain.finding import Look
from surveillance.domain.names import identity
from surveillance.programmes.adapter import last_look
from surveillance.programmes.histories import DAYS_A_YEAR, AtRisk, at_risk, left_out
from surveillance.programmes.looking import Member, Occasion
from surveillance.programmes.natural_history import stratum_of, upper_rate

_N_PRODUCT_MAX = combine.GREATEST_COMPONENTS
_INDEPENDENT = "no patient is counted twice, and none was enrolled by what another showed"
_LEAST_EXPECTED = 1e-9


def looks(design: LostEffect, occasion: Occasion) -> Iterator[Look]:
    """Look at each construct, the programme, and the platform.

    Parameters
    ----------
    design : LostEffect
        The design.
    occasion : Occasion
        The programme, its patients and its comparator.

    Yields
    ------
    Look
        One for each unit with time at risk.
    """
    n_constructs = len(occasion.own.programme.construct)
    budget = design.alpha - design.for_history
    for level, share in sorted(design.shares.of_levels().items()):
        by_construct = level == "construct"
        units = _risk(design, occasion, occasion.own, by_construct=by_construct)
        alpha = budget * share / (n_constructs if by_construct else 1)
        for unit, risk in sorted(units.items()):
            yield _look(design, occasion, (level, unit), risk, alpha)


def _risk(
    design: LostEffect, occasion: Occasion, member: Member, *, by_construct: bool
) -> dict[str, list[AtRisk]]:
    return at_risk(
        member.patients.values(),
        {design.endpoint},
        on=occasion.on,
        silence_days=occasion.silence_days,
        by_construct=by_construct,
    )


def _look(
    design: LostEffect,
    occasion: Occasion,
    where: tuple[str, str],
    risk: list[AtRisk],
    alpha: float,
) -> Look:
    strata = occasion.history.endpoint[design.endpoint]
    placed = [(one, stratum_of(strata, one.history)) for one in risk]
    compared = [(one, stratum) for one, stratum in placed if stratum is not None]
    logs = _evidence(design, compared)
    together = combine.Design(len(logs), independence=_INDEPENDENT, alpha=alpha)
    found = last_look(combine.init, combine.step, together, [combine.Observation(log_e=logs)])
    notes = list(left_out((one.history for one in risk), {design.endpoint}))
    if len(compared) < len(placed):
        n = len(placed) - len(compared)
        notes.append(f"not compared: {n} patients fit no stratum of natural history")
    return occasion.look(
        *where,
        design.endpoint,
        risk,
        criterion_version=design.version,
        family="effectiveness",
        expected=math.fsum(_expected(design, one, stratum) for one, stratum in compared),
        statistic=found.log_e,
        boundary=found.log_threshold,
        scale="log_e",
        alpha=alpha,
        alpha_family=design.alpha,
        alpha_spent=alpha,
        is_crossing=found.is_crossing,
        natural_history=occasion.comparator,
        natural_history_version=occasion.history.version,
        source=_source(compared),
        notes=notes,
    )


def _evidence(design: LostEffect, compared: list[tuple[AtRisk, Stratum]]) -> tuple[float, ...]:
    """Return logarithms whose sum is the evidence: a patient's each, or of many patients each."""
    logs = [patient_evidence(design, one, stratum) for one, stratum in compared]
    if len(logs) <= _N_PRODUCT_MAX:
        return tuple(logs) or (0.0,)
    starts = range(0, len(logs), _N_PRODUCT_MAX)
    return tuple(float(combine.product(logs[i : i + _N_PRODUCT_MAX])) for i in starts)


def patient_evidence(design: LostEffect, patient: AtRisk, stratum: Stratum) -> float:
    """Compute the evidence of one patient that the effect is lost.

    Parameters
    ----------
    design : LostEffect
        The design.
    patient : AtRisk
        Time at risk and events.
    stratum : Stratum
        What the patient is compared with.

    Returns
    -------
    float
        Natural logarithm of the e-value.
    """
    rate = upper_rate(stratum, design.for_history)
    if stratum.dispersion is None:
        return _of_alike(design, rate, patient.n_events, patient.days)
    n_before, years_before = _before(design, patient)
    shape = stratum.dispersion + n_before
    time = (stratum.dispersion / rate + years_before) / design.rate_ratio_kept
    return _of_own(design, (shape, time), patient.n_events, patient.days)


# A patient is looked at within the construct and within the programme, so that each number is
# needed twice; a law is needed at every look of its patient.
@lru_cache(maxsize=8_192)
def _of_alike(design: LostEffect, rate: float, n_events: int, days: int) -> float:
    years = days / DAYS_A_YEAR
    plain = poisson.Design(
        alpha=design.alpha, prior_shape=design.ratio_shape, prior_rate=design.ratio_rate
    )
    seen = poisson.Observation(events=n_events, expected=rate * design.rate_ratio_kept * years)
    return last_look(poisson.init, poisson.step, plain, [seen]).log_e


@lru_cache(maxsize=8_192)
def _of_own(design: LostEffect, law: tuple[float, float], n_events: int, days: int) -> float:
    at = uncertain_comparator.Observation(events=n_events, person_time=days / DAYS_A_YEAR)
    begin, step = uncertain_comparator.init, uncertain_comparator.step
    return last_look(begin, step, _law(design, *law), [at]).log_e


@lru_cache(maxsize=8_192)
def _law(design: LostEffect, shape: float, time: float) -> uncertain_comparator.Design:
    return uncertain_comparator.Design(
        0,
        time,
        prior_events=shape,
        alpha=design.alpha,
        prior_shape=design.ratio_shape,
        prior_rate=design.ratio_rate,
    )


def _before(design: LostEffect, patient: AtRisk) -> tuple[int, float]:
    """Return events and years before the first dose, where they were counted."""
    enrolled = patient.history.enrolled
    for one in enrolled.baseline if enrolled else ():
        if identity(one.endpoint) == identity(design.endpoint):
            return one.n_events, one.days / DAYS_A_YEAR
    return 0, 0.0


def _expected(design: LostEffect, patient: AtRisk, stratum: Stratum) -> float:
    """Return the events expected if the effect is kept, at the mean rate for this patient."""
    rate = stratum.rate_per_patient_year
    if stratum.dispersion is not None:
        n_before, years_before = _before(design, patient)
        shape = stratum.dispersion
        rate = (shape + n_before) / (shape / rate + years_before)
    return rate * design.rate_ratio_kept * patient.years


def _source(compared: list[tuple[AtRisk, Stratum]]) -> str:
    return "; ".join(dict.fromkeys(stratum.source for _, stratum in compared))[:500]


def attributed(design: LostEffect, occasion: Occasion) -> tuple[str, float] | None:
    """Find the level that most probably carries an excess over a platform.

    Parameters
    ----------
    design : LostEffect
        The design.
    occasion : Occasion
        The programme, and all programmes of its platform.

    Returns
    -------
    tuple of str and float, or None
        Level and name, and the posterior probability given that some level carries one (which
        the crossing states); None where there are too many constructs for the method, or only
        one.
    """
    columns = _columns(design, occasion)
    if not 1 < len(columns) <= attribution.MAX_ATTRIBUTED:
        return None
    names, programmes, events, expected = (list(part) for part in zip(*columns, strict=True))
    excess = min(max(1 / design.rate_ratio_kept, 1.1), 100.0)
    found = _attribution(
        tuple(events), tuple(expected), tuple(programmes), excess, _size(design, occasion)
    )
    given_excess = np.where(np.array(found.level) == "nothing", 0.0, found.posterior)
    best = int(given_excess.argmax())
    level, name = found.level[best], found.name[best]
    if level == "construct":
        name = names[int(name)]
    label = level if name == level else f"{level} {name}"
    return label, float(given_excess[best] / math.fsum(given_excess.tolist()))


def shared_ratios(design: LostEffect, occasion: Occasion) -> dict[str, float]:
    """Estimate the rate ratio of each construct, shared over the platform.

    Parameters
    ----------
    design : LostEffect
        The design.
    occasion : Occasion
        The programme, and all programmes of its platform.

    Returns
    -------
    dict of str to float
        Posterior mean by construct.
    """
    columns = _columns(design, occasion)
    if not columns:
        return {}
    names, _, events, expected = (list(part) for part in zip(*columns, strict=True))
    found = _posterior(tuple(events), tuple(expected), _size(design, occasion))
    return dict(zip(names, found.rr_mean.tolist(), strict=True))


# All that crosses at one close of a platform is asked of the same numbers.
@lru_cache(maxsize=16)
def _attribution(
    events: tuple[int, ...],
    expected: tuple[float, ...],
    programmes: tuple[str, ...],
    excess: float,
    dispersion: float,
) -> attribution.Attribution:
    above = np.maximum(expected, _LEAST_EXPECTED)
    return attribution.attribute(events, above, programmes, excess=excess, dispersion=dispersion)


@lru_cache(maxsize=16)
def _posterior(
    events: tuple[int, ...], expected: tuple[float, ...], dispersion: float
) -> platform.Posterior:
    return platform.posterior(events, np.maximum(expected, _LEAST_EXPECTED), dispersion=dispersion)


def _columns(design: LostEffect, occasion: Occasion) -> list[tuple[str, str, int, float]]:
    columns: list[tuple[str, str, int, float]] = []
    strata = occasion.history.endpoint[design.endpoint]
    for member in occasion.platform:
        for unit, risk in sorted(_risk(design, occasion, member, by_construct=True).items()):
            pairs = [(one, stratum_of(strata, one.history)) for one in risk]
            expected = math.fsum(_expected(design, one, s) for one, s in pairs if s is not None)
            n_events = sum(one.n_events for one, s in pairs if s is not None)
            columns.append((unit, member.programme.name, n_events, expected))
    return columns


def _size(design: LostEffect, occasion: Occasion) -> float:
    """Return the size of the negative binomial of a construct with the mean number of patients."""
    sizes = [one.dispersion for one in occasion.history.endpoint[design.endpoint] if one.dispersion]
    if not sizes:
        return math.inf
    members = occasion.platform
    n_constructs = sum(len(member.programme.construct) for member in members)
    n_patients = sum(len(member.patients) for member in members)
    return max(1.0, min(sizes) * n_patients / n_constructs)
