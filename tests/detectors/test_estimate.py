"""Reasons why a number does not exist."""

import numpy as np

from detectors.estimate import STATES, first_reason, where_defined


def test_the_first_reason_that_holds_is_the_one_given() -> None:
    state = first_reason(
        ("no_report", np.array([True, False, False])),
        ("no_other_event", np.array([True, True, False])),
    )

    assert state.tolist() == ["no_report", "no_other_event", "defined"]


def test_every_state_fits_its_array_whole() -> None:
    for name in STATES:
        assert first_reason((name, np.array(True))).item() == name


def test_only_what_is_defined_keeps_its_number() -> None:
    kept = where_defined(np.array([0.0, 2.0]), np.array(["no_report", "defined"]))

    assert np.isnan(kept[0])
    assert kept[1] == 2.0
