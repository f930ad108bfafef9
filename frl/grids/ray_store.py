"""The records of a round in Ray's object store."""

from __future__ import annotations

from typing import Any

from flwr.app import ArrayRecord

from frl.errors import StoppedError
from frl.grids.parcel import flatten
from frl.grids.ray_errors import first_sentence


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
