"""Masks and rankings of a stack, against those of one layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from frl.cohort.selection import SELECTIONS, rank_rows, top_masks
from frl.ranking import rank
from frl.training.selection import TopSelector

ROWS = st.integers(1, 30).flatmap(
    lambda n: st.lists(
        st.lists(
            st.sampled_from([-np.inf, -2.5, -1e-40, -0.0, 0.0, 1e-40, 0.5, 0.75, 3e38]),
            min_size=n,
            max_size=n,
        ),
        min_size=1,
        max_size=4,
    )
)


@pytest.mark.parametrize("how", SELECTIONS)
@given(rows=ROWS, data=st.data())
def test_each_row_is_masked_as_if_it_were_alone(
    how: str, rows: list[list[float]], data: st.DataObject
) -> None:
    values = torch.tensor(rows, dtype=torch.float32)
    k = data.draw(st.integers(0, values.shape[1]))

    masks = top_masks(values, k, how)

    for mask, row in zip(masks.numpy(), values.numpy(), strict=True):
        np.testing.assert_array_equal(mask, TopSelector(k).mask(row))


@given(ROWS)
def test_each_row_is_ranked_as_if_it_were_alone(rows: list[list[float]]) -> None:
    values = torch.tensor(rows, dtype=torch.float32).clamp(-1e38, 1e38)

    for positions, row in zip(rank_rows(values).numpy(), values.numpy(), strict=True):
        np.testing.assert_array_equal(positions, rank(row))


@pytest.mark.parametrize("how", SELECTIONS)
def test_a_large_row_of_random_scores(how: str) -> None:
    values = torch.randn(3, 20_000, generator=torch.Generator().manual_seed(1))

    masks = top_masks(values, 7_000, how)

    for mask, row in zip(masks.numpy(), values.numpy(), strict=True):
        np.testing.assert_array_equal(mask, TopSelector(7_000).mask(row))
