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
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from detectors.anytime import combine, poisson, uncertain_comparator
from detectors.small_population import attribution, platform
from surveillance.configuration.programmes import LostEffect, Stratum
from surveillance.domain.finding import Look
from surveillance.domain.names import identity, upper
from surveillance.programmes.adapter import last_look
from surveillance.programmes.histories import (
    DAYS_A_YEAR,
    AtRisk,
    History,
    at_risk,
    left_out,
    seen_until,
)
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
    budget, evidence = design.alpha - design.for_history, _Evidence()
    for level, share in sorted(design.shares.of_levels().items()):
        by_construct = level == "construct"
        units = _risk(design, occasion, occasion.own, by_construct=by_construct)
        alpha = budget * share / (n_constructs if by_construct else 1)
        # That of all units is computed at once: one call costs as much as twenty patients.
        evidence.of([one for risk in units.values() for one in _compared(design, occasion, risk)])
        for unit, risk in sorted(units.items()):
            yield _look(design, occasion, (level, unit), risk, (alpha, evidence))


def _compared(
    design: LostEffect, occasion: Occasion, risk: list[AtRisk]
) -> list[tuple[AtRisk, _Against]]:
    """Return the patients who fit a stratum of natural history, with what each is compared with."""
    strata = occasion.history.endpoint[design.endpoint]
    placed = [(one, _against(design, strata, one.history, occasion.name)) for one in risk]
    return [(one, against) for one, against in placed if against.stratum is not None]


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


class _Against(NamedTuple):
    """What one patient is compared with."""

    design: LostEffect
    strata: tuple[Stratum, ...]
    stratum: Stratum | None  # None where the patient fits none
    limit: float  # events a year in untreated patients, at most
    kept: float  # events a year that are expected while the effect is kept
    law: uncertain_comparator.Design | None  # None where patients are alike


def _against(
    design: LostEffect, strata: tuple[Stratum, ...], history: History, name: str
) -> _Against:
    asked = ("against", name)
    known: _Against | None = history.memo.get(asked)
    if known is None or known.design is not design or known.strata is not strata:
        known = _made(design, strata, stratum_of(strata, history), history)
        history.memo[asked] = known
    return known


def _made(
    design: LostEffect, strata: tuple[Stratum, ...], stratum: Stratum | None, history: History
) -> _Against:
    if stratum is None:
        return _Against(design, strata, None, 0.0, 0.0, None)
    limit, rate = upper_rate(stratum, design.for_history), stratum.rate_per_patient_year
    if stratum.dispersion is None:
        return _Against(design, strata, stratum, limit, rate * design.rate_ratio_kept, None)
    n_before, years_before = _before(design, history)
    shape = stratum.dispersion + n_before
    law = uncertain_comparator.Design(
        0,
        (stratum.dispersion / limit + years_before) / design.rate_ratio_kept,
        prior_events=shape,
        alpha=design.alpha,
        prior_shape=design.ratio_shape,
        prior_rate=design.ratio_rate,
    )
    kept = shape / (stratum.dispersion / rate + years_before) * design.rate_ratio_kept
    return _Against(design, strata, stratum, limit, kept, law)


class _Evidence:
    """The evidence of the patients of one look, each computed once for all units."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], float] = {}

    def of(self, compared: list[tuple[AtRisk, _Against]]) -> list[float]:
        """Return the logarithm of each patient's e-value."""
        keys = [(one.history.patient_id, one.n_events, one.days) for one, _ in compared]
        new = [
            (key, one, against)
            for key, (one, against) in zip(keys, compared, strict=True)
            if key not in self._known
        ]
        values = _evidence([(one, against) for _, one, against in new])
        self._known |= {key: value for (key, _, _), value in zip(new, values, strict=True)}
        return [self._known[key] for key in keys]


