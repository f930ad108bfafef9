"""Exact selection of the k largest values, without a sort.

During local training the scores of a layer move a little at each step, so the threshold that
separates the k largest from the rest moves a little too. :class:`TopSelector` keeps a band around
the last threshold: values above the band are in, values below it are out, and only the few inside
it are looked at. The band is checked by counting, so the result is always exact.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BAND_SHARE = 1 / 128
_SMALL = 4096


class TopSelector:
    """Select the ``k`` largest of ``n`` values; of equal values the higher index wins.

    Parameters
    ----------
    k : int
        How many to select, ``0 <= k <= n``.

    Notes
    -----
    The only state is where the last threshold was; it changes the time, never the result.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self._low = np.float32(0.0)
        self._high = np.float32(0.0)
        self._warm = False

    def mask(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark the ``k`` largest values.

        Parameters
        ----------
        values : float32 array of shape (n,), without NaN

        Returns
        -------
        bool array of shape (n,) with exactly ``k`` true
        """
        n = values.size
        if self.k <= 0 or self.k >= n:
            return np.full(n, self.k > 0)
        if self._warm and n > _SMALL:
            selected = self._from_band(values)
            if selected is not None:
                return selected
        threshold = np.partition(values, n - self.k)[n - self.k]
        self._centre(values, threshold)
        selected = values > threshold
        return self._settle_ties(selected, np.flatnonzero(values == threshold))

    def _from_band(self, values: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        selected = values > self._high
        missing = self.k - int(np.count_nonzero(selected))
        if missing <= 0:
            return None
        inside = np.flatnonzero(selected ^ (values >= self._low))
        if inside.size < missing:
            return None
        candidates = values[inside]
        threshold = np.partition(candidates, inside.size - missing)[inside.size - missing]
        selected[inside[candidates > threshold]] = True
        self._move(threshold, inside.size, values.size)
        return self._settle_ties(selected, inside[candidates == threshold])

    def _settle_ties(
        self, selected: NDArray[np.bool_], tied: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        missing = self.k - int(np.count_nonzero(selected))
        selected[tied[tied.size - missing :]] = True
        return selected

    def _centre(self, values: NDArray[np.float32], threshold: np.float32) -> None:
        """Guess a band that holds about ``_BAND_SHARE`` of the values, from their spread."""
        with np.errstate(invalid="ignore", over="ignore"):
            width = np.float32(_BAND_SHARE) * values.std(dtype=np.float32)
        self._low, self._high = threshold - width, threshold + width
        self._warm = bool(0 < width < np.inf)

    def _move(self, threshold: np.float32, inside: int, n: int) -> None:
        """Centre the band on the new threshold; widen or narrow it towards ``_BAND_SHARE``."""
        width = (self._high - self._low) / np.float32(2.0)
        width *= np.float32(np.clip(_BAND_SHARE * n / inside, 0.5, 2.0))
        self._low, self._high = threshold - width, threshold + width


def top_mask_torch(values: Tensor, k: int) -> Tensor:
    """Mark the ``k`` largest of a flat tensor on its own device; ties as :class:`TopSelector`.

    Parameters
    ----------
    values : Tensor of shape (n,), without NaN
    k : int

    Returns
    -------
    bool Tensor of shape (n,) with exactly ``k`` true
    """
    n = values.numel()
    if k <= 0 or k >= n:
        return torch.full_like(values, k > 0, dtype=torch.bool)
    threshold = values.topk(k, sorted=False).values.min()
    selected = values > threshold
    tied = values == threshold
    missing = k - selected.sum()
    from_the_end = tied.flip(0).cumsum(0).flip(0)
    return selected | (tied & (from_the_end <= missing))
