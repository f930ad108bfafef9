"""Results of an earlier sweep that still hold."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from experiments.config import Config
from experiments.config.tables import DataConfig
from experiments.setup.data import load_data
from experiments.sweep.grid import Point
from frl.errors import FRLError, StoppedError

log = logging.getLogger(__name__)


def kept(point: Point) -> dict[str, Any] | None:
    """Return the result that a point has; ``None`` where it has none yet.

    Raises
    ------
    InputError
        If its record is damaged or was changed, or the data are others today.
    StoppedError
        If it means nothing.
    """
    result = point.directory.result()
    if result is None:
        return None
    if why := result.get("error"):
        where = point.directory.path
        raise StoppedError(f"it means nothing: {why}; without {where} it is run again")
    identity = point.directory.identity()
    if identity is not None and identity.data:
        today = _fingerprint(point.config.data)
        identity.refuse_other_data(today, point.directory.path)
    return result


@lru_cache(maxsize=32)
def _fingerprint(data: DataConfig) -> str:
    """Return the fingerprint of today's data; empty where they are not to be had."""
    try:
        return load_data(Config().model_copy(update={"data": data})).fingerprint
    except (FRLError, OSError) as error:
        log.warning("data of kept runs cannot be compared with today's: %s", error)
        return ""
