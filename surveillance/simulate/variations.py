"""Scenarios of the study: a platform with one thing changed, and the truth about it.

Each is small, so that a thousand histories can be drawn. Every number is an input of a simulation.
"""

from datetime import date

from msgspec.structs import replace

from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.scenario import (
    Background,
    Coincident,
    Construct,
    LostEffect,
    Measured,
    Platform,
    Programme,
    Reaction,
    Scenario,
    SentinelEvent,
)

FROM_ON = date(2021, 1, 1)  # so that five years are past: what lies ahead is refused
FIVE_YEARS = 1_826
GENES = ("CPS1", "OTC", "ASS1", "ASL", "ARG1", "NAGS", "SLC25A15")
LNP, AAV = "SIM-LNP-ABE", "SIM-AAV9"
LIVER_FAILURE = "Acute hepatic failure"
_FEW_CASES = Background(n_cases=1_000, n_products=100, n_terms=200, n_nulls=5)

# Ammonia between crises, umol/L: medians and spreads are assumptions
_AMMONIA = Measured(
    code="Ammonia", unit="umol/L", treated=40.0, untreated=90.0, between_sd=0.2, within_sd=0.2
)


def programme(gene: str, patients: tuple[int, ...]) -> Programme:
    """Return a programme of the platform with a construct for each number of patients.

    Parameters
    ----------
    gene : str
        One of `GENES`.
    patients : tuple of int
        Patients of each construct.
    """
    return Programme(
        name=f"SIM-{gene}",
        gene=gene,
        product=f"SIM-{gene}-ABE",
        constructs=tuple(
            Construct(name=f"SIM-{gene}-{number:02d}", n_patients=n)
            for number, n in enumerate(patients, 1)
        ),
    )


def editor(*programmes: Programme) -> Platform:
    """Return the base editor in lipid nanoparticles, for urea-cycle disorders.

    Parameters
    ----------
    *programmes : Programme
        Its programmes.
    """
    return Platform(
        name=LNP, programmes=programmes, natural_history=UREA_CYCLE, reduction=0.8, reactions=()
    )


def _vector(name: str, n_patients: int) -> Platform:
    """Return a vector given once, without a natural history of an endpoint."""
    given = Programme(
        name=f"{name}-DMD",
        gene="DMD",
        product=f"{name}-DMD-GT",
        constructs=(Construct(name=f"{name}-DMD-01", n_patients=n_patients),),
    )
    raised = Reaction(
        pt="Transaminases increased", per_infusion=0.3, onset_days_max=60, serious=0.1
    )
    return Platform(
        name=name,
        programmes=(given,),
        natural_history=None,
        reduction=0.0,
        reactions=(raised,),
        doses_mg_per_kg=(1.0,),
        later_dose=0.0,
        age_at_first_dose=(4.0, 8.0),
    )


def _scenario(
    name: str,
    note: str,
    platform: Platform,
    *,
    days: int = FIVE_YEARS,
    sentinel: SentinelEvent | None = None,
    lost_effect: LostEffect | None = None,
) -> Scenario:
    return Scenario(
        name=name,
        note=f"Simulated. {note}",
        from_on=FROM_ON,
        days=days,
        background=_FEW_CASES,
        platform=platform,
        sentinel=sentinel,
        lost_effect=lost_effect,
    )


_SEVEN = editor(*(programme(gene, (10,)) for gene in GENES))
_ONE = "SIM-CPS1-01"

VARIATIONS = (
    _scenario("quiet-platform", "Seven constructs keep their effect.", _SEVEN),
    _scenario(
        "liver-failure",
        "One fatal acute liver failure among 900 treated, 38 days after the dose.",
        _vector(AAV, 900),
        sentinel=SentinelEvent(
            construct=f"{AAV}-DMD-01",
            pt=LIVER_FAILURE,
            after_days=38,
            fatal_after_days=12,
            is_outcome=True,
        ),
        days=548,
    ),
    _scenario(
        "construct-wanes",
        "One construct of seven loses its effect from the first year to one and a half.",
        _SEVEN,
        lost_effect=LostEffect(where="SIM-ASS1-01", after_days=365, over_days=182),
    ),
    _scenario(
        "lost-everywhere",
        "All seven constructs lose their effect from the first year to one and a half.",
        _SEVEN,
        lost_effect=LostEffect(where=LNP, after_days=365, over_days=182),
    ),
    _scenario(
        "biomarker-holds",
        "The outcome fails after a year in ten patients while their ammonia stays low.",
        replace(editor(programme("CPS1", (10,))), measured=_AMMONIA),
        lost_effect=LostEffect(where=LNP, after_days=365, over_days=30, biomarker_holds=True),
    ),
    _scenario(
        "lot-effect",
        "The second lot of a construct never worked.",
        editor(programme("CPS1", (30,))),
        lost_effect=LostEffect(where=f"{_ONE}-L2", after_days=0, over_days=1),
    ),
    _scenario(
        "class-successor",
        "A withdrawn predecessor makes people report seizures, which are no more frequent.",
        replace(
            _vector("SIM-AAV10", 900),
            coincident=Coincident(
                pt="Seizure",
                per_patient_year=0.02,
                reported=0.05,
                publicity_on=date(2022, 1, 1),
                reported_after=0.8,
            ),
        ),
        days=731,
    ),
    _scenario(
        "care-drifts",
        "As quiet-platform, while care lowers the untreated rate by 8 % a year.",
        replace(_SEVEN, care_ratio_a_year=0.92),
    ),
    _scenario(
        "heavy-loss",
        "As quiet-platform, with half a loss to follow-up a year, sooner in who has more events.",
        replace(_SEVEN, lost_per_patient_year=0.5, loss_follows_events=True),
    ),
    _scenario(
        "five-patients",
        "Five patients lose the effect after half a year.",
        editor(programme("CPS1", (5,))),
        lost_effect=LostEffect(where=_ONE, after_days=182, over_days=30),
    ),
    _scenario(
        "one-patient",
        "One infant has three doses at seven months of age and keeps the effect.",
        replace(
            editor(programme("CPS1", (1,))),
            age_at_first_dose=(0.55, 0.65),
            enrolment_days=30,
            later_dose=0.0,
        ),
    ),
)
