"""Partitions: the training examples of each client, as two arrays or drawn on demand."""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import redirect_stderr
from io import StringIO
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import DataSet
from frl.data.store import Store, cache_folder
from frl.errors import InputError, unknown
from frl.randomness import Purpose, generator

_METHOD = 2
"""Counted up whenever a partition of the same recipe would come out otherwise."""
KINDS = {
    "iid": "examples dealt out at random, equally many to each client",
    "dirichlet": "per class, shares of the clients drawn from Dirichlet(alpha)",
    "shard": "sorted by label, cut into equal shards, a few to each client; the rest is left out",
    "natural": "one client for each value of a column, such as the writer",
    "virtual": "each client draws its own examples, so that there can be millions of clients",
}


class Partition(Protocol):
    """Knows which rows of the training split each client holds."""

    @property
    def clients(self) -> int:
        """Number of clients."""
        ...

    def of(self, client: int) -> NDArray[np.int64]:
        """Rows of one client, ascending."""
        ...


class VirtualPartition(NamedTuple):
    """Rows that each client draws from the training split, whatever the others draw.

    Nothing is kept for a client, so any number of clients costs the same.

    Attributes
    ----------
    clients : int
    examples : int
        Of the training split.
    samples : int
        Examples of each client, no two the same.
    seed : int
    """

    clients: int
    examples: int
    samples: int
    seed: int

    def of(self, client: int) -> NDArray[np.int64]:
        """Rows of one client, ascending."""
        rng = generator(self.seed, Purpose.PARTITION, client=client)
        drawn = rng.choice(self.examples, size=self.samples, replace=False, shuffle=False)
        return np.sort(drawn)


class StoredPartition(NamedTuple):
    """Rows of the training split by client.

    Attributes
    ----------
    rows : int64 array
        Row numbers, the clients' one after another.
    starts : int64 array of shape (clients + 1,)
        Client ``c`` holds ``rows[starts[c] : starts[c + 1]]``.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Examples of each client."""
        return np.diff(self.starts)

    def of(self, client: int) -> NDArray[np.int64]:
        """Rows of one client, ascending."""
        return self.rows[self.starts[client] : self.starts[client + 1]]


def partition(
    data: DataSet,
    kind: str,
    *,
    clients: int,
    seed: int,
    alpha: float = 1.0,
    shards: int = 2,
    column: str = "",
    samples: int = 50,
) -> Partition:
    """Divide the training examples among clients; computed once and kept in the cache.

    Parameters
    ----------
    data : DataSet
    kind : {"iid", "dirichlet", "shard", "natural", "virtual"}
    clients : int
    seed : int
        Seed of the run.
    alpha : float
        Concentration of ``dirichlet``: smaller is more heterogeneous. Clients differ in size as
        well as in labels, and a client may hold nothing.
    shards : int
        Shards per client of ``shard``.
    column : str
        Column of ``natural``.
    samples : int
        Examples of each client of ``virtual``, which is not divided and not kept.

    Raises
    ------
    InputError
        If the data cannot be divided so.
    """
    if kind not in KINDS:
        raise unknown("partition", kind, KINDS)
    if kind == "virtual":
        return _virtual(data, clients, samples, seed)
    _check(data, kind, clients, shards, column)
    labels = np.asarray(data.train.labels)
    by = np.asarray(data.columns[column]) if kind == "natural" else labels
    recipe = [
        _METHOD,
        kind,
        clients,
        seed,
        alpha,
        shards,
        column,
        hashlib.sha256(by.tobytes()).hexdigest(),
    ]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]

    def build() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        made = _divide(by, kind, clients, seed, alpha, shards)
        return {"rows": made.rows, "starts": made.starts}, {"recipe": recipe}

    arrays, _ = Store(cache_folder() / "partitions" / key).get(build)
    return StoredPartition(arrays["rows"], arrays["starts"])


def _virtual(data: DataSet, clients: int, samples: int, seed: int) -> VirtualPartition:
    examples = len(data.train.labels)
    if samples > examples:
        raise InputError(f"data.samples: got {samples}; takes at most the {examples} examples")
    return VirtualPartition(clients, examples, samples, seed)


def _check(data: DataSet, kind: str, clients: int, shards: int, column: str) -> None:
    count = len(data.train.labels)
    pieces = clients * (shards if kind == "shard" else 1)
    if pieces > count:
        what = f"{clients} clients x {shards} shards" if kind == "shard" else f"{clients} clients"
        raise InputError(f"clients: {what} is more than the {count} training examples")
    if kind == "natural":
        if column not in data.columns:
            raise unknown(f"data.column of data set {data.name!r}", column, data.columns)
        groups = int(data.columns[column].max()) + 1
        if clients != groups:
            raise InputError(
                f"clients: got {clients}; column {column!r} has {groups} values, so a natural "
                f"partition takes clients = {groups}"
            )


def _divide(
    by: NDArray[np.int64] | NDArray[np.int32],
    kind: str,
    clients: int,
    seed: int,
    alpha: float,
    shards: int,
) -> StoredPartition:
    from datasets import Dataset
    from flwr_datasets.partitioner import (
        DirichletPartitioner,
        IidPartitioner,
        NaturalIdPartitioner,
        ShardPartitioner,
    )

    rng = generator(seed, Purpose.PARTITION)
    rows = rng.permutation(len(by)) if kind == "iid" else np.arange(len(by))
    integer_seed = int(rng.integers(2**31))
    partitioner: Any = {
        "iid": lambda: IidPartitioner(clients),
        "dirichlet": lambda: DirichletPartitioner(
            clients, "by", alpha, min_partition_size=0, self_balancing=False, seed=integer_seed
        ),
        "shard": lambda: ShardPartitioner(
            clients,
            "by",
            num_shards_per_partition=shards,
            keep_incomplete_shard=True,
            seed=integer_seed,
        ),
        "natural": lambda: NaturalIdPartitioner("by"),
    }[kind]()
    partitioner.dataset = Dataset.from_dict({"row": rows, "by": by[rows]}).with_format("numpy")
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        held = [np.sort(_rows(partitioner.load_partition(client))) for client in range(clients)]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in held])])
    return StoredPartition(np.concatenate(held), starts.astype(np.int64))


def _rows(part: Any) -> NDArray[np.int64]:
    return np.asarray(part["row"][:], dtype=np.int64) if len(part) else np.empty(0, dtype=np.int64)
