"""How often drawn maxima reach what was seen, counted by hand."""

import numpy as np
from numpy.testing import assert_array_equal

from detectors.disproportionality.maxima import Maxima


def test_maxima_are_counted_over_the_family_and_over_what_is_not_higher() -> None:
    seen = np.array([[1.0, 9.0], [3.0, 9.0], [2.0, 9.0]])
    family = np.array([[True, False]] * 3)
    drawn = np.full((4, 3, 2), 8.0)  # the second product is no part of it
    drawn[:, :, 0] = [[2.5, 0.0, 0.0], [0.0, 3.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 2.0]]
    p, step_down = np.full((2, 3, 2), np.nan)

    maxima = Maxima(seen, family)
    maxima.count(drawn[:1])
    maxima.count(drawn[1:])
    maxima.write_p(p, step_down)

    # The maxima are 2.5, 3.5, 0.5 and 2: they reach 1, 3 and 2 in 3, 1 and 3 draws. Those over what
    # is not higher do so in 1, 1 and 2; and 1 has no less than 2.
    assert_array_equal(p, np.array([[4, np.nan], [2, np.nan], [4, np.nan]]) / 5)
    assert_array_equal(step_down, np.array([[3, np.nan], [2, np.nan], [3, np.nan]]) / 5)


def test_a_draw_within_a_rounding_of_what_was_seen_has_reached_it_and_no_other() -> None:
    p, step_down = np.full((2, 1), np.nan)
    maxima = Maxima(np.array([7.0]), np.array([True]))

    maxima.count(7.0 * np.array([[1.0], [1.0 - 5e-13], [1.0 - 2e-12], [0.9], [1.0 + 5e-13]]))
    maxima.write_p(p, step_down)

    assert p.item() == step_down.item() == 4 / 6
