"""The random numbers of a forward pass, such as Dropout's: torch's generator, seeded by task.

Other sources (``random``, ``numpy.random``, a generator of the module's own) cannot be seen from
here; a module that draws from them has no reproducible result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from frl.randomness import Purpose, generator


@contextmanager
def seeded_forward(
    seed: int, *, round: int = 0, client: int = 0, device: torch.device | None = None
) -> Iterator[None]:
    """Seed torch's global generators for one client, and put them back at the end.

    Parameters
    ----------
    seed, round, client : int
        Where in a run it is; an evaluation has round 0.
    device : torch.device, optional
        Of the module, if it is not the CPU.
    """
    draws = generator(seed, Purpose.FORWARD, round=round, client=client)
    cuda = device is not None and device.type == "cuda"
    with torch.random.fork_rng([device] if cuda else []):
        drawn = int(draws.integers(2**63))
        torch.default_generator.manual_seed(drawn)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(drawn)
        yield
