"""Events of a listed kind: the first one at all, and more of them than the background brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from detectors.sequential import poisson_maxsprt
from detectors.small_population import sentinel
from surveillance.configuration.programmes import Excess, Sentinel
from surveillance.domain.finding import Look
from surveillance.programmes.adapter import last_look
from surveillance.programmes.histories import AtRisk, at_risk, left_out
from surveillance.programmes.looking import Member, Occasion


def excess_looks(design: Excess, occasion: Occasion) -> Iterator[Look]:
    """Look whether events exceed a background that is taken as known.

    Parameters
    ----------
    design : Excess
        The design.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    Look
        One for each unit of the design's level; from the horizon on none crosses, and a note
        states that the test has ended.
    """
    for unit, risk in sorted(_risk(design, occasion).items()):
        seen = poisson_maxsprt.Observation(
            events=sum(one.n_events for one in risk),
            expected=design.background_per_patient_year * sum(one.years for one in risk),
        )
        alpha = design.alpha / _n_units(design, occasion)
        plan = poisson_maxsprt.Design(design.horizon, alpha=alpha, min_events=design.min_events)
        found = last_look(poisson_maxsprt.init, poisson_maxsprt.step, plan, [seen])
        notes = _left_out(design, occasion, risk)
        if found.is_past_horizon:
            notes = (f"past the horizon of {design.horizon:g} expected events", *notes)
        yield occasion.look(
            design.level,
            unit,
            design.name,
            risk,
            criterion_version=design.version,
            family="safety",
            expected=seen.expected,
            statistic=found.llr,
            boundary=found.critical_value,
            scale="log_likelihood_ratio",
            alpha=alpha,
            alpha_family=design.alpha,
            alpha_spent=poisson_maxsprt.alpha_spent(plan, seen.expected),
            horizon=design.horizon,
            is_crossing=found.is_crossing,
            background_probability=_chance(design, risk),
            source=design.source,
            notes=notes,
        )


def sentinel_looks(design: Sentinel, occasion: Occasion) -> Iterator[Look]:
    """Show every event of a listed kind from the first one on.

    Parameters
    ----------
    design : Sentinel
        The design.
    occasion : Occasion
        The programme and its patients.

    Yields
    ------
    Look
        One for each construct with time at risk, with the chance that the background alone
        brings so many events or more in the programme's time at risk so far.
    """
    for unit, risk in sorted(_risk(design, occasion).items()):
        n_events = sum(one.n_events for one in risk)
        yield occasion.look(
            "construct",
            unit,
            design.name,
            risk,
            criterion_version=design.version,
            family="safety",
            expected=design.background_per_patient_year * sum(one.years for one in risk),
            statistic=float(n_events),
            boundary=1.0,
            scale="count",
            is_crossing=n_events > 0,
            background_probability=_chance(design, risk),
            source=design.source,
            notes=_left_out(design, occasion, risk),
        )


def _risk(design: Excess | Sentinel, occasion: Occasion) -> dict[str, list[AtRisk]]:
    level = design.level if isinstance(design, Excess) else "construct"
    members = occasion.platform if level == "platform" else (occasion.own,)
    patients = [patient for member in members for patient in member.patients.values()]
    return at_risk(
        patients,
        set(design.events),
        on=occasion.on,
        silence_days=occasion.silence_days,
        window_days=design.window_days,
        by_construct=level == "construct",
    )


def _left_out(design: Excess | Sentinel, occasion: Occasion, risk: list[AtRisk]) -> tuple[str, ...]:
    """State what was not counted: of those at risk, and of patients of whom no dose is known."""
    is_pooled = isinstance(design, Excess) and design.level == "platform"
    members = occasion.platform if is_pooled else (occasion.own,)
    untreated = [one for each in members for one in each.patients.values() if not one.doses]
    notes = left_out([*(one.history for one in risk), *untreated], set(design.events))
    names = Counter(name for member in members for name in member.patients)
    n_twice = sum(n > 1 for n in names.values())
    if n_twice:
        who = f"{n_twice} patient{'s' * (n_twice > 1)} named by two programmes or more"
        notes = (*notes, f"{who}: counted in each")
    return notes


def _n_units(design: Excess, occasion: Occasion) -> int:
    member: Member = occasion.own
    return len(member.programme.construct) if design.level == "construct" else 1


def _chance(design: Excess | Sentinel, risk: list[AtRisk]) -> float | None:
    years = sum(one.years for one in risk)
    n_events = sum(one.n_events for one in risk)
    if years <= 0 or n_events == 0:
        return None
    rate = design.background_per_patient_year
    return sentinel.background(rate=rate, person_time=years, events=n_events).probability
