"""Parts of the patterns, and columns that determine each other."""

import numpy as np

from detectors.logistic.patterns import collapse
from detectors.logistic.separation import identified, overlapping, part_of


def test_a_part_keeps_its_counts_and_knows_its_covariates() -> None:
    reports = np.array([[0, 1], [0, 1], [1, 0], [0, 0]])
    patterns = collapse(reports, [1, 0, 1, 0], strata=[0, 1, 0, 1])
    where = patterns.matrix.toarray()[:, 3] == 1

    part = part_of(patterns, where=where, columns=np.array([0, 2, 3]))

    assert part.n_covariates == 1
    assert part.matrix.toarray().tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
    assert part.n_reports.tolist() == [1.0, 1.0]
    assert sorted(part.n_events.tolist()) == [0.0, 1.0]


def test_no_product_is_identified_where_each_report_has_one_of_many() -> None:
    """Their columns sum to the intercept's: each is a small part of what determines it."""
    reports = np.tile(np.eye(120), (2, 1))
    patterns = collapse(reports, np.repeat([1, 0], 120))

    is_known, columns = identified(patterns)

    assert not is_known.any()
    assert columns.size == 120


def test_every_pattern_overlaps_if_each_has_reports_with_the_event_and_without() -> None:
    patterns = collapse([[0], [0], [1], [1]], [0, 1, 0, 1])

    assert overlapping(patterns).tolist() == [True, True]
