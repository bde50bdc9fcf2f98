"""Published figures on untreated urea-cycle disorders that the simulation uses.

The figures are for patients with neonatal onset in CPS1, OTC or ASS1 who had survived the
first crisis. A scenario that applies them to other genes states it.
"""

import math
from typing import Annotated

from msgspec import Meta, Struct

DAYS_PER_YEAR = 365.25
UNSINN = "Unsinn et al. 2016 Orphanet J Rare Dis 11:116"
UNSINN_DOI = "10.1186/s13023-016-0493-0"


class Figure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published number, with its source."""

    genes: tuple[str, ...]
    measure: str
    population: str
    n: int
    estimate: float
    unit: str
    source: str
    doi: str


class NaturalHistory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of the untreated, derived from published figures and stated assumptions.

    Notes
    -----
    *Dispersion.* Events of a patient are Poisson given a rate of the patient's own, which is
    gamma with mean 1 and shape k times the mean rate; counts are then negative binomial. The
    range was published, not k. Among the 47 survivors of 63, the median of the greatest count
    is 20 for k between 0.62 and 0.70; 0.65 is used.

    *Deaths.* 16 of 63 died in or right after the neonatal period, 0.302 x 63 = 19 in all of the
    study, so 3 of 47 survivors died later. Person-years were not published: half of the study
    period of 13 years, for each survivor, is an assumption.
    """

    events: Figure
    events_years: Annotated[float, Meta(gt=0)]
    events_greatest: int
    dispersion: Annotated[float, Meta(gt=0)]
    dead_neonatal: Figure
    dead_in_all: Figure
    assumed_years_per_survivor: Annotated[float, Meta(gt=0)]

    @property
    def rate_per_patient_year(self) -> float:
        """Events per patient and year in the untreated.

        Examples
        --------
        >>> round(UREA_CYCLE.rate_per_patient_year, 6)
        2.4
        """
        return self.events.estimate / self.events_years

    @property
    def deaths_per_patient_year(self) -> float:
        """Deaths per patient and year in those who survived the neonatal period.

        Examples
        --------
        >>> round(UREA_CYCLE.deaths_per_patient_year, 4)
        0.0102
        """
        alive = 1 - self.dead_neonatal.estimate
        dead_later = (self.dead_in_all.estimate - self.dead_neonatal.estimate) / alive
        return -math.log1p(-dead_later) / self.assumed_years_per_survivor


_NEONATAL = ("CPS1", "OTC", "ASS1")

UREA_CYCLE = NaturalHistory(
    events=Figure(
        genes=_NEONATAL,
        measure="hyperammonaemic events in first 1.5 years",
        population="survivors of the first crisis",
        n=63,
        estimate=3.6,
        unit="events per patient per 1.5 years",
        source=UNSINN,
        doi=UNSINN_DOI,
    ),
    events_years=1.5,
    events_greatest=20,
    dispersion=0.65,
    dead_neonatal=Figure(
        genes=_NEONATAL,
        measure="death during or right after neonatal period",
        population="all",
        n=63,
        estimate=0.254,
        unit="proportion",
        source=UNSINN,
        doi=UNSINN_DOI,
    ),
    dead_in_all=Figure(
        genes=_NEONATAL,
        measure="death over study period 2001-2013",
        population="all",
        n=63,
        estimate=0.302,
        unit="proportion",
        source=UNSINN,
        doi=UNSINN_DOI,
    ),
    assumed_years_per_survivor=6.5,
)