def _look(
    design: LostEffect,
    occasion: Occasion,
    where: tuple[str, str],
    risk: list[AtRisk],
    spending: tuple[float, _Evidence],
) -> Look:
    alpha, evidence = spending
    compared = _compared(design, occasion, risk)
    logs = _multiplied(evidence.of(compared))
    together = combine.Design(len(logs), independence=_INDEPENDENT, alpha=alpha)
    found = last_look(combine.init, combine.step, together, [combine.Observation(log_e=logs)])
    expected = math.fsum([against.kept * one.years for one, against in compared])
    noted = [one.history for one in risk]
    if where[0] == "programme":
        noted += [one for one in occasion.own.patients.values() if not one.doses]
    notes = list(left_out(noted, {design.endpoint}))
    if len(compared) < len(risk):
        n = len(risk) - len(compared)
        notes.append(f"not compared: {n} patients fit no stratum of natural history")
    return occasion.look(
        *where,
        design.endpoint,
        risk,
        criterion_version=design.version,
        family="effectiveness",
        expected=expected,
        **_bounds(design, occasion, where, compared, expected),
        statistic=found.log_e,
        boundary=found.log_threshold,
        scale="log_e",
        alpha=alpha,
        alpha_family=design.alpha,
        alpha_spent=alpha,
        is_crossing=found.is_crossing,
        natural_history=occasion.comparator,
        natural_history_version=occasion.history.version,
        source=_source(against.stratum for _, against in compared),
        notes=notes,
    )


def _bounds(
    design: LostEffect,
    occasion: Occasion,
    where: tuple[str, str],
    compared: list[tuple[AtRisk, _Against]],
    expected: float,
) -> dict[str, Any]:
    """Bound the rate ratio by what patients may have had who are no longer followed.

    Whoever is lost because of events has more of them than is seen. At best none had an event
    since; at worst all had those of the untreated.
    """
    on, silence_days = occasion.on.toordinal(), occasion.silence_days
    unseen = [
        (on - last, against.kept)
        for one, against in compared
        if (last := seen_until(one.history, silence_days)) < on
        and (where[0] != "construct" or upper(one.history.doses[-1].construct) == where[1])
    ]
    n_days = sum(days for days, _ in unseen)
    if not n_days:
        return {}
    more = math.fsum([kept * days / DAYS_A_YEAR for days, kept in unseen])
    n_events = sum(one.n_events for one, _ in compared)
    return {
        "unseen_days": n_days,
        "ratio_best": n_events / (expected + more),
        "ratio_worst": (n_events + more / design.rate_ratio_kept) / (expected + more),
    }


def _multiplied(logs: list[float]) -> tuple[float, ...]:
    """Return logarithms whose sum is the evidence, each of as many patients as multiply at once."""
    starts = range(0, len(logs), _N_PRODUCT_MAX)
    return tuple(float(combine.product(logs[i : i + _N_PRODUCT_MAX])) for i in starts) or (0.0,)


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
    return _evidence([(patient, _made(design, (), stratum, patient.history))])[0]


def _evidence(compared: list[tuple[AtRisk, _Against]]) -> list[float]:
    own = [(one, against.law) for one, against in compared if against.law is not None]
    logs = iter(
        uncertain_comparator.log_e_of_each(
            [law for _, law in own],
            [one.n_events for one, _ in own],
            [one.years for one, _ in own],
        ).tolist()
    )
    return [
        _of_alike(against.design, against.limit, one.n_events, one.days)
        if against.law is None
        else next(logs)
        for one, against in compared
    ]


@lru_cache(maxsize=8_192)
def _of_alike(design: LostEffect, rate: float, n_events: int, days: int) -> float:
    years = days / DAYS_A_YEAR
    plain = poisson.Design(
        alpha=design.alpha, prior_shape=design.ratio_shape, prior_rate=design.ratio_rate
    )
    seen = poisson.Observation(events=n_events, expected=rate * design.rate_ratio_kept * years)
    return last_look(poisson.init, poisson.step, plain, [seen]).log_e


def _before(design: LostEffect, history: History) -> tuple[int, float]:
    """Return events and years before the first dose, where they were counted."""
    enrolled = history.enrolled
    for one in enrolled.baseline if enrolled else ():
        if identity(one.endpoint) == identity(design.endpoint):
            return one.n_events, one.days / DAYS_A_YEAR
    return 0, 0.0


