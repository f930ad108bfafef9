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
    above, below = text[: first.start()], text[first.start() :]
    try:
        own = [item for line in above.splitlines() for item in _parsed(line).items()]
        found = dict(own)
        tables = _below(below)
    except (tomllib.TOMLDecodeError, _TwiceError):
        return None
    plain = all(isinstance(v, bool | int | float | str) or v == [] for v in found.values())
    if not plain or len(found) < len(own):
        return None
    return {**tables, **{key: "" if value == [] else value for key, value in own}}


class _TwiceError(Exception):
    """A table stands in a file twice."""


@lru_cache(maxsize=1024)
def _below(text: str) -> dict[str, Scalar]:
    found: dict[str, Any] = {}
    for part in filter(None, _TABLE.split(text)):
        for name, table in _parsed(part).items():
            if name in found:
                raise _TwiceError
            found[name] = dict(table)
    return _scalars(recorded_tables(found))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _scalars(flat: Mapping[str, Any]) -> dict[str, Scalar]:
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flat.items()
    }
