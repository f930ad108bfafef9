"""Exact selection of the k largest values, without a sort.

During local training the scores of a layer move a little at each step, so the threshold that
separates the k largest from the rest moves a little too. :class:`TopSelector` keeps a band around
the last threshold: values above the band are in, values below it are out, and only the few inside
it are looked at. The band is checked by counting, so the result is always exact.

Where the scores have jumped, the band in which the selector once began is tried before all values
are looked at: the clients of a run begin with the same scores in another order, and so with the
same threshold.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BAND_SHARE = 1 / 128
_SMALL = 4096
_BLOCK = 65_536


class _Band:
    """A range of values that the threshold of a selection is looked for in."""

    def __init__(self) -> None:
        self.low = np.float32(0.0)
        self.high = np.float32(0.0)
        self.warm = False
        self._began = (self.low, self.high)

    @property
    def moved(self) -> bool:
        """Whether it is not where it began."""
        return (self.low, self.high) != self._began

    def go_back(self) -> None:
        """Be where it began."""
        self.low, self.high = self._began

    def centre(self, values: NDArray[np.float32], threshold: np.float32) -> None:
        """Guess a band that holds a small share of the values, from their spread."""
        with np.errstate(invalid="ignore", over="ignore"):
            width = np.float32(_BAND_SHARE) * values.std(dtype=np.float32)
        self.low, self.high = threshold - width, threshold + width
        if not self.warm:
            self._began = self.low, self.high
        self.warm = bool(0 < width < np.inf)

    def move(self, threshold: np.float32, inside: int, n: int) -> None:
        """Centre the band on the new threshold; widen or narrow it towards that share."""
        width = (self.high - self.low) / np.float32(2.0)
        width *= np.float32(min(max(_BAND_SHARE * n / inside, 0.5), 2.0))
        self.low, self.high = threshold - width, threshold + width


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
        self._band = _Band()

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
        if self._band.warm and n > _SMALL:
            selected = self._from_band(values)
            if selected is None and self._band.moved:
                self._band.go_back()
                selected = self._from_band(values)
            if selected is not None:
                return selected
        threshold = np.partition(values, n - self.k)[n - self.k]
        self._band.centre(values, threshold)
        selected = values > threshold
        return self._settle_ties(selected, (values == threshold).nonzero()[0])

    def _from_band(self, values: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        selected, near = np.empty(values.size, dtype=np.bool_), np.empty(_BLOCK, dtype=np.bool_)
        missing, found = self.k, []
        for start in range(0, values.size, _BLOCK):
            part, above = values[start : start + _BLOCK], selected[start : start + _BLOCK]
            near = near[: part.size]
            np.greater(part, self._band.high, out=above)
            np.greater_equal(part, self._band.low, out=near)
            near ^= above
            missing -= int(np.count_nonzero(above))
            found.append(near.nonzero()[0] + start)
        if missing <= 0:
            return None
        inside = np.concatenate(found)
        if inside.size < missing:
            return None
        chosen, threshold = _largest(values[inside], missing)
        selected[inside[chosen]] = True
        self._band.move(threshold, inside.size, values.size)
        return selected

    def _settle_ties(
        self, selected: NDArray[np.bool_], tied: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        missing = self.k - int(np.count_nonzero(selected))
        selected[tied[tied.size - missing :]] = True
        return selected


class CoatSelector:
    """Count the nested top sets that each of ``n`` values is in; ties as :class:`TopSelector`.

    One pass over blocks that stay in the cache serves all sets, each with a band of its own.

    Parameters
    ----------
    sizes : tuple of int
        Of the sets, the widest first, each ``0 <= k <= n``.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self._bands = [_Band() for _ in sizes]
        self._counted = np.empty(0, dtype=np.uint8)

    def count(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return how many sets each value is in, until it is called again.

        Parameters
        ----------
        values : float32 array of shape (n,), without NaN

        Returns
        -------
        uint8 array of shape (n,); exactly ``sizes[i]`` values are over ``i``
        """
        n = values.size
        if self._counted.size != n:
            self._counted = np.empty(n, dtype=np.uint8)
        counted = self._counted
        counted.fill(sum(size >= n for size in self.sizes))
        sought = [
            (size, band) for size, band in zip(self.sizes, self._bands, strict=True) if 0 < size < n
        ]
        warm = [pair for pair in sought if pair[1].warm and n > _SMALL]
        left = [pair for pair in sought if pair not in warm]
        if warm:
            missed = _count_in_bands(values, warm, counted)
            if 2 * len(missed) > len(warm) and all(band.moved for _, band in missed):
                for _, band in missed:
                    band.go_back()
                missed = _count_in_bands(values, missed, counted)
            left += missed
        for size, band in left:
            chosen, threshold = _largest(values, size)
            band.centre(values, threshold)
            counted[chosen] += np.uint8(1)
        return counted


def _count_in_bands(
    values: NDArray[np.float32], sought: list[tuple[int, _Band]], counted: NDArray[np.uint8]
) -> list[tuple[int, _Band]]:
    """Add the sets whose threshold is still in its band, and return the others."""
    n = values.size
    over, most = np.empty(_BLOCK, dtype=np.bool_), np.empty(_BLOCK, dtype=np.uint8)
    above = [0] * len(sought)
    found = []
    for start in range(0, n, _BLOCK):
        part, least = values[start : start + _BLOCK], counted[start : start + _BLOCK]
        over, most = over[: part.size], most[: part.size]
        most[:] = least
        for i, (_, band) in enumerate(sought):
            np.greater(part, band.high, out=over)
            above[i] += int(np.count_nonzero(over))
            least += over.view(np.uint8)
            np.greater_equal(part, band.low, out=over)
            most += over.view(np.uint8)
        found.append((least != most).nonzero()[0] + start)
    inside = np.concatenate(found)
    candidates = values[inside]
    missed = []
    for (size, band), begun in zip(sought, above, strict=True):
        own = ((candidates >= band.low) & (candidates <= band.high)).nonzero()[0]
        if 0 < size - begun <= own.size:
            best, threshold = _largest(candidates[own], size - begun)
            band.move(threshold, own.size, n)
            counted[inside[own[best]]] += np.uint8(1)
        else:
            counted -= values > band.high
            missed.append((size, band))
    return missed


def _largest(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], np.float32]:
    """Return where the ``k`` largest of some values are, and the least of them."""
    threshold = np.partition(values, values.size - k)[values.size - k]
    above, tied = (values > threshold).nonzero()[0], (values == threshold).nonzero()[0]
    return np.concatenate([above, tied[tied.size - (k - above.size) :]]), threshold


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
