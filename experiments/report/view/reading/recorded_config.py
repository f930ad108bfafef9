"""Recorded configurations, read fast: most of their tables are alike from run to run."""

from __future__ import annotations

import re
import tomllib
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
        return {key: _scalar(value) for key, value in recorded_tables(_tables(text)).items()}
    except (ValueError, RecursionError, InputError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is damaged: {error}") from None


def _tables(text: str) -> dict[str, Any]:
    """Read each table by itself; where that fails, the whole decides."""
    found: dict[str, Any] = {}
    try:
        for part in _TABLE.split(text):
            own = _table(part)
            if not found.keys().isdisjoint(own):
                return tomllib.loads(text)
            found |= {key: _copy(value) for key, value in own.items()}
    except tomllib.TOMLDecodeError:
        return tomllib.loads(text)
    return found


@lru_cache(maxsize=4096)
def _table(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


def _scalar(value: Any) -> Scalar:
    return value if isinstance(value, bool | int | float | str) else str(value)
