"""How often a trigger works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.base import Backdoor


def attack_success_rate(
    backdoor: Backdoor,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    predict: Callable[[NDArray[Any]], NDArray[np.int64]],
) -> float | None:
    """Share of the victims, with the trigger, that a model takes for the target.

    Parameters
    ----------
    backdoor : Backdoor
    images : array of shape (m, channels, height, width), or (m, features)
        Clean test samples.
    labels : int64 array of shape (m,)
    predict : callable
        Classes of a stack of samples.

    Returns
    -------
    float or None
        ``None`` if no sample is a victim.
    """
    victims = backdoor.victims(images, labels)
    if not victims.any():
        return None
    return float(np.mean(predict(backdoor.stamp(images[victims])) == backdoor.target))
