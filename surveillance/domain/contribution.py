"""What the counts are made of: contributions of cases, and exposure, both without identities.

A contribution is the pairs of one standing version in factored form, products times
events: a case with three products at four levels and five terms is one row of seventeen
names and not sixty pairs. A reader that sums contributions multiplies them out.
"""

from __future__ import annotations

import msgspec

SERIOUS, FATAL = 1, 2  # bits of an event's flags
N_SPANS_MAX = 200  # of a row; what is more is further rows
FULL_SCORE = 10_000  # of completeness: sums of whole numbers can be taken back exactly


class Contribution(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=1):
    """One version's pairs, asserted (+) or retracted (-)."""

    weight: int
    country: str  # ISO 3166-1 alpha-2, or ""
    reporter: str
    products: list[tuple[str, int | None]]  # key; day of the first dose, as an ordinal
    events: list[tuple[str, int, int | None]]  # key; flags; day of onset, as an ordinal
    completeness: int = 0  # of the report, in ten-thousandths


class Exposure(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=2):
    """Treated patients of one product key, gained (+) or taken back (-).

    A span is the time from a dose under the key to the next one, or to the day after a death:
    its first day, the first day that is no part of it, and how many patients have it. From
    spans the patient-time up to any day and within any window after a dose is computed.
    """

    product: str  # key, at any level
    n_doses: int
    n_patients: int
    spans: list[tuple[int, int, int]]  # days as ordinals; an end of 0 lies open; N_SPANS_MAX


class Dispositions(msgspec.Struct, frozen=True):
    """Dispositions of the records that one partition read in an epoch; they add up."""

    topic: str
    partition: int
    applied: int
    superseded: int
    repeated: int
    refused: int
    control: int

    @property
    def n_read(self) -> int:
        """Records read: the sum."""
        return self.applied + self.superseded + self.repeated + self.refused + self.control
