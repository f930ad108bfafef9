"""Records of a round and the client app in Ray's object store."""

from __future__ import annotations

from typing import Any

from flwr.app import ArrayRecord
from flwr.clientapp import ClientApp

from frl.errors import InputError, StoppedError
from frl.grids.parcel import flatten
from frl.grids.ray_errors import first_sentence, last_line


class RoundStore:
    """Puts each record there once, however many messages share it; they live as long as this.

    Parameters
    ----------
    ray : module
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._held: dict[int, tuple[ArrayRecord, Any]] = {}

    def put(self, record: ArrayRecord) -> Any:
        """Return the reference of a record.

        Raises
        ------
        StoppedError
            If the store is full.
        """
        if id(record) not in self._held:
            self._held[id(record)] = (record, self._new(record))
        return self._held[id(record)][1]

    def _new(self, record: ArrayRecord) -> Any:
        try:
            return self._ray.put(flatten(record))
        except self._ray.exceptions.RayError as error:
            raise StoppedError(
                f"Ray's object store does not take {record.count_bytes():,} bytes: "
                f"{first_sentence(error)}"
            ) from None


def send_app(ray: Any, client_app: ClientApp) -> Any:
    """Put an app there, with the data it holds, once for all actors; return its reference.

    Raises
    ------
    InputError
        If it cannot be pickled, or does not fit.
    """
    full = (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError)
    try:
        return ray.put(client_app)
    except full as error:
        raise InputError(
            f"client_app: does not fit into Ray's object store ({first_sentence(error)}); takes "
            "shards that a callable loads"
        ) from None
    except Exception as error:
        raise InputError(
            f"client_app: cannot be sent to Ray's workers: {last_line(error)}"
        ) from None
