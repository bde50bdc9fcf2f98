"""The platform as a whole: its cases, its outcomes, and the truth about them."""

from itertools import groupby
from typing import NamedTuple

from numpy.random import Generator

from surveillance.simulate import planting
from surveillance.simulate.content import Calendar, SimulatedLine, lines
from surveillance.simulate.outcomes import Registry, construct_truth, outcome_lines
from surveillance.simulate.patients import Course, courses
from surveillance.simulate.reactions import Reports
from surveillance.simulate.scenario import Platform, Scenario
from surveillance.simulate.truth import ConstructTruth, MixCounts, Planted
from surveillance.simulate.versions import draw


class Treated(NamedTuple):
    """All reports about a platform, and the truth about it."""

    cases: list[SimulatedLine]
    outcomes: list[SimulatedLine]
    planted: tuple[Planted, ...]
    constructs: tuple[ConstructTruth, ...]
    counts: MixCounts


def treat(rng: Generator, scenario: Scenario, platform: Platform, calendar: Calendar) -> Treated:
    """Draw the patients of a platform and report what happens to them.

    Parameters
    ----------
    rng : Generator
    scenario : Scenario
    platform : Platform
    calendar : Calendar

    Returns
    -------
    Treated
        Lines in no order: the caller sorts by arrival.
    """
    patients = courses(rng, scenario, platform)
    reports = Reports(rng, scenario, platform, calendar)
    cases = [item for course in patients for item in reports.report(course)]
    counts = MixCounts()
    # never nullified: what is planted stands
    plans = draw(rng, len(cases), scenario.mix, nullified=0, reinstated=0)
    case_lines = [
        line
        for item, steps in zip(cases, plans, strict=True)
        for line in lines(item.case, steps, calendar, counts)
    ]
    registry = Registry(rng, platform, calendar, scenario.days, scenario.sentinel)
    records = {course.patient_id: registry.report(course) for course in patients}
    constructs = tuple(
        construct_truth(
            platform,
            group,
            [reported for course in group for reported in records[course.patient_id]],
        )
        for group in _by_construct(patients)
    )
    everything = [reported for course in patients for reported in records[course.patient_id]]
    return Treated(
        cases=case_lines,
        outcomes=list(outcome_lines(rng, everything, scenario.mix)),
        planted=(
            *planting.excess(scenario, platform, cases, sum(map(reports.expected, patients))),
            *planting.sentinel(scenario, platform, cases, calendar),
            *planting.lost_effect(scenario, platform, patients, records, calendar),
        ),
        constructs=constructs,
        counts=counts,
    )


def _by_construct(patients: list[Course]) -> list[list[Course]]:
    return [list(group) for _, group in groupby(patients, lambda course: course.construct.name)]