def _source(compared: Iterable[Stratum | None]) -> str:
    sources = dict.fromkeys(stratum.source for stratum in compared if stratum is not None)
    return "; ".join(sources)[:500]


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
    found = attribution_of(
        tuple(events),
        tuple(expected),
        tuple(programmes),
        excess_of(design),
        _size(design, occasion),
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
def attribution_of(
    events: tuple[int, ...],
    expected: tuple[float, ...],
    programmes: tuple[str, ...],
    excess: float,
    dispersion: float,
) -> attribution.Attribution:
    """Compute which of some units carries an excess; see `detectors.small_population`.

    Parameters
    ----------
    events : tuple of int
        Of each unit.
    expected : tuple of float
        Of each, if the effect is kept.
    programmes : tuple of str
        What each belongs to.
    excess : float
        Median rate ratio where there is an excess.
    dispersion : float
        Size of the negative binomial of a unit.
    """
    above = np.maximum(expected, _LEAST_EXPECTED)
    return attribution.attribute(events, above, programmes, excess=excess, dispersion=dispersion)


@lru_cache(maxsize=16)
def _posterior(
    events: tuple[int, ...], expected: tuple[float, ...], dispersion: float
) -> platform.Posterior:
    return platform.posterior(events, np.maximum(expected, _LEAST_EXPECTED), dispersion=dispersion)


def excess_of(design: LostEffect) -> float:
    """Return the rate ratio of an effect that is wholly lost.

    Parameters
    ----------
    design : LostEffect
        The design.
    """
    return min(max(1 / design.rate_ratio_kept, 1.1), 100.0)


def seen_and_expected(
    design: LostEffect, occasion: Occasion, risk: list[AtRisk]
) -> tuple[int, float]:
    """Return events and expected events of the patients who fit a stratum.

    Parameters
    ----------
    design : LostEffect
        The design.
    occasion : Occasion
        With natural history.
    risk : list of AtRisk
        Patients of one unit.
    """
    compared = _compared(design, occasion, risk)
    expected = math.fsum([against.kept * one.years for one, against in compared])
    return sum(one.n_events for one, _ in compared), expected


def _columns(design: LostEffect, occasion: Occasion) -> list[tuple[str, str, int, float]]:
    columns: list[tuple[str, str, int, float]] = []
    for member in occasion.platform:
        for unit, risk in sorted(_risk(design, occasion, member, by_construct=True).items()):
            n_events, expected = seen_and_expected(design, occasion, risk)
            columns.append((unit, member.programme.name, n_events, expected))
    return columns


def _size(design: LostEffect, occasion: Occasion) -> float:
    members = occasion.platform
    n_constructs = sum(len(member.programme.construct) for member in members)
    n_patients = sum(len(member.patients) for member in members)
    return size_of(design, occasion, n_patients / n_constructs)


def size_of(design: LostEffect, occasion: Occasion, n_patients: float) -> float:
    """Return the size of the negative binomial of so many patients together.

    Parameters
    ----------
    design : LostEffect
        The design.
    occasion : Occasion
        With natural history.
    n_patients : float
        Patients of a unit, on average.
    """
    return size_in(occasion.history.endpoint[design.endpoint], n_patients)


def size_in(strata: tuple[Stratum, ...], n_patients: float) -> float:
    """Return the size of the negative binomial of so many patients of some strata together.

    Parameters
    ----------
    strata : tuple of Stratum
        Of one endpoint.
    n_patients : float
        Patients of a unit, on average.
    """
    sizes = [one.dispersion for one in strata if one.dispersion]
    return max(1.0, min(sizes) * n_patients) if sizes else math.inf


def posterior_of(
    events: tuple[int, ...], expected: tuple[float, ...], dispersion: float
) -> platform.Posterior:
    """Estimate rate ratios of constructs, shared over a platform.

    Parameters
    ----------
    events : tuple of int
        Of each construct.
    expected : tuple of float
        Of each, if the effect is kept.
    dispersion : float
        Size of the negative binomial of a construct.
    """
    return _posterior(events, expected, dispersion)
