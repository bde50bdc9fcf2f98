"""The scenarios that ship. Every number here is an input of a simulation, not a finding."""

from datetime import date

from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.scenario import (
    Background,
    Excess,
    LostEffect,
    Platform,
    Reaction,
    Scenario,
    SentinelEvent,
)
from surveillance.simulate.variations import LNP, VARIATIONS, programme

FROM_ON = date(2024, 1, 1)
DAYS = 731  # 24 months, to 2025-12-31
NATIONAL_CASES_PER_DAY = 2_000  # about 730,000 a year

_PATIENTS = {
    "CPS1": (5, 4, 4),
    "OTC": (6, 5, 4),
    "ASS1": (10, 4),
    "ASL": (5, 3),
    "ARG1": (3, 2),
    "NAGS": (2, 2),
    "SLC25A15": (3, 2),
}


# chances are assumptions, of the order that infused lipid nanoparticles are known for
_REACTIONS = (
    Reaction(pt="Infusion related reaction", per_infusion=0.2, onset_days_max=1, serious=0.2),
    Reaction(pt="Transaminases increased", per_infusion=0.15, onset_days_max=14, serious=0.1),
    Reaction(pt="Pyrexia", per_infusion=0.15, onset_days_max=3, serious=0.1),
    Reaction(pt="Vomiting", per_infusion=0.1, onset_days_max=5, serious=0.1),
    Reaction(
        pt="Platelet count decreased",
        per_infusion=0.02,
        onset_days_max=10,
        serious=0.3,
        is_listed=False,
    ),
)

_PLATFORM = Platform(
    name=LNP,
    programmes=tuple(programme(gene, patients) for gene, patients in _PATIENTS.items()),
    natural_history=UREA_CYCLE,  # of CPS1, OTC and ASS1; applied to all seven genes: assumed
    reduction=0.8,
    reactions=_REACTIONS,
)

_UCD = Scenario(
    name="ucd",
    note=(
        "Simulated. Seven genes on one base-editor platform, inside a national stream. "
        "Event rates of CPS1, OTC and ASS1 with neonatal onset are applied to all genes."
    ),
    from_on=FROM_ON,
    days=DAYS,
    background=Background(n_cases=30_000),
    platform=_PLATFORM,
    excess=Excess(
        programme="SIM-OTC", pt="Platelet count decreased", from_on=date(2024, 7, 1), size=15.0
    ),
    sentinel=SentinelEvent(
        construct="SIM-CPS1-02", pt="Acute hepatic failure", after_days=38, fatal_after_days=12
    ),
    lost_effect=LostEffect(where="SIM-ASS1-01", after_days=120, over_days=60, enrolment_days=150),
)

_UCD_SMALL = Scenario(
    name="ucd-small",
    note="Simulated. As `ucd`, inside a tenth of the background: for tests.",
    from_on=FROM_ON,
    days=DAYS,
    background=Background(n_cases=3_000),
    platform=_PLATFORM,
    excess=_UCD.excess,
    sentinel=_UCD.sentinel,
    lost_effect=_UCD.lost_effect,
)


def national(
    n_cases: int, *, products_per_case: int | None = None, events_per_case: int | None = None
) -> Scenario:
    """Return a national stream of any size, without a platform.

    Parameters
    ----------
    n_cases : int
        At 2,000 a day, so that memory does not grow with the size.
    products_per_case, events_per_case : int, optional
        The same number in every case; drawn for each case if absent.

    Returns
    -------
    Scenario
        Versions are of about 1.5 KB with three products and two events.

    Examples
    --------
    >>> national(10_000, products_per_case=3, events_per_case=2).days
    5
    """
    return Scenario(
        name="national",
        note="Simulated. A national stream of spontaneous cases, for benches.",
        from_on=FROM_ON,
        days=-(-n_cases // NATIONAL_CASES_PER_DAY),
        background=Background(
            n_cases=n_cases,
            n_products=5_000,
            n_terms=5_000,
            products_per_case=products_per_case,
            events_per_case=events_per_case,
            is_full=True,
        ),
    )


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (_UCD, _UCD_SMALL, national(1_000_000), *VARIATIONS)
}
