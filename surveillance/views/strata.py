"""A pair within strata: does what holds for all reports hold for women and men, young and old.

A product that is given to the old is reported with what the old have. Within a stratum the
expected number is that of its own reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detectors.counts import Table
from detectors.estimate import DEFINED
from detectors.subgroup import heterogeneity
from surveillance.screening.measures import measures
from surveillance.screening.rules.rule import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from surveillance.register.counted_reader import CountedReader, Described

BY = ("sex", "age", "country", "reporter", "year")
AGES = ((2.0, "under 2"), (12.0, "2 to 11"), (18.0, "12 to 17"), (65.0, "18 to 64"))
OLDEST, UNKNOWN, OTHERS = "65 and older", "unknown", "all others"
N_STRATA = 7  # of one kind; the smaller ones are taken together
_MEASURES = ("ic", "ic_lower", "ic_upper", "ror", "ror_lower", "ror_upper")


class Stratum(NamedTuple):
    """A pair among the reports of one stratum."""

    by: str
    name: str
    n_pair: int
    n_product: int
    n_event: int
    n_total: int
    expected: float | None
    ic: float | None
    ic_lower: float | None
    ic_upper: float | None
    ror: float | None
    ror_lower: float | None
    ror_upper: float | None


class Stratified(NamedTuple):
    """All strata of a pair, and whether those of a kind have one odds ratio."""

    strata: list[Stratum]
    p: dict[str, float | None]  # of Breslow and Day's test, by kind; None where there is none


class Reports:
    """The stratum of every report that counted at the end of an epoch.

    Parameters
    ----------
    reader : CountedReader
        Of the register.
    epoch : int
        The epoch.
    """

    def __init__(self, reader: CountedReader, epoch: int) -> None:
        self._reader, self._epoch = reader, epoch
        self._names: dict[str, dict[str, int]] = {by: {} for by in BY}
        codes: dict[str, list[int]] = {by: [] for by in BY}
        ids: list[int] = []
        for number, case in reader.each(epoch):
            ids.append(number)
            for by, name in zip(BY, _names(case), strict=True):
                known = self._names[by]
                codes[by].append(known.setdefault(name, len(known)))
        self._ids = np.array(ids, np.int64)
        self._codes = {by: np.array(held, np.int32) for by, held in codes.items()}

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self._ids)

    def of(self, product: str, event: str) -> Stratified:
        """Return the strata of a pair.

        Parameters
        ----------
        product, event : str
            Keys.
        """
        named = self._held("product", product), self._held("event", event)
        strata: list[Stratum] = []
        p: dict[str, float | None] = {}
        for by in BY if self.n else ():
            names, cells = self._counted(by, *named)
            table = Table(*cells.T)
            numbers = measures(table, **Interval()._asdict())
            strata += [
                Stratum(by, name, *map(int, counts), *_chosen(row, counts))
                for name, counts, row in zip(names, cells, numbers, strict=True)
            ]
            found = heterogeneity(Table(*(column[:, None] for column in cells.T)))
            is_defined = found.p_value.state[0] == DEFINED
            p[by] = float(found.p_value.p[0]) if is_defined else None
        return Stratified(strata, p)

    def _held(self, kind: Any, key: str) -> NDArray[np.bool_]:  # noqa: ANN401 - a kind of key
        held = self._reader.ids(kind, key, self._epoch)
        return np.isin(self._ids, np.fromiter(held, np.int64, len(held)))

    def _counted(
        self, by: str, of_product: NDArray[np.bool_], of_event: NDArray[np.bool_]
    ) -> tuple[Sequence[str], NDArray[np.int64]]:
        """Return names of strata and their cells, the smaller strata taken together."""
        names, codes = list(self._names[by]), self._codes[by]
        masks = (of_product & of_event, of_product, of_event, np.ones(self.n, bool))
        cells = np.array([np.bincount(codes[mask], minlength=len(names)) for mask in masks]).T
        order = sorted(
            range(len(names)), key=lambda i: (-cells[i, 1], -cells[i, 2], -cells[i, 3], names[i])
        )
        large, small = order[:N_STRATA], order[N_STRATA:]
        large.sort(key=lambda i: _place(by, names[i]))
        kept = [names[i] for i in large]
        rows = cells[large]
        if small:
            kept.append(OTHERS)
            rows = np.vstack([rows, cells[small].sum(axis=0)])
        return kept, rows.astype(np.int64)


def _names(case: Described) -> tuple[str, ...]:
    age = case.patient.age_years
    band = UNKNOWN if age is None else next((name for end, name in AGES if age < end), OLDEST)
    received_on = case.first_received_on or case.received_on
    return (
        case.patient.sex or UNKNOWN,
        band,
        case.country or UNKNOWN,
        case.reporter.replace("_", " "),
        str(received_on.year),
    )


def _place(by: str, name: str) -> tuple[bool, int, str]:
    """Return what orders strata: ages by age, all else by name, and what is not known last."""
    ages = [*(one for _, one in AGES), OLDEST]
    return name == UNKNOWN, ages.index(name) if by == "age" and name in ages else 0, name


def _chosen(row: dict[str, Any], counts: NDArray[np.int64]) -> list[float | None]:
    """Return expected and measures; none where the product or the event was not reported."""
    if not counts[1] or not counts[2]:
        return [0.0, *[None] * len(_MEASURES)]
    return [row["expected"], *(row.get(name) for name in _MEASURES)]
