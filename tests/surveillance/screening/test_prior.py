"""The prior of the EBGM follows the data on a schedule, and every finding says which it used."""

from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest
from strategies import DIGEST, SECONDS_A_DAY, a_configuration, instant

from detectors.disproportionality import ebgm
from surveillance.configuration.types import Criteria, Eb05, PriorFit
from surveillance.domain.contribution import Contribution
from surveillance.domain.finding import Finding, PriorFitted
from surveillance.log.cells import Cells as Stored
from surveillance.log.cells import nothing_stored
from surveillance.screening.counts import Counts
from surveillance.screening.measures import When
from surveillance.screening.prior import fit_prior, prior_of
from surveillance.screening.screen import Screen, ScreenState

JANUARY, FEBRUARY = instant(date(2024, 1, 10)), instant(date(2024, 2, 1))
WHEN = When(7, date(2024, 1, 10), DIGEST)
SETTINGS = PriorFit(min_pairs=50)
WITH_EB05 = a_configuration(criteria=Criteria(criterion=(Eb05(name="eb05"),), prior=SETTINGS))


def of(product: str, event: str, n: int) -> Contribution:
    return Contribution(
        n, "US", "physician", [(f"product:{product}", None)], [(f"pt:{event}", 0, None)]
    )


def a_database(seed: int = 1, n_products: int = 20, n_events: int = 30) -> list[Contribution]:
    """Return reports whose ratios are spread as by a mixture of two gamma distributions."""
    rng = np.random.default_rng(seed)
    expected = np.outer(rng.lognormal(0, 1, n_products), rng.lognormal(1, 1, n_events))
    is_high = rng.random(expected.shape) < 0.08
    ratio = np.where(is_high, rng.gamma(2, 4, expected.shape), rng.gamma(6, 1 / 6, expected.shape))
    counts = rng.poisson(expected * ratio)
    return [of(f"P{i}", f"E{j}", int(n)) for (i, j), n in np.ndenumerate(counts) if n]


def counted(rows: list[Contribution]) -> Counts:
    counts = Counts()
    for row in rows:
        counts.add(row)
    counts.settle()
    return counts


class PartitionTask:
    """A screen that is stored and restored at every close."""

    def __init__(self, configuration: Any = WITH_EB05) -> None:  # noqa: ANN401 - a configuration
        self._stage = Screen(configuration)
        self.state: ScreenState = self._stage.init(Stored(nothing_stored))
        self._epoch = -1

    def close(self, at: int, *new: Contribution) -> list[Finding | PriorFitted]:
        for row in new:
            self._stage.apply(self.state, row)
        self._epoch += 1
        rows = self._stage.close(self.state, self._epoch, at).rows
        data = self._stage.dump(self.state)
        self.state = self._stage.load(data, Stored(nothing_stored))
        assert self._stage.dump(self.state) == data
        return rows


def test_the_fit_is_that_of_the_detector_on_every_pair_that_was_reported() -> None:
    rows = a_database()

    fitted = fit_prior(counted(rows), SETTINGS, WHEN, None)

    n = np.array([row.weight for row in rows])
    by_product, by_event = dict[str, int](), dict[str, int]()
    for row in rows:
        by_product[row.products[0][0]] = by_product.get(row.products[0][0], 0) + row.weight
        by_event[row.events[0][0]] = by_event.get(row.events[0][0], 0) + row.weight
    expected = [
        by_product[row.products[0][0]] * by_event[row.events[0][0]] / n.sum() for row in rows
    ]
    should = ebgm.fit(n, expected)
    assert fitted.n_pairs == len(rows)
    # Ten digits are written.
    assert prior_of(fitted).parameters == pytest.approx(should.parameters, rel=1e-9)
    assert fitted.failure == ""
    assert (fitted.version, fitted.level) == ("product/2024-01-10", "product")


def test_the_order_of_the_reports_does_not_matter() -> None:
    rows = a_database()

    there, back = (fit_prior(counted(some), SETTINGS, WHEN, None) for some in (rows, rows[::-1]))

    assert there == back


