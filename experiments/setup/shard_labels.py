"""How many examples of each label the shards of a run hold, for pictures and for the record."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data import DataSet, Partition

MOST_CLIENTS, MOST_NUMBERS = 100, 20_000
"""Clients that are counted, evenly spaced among all, and numbers altogether."""


class ShardLabels(NamedTuple):
    """Labels of some clients' shards.

    Attributes
    ----------
    clients : int64 array of shape (n,)
        Which clients these are, ascending.
    counts : int64 array of shape (n, classes)
        Examples of each label.
    names : tuple of str
        Of the labels; empty where they have none.
    """

    clients: NDArray[np.int64]
    counts: NDArray[np.int64]
    names: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return it as it is written down: the counts of a client are a line of text."""
        lines = (" ".join(map(str, row)) for row in self.counts.tolist())
        counts = dict(zip(map(str, self.clients.tolist()), lines, strict=True))
        return {"labels": list(self.names), "counts": counts}


def shard_labels(data: DataSet, partition: Partition) -> ShardLabels:
    """Count the labels of each client, or of so many that they can be looked at."""
    most = max(1, min(MOST_CLIENTS, MOST_NUMBERS // max(1, data.classes), partition.clients))
    clients = np.unique(np.linspace(0, partition.clients - 1, most).astype(np.int64))
    labels = data.train.labels
    counts = [np.bincount(labels[partition.of(c)], minlength=data.classes) for c in clients]
    return ShardLabels(clients, np.array(counts, dtype=np.int64), data.labels)
