"""Reports that are alike, counted: what the rows hold and how they are sorted."""

import numpy as np

from detectors.logistic.patterns import collapse


def test_columns_that_are_chosen_are_counted_as_if_there_were_no_others() -> None:
    rng = np.random.default_rng(8)
    reports = (rng.random((60, 5)) < 0.4).astype(np.float64)
    event, chosen = rng.random(60) < 0.4, np.array([4, 0, 2])

    some, alone = collapse(reports, event, products=chosen), collapse(reports[:, chosen], event)

    assert some.matrix.toarray().tolist() == alone.matrix.toarray().tolist()  # also in their order
    assert some.n_reports.tolist() == alone.n_reports.tolist()
    assert some.n_events.tolist() == alone.n_events.tolist()
