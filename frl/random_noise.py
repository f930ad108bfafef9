"""The random noise of which a client sends a mask: anybody who knows the task draws it again.

FedMRN (Li et al., "Masked Random Noise for Communication-Efficient Federated Learning", MM 2024,
arXiv:2408.03220).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.randomness import Purpose, generator
from frl.task import Task

_HALF_STEP = np.float32(2.0**-24)


def random_noise(
    task: Task, layer: int, n: int, width: float
) -> tuple[NDArray[np.float32], np.random.Generator]:
    """Draw the noise of a layer, uniform in (-width, width) and never 0.

    Parameters
    ----------
    task : Task
    layer : int
        Number of the layer in the global state.
    n : int
        Its edges.
    width : float

    Returns
    -------
    float32 array of shape (n,), and the generator that drew it
        The next numbers of the generator are those that draw the mask.
    """
    rng = generator(task.seed, Purpose.QUANTISE, round=task.round, client=task.client, layer=layer)
    odd = 2 * rng.random(n, dtype=np.float32) - np.float32(1) + _HALF_STEP
    return np.float32(width) * odd, rng
