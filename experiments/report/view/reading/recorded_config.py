"""Recorded configurations, read fast: most of their tables are alike from run to run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.config.configuration import Scalar, recorded_tables
from experiments.report.view.reading.growing_file import read_regular
from frl.errors import InputError

_TABLE = re.compile(r"(?m)^(?=\[\w+\]$)")


def recorded_config(path: Path) -> dict[str, Scalar]:
    """Read a configuration with dotted keys, as it was recorded and so not checked.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
        return _by_parts(text) or _scalars(recorded_tables(tomllib.loads(text)))
    except (ValueError, RecursionError, InputError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is damaged: {error}") from None


def _by_parts(text: str) -> dict[str, Scalar] | None:
    """Put together what stands above the tables and the tables; ``None`` where that is no way."""
    first = _TABLE.search(text)
    if first is None:
        return None
    try:
        own, below = tomllib.loads(text[: first.start()]), _below(text[first.start() :])
    except tomllib.TOMLDecodeError:
        return None
    if not all(
        isinstance(value, bool | int | float | str) or value == [] for value in own.values()
    ):
        return None
    return {**below, **{key: "" if value == [] else value for key, value in own.items()}}


@lru_cache(maxsize=1024)
def _below(text: str) -> dict[str, Scalar]:
    return _scalars(recorded_tables(tomllib.loads(text)))


def _scalars(flat: Mapping[str, Any]) -> dict[str, Scalar]:
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flat.items()
    }
