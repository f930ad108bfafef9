"""The shards of a script: each client's examples, whatever they come as."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import numpy as np

from frl.app.shard_reader import first_line, read_shard
from frl.data import Split
from frl.errors import InputError

_KEPT = 8
"""Shards of a callable that a process keeps."""


class Shards(Protocol):
    """The examples of every client.

    Attributes
    ----------
    clients : int
    """

    clients: int

    def of(self, client: int) -> Split:
        """Examples of one client."""
        ...


class LoadedShards:
    """Shards that were read and checked together.

    Parameters
    ----------
    splits : tuple of Split
    """

    def __init__(self, splits: tuple[Split, ...]) -> None:
        self.clients = len(splits)
        self.splits = splits

    def of(self, client: int) -> Split:
        """Examples of one client."""
        return self.splits[client]


class LazyShards:
    """Shards that a callable loads where they are needed; a few are kept.

    Parameters
    ----------
    load : callable
        From a client id to its shard, the same whenever it is asked.
    clients : int
    like : Split
        What all shards must look like: that of client 0.
    """

    def __init__(self, load: Callable[[int], Any], clients: int, like: Split) -> None:
        self.clients = clients
        self._load = load
        self._like = Split(like.inputs[:0], like.labels[:0])
        self._kept: OrderedDict[int, Split] = OrderedDict()
        self._loading = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyShards, (self._load, self.clients, self._like)

    def of(self, client: int) -> Split:
        """Examples of one client.

        Raises
        ------
        InputError
            If they cannot be loaded, or look other than those of client 0.
        """
        with self._loading:
            if client not in self._kept:
                split = _alike(load_shard(self._load, client), self._like.inputs.dtype)
                _require_alike(client, split, self._like)
                self._kept[client] = split
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(client)
            return self._kept[client]


def read_shards(shards: Any, clients: int | None = None) -> Shards:
    """Read a sequence of shards, or check a callable by the shard of client 0.

    Parameters
    ----------
    shards : sequence of shards, or callable
        What a shard may be: :func:`frl.app.shard_reader.read_shard`. A sequence is read at once; a
        callable from a client id to a shard is asked where a shard is trained on.
    clients : int, optional
        How many there are; needed for a callable.

    Raises
    ------
    InputError
        If they are no shards, or not alike.
    """
    if callable(shards) and not hasattr(shards, "__getitem__"):
        if clients is None or clients < 1:
            raise InputError(f"clients: got {clients!r}; a callable of shards takes their number")
        first, again = load_shard(shards, 0), load_shard(shards, 0)
        if not all(np.array_equal(one, other) for one, other in zip(first, again, strict=True)):
            raise InputError(
                "shards: the callable gives client 0 other examples each time; takes the same "
                "ones, so that a result does not depend on who trains where"
            )
        return LazyShards(shards, clients, first)
    if not hasattr(shards, "__len__") or not hasattr(shards, "__getitem__"):
        raise InputError(
            f"shards: got a {type(shards).__name__}; takes a sequence such as a list, or a "
            "callable from client id to shard and clients="
        )
    if not len(shards):
        raise InputError("shards: got none; takes one a client")
    if clients is not None and clients != len(shards):
        raise InputError(f"clients: got {clients}; there are {len(shards)} shards")
    splits: list[Split] = []
    for client in range(len(shards)):
        try:
            shard = shards[client]
        except Exception as error:
            raise InputError(
                f"shards: ended after {client} of {len(shards)}: {first_line(error)}"
            ) from None
        splits.append(read_shard(f"shard {client}", shard))
    if any(split.inputs.dtype == np.float32 for split in splits):
        splits = [_alike(split, np.dtype(np.float32)) for split in splits]
    for client, split in enumerate(splits):
        _require_alike(client, split, splits[0])
    return LoadedShards(tuple(splits))


def load_shard(load: Callable[[int], Any], client: int) -> Split:
    """Load a shard of a callable.

    Raises
    ------
    InputError
        If it raises, or what it gives is no shard.
    """
    try:
        shard = load(client)
    except Exception as error:
        raise InputError(f"shard {client}: cannot be loaded: {first_line(error)}") from None
    return read_shard(f"shard {client}", shard)


def largest_label(shards: Shards) -> int:
    """Return the largest label of the shards that are loaded, -1 where none is."""
    splits = shards.splits if isinstance(shards, LoadedShards) else ()
    return max((int(split.labels.max()) for split in splits), default=-1)


def _alike(split: Split, dtype: np.dtype[Any]) -> Split:
    """Return whole numbers as float32 where other shards have fractions."""
    if dtype == np.float32 and split.inputs.dtype == np.int64:
        return split._replace(inputs=split.inputs.astype(np.float32))
    return split


def _require_alike(client: int, split: Split, first: Split) -> None:
    shape, dtype = split.inputs.shape[1:], split.inputs.dtype
    if (shape, dtype) != (first.inputs.shape[1:], first.inputs.dtype):
        raise InputError(
            f"shard {client}: examples are {dtype} of shape {shape}; those of shard 0 are "
            f"{first.inputs.dtype} of shape {first.inputs.shape[1:]}"
        )