def test_groups_and_other_levels_are_not_part_of_the_fit() -> None:
    rows = a_database()
    more = [
        msgspec.structs.replace(
            row,
            products=[*row.products, ("group:all", None), ("lot:L", None)],
            events=[*row.events, ("group:any", 0, None)],
        )
        for row in rows
    ]

    assert fit_prior(counted(more), SETTINGS, WHEN, None) == fit_prior(
        counted(rows), SETTINGS, WHEN, None
    )


def test_too_few_pairs_are_told_as_a_failure_with_the_reason() -> None:
    fitted = fit_prior(counted(a_database()[:9]), SETTINGS, WHEN, None)

    assert fitted.failure == "9 pairs were reported, and min_pairs is 50"
    assert fitted.alpha1 is None


def test_a_fit_that_does_not_converge_is_told_as_a_failure_and_never_used() -> None:
    alike = [of(f"P{i}", f"E{j}", 1) for i in range(10) for j in range(10)]

    fitted = fit_prior(counted(alike), SETTINGS, WHEN, None)

    assert fitted.failure
    assert fitted.alpha1 is None


def test_the_prior_is_fitted_at_the_first_close_of_a_month_and_kept_until_the_next() -> None:
    desk, rows = PartitionTask(), a_database()

    first = [row for row in desk.close(JANUARY, *rows) if isinstance(row, PriorFitted)]
    same = desk.close(JANUARY + SECONDS_A_DAY, *a_database(seed=2))
    again = [row for row in desk.close(FEBRUARY) if isinstance(row, PriorFitted)]

    assert [one.version for one in (*first, *again)] == ["product/2024-01-10", "product/2024-02-01"]
    assert not any(isinstance(row, PriorFitted) for row in same)
    assert first[0].alpha1 != again[0].alpha1


def test_a_finding_names_its_prior_and_its_numbers_follow_from_what_was_told_of_it() -> None:
    desk = PartitionTask()

    fitted, *findings = desk.close(JANUARY, *a_database())

    assert isinstance(fitted, PriorFitted)
    assert len(findings) > 3
    for finding in findings:
        assert isinstance(finding, Finding)
        scored = ebgm.score(finding.n_pair, finding.expected, prior_of(fitted))
        assert finding.prior == fitted.version
        assert (finding.ebgm, finding.eb05, finding.eb95) == (
            float(scored.ebgm), float(scored.quantile(0.05)), float(scored.quantile(0.95)),
        )  # fmt: skip
        assert finding.eb05 is not None
        assert finding.eb05 >= 2 * (1 - 1e-12)


def test_every_pair_at_or_above_the_threshold_is_told() -> None:
    desk, rows = PartitionTask(), a_database()

    fitted, *findings = desk.close(JANUARY, *rows)

    assert isinstance(fitted, PriorFitted)
    n_pair, n_product, n_event, n_total = desk.state.counts.cells(slice(None))
    expected = n_product * n_event / n_total
    eb05 = ebgm.score(n_pair, expected, prior_of(fitted)).quantile(0.05)
    assert len(findings) == int(((eb05 >= 2) & (n_pair >= 3)).sum())


def test_before_the_first_prior_no_pair_meets_the_criterion() -> None:
    desk = PartitionTask()

    (failed,) = desk.close(JANUARY, of("P", "E", 50), of("Q", "F", 50))

    assert isinstance(failed, PriorFitted)
    assert failed.failure


def test_after_a_fit_that_failed_the_prior_before_stays_in_force() -> None:
    desk, rows = PartitionTask(), a_database()
    first, *_ = desk.close(JANUARY, *rows)
    gone = [msgspec.structs.replace(row, weight=-row.weight) for row in rows[:-20]]

    failed, *_ = desk.close(FEBRUARY, *gone)

    assert isinstance(first, PriorFitted)
    assert isinstance(failed, PriorFitted)
    assert failed.failure
    assert desk.state.fitted == first


def test_a_criterion_on_eb05_without_a_prior_section_is_refused() -> None:
    with pytest.raises(ValueError, match=r"prior: a criterion on EB05 needs a \[prior\] section"):
        Criteria(criterion=(Eb05(name="eb05"),))
