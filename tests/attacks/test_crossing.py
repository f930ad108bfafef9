"""Crafted orders of a crossing, written out."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.geometry.crossing import Crossing, cross, reach

ORDER = np.array([7, 3, 5, 1, 0, 2, 6, 4], np.int32)


@pytest.mark.parametrize(
    ("crossing", "sent"),
    [
        (Crossing((4,), (0,), nearest=False), [7, 3, 5, 1, 0, 2, 6, 4]),
        (Crossing((), (), nearest=False), [7, 3, 5, 1, 0, 2, 6, 4]),
        (Crossing((4,), (2,), nearest=True), [0, 2, 7, 3, 6, 4, 5, 1]),
        (Crossing((4,), (2,), nearest=False), [2, 0, 7, 3, 6, 4, 1, 5]),
        (Crossing((5,), (3,), nearest=True), [2, 6, 4, 7, 3, 5, 1, 0]),
        (Crossing((2, 6), (1, 2), nearest=True), [5, 6, 4, 7, 1, 3, 0, 2]),
    ],
)
def test_crossings_put_lowered_edges_first_and_lifted_ones_last(
    crossing: Crossing, sent: list[int]
) -> None:
    np.testing.assert_array_equal(cross(ORDER, crossing), sent)


def test_all_edges_crossing_the_middle_is_reversal_or_half_swap() -> None:
    np.testing.assert_array_equal(cross(ORDER, Crossing((4,), (4,), nearest=False)), ORDER[::-1])
    np.testing.assert_array_equal(
        cross(ORDER, Crossing((4,), (4,), nearest=True)), np.roll(ORDER, 4)
    )


def test_crossings_do_not_meet() -> None:
    assert reach((), 8) == ()
    assert reach((3,), 8) == (3,)
    assert reach((2, 5), 8) == (1, 2)
