"""The number of clients that fit into a device's memory at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

_USED = 0.8
"""Share of the free memory that a cohort may take: allocators fragment."""


class DeviceMemory(Protocol):
    """The memory of a device: what is free, and what some work takes."""

    def free(self) -> int:
        """Bytes that this process may still take."""
        ...

    def peak(self, work: Callable[[], None]) -> int:
        """Do some work and return the most bytes it held."""
        ...


class CudaMemory:
    """Memory of one CUDA device.

    Parameters
    ----------
    device : str
    share : float
        Share of the device that belongs to this process, 0 to 1.
    """

    def __init__(self, device: str, share: float = 1.0) -> None:
        self._device = torch.device(device)
        self._share = share

    def free(self) -> int:
        """Return what the device has free, at most this process's share of it."""
        free, total = torch.cuda.mem_get_info(self._device)
        cached = torch.cuda.memory_reserved(self._device)
        mine = int(self._share * total) - cached
        return max(0, min(free, mine)) + cached - torch.cuda.memory_allocated(self._device)

    def peak(self, work: Callable[[], None]) -> int:
        """Return the most that was allocated beyond what was there."""
        torch.cuda.synchronize(self._device)
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        work()
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_allocated(self._device) - before


def cohort_size(memory: DeviceMemory, step: Callable[[int], None], most: int) -> int:
    """Measure a step of one and of two clients, and return how many fit, from 1 to ``most``.

    Parameters
    ----------
    memory : DeviceMemory
    step : callable
        Takes one step with so many clients.
    most : int
    """
    one, two = memory.peak(lambda: step(1)), memory.peak(lambda: step(min(2, most)))
    each = max(1, two - one)
    fixed = max(0, one - each)
    return max(1, min(most, (int(_USED * memory.free()) - fixed) // each))
