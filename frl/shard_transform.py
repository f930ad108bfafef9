"""A change to a client's shard between loading and training, set by whoever runs the client.

Local training calls :func:`transformed` on the samples it has loaded; without a transform in the
current context they pass unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[Any]
Labels: TypeAlias = NDArray[np.int64]
ShardTransform: TypeAlias = Callable[[Samples, Labels], tuple[Samples, Labels]]

shard_transform: ContextVar[ShardTransform | None] = ContextVar("shard_transform", default=None)


@contextmanager
def transforming(transform: ShardTransform) -> Iterator[None]:
    """Apply a transform to every shard that is trained on within the context."""
    token = shard_transform.set(transform)
    try:
        yield
    finally:
        shard_transform.reset(token)


def transformed(samples: Samples, labels: Labels) -> tuple[Samples, Labels]:
    """Return a shard as the current context wants it trained on.

    Parameters
    ----------
    samples : array of shape (m, channels, height, width) uint8, or (m, features) float32
        Not modified; may be returned as it is.
    labels : int64 array of shape (m,)
    """
    transform = shard_transform.get()
    return (samples, labels) if transform is None else transform(samples, labels)
